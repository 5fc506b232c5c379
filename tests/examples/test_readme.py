"""What the README says to type, typed in its order, makes a network of three tiers."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
STAYS_UP = re.compile(r"weir (serve|agent run) ")

pytestmark = pytest.mark.timeout(120)


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


def test_the_operators_commands_make_a_network_that_runs_a_job(folder: Path) -> None:
    typed = script(commands("You run a part of the network"))
    for written, port in zip(("7500", "7501"), free_ports(2), strict=True):
        typed = typed.replace(written, str(port))
    environment = {name: v for name, v in os.environ.items() if not name.startswith("WEIR_")}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "WEIR_README_TEST": str(folder),
    }
    shell = subprocess.Popen(
        ["sh", "-c", typed],
        cwd=folder,
        env=environment,
        stdout=(folder / "out").open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        code = shell.wait(90)
    finally:
        os.killpg(shell.pid, signal.SIGTERM)
    logs = "".join(f"\n{p.name}: {p.read_text()}" for p in sorted(folder.glob("up-*")))
    said = (folder / "out").read_text()
    assert code == 0, said + logs
    (result,) = folder.glob("j*/output/hello.txt")
    assert result.read_text() == "hello from cpu\n"
    assert "hello succeeded" in said
    assert "CN.R1-K is the regional domain east" in said


@pytest.mark.timeout(420)  # on a new machine the clock is compiled first
def test_the_planners_commands_replay_a_log_and_say_what_the_page_says(folder: Path) -> None:
    ran = subprocess.run(
        ["sh", "-c", script(commands("You plan for next month"))],
        cwd=folder,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    result = json.loads((folder / "march" / "result.json").read_text())
    waits = {run["policy"]: run["mean_wait_s"] / 60 for run in result["runs"]}
    page = " ".join(README.split())
    assert f"({waits['fifo']:.0f} to {waits['balanced']:.0f} minutes)" in page
    costs = {run["policy"]: run["cost"] for run in result["runs"]}
    assert costs["balanced"] < costs["fifo"]
    assert (folder / "march" / "report.html").stat().st_size > 100_000
    assert "link region-west=down" in ran.stdout


def test_the_users_commands_name_files_that_there_are() -> None:
    for line in commands("You need compute tonight"):
        for path in re.findall(r"examples/\S+\.yaml", line):
            assert (ROOT / path).is_file()
