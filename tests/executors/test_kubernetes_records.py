"""What Kubernetes says of nodes and pods, and what is counted of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.core.inventory import FreeShape
from weir.executors.kubernetes_inventory import Use, free_shapes, kinds_of, used_by_others
from weir.executors.kubernetes_records import node_of, pod_of, quantity
from weir.executors.kubernetes_resources import COUNTED, asked, chosen, counted, registered, taken
from weir.executors.kubernetes_settings import KubernetesShare, Toleration

GIB = 2**30
HAMI = (
    "GPU-1,10,32768,100,NVIDIA-Tesla V100-SXM2-32GB,0,true:"
    "GPU-2,10,32768,100,NVIDIA-Tesla V100-SXM2-32GB,0,true:"
    "GPU-3,10,32768,100,NVIDIA-Tesla V100-SXM2-32GB,0,false:"
)


def node(name: str = "n1", **changes: Any) -> dict[str, Any]:
    """A node as the API server tells it."""
    room = {"cpu": "8", "memory": "16Gi", "pods": "110", **changes.pop("room", {})}
    return {
        "metadata": {
            "name": name,
            "labels": changes.pop("labels", {}),
            "annotations": changes.pop("annotations", {}),
        },
        "spec": changes,
        "status": {"allocatable": room, "conditions": [{"type": "Ready", "status": "True"}]},
    }


def pod(**changes: Any) -> dict[str, Any]:
    """A pod as the API server tells it."""
    containers = changes.pop("containers", [{"resources": {"requests": {"cpu": "1"}}}])
    meta = {"name": "p", "namespace": "a", "uid": "u", **changes.pop("meta", {})}
    return {
        "metadata": meta,
        "spec": {"nodeName": "n1", "containers": containers, **changes},
        "status": {"phase": "Running"},
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [("500m", 0.5), ("2", 2), ("16Gi", 16 * GIB), ("1e3", 1000), ("1k", 1000), ("1.5Mi", 1572864)],
)
def test_quantities_are_read_as_kubernetes_writes_them(text: str, value: float) -> None:
    assert float(quantity(text)) == value


@pytest.mark.parametrize("text", ["", "many", "1X", "--1", "1.2.3"])
def test_what_is_no_quantity_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="quantity"):
        quantity(text)


@given(st.integers(0, 2**50), st.sampled_from(["", "Ki", "Mi", "Gi"]))
def test_whole_quantities_lose_nothing(number: int, suffix: str) -> None:
    factor = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}[suffix]
    assert quantity(f"{number}{suffix}") == number * factor


def test_a_pod_counts_as_the_scheduler_counts_it() -> None:
    found = pod_of(
        pod(
            containers=[
                {"resources": {"requests": {"cpu": "1", "memory": "1Gi"}}},
                {"resources": {"limits": {"cpu": "500m", "nvidia.com/gpu": "2"}}},
            ],
            initContainers=[
                {"resources": {"requests": {"cpu": "100m"}}, "restartPolicy": "Always"},
                {"resources": {"requests": {"memory": "3Gi"}}},
            ],
            overhead={"memory": "1Gi"},
        )
    )

    assert (found.cpu_milli, found.memory_bytes) == (1600, 4 * GIB)
    assert found.asked == {"nvidia.com/gpu": 2}


def test_a_tainted_node_is_open_to_who_tolerates_it() -> None:
    taint = {"key": "team", "value": "a", "effect": "NoSchedule"}
    found = node_of(node(taints=[taint]))

    assert not found.open_to([])
    assert found.open_to([Toleration(key="team", value="a")])
    assert found.open_to([Toleration(operator="Exists")])
    assert not found.open_to([Toleration(key="team", value="b")])
    assert not found.open_to([Toleration(key="team", value="a", effect="NoExecute")])


def test_equal_nodes_are_one_pool_and_others_another() -> None:
    gpus = {"nvidia.com/gpu": "8"}
    h100 = {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}
    nodes = [
        *(node_of(node(f"g{i}", room=gpus, labels=h100)) for i in range(3)),
        node_of(node("c1", room={"cpu": "64"})),
        node_of(node("t1", taints=[{"key": "x", "effect": "NoSchedule"}])),
    ]
    kinds = {kind.name: kind for kind in kinds_of((), nodes)}

    assert set(kinds) == {"nvidia-h100-sxm5-x8", "64c"}
    assert kinds["nvidia-h100-sxm5-x8"].nodes == ("g0", "g1", "g2")
    assert kinds["nvidia-h100-sxm5-x8"].model == "nvidia-h100-sxm5"


def test_the_operator_names_models_and_resources() -> None:
    nodes = [node_of(node(room={"huawei.com/Ascend910": "8", "example.com/fpga": "2"}))]
    models = {"huawei.com/Ascend910": "910B3", "example.com/fpga": "my-board"}
    (plain,) = kinds_of((), nodes)
    (named,) = kinds_of([KubernetesShare(device_models=models)], nodes)
    (other,) = kinds_of([KubernetesShare(device_models=models, resource="example.com/fpga")], nodes)

    assert (plain.shape.devices, plain.model) == (8, None)
    assert named.model == "huawei-ascend-910b3"
    assert (other.shape.devices, other.model) == (2, "my-board")


def test_the_table_names_each_resource_once() -> None:
    names = [one.name for one in COUNTED]
    assert len(set(names)) == len(names)
    assert all("/" in name for name in names)
    assert chosen({"example.com/x": 4}, None) is None


def test_what_others_have_is_not_free() -> None:
    nodes = [node_of(node(room={"nvidia.com/gpu": "8"}))]
    (kind,) = kinds_of((), nodes)
    theirs = pod_of(pod(containers=[{"resources": {"limits": {"nvidia.com/gpu": "3"}}}]))
    ours = pod_of(pod(meta={"labels": {"weir.network/agent": "me"}}))
    others = used_by_others(kind, {"n1": nodes[0]}, {"n1": [theirs, ours]}, "me")

    assert free_shapes(kind, others, {}) == (FreeShape(8000, 16 * GIB, ((1000, 5),), 1),)
    placed = {"n1": Use(1000, GIB, (1000,))}
    assert free_shapes(kind, others, placed) == (FreeShape(7000, 15 * GIB, ((1000, 4),), 1),)


def test_a_sharing_system_counts_devices_by_its_register() -> None:
    register = {"hami.io/node-nvidia-register": HAMI}
    nodes = [node_of(node(room={"nvidia.com/gpu": "30"}, annotations=register))]
    (kind,) = kinds_of((), nodes)
    share = {"nvidia.com/gpu": "1", "nvidia.com/gpumem": "8192"}
    theirs = pod_of(pod(containers=[{"resources": {"limits": share}}]))
    others = used_by_others(kind, {"n1": nodes[0]}, {"n1": [theirs]}, "me")
    (left,) = free_shapes(kind, others, {})

    assert (kind.shape.devices, kind.model, kind.device_mib) == (2, "nvidia-v100-32gb", 32768)
    assert left.devices == ((750, 1), (1000, 1))


def test_both_forms_of_a_register_are_read_and_others_are_none() -> None:
    one = counted("nvidia.com/gpu")
    text = '[{"id": "a", "count": 10, "devmem": 81920, "type": "NVIDIA-H100", "health": true}]'
    key = "hami.io/node-nvidia-register"

    assert [r.memory_mib for r in registered(one, {key: text})] == [81920]
    assert [r.memory_mib for r in registered(one, {key: HAMI})] == [32768, 32768]
    assert registered(one, {key: "a,b,c,d,e,f"}) == registered(one, {key: "[1]"}) == ()


@pytest.mark.parametrize(
    ("resource", "memory", "wanted"),
    [
        ("nvidia.com/gpu", 81920, {"nvidia.com/gpumem-percentage": 25, "nvidia.com/gpucores": 25}),
        ("huawei.com/Ascend910B3", 65536, {"huawei.com/Ascend910B3-memory": 16384}),
        ("amd.com/gpu", None, {}),
    ],
)
def test_a_share_is_asked_for_as_the_sharing_system_wants_it(
    resource: str, memory: int | None, wanted: dict[str, int]
) -> None:
    one = counted(resource)
    found = asked(one, 250, memory)

    assert found[resource] == 1
    assert wanted.items() <= found.items()
    assert asked(one, 2000, memory) == {resource: 2}
    assert asked(one, 0, memory) == {}


@given(st.sampled_from([one for one in COUNTED if one.sharing]), st.integers(10, 1000))
def test_what_is_asked_for_is_what_is_taken(one: Any, milli: int) -> None:
    found = taken(one, asked(one, milli, 100_000), 100_000)

    assert len(found) == 1
    assert abs(found[0] - milli) <= 5 or found[0] == 1000
