"""Ray's nodes as pools, and what is free of them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from weir.core.inventory import HostShape
from weir.executors.ray_inventory import (
    Amount,
    Kind,
    free_shapes,
    kinds_of,
    report,
    used_by_others,
)
from weir.executors.ray_records import Node
from weir.executors.ray_settings import RayShare

GIB = 2**30
GPUS = {"GPU": 2000, "accelerator_type:H100": 1000}


def _node(name: str, used: dict[str, int] | None = None, **changes: Any) -> Node:
    total = {"CPU": 8000, "memory": 16 * GIB, **changes.pop("total", {})}
    return Node(name, name, total, {} if used is None else used, **changes)


def _share(**changes: Any) -> RayShare:
    return RayShare.model_validate({"pool": "pool", **changes})


def test_equal_nodes_are_one_pool_and_others_another() -> None:
    nodes = [
        _node("a", total=GPUS, accelerator="H100"),
        _node("b", total=GPUS, accelerator="H100"),
        _node("c"),
        _node("head", total={"CPU": 0}),
    ]
    gpu, cpu = kinds_of((), nodes)

    assert (gpu.name, gpu.nodes, gpu.model) == ("ray-h100x2", ("a", "b"), "nvidia-h100-sxm5")
    assert (gpu.resource, gpu.shape) == ("GPU", HostShape(8000, 16 * GIB, 2))
    assert (cpu.name, cpu.nodes, cpu.selective) == ("ray-8c", ("c",), True)


def test_memory_that_differs_a_little_is_of_one_kind() -> None:
    nodes = [_node(str(i), total={"memory": m}) for i, m in enumerate([1000, 1040, 2000])]
    small, large = kinds_of((), nodes)

    assert (small.nodes, small.shape.memory_bytes) == (("0", "1"), 1000)
    assert large.nodes == ("2",)


def test_a_resource_that_somebody_named_is_no_device_unless_the_operator_says_so() -> None:
    nodes = [_node("a", total={"license": 4000, "npu_card": 8000})]
    (plain,) = kinds_of((_share(),), nodes)
    table = {"npu_card": "ascend-910b3"}
    (said,) = kinds_of((_share(resource="npu_card", device_models=table),), nodes)
    (known,) = kinds_of((_share(device_models=table),), nodes)

    assert (plain.resource, plain.shape.devices) == ("", 0)
    assert (said.resource, said.shape.devices) == ("npu_card", 8)
    assert said.model == "huawei-ascend-910b3"
    assert known.resource == "npu_card"


def test_a_share_takes_only_nodes_with_its_labels_and_each_once() -> None:
    nodes = [_node("a", labels={"rack": "1"}), _node("b", labels={"rack": "2"})]
    first, rest = kinds_of((_share(labels={"rack": "1"}), RayShare()), nodes)

    assert (first.name, first.nodes) == ("pool", ("a",))
    assert rest.nodes == ("b",)


def test_hosts_of_one_machine_are_told_apart() -> None:
    nodes = [Node(i, "vm", {"CPU": 1000, "memory": GIB}) for i in ("n1", "n2")]
    (kind,) = kinds_of((), nodes)

    assert kind.hostnames == (("n1", "vm-n1"), ("n2", "vm-n2"))


def test_what_is_ours_is_not_others() -> None:
    (kind,) = kinds_of((), [node := _node("a", {"CPU": 5000, "memory": 3 * GIB})])
    own = {"a": Amount(2000, GIB)}

    assert used_by_others(kind, {"a": node}, own) == {"a": Amount(3000, 2 * GIB)}
    assert used_by_others(kind, {"a": node}, own, [Amount(3000, 2 * GIB)]) == {"a": Amount()}


def test_memory_that_was_only_rounded_is_not_used() -> None:
    told = round(0.1 * GIB)  # Ray's word for 100 MiB
    (kind,) = kinds_of((), [node := _node("a", {"memory": told})])

    assert used_by_others(kind, {"a": node}, {"a": Amount(0, 100 * 2**20)}) == {"a": Amount()}


def test_a_device_that_is_used_in_part_leaves_its_rest_in_one_piece() -> None:
    (kind,) = kinds_of((), [_node("a", total=GPUS)])
    (free,) = free_shapes(kind, {"a": Amount(0, 0, 750)})

    assert free.devices == ((250, 1), (1000, 1))


def test_a_cap_leaves_the_freest() -> None:
    nodes = [_node(name, total=GPUS) for name in "abc"]
    (kind,) = kinds_of((_share(max_devices=3),), nodes)
    shapes = free_shapes(kind, {"a": Amount(), "b": Amount(0, 0, 2000), "c": Amount()})

    assert kind.hosts == 2
    assert sum(s.hosts * s.whole_devices for s in shapes) == 3
    assert report(kind, shapes, True).hosts == 2


AMOUNTS = st.builds(Amount, st.integers(0, 9000), st.integers(0, 17 * GIB), st.integers(0, 3000))
BY_NODE = st.dictionaries(st.sampled_from("abc"), AMOUNTS)


@given(BY_NODE, BY_NODE, st.lists(AMOUNTS))
def test_others_use_is_never_less_than_nothing_nor_more_than_what_is_used(
    used: dict[str, Amount], own: dict[str, Amount], somewhere: list[Amount]
) -> None:
    nodes = {
        name: _node(name, {"CPU": a.cpu_milli, "memory": a.memory_bytes, "GPU": a.device_milli})
        for name, a in used.items()
    }
    kind = Kind("pool", _share(), tuple("abc"), HostShape(8000, 16 * GIB, 2), resource="GPU")
    others = used_by_others(kind, nodes, own, somewhere)

    assert others.keys() == nodes.keys()
    for name, amount in others.items():
        for field in ("cpu_milli", "memory_bytes", "device_milli"):
            assert 0 <= getattr(amount, field) <= getattr(used[name], field)
    for shape in free_shapes(kind, others):
        assert 0 <= shape.cpu_milli <= 8000
        assert 0 <= shape.device_milli <= 2000


@given(BY_NODE)
def test_where_all_is_ours_nothing_is_others(own: dict[str, Amount]) -> None:
    nodes = {
        name: _node(name, {"CPU": a.cpu_milli, "memory": a.memory_bytes, "GPU": a.device_milli})
        for name, a in own.items()
    }
    kind = Kind("pool", _share(), tuple("abc"), HostShape(8000, 16 * GIB, 2), resource="GPU")

    assert set(used_by_others(kind, nodes, own).values()) <= {Amount()}
