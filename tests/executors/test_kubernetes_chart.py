"""The Helm chart of the agent: it renders, grants what `weir agent rbac` grants, and uses what
`values.yaml` says. Rendered here by the few words of Helm's language that the chart uses.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from tests.kubernetes import Server, kubernetes
from weir.cli.agent_join import join
from weir.cli.agent_proposal_kubernetes import KubernetesProposal, kubernetes_lines
from weir.cli.agent_rbac import objects
from weir.executors.kubernetes_settings import KubernetesSettings, KubernetesShare

__all__ = ["kubernetes"]

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "weir-agent"
RELEASE = {"Name": "weir-agent", "Namespace": "weir", "Service": "Helm"}
TAG = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}")


def values(**changes: Any) -> dict[str, Any]:
    found = yaml.safe_load((CHART / "values.yaml").read_text())
    return {**found, "image": "registry.example/agent:1", "domain": "https://d", **changes}


def look_up(word: str, given: dict[str, Any], item: Any = None) -> Any:
    """What a path such as `.Values.jobs.image` leads to."""
    if word == ".":
        return item
    found: Any = {"Values": given, "Release": RELEASE}
    for name in word.strip(".").split("."):
        found = found[name]
    return found


def evaluate(text: str, given: dict[str, Any], item: Any) -> str:
    first, *pipes = [part.strip() for part in text.split("|")]
    value = look_up(first, given, item)
    for pipe in pipes:
        if pipe.startswith("default "):
            value = value or look_up(pipe.removeprefix("default ").strip(), given, item)
        else:
            assert pipe == "quote", pipe
            value = '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)


def render(lines: list[str], given: dict[str, Any], item: Any = None) -> list[str]:
    """The lines with their tags done; `if` and `range` have lines of their own."""
    done: list[str] = []
    while lines:
        line = lines.pop(0)
        tag = TAG.search(line)
        words = tag[1].split() if tag else []
        if words[:1] in (["if"], ["range"]):
            inside, depth = [], 1
            while True:
                inner = lines.pop(0)
                found = TAG.search(inner)
                word = found[1].split()[0] if found else ""
                depth += (word in ("if", "range")) - (word == "end")
                if depth == 0:
                    break
                inside.append(inner)
            value = look_up(words[1], given, item)
            turns = [item] if words[0] == "if" and value else []
            for turn in value if words[0] == "range" else turns:
                done += render(list(inside), given, turn)
        else:
            done.append(TAG.sub(lambda m: evaluate(m[1], given, item), line))
    return done


def rendered(**changes: Any) -> list[dict[str, Any]]:
    """All objects of the chart."""
    given = values(**changes)
    return [
        body
        for file in sorted((CHART / "templates").glob("*.yaml"))
        for body in yaml.safe_load_all("\n".join(render(file.read_text().splitlines(), given)))
    ]


def test_the_chart_grants_what_the_command_prints() -> None:
    wanted = {b["kind"]: b for b in objects(("jobs",), "weir-agent", "weir")}
    found = {b["kind"]: b for b in rendered(jobs={"namespace": "jobs", "image": "i", "claim": ""})}

    for kind in ("Role", "ClusterRole"):
        assert found[kind]["rules"] == wanted[kind]["rules"]
    for kind in ("RoleBinding", "ClusterRoleBinding"):
        assert found[kind]["roleRef"] == wanted[kind]["roleRef"]
        assert found[kind]["subjects"] == wanted[kind]["subjects"]
    assert found["Role"]["metadata"]["namespace"] == "jobs"


def test_every_value_is_used_and_every_use_has_a_value() -> None:
    text = "\n".join(f.read_text() for f in (CHART / "templates").glob("*.yaml"))
    used = {m.strip(".") for m in re.findall(r"\.Values((?:\.\w+)+)", text)}

    def leaves(value: Any, path: str = "") -> set[str]:
        if not isinstance(value, dict):
            return {path}
        return {
            leaf for name, v in value.items() for leaf in leaves(v, f"{path}.{name}".strip("."))
        }

    assert used == leaves(yaml.safe_load((CHART / "values.yaml").read_text()))


def test_it_joins_by_options_that_the_command_has() -> None:
    agent = next(b for b in rendered() if b["kind"] == "Deployment")
    script = agent["spec"]["template"]["spec"]["initContainers"][0]["command"][2]
    known = {option for parameter in join.params for option in parameter.opts}

    assert set(re.findall(r"--[a-z-]+", script)) <= known
    assert CliRunner().invoke(join, ["--help"]).exit_code == 0


def test_optional_parts_are_there_when_they_are_wanted() -> None:
    plain = next(b for b in rendered() if b["kind"] == "Deployment")
    claim = next(
        b
        for b in rendered(storage={"size": "1Gi", "className": "fast"})
        if b["kind"] == "PersistentVolumeClaim"
    )
    secret = next(b for b in rendered(imagePullSecrets=["r"]) if b["kind"] == "Deployment")

    assert "imagePullSecrets" not in plain["spec"]["template"]["spec"]
    assert secret["spec"]["template"]["spec"]["imagePullSecrets"] == [{"name": "r"}]
    assert claim["spec"]["storageClassName"] == "fast"


def test_a_claim_for_runs_is_in_the_settings_and_in_the_agents_pod(tmp_path: Path) -> None:
    jobs = {**values()["jobs"], "claim": "runs"}
    spec = next(b for b in rendered(jobs=jobs) if b["kind"] == "Deployment")["spec"]
    pod = spec["template"]["spec"]
    assert {"name": "runs", "persistentVolumeClaim": {"claimName": "runs"}} in pod["volumes"]
    (mount,) = (m for m in pod["containers"][0]["volumeMounts"] if m["name"] == "runs")
    join = pod["initContainers"][0]
    assert {"name": "WEIR_CLAIM", "value": "runs"} in join["env"]

    home = tmp_path / "agent"
    (tmp_path / "weir").write_text(
        f"#!/bin/sh\nmkdir {home}\ncp {tmp_path}/joined {home}/agents.yaml"
    )
    (tmp_path / "weir").chmod(0o755)
    settings = KubernetesSettings(namespace="jobs", image="i", shares=(KubernetesShare(),))
    lines = kubernetes_lines(KubernetesProposal(settings, ()))
    (tmp_path / "joined").write_text("- executor:\n" + "\n".join(lines))
    script = join["command"][2].replace("/var/lib/weir/agent", str(home))
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "WEIR_CLAIM": "runs"}
    for _ in range(2):  # the second time it has joined already
        subprocess.run(["sh", "-c", script], env=environment, check=True)
    (agent,) = yaml.safe_load((home / "agents.yaml").read_text())
    found = KubernetesSettings.model_validate(agent["executor"])
    assert found.volume is not None
    assert (found.volume.claim, str(found.volume.folder)) == ("runs", mount["mountPath"])
    plain = next(b for b in rendered() if b["kind"] == "Deployment")["spec"]["template"]["spec"]
    assert "runs" not in [v["name"] for v in plain["volumes"]]


@pytest.mark.real
@pytest.mark.timeout(120)
def test_a_server_takes_all_of_it(kubernetes: Server) -> None:
    plurals = {"Deployment": "deployments", "PersistentVolumeClaim": "persistentvolumeclaims"}
    with kubernetes.client() as client:
        for body in rendered():
            group, _, version = body["apiVersion"].rpartition("/")
            base = f"/apis/{group}/{version}" if group else f"/api/{version}"
            namespace = body["metadata"].get("namespace")
            inside = f"/namespaces/{namespace}" if namespace else ""
            plural = plurals.get(body["kind"], f"{body['kind'].lower()}s")
            answer = client.post(f"{base}{inside}/{plural}?dryRun=All", json=body)
            there = answer.status_code == 409  # what the agent of these tests was given
            assert answer.status_code == 201 or there, answer.text
