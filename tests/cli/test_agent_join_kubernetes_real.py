"""The README's section "Join your Kubernetes", typed as it is written, beside a real Kubernetes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.cli.test_agent_join_real import REGION
from tests.kubernetes import AGENT, NAMESPACE, PRODUCT, Server, kubernetes
from tests.typed import commands, folder, free_ports, run, script

__all__ = ["folder", "kubernetes"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(420)]

JOB = [
    "JOB=$(weir submit examples/jobs/hello.yaml)",
    "weir wait $JOB",
    "weir fetch $JOB hello.txt",
    "weir pools --json >pools.json",
    "weir agent doctor --home works --json --probe >doctor.json",
]


@pytest.fixture
def kubectl(kubernetes: Server, folder: Path) -> Path:
    """The folder of a kubectl that has the rights of who may give them; the agent's own kubeconfig
    is another. The rights that the tests' server has given the agent are taken away first, and the
    namespace too.
    """
    program = shutil.which("kubectl")
    if program is None:
        # Only for `pytest -m real` elsewhere; `make test-real` takes a skip for a failure.
        pytest.skip("needs kubectl (Debian's kubernetes-client)")
    place = folder / "kubectl-of-an-administrator"
    place.mkdir()
    file = place / "kubectl"
    file.write_text(f'#!/bin/sh\nexec {program} --kubeconfig {kubernetes.admin} "$@"\n')
    file.chmod(0o755)
    rights = "/apis/rbac.authorization.k8s.io/v1"
    kubernetes.delete(f"{rights}/clusterrolebindings/{AGENT}-{NAMESPACE}")
    kubernetes.delete(f"{rights}/clusterroles/{AGENT}-{NAMESPACE}")
    kubernetes.delete(f"/api/v1/namespaces/{NAMESPACE}")
    where = f"/api/v1/namespaces/{NAMESPACE}"
    kubernetes.until(lambda: kubernetes.get(where).get("code") == 404, "the namespace to be gone")
    return place


def test_the_readmes_commands_join_a_kubernetes_that_runs_a_job(
    kubernetes: Server, kubectl: Path, folder: Path
) -> None:
    typed = commands("Join your Kubernetes")
    given = next(n for n, line in enumerate(typed) if "kubectl apply" in line) + 1
    path = f"{kubectl}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", "\n".join(["set -eu", *typed[:given]])],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"namespace/{NAMESPACE} created" in done.stdout
    assert (
        f"clusterrolebinding.rbac.authorization.k8s.io/{AGENT}-{NAMESPACE} created" in done.stdout
    )
    kubernetes.give_token()  # how an account's kubeconfig is made each cluster's people decide
    (port,) = free_ports(1)
    then = script([*REGION, *typed[given:], *JOB]).replace("7501", str(port))
    said = run(folder, then, 240, PATH=path, KUBECONFIG=str(kubernetes.agent))

    (result,) = folder.glob("j*/output/hello.txt")
    assert result.read_text() == "hello from nvidia-h100-sxm5-x2\n"
    assert f"uses Kubernetes v1.20.2, namespace {NAMESPACE}" in said
    assert f"probe in {NAMESPACE}" in said
    assert said.count("joined east as cluster") == 1
    pools = json.loads((folder / "pools.json").read_text())
    assert [(p["name"], p["hosts"], p["device_model"]) for p in pools] == [
        ("nvidia-h100-sxm5-x2", 4, "nvidia-h100-sxm5")
    ]
    doctor = json.loads((folder / "doctor.json").read_text())
    assert doctor["ok"]
    assert {check["state"] for check in doctor["checks"]} == {"ok"}
    (agent,) = yaml.safe_load((folder / "works" / "agents.yaml").read_text())["agents"]
    assert agent["executor"]["namespace"] == NAMESPACE
    assert PRODUCT not in (folder / "works" / "agents.yaml").read_text()
