"""A Ray in a network, joined as docs/ray.md says, by the commands that a person types."""

from __future__ import annotations

import json
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

from tests import ray_cluster
from tests.ray_cluster import Cluster, free_port, ray

__all__ = ["ray"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

JOB = """
name: hello
tasks:
  - count: 2
    memory: 64MiB
    command: [sh, -c, "echo $WEIR_TASK_INDEX > made-$WEIR_TASK_INDEX"]
outputs: [{path: made-0, required: true}, {path: made-1, required: true}]
"""


def test_a_ray_is_joined_checked_and_runs_a_job_of_the_network(
    ray: Cluster, tmp_path: Path
) -> None:
    ray_cluster.publish(ray)
    weir = _Weir(tmp_path / "me")
    works, shared, token = tmp_path / "works", tmp_path / "shared", tmp_path / "works.join"
    with _domain(weir, tmp_path) as url:
        weir("join-token", "create", "works", "--out", str(token))
        join = ["agent", "join", url, "--home", str(works), "--token-file", str(token)]
        join += ["--dashboard", ray.url, "--folder", str(shared), "--region", "East"]
        shown = weir(*join, "--dry-run")
        said = weir(*join, "--probe")

        assert "found Ray 2." in shown
        assert "pool ray-h100x2: 4 nodes of 8 CPUs, 16 GiB and 2 x GPU (nvidia-h100-sxm5)" in shown
        assert "Ray tells what is used of every node" in shown
        assert f"sees {shared} and has Ray 2." in said
        settings = yaml.safe_load((works / "agents.yaml").read_text())["agents"][0]["executor"]
        assert (settings["kind"], settings["url"]) == ("ray", ray.url)
        assert settings["shares"] == [{"location": {"region": "East"}}]

        doctor = json.loads(weir("agent", "doctor", "--home", str(works), "--json"))
        assert doctor["ok"]
        assert {"ray", "share ray", "usage", "folder"} <= {c["what"] for c in doctor["checks"]}
        with weir.running(tmp_path / "works.log", "agent", "run", "--home", str(works)):
            weir.until("pools", "--json", has="ray-h100x2")
            (tmp_path / "job.yaml").write_text(JOB)
            job = weir("submit", str(tmp_path / "job.yaml"))
            weir("wait", job)
            weir("fetch", job, "made-0", "made-1", "--to", str(tmp_path / "results"))

    made = {f.name: f.read_text() for f in (tmp_path / "results").rglob("made-*")}
    assert made == {"made-0": "0\n", "made-1": "1\n"}


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
            timeout=240,
        )
        assert done.returncode == 0, f"weir {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def until(self, *words: str, has: str) -> None:
        until = time.monotonic() + 60
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
        except AssertionError as error:
            raise AssertionError(f"{error}\n{log.read_text()[-3000:]}") from error
        finally:
            process.terminate()
            process.wait(60)


@contextmanager
def _domain(weir: _Weir, home: Path) -> Iterator[str]:
    """A domain of one server; gives its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = ("serve", "--home", str(home / "nation"), "--name", "nation", "--kind", "national")
    with weir.running(home / "nation.log", *server, "--port", str(port)):
        token = home / "nation" / "operator.token"
        until = time.monotonic() + 60
        while not token.exists() or not _listens(port):
            assert time.monotonic() < until, "the server does not answer"
            time.sleep(0.1)
        weir("server", "add", "nation", url, "--token-file", str(token))
        yield url


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
