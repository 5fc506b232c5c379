"""A Kubernetes in a network, joined as docs/kubernetes.md says, by what a person types."""

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

from tests.kubernetes import NAMESPACE, Server, kubernetes

__all__ = ["kubernetes"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

JOB = """
name: hello
tasks:
  - {cpu: 2, devices: {count: 1}, command: [sh, -c, "echo hello; hostname > made"]}
outputs: [{path: made, required: true}]
"""


def test_a_job_goes_through_a_domain_to_kubernetes_and_its_files_come_back(
    kubernetes: Server, tmp_path: Path
) -> None:
    with _domain(tmp_path, kubernetes) as weir:
        found = json.loads(weir("agent", "doctor", "--home", weir.works, "--probe", "--json"))
        states = {check["what"]: check["state"] for check in found["checks"]}
        assert {"wrong", "warning"}.isdisjoint(states.values()), found
        assert states[f"submit to {NAMESPACE}"] == states[f"probe in {NAMESPACE}"] == "ok"
        with weir.running(tmp_path / "works.log", "agent", "run", "--home", weir.works):
            weir.until("pools", "--json", has="nvidia-h100-sxm5-x2")
            (tmp_path / "job.yaml").write_text(JOB)
            job = weir("submit", str(tmp_path / "job.yaml"))
            weir("wait", job)
            weir("fetch", job, "made", "--to", str(tmp_path / "results"))
            files = [f for f in (tmp_path / "results").rglob("*") if f.is_file()]
            assert [f.read_text().strip() for f in files] == [socket.gethostname()]
            assert "hello" in weir("logs", job)


def test_rbac_prints_what_kubectl_takes(kubernetes: Server, tmp_path: Path) -> None:
    weir = _Weir(tmp_path, kubernetes)
    words = ("agent", "rbac", "--namespace", "jobs", "--namespace", "more", "--account", "it")
    found = list(yaml.safe_load_all(weir(*words)))

    kinds = [body["kind"] for body in found]
    assert kinds == [
        *("ServiceAccount", "Role", "RoleBinding", "Role", "RoleBinding"),
        *("ClusterRole", "ClusterRoleBinding"),
    ]
    secrets = [r for r in found[1]["rules"] if "secrets" in r["resources"]]
    assert secrets[0]["verbs"] == ["create", "delete"]


class _Weir:
    """The command, with this test's own home, and the agent's kubeconfig."""

    def __init__(self, home: Path, server: Server) -> None:
        self.works = str(home / "works")
        self.environment = {
            **os.environ,
            "WEIR_HOME": str(home / "me"),
            "KUBECONFIG": str(server.agent),
        }

    def __call__(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "weir", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
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
            raise AssertionError(log.read_text()[-3000:]) from error
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def _domain(home: Path, server: Server) -> Iterator[_Weir]:
    """A domain that the Kubernetes has joined."""
    weir = _Weir(home, server)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ("serve", "--home", str(home / "nation"), "--name", "nation", "--kind", "national")
    with weir.running(home / "nation.log", *words, "--port", str(port)):
        token = home / "nation" / "operator.token"
        until = time.monotonic() + 60
        while not token.exists() or socket.socket().connect_ex(("127.0.0.1", port)):
            assert time.monotonic() < until, (home / "nation.log").read_text()
            time.sleep(0.1)
        url = f"http://127.0.0.1:{port}"
        weir("server", "add", "nation", url, "--token-file", str(token))
        weir("join-token", "create", "works", "--out", str(home / "works.join"))
        join = ("agent", "join", url, "--home", weir.works, "--executor", "kubernetes")
        said = weir(*join, "--token-file", str(home / "works.join"))
        assert "uses Kubernetes v1.20" in said
        text = (home / "works" / "agents.yaml").read_text()
        assert "# nvidia-h100-sxm5-x2: 4 x 8 CPU, 16 GiB, 2 x nvidia.com/gpu" in text
        yield weir
