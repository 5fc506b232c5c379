"""The objects of a run."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.bench import order, shell
from weir.core.inventory import HostShape
from weir.executors.kubernetes_inputs import SECRET_BYTES, Inputs
from weir.executors.kubernetes_inventory import Kind
from weir.executors.kubernetes_manifest import (
    KUEUE,
    VOLCANO,
    Manifest,
    Place,
    chunks_of,
    manifest_of,
    unable,
)
from weir.executors.kubernetes_records import GROUP_LABEL, RUN_LABEL
from weir.executors.kubernetes_resources import counted
from weir.executors.kubernetes_runs import Run, object_name
from weir.executors.kubernetes_script import ROOT
from weir.executors.kubernetes_settings import (
    KubernetesSettings,
    KubernetesShare,
    KubernetesVolume,
)

NEW, OLD = Place("agent", indexed=True), Place("agent", indexed=False)


def made(
    *tasks: dict[str, Any],
    place: Place = NEW,
    share: KubernetesShare | None = None,
    settings: dict[str, Any] | None = None,
    inputs: tuple[tuple[str, bytes], ...] = (),
    packages: bool = False,
    levels: tuple[str, ...] = (),
    **spec: Any,
) -> Manifest:
    """The objects of a run of these tasks."""
    if packages:
        spec |= {"requirements": "r", "inputs": [{"path": "r", "text": "x"}]}
    wanted = order("r", *tasks, **spec)
    run = Run(wanted, "pool", "/nowhere", "jobs", object_name("r", "agent"), 0.0, "word")
    kind = Kind(
        "pool", share or KubernetesShare(), ("n1",), HostShape(8000, 2**34, 8),
        counted("nvidia.com/gpu"), None, "nvidia-h100-sxm5", levels=levels,
    )  # fmt: skip
    said = {"namespace": "jobs", "image": "plain", **(settings or {})}
    return manifest_of(run, kind, KubernetesSettings.model_validate(said), place, Inputs(inputs))


def pod_of(manifest: Manifest, number: int = 0) -> dict[str, Any]:
    spec: dict[str, Any] = manifest.jobs[number]["spec"]["template"]["spec"]
    return spec


def task_of(manifest: Manifest, number: int = 0) -> dict[str, Any]:
    return next(c for c in pod_of(manifest, number)["containers"] if c["name"] == "task")


def test_a_gang_is_one_indexed_job_where_the_server_knows_them() -> None:
    new = made(shell("a", count=3), shell("b", name="head"))
    old = made(shell("a", count=3), shell("b", name="head"), place=OLD)

    assert [j["spec"]["completions"] for j in new.jobs] == [3, 1]
    assert new.jobs[0]["spec"]["completionMode"] == "Indexed"
    assert [j["spec"]["completions"] for j in old.jobs] == [1, 1, 1, 1]
    assert len({j["metadata"]["name"] for j in (*old.jobs,)}) == 4


@given(st.integers(1, 60), st.one_of(st.none(), st.integers(1, 70)), st.booleans())
def test_chunks_are_all_tasks_once_and_slots_keep_them_apart(
    count: int, per_host: int | None, indexed: bool
) -> None:
    chunks = list(chunks_of(count, per_host, indexed))

    assert [i for c in chunks for i in range(c.first, c.first + c.count)] == list(range(count))
    if per_host is not None and per_host < count:
        assert {c.slot for c in chunks} == set(range(per_host))
        most = -(-count // per_host)
        for slot in range(per_host):
            assert sum(c.count for c in chunks if c.slot == slot) <= most
    else:
        assert {c.slot for c in chunks} == {None}


def test_nothing_is_started_again_and_nobody_gets_a_token() -> None:
    manifest = made(walltime="10m")
    pod = pod_of(manifest)

    assert manifest.jobs[0]["spec"]["backoffLimit"] == 0
    assert pod["restartPolicy"] == "Never"
    assert pod["automountServiceAccountToken"] is False
    assert pod["activeDeadlineSeconds"] > 600
    assert all(c["securityContext"]["capabilities"] == {"drop": ["ALL"]} for c in pod["containers"])


def test_a_task_asks_for_what_it_needs() -> None:
    manifest = made(shell("a", cpu="1500m", memory="1GiB", devices={"count": 2}))
    wanted = task_of(manifest)["resources"]

    assert wanted["requests"] == {"cpu": "1500m", "memory": str(2**30), "nvidia.com/gpu": "2"}
    assert wanted["limits"] == {"memory": str(2**30), "nvidia.com/gpu": "2"}


def test_what_the_operator_says_is_in_each_pod() -> None:
    share = KubernetesShare.model_validate(
        {
            "nodes": {"team": "net"},
            "tolerations": [{"key": "net", "operator": "Exists"}],
            "priority_class": "low",
            "runtime_class": "kata",
        }
    )
    settings = {"image_pull_secrets": ["registry"], "user": 1000}
    pod = pod_of(made(share=share, settings=settings))

    assert pod["nodeSelector"] == {"team": "net"}
    assert pod["tolerations"] == [{"key": "net", "operator": "Exists"}]
    assert (pod["priorityClassName"], pod["runtimeClassName"]) == ("low", "kata")
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["securityContext"]["runAsUser"] == 1000


def test_members_have_their_own_namespace_and_queue() -> None:
    members = [{"submitter": "*@physics", "namespace": "physics", "queue": "q", "domain": "*"}]
    settings = KubernetesSettings.model_validate(
        {"namespace": "jobs", "image": "i", "members": members}
    )

    assert settings.member_of("ann@physics", "d").namespace == "physics"
    assert settings.member_of("ann@law", "d").namespace == "jobs"
    assert settings.namespaces == ("jobs", "physics")


def test_kueue_and_volcano_are_used_where_they_are() -> None:
    queue = KubernetesShare(queue="q")
    kueue = made(shell("a", count=2), place=Place("a", True, frozenset({KUEUE})), share=queue)
    volcano = made(shell("a", count=2), place=Place("a", True, frozenset({VOLCANO})), share=queue)
    alone = made(place=Place("a", True, frozenset({VOLCANO})))

    assert kueue.jobs[0]["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "q"
    assert kueue.jobs[0]["spec"]["suspend"] is True
    assert kueue.group is None
    assert volcano.group is not None
    assert volcano.group["spec"] == {"minMember": 2, "queue": "q"}
    assert pod_of(volcano)["schedulerName"] == "volcano"
    assert alone.group is None
    assert "schedulerName" not in pod_of(alone)


@pytest.mark.parametrize("size", [0, 1, SECRET_BYTES, 3 * SECRET_BYTES + 5])
def test_inputs_go_in_pieces_that_fit(size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    manifest = made(inputs=(("small", b"#!x"), ("large", content[:size])))
    boxes = [s["data"] for s in manifest.secrets]
    keys = sorted(key for box in boxes for key in box if key.startswith("i0001."))
    pieces = {key: base64.b64decode(text) for box in boxes for key, text in box.items()}

    assert b"".join(pieces[key] for key in keys) == content[:size]
    assert all(len(json.dumps(box)) < 2**20 for box in boxes)
    assert "chmod 755 small" in task_of(manifest)["command"][2]


def test_an_image_of_the_job_is_used_with_its_own_path() -> None:
    manifest = made(image="docker://example.org/app:1")
    names = {entry["name"] for entry in task_of(manifest)["env"]}

    assert task_of(manifest)["image"] == "example.org/app:1"
    assert "PATH" not in names
    assert task_of(made())["image"] == "plain"


def test_a_value_is_no_reference() -> None:
    env = task_of(made(environment={"X": "$(HOME) $x"}))["env"]
    assert {"name": "X", "value": "$$(HOME) $x"} in env


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ({"requirements": "r", "inputs": [{"path": "r", "text": "x"}]}, "environments"),
        ({"image": "x.sif", "inputs": [{"path": "x.sif", "text": "x"}]}, "registry"),
    ],
)
def test_what_it_can_not_do_is_refused_in_words(spec: dict[str, Any], word: str) -> None:
    settings = KubernetesSettings(namespace="jobs", image="plain")
    assert word in unable(order("r", **spec), settings)
    assert unable(order("r"), settings) == ""


VOLUME = {"volume": {"claim": "runs", "folder": "/shared"}}


def mounts_of(container: dict[str, Any]) -> dict[str, tuple[str, str, bool]]:
    """Where each volume is in a container, which part of it, and whether it can be written to."""
    return {
        m["mountPath"]: (m["name"], m.get("subPath", ""), not m.get("readOnly"))
        for m in container["volumeMounts"]
    }


def test_on_a_volume_a_pod_sees_its_own_run_and_environments_that_it_can_not_change() -> None:
    software = {"python": "/usr/bin/python3", "image": "python:3"}
    manifest = made(settings={**VOLUME, "software": software}, packages=True)
    pod = pod_of(manifest)

    assert manifest.secrets == ()
    assert {"name": "volume", "persistentVolumeClaim": {"claimName": "runs"}} in pod["volumes"]
    seen = {
        "/weir": ("weir", "", True),
        "/weir/work": ("volume", "runs/r/work", True),
        "/weir-environments": ("volume", "cache/environments", False),
    }
    assert mounts_of(task_of(manifest)) == seen
    (before,) = pod["initContainers"]
    assert mounts_of(before) == seen | {
        "/weir-environments": ("volume", "cache/environments", True)
    }
    assert {c["image"] for c in (before, *pod["containers"])} == {"python:3"}
    assert all("$(" not in word.replace("$$(", "") for word in before["command"][4:])


def test_without_a_volume_packages_are_built_in_the_pod() -> None:
    manifest = made(
        settings={"software": {"python": "python3"}},
        inputs=(("r", b"x"),),
        packages=True,
        walltime="1m",
    )
    pod = pod_of(manifest)

    assert {"name": "environments", "emptyDir": {}} in pod["volumes"]
    plan = json.loads(pod["initContainers"][0]["command"][-1])
    assert plan["requirements"] == ["/weir-inputs/i0000.0000"]
    assert pod["activeDeadlineSeconds"] > 60 + plan["build_s"]


def test_a_checkpoint_is_looked_at_beside_the_first_task_only() -> None:
    tasks = shell("a", count=2), shell("b", name="head")
    names = [
        [c["name"] for c in pod_of(made(*tasks, checkpoint={"path": "c"}), n)["containers"]]
        for n in (0, 1)
    ]
    assert names == [["files", "states", "task"], ["files", "task"]]
    on_volume = made(checkpoint={"path": "c"}, settings=VOLUME)
    assert [c["name"] for c in pod_of(on_volume)["containers"]] == ["files", "task"]
    env = {entry["name"]: entry.get("value") for entry in task_of(on_volume)["env"]}
    assert Path(env["WEIR_CHECKPOINT"]).relative_to(ROOT).parts == ("work", "c")


def test_tasks_on_a_volume_are_the_agents_user_and_nothing_there_changes_its_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    found = pod_of(made(settings=VOLUME))["securityContext"]
    assert (found["runAsUser"], found.get("fsGroup")) == (4711, None)
    assert pod_of(made(settings={"user": 5}))["securityContext"]["fsGroup"] == 5
    assert "runAsUser" not in pod_of(made())["securityContext"]


def test_a_volumes_folder_is_a_whole_path() -> None:
    with pytest.raises(ValueError, match="whole path"):
        KubernetesVolume.model_validate({"claim": "runs", "folder": "shared"})


def test_names_are_good_for_kubernetes_and_differ_by_agent() -> None:
    for run in ("R.1", "a" * 200, "x_y--z", "-", "ünïcode"):
        name = object_name(run, "one")
        assert len(name) <= 52
        assert name.replace("-", "a").isalnum()
        assert name.isascii()
        assert name != object_name(run, "two")


def test_tasks_of_one_block_are_told_to_be_near_each_other() -> None:
    """By the label of the level, if the pool has it; what is only preferred is a wish."""
    share = KubernetesShare(topology={"rack": "example.com/rack"})

    def affinity(**topology: str) -> dict[str, Any]:
        tasks = shell("a", count=2, topology=topology)
        found: dict[str, Any] = pod_of(made(tasks, share=share, levels=("rack",)))
        return dict(found.get("affinity", {}).get("podAffinity", {}))

    (near,) = affinity(required="rack")["requiredDuringSchedulingIgnoredDuringExecution"]
    assert near["topologyKey"] == "example.com/rack"
    assert set(near["labelSelector"]["matchLabels"]) == {RUN_LABEL, GROUP_LABEL}
    (wish,) = affinity(preferred="rack")["preferredDuringSchedulingIgnoredDuringExecution"]
    assert wish["podAffinityTerm"] == near
    assert affinity(preferred="zone") == {}
