"""Commands of the README, typed into a shell as they are written."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
STAYS_UP = re.compile(r"weir (serve|agent run) ")


def commands(heading: str) -> list[str]:
    """The indented lines below a heading; one that ends in a backslash goes on."""
    section = README.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^    (.+)$", section.replace("\\\n", " "), re.MULTILINE)
    assert lines, f"the README has no commands below {heading!r}"
    return lines


def free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        found = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in found:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in found]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where the commands are typed; whatever they have started there ends with the test."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    yield tmp_path
    for process in psutil.process_iter():
        try:
            if process.environ().get("WEIR_README_TEST") == str(tmp_path):
                process.kill()
        except psutil.Error:
            continue


def script(lines: list[str]) -> str:
    """A shell's script: what stays up goes on beside the rest, once it has said something."""
    typed = ["set -eu"]
    for number, line in enumerate(lines):
        if not STAYS_UP.match(line):
            typed.append(line)
            continue
        log = f"up-{number}.log"
        up = f"for i in $(seq 200); do [ -s {log} ] && break; sleep 0.1; done; [ -s {log} ]"
        typed += [f"{line} >{log} 2>{log}.errors &", up]
    return "\n".join(typed)


def run(folder: Path, typed: str, limit_s: float, **environment: str) -> str:
    """Type a script into a shell in the folder; what it said. It must end well in time."""
    inherited = {name: v for name, v in os.environ.items() if not name.startswith("WEIR_")}
    inherited |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "WEIR_README_TEST": str(folder),
    }
    shell = subprocess.Popen(
        ["sh", "-c", typed],
        cwd=folder,
        env=inherited | environment,
        stdout=(folder / "out").open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        code = shell.wait(limit_s)
    finally:
        with suppress(ProcessLookupError):  # nothing of it is left
            os.killpg(shell.pid, signal.SIGTERM)
    logs = "".join(f"\n{p.name}: {p.read_text()}" for p in sorted(folder.glob("up-*")))
    said = (folder / "out").read_text()
    assert code == 0, said + logs
    return said
