"""A Slurm in a network, joined as docs/slurm.md says, by the commands that a person types."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests import slurm as real
from tests.slurm import Server, slurm

__all__ = ["slurm"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

JOB = """
name: hello
tasks:
  - {count: 3, cpu: 2, devices: {count: 1}, command: [sh, -c, "date +%s.%N > at; hostname > made"]}
outputs: [{path: made, required: true}, {path: at}]
"""


def test_a_job_goes_through_a_domain_to_slurm_and_its_files_come_back(
    slurm: Server, tmp_path: Path
) -> None:
    real.publish(slurm)
    with _domain(tmp_path) as weir, _agent(slurm, tmp_path, weir):
        weir.until("pools", "--json", has="debug-h100x2")
        (tmp_path / "job.yaml").write_text(JOB)
        job = weir("submit", str(tmp_path / "job.yaml"))
        began = time.time()
        weir("wait", job)
        weir("fetch", job, "made", "at", "--to", str(tmp_path / "results"))

        files = [file for file in (tmp_path / "results").rglob("*") if file.is_file()]
        fetched = {file.name: file.read_text() for file in files}
        assert fetched["made"].strip() == socket.gethostname()
        assert float(fetched["at"]) - began < 10
        assert "weir hello job" in slurm.run("squeue", "-h", "-t", "all", "-o", "%k")


class _Weir:
    """The command, with this test's own home."""

    def __init__(self, home: Path) -> None:
        self.environment = {**os.environ, "WEIR_HOME": str(home)}

    def __call__(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "weir", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"weir {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def until(self, *words: str, has: str) -> None:
        until = time.monotonic() + 30
        while has not in (said := self(*words)):
            assert time.monotonic() < until, said
            time.sleep(0.3)

    @contextmanager
    def running(self, log: Path, *words: str) -> Iterator[None]:
        with open(log, "wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "weir", *words],
                env=self.environment,
                stdout=file,
                stderr=file,
            )
        try:
            yield
        finally:
            process.terminate()
            process.wait(15)


@contextmanager
def _domain(home: Path) -> Iterator[_Weir]:
    weir = _Weir(home / "me")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ("serve", "--home", str(home / "nation"), "--name", "nation", "--kind", "national")
    with weir.running(home / "nation.log", *server, "--port", str(port)):
        token = home / "nation" / "operator.token"
        until = time.monotonic() + 30
        while not token.exists() or socket.socket().connect_ex(("127.0.0.1", port)):
            assert time.monotonic() < until, (home / "nation.log").read_text()
            time.sleep(0.1)
        url = f"http://127.0.0.1:{port}"
        weir("server", "add", "nation", url, "--token-file", str(token))
        weir("join-token", "create", "works", "--out", str(home / "works.join"))
        agent = ("agent", "join", url, "--home", str(home / "works"), "--cluster", "slurm")
        weir(*agent, "--token-file", str(home / "works.join"))
        yield weir


@contextmanager
def _agent(slurm: Server, home: Path, weir: _Weir) -> Iterator[None]:
    """The agent, with the executor of its file replaced as docs/slurm.md says."""
    path = home / "works" / "agents.yaml"
    data = yaml.safe_load(path.read_text())
    data["agents"][0]["executor"] = {
        "kind": "slurm",
        "folder": str(home / "shared"),
        "config": str(slurm.config),
        "shares": [{"partition": "debug", "emulated": True}],
    }
    path.write_text(yaml.safe_dump(data))
    with weir.running(home / "works.log", "agent", "run", "--home", str(home / "works")):
        try:
            yield
        except AssertionError as error:
            raise AssertionError((home / "works.log").read_text()[-3000:]) from error
