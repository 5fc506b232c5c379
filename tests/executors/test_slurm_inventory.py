from __future__ import annotations

from typing import Any

import pytest

from tests.contract.bench import order, shell
from weir.core.errors import NotReady
from weir.executors.slurm_inventory import Amount, Kind, kinds_of, used_by_others
from weir.executors.slurm_pools import Pools
from weir.executors.slurm_records import Node, Partition
from weir.executors.slurm_settings import SlurmAccount, SlurmSettings, SlurmShare
from weir.executors.slurm_words import Gres
from weir.wire.pools import PoolReport

INPUT = {"path": "r.txt", "text": "numpy"}
GPU = (Gres("gpu", "h100", 8),)


def node(name: str, **changes: Any) -> Node:
    values: dict[str, Any] = {
        **{"name": name, "cpus": 64, "memory_mib": 512_000, "state": frozenset({"IDLE"})},
        **changes,
    }
    return Node(**values)


def partition(name: str, *nodes: str, **changes: Any) -> Partition:
    return Partition(name, nodes, **changes)


def kinds(nodes: list[Node], *shares: SlurmShare, **changes: Any) -> dict[str, Kind]:
    names = [n.name for n in nodes]
    found = kinds_of(shares, nodes, [partition("batch", *names, default=True, **changes)])
    return {kind.name: kind for kind in found}


def pools(nodes: list[Node], own: dict[str, Amount] | None = None, **share: Any) -> Pools:
    made = Pools([SlurmShare(partition="batch", pool="pool", **share)], {})
    made.take(nodes, [partition("batch", *(n.name for n in nodes))], [], lambda _: own or {})
    return made


def only(made: Pools) -> PoolReport:
    (report,) = made.reports([], False)
    return report


def test_equal_nodes_are_one_pool_and_others_another() -> None:
    nodes = [
        *(node("n1"), node("n2", memory_mib=515_000), node("n3", memory_mib=1_030_000)),
        *(node("g1", gres=GPU), node("g2", gres=(Gres("gpu", "a100", 4),))),
    ]
    found = kinds(nodes)

    assert {name: kind.nodes for name, kind in found.items()} == {
        "batch-64c-500g": ("n1", "n2"),
        "batch-64c-1005g": ("n3",),
        "batch-h100x8": ("g1",),
        "batch-a100x4": ("g2",),
    }
    assert found["batch-64c-500g"].shape.memory_bytes == 512_000 * 2**20
    assert found["batch-h100x8"].model == "nvidia-h100-sxm5"
    assert found["batch-h100x8"].gres == "gpu:h100"
    assert found["batch-h100x8"].exclude == "g2,n[1-3]"


def test_a_node_of_two_partitions_is_in_the_pool_of_the_first_that_is_shared() -> None:
    nodes = [node("n1"), node("n2")]
    partitions = [partition("a", "n1", "n2"), partition("b", "n1", "n2"), partition("c", "n2")]
    shares = [SlurmShare(partition="c"), SlurmShare(partition="b")]
    found = kinds_of(shares, nodes, partitions)

    assert [(kind.share.partition, kind.nodes) for kind in found] == [
        ("c", ("n2",)),
        ("b", ("n1",)),
    ]


def test_without_shares_every_partition_that_is_up_is_shared() -> None:
    nodes = [node("n1"), node("n2"), node("n3")]
    partitions = [
        partition("hidden", "n1", hidden=True),
        partition("down", "n3", up=False),
        partition("some", "n1"),
        partition("all", "n1", "n2", "n3", default=True),
    ]
    found = kinds_of((), nodes, partitions)

    assert [(kind.share.partition, kind.nodes) for kind in found] == [("all", ("n1", "n2", "n3"))]


@pytest.mark.parametrize(
    ("gres", "features", "said", "model"),
    [
        ((Gres("gpu", "ascend910b", 8),), (), {}, "huawei-ascend-910b"),
        ((Gres("gpu", "", 8),), ("ib", "h100"), {}, "nvidia-h100-sxm5"),
        ((Gres("npu", "x1", 8),), (), {"npu:x1": "h100"}, "nvidia-h100-sxm5"),
        ((Gres("mlu", "", 4),), (), {"mlu": "some-model"}, "some-model"),
        ((Gres("gpu", "unheard-of", 8),), (), {}, None),
        ((Gres("shard", "", 64), Gres("nic", "", 1)), (), {}, None),
    ],
)
def test_what_the_devices_are(
    gres: tuple[Gres, ...], features: tuple[str, ...], said: dict[str, str], model: str | None
) -> None:
    share = SlurmShare(partition="batch", pool="pool", device_models=said)
    kind = kinds([node("n1", gres=gres, features=features)], share)["pool"]

    assert kind.model == model
    assert bool(kind.shape.devices) == (gres[0].name != "shard")


@pytest.mark.parametrize("gres", [GPU, ()])
def test_where_slurm_gives_whole_devices_the_pool_says_so(gres: tuple[Gres, ...]) -> None:
    assert ("whole-devices" in only(pools([node("n1", gres=gres)])).traits) is bool(gres)


def test_environments_are_only_for_nodes_of_the_kind_that_they_are_built_on() -> None:
    nodes = [node("n1", machine="x86_64"), node("n2", machine="aarch64", cpus=32)]
    made = Pools([], {}, machine="x86_64")
    made.take(nodes, [partition("batch", "n1", "n2")], [], lambda _: {})
    assert made.foreign() == {"batch-32c"}
    wanted = order("r", pool="batch-32c", requirements="r.txt", inputs=[INPUT])
    assert made.refusals([wanted], [], []) == {
        "r": "environments are built for x86_64 here, and the nodes of pool batch-32c are aarch64; "
        "use a container"
    }
    at_home = order("r", pool="batch-64c", requirements="r.txt", inputs=[INPUT])
    assert made.refusals([at_home], [], []) == {}


def test_others_use_is_what_is_allocated_less_our_own() -> None:
    used = (Gres("gpu", "h100", 3), Gres("gpu", "a100", 1), Gres("npu", "", 2))
    busy = node("n1", gres=GPU, alloc_cpus=20, alloc_mib=4096, gres_used=used)
    kind = kinds([busy])["batch-h100x8"]

    assert used_by_others(kind, {"n1": busy}, {}) == {"n1": Amount(20, 4096, 3)}
    own = {"n1": Amount(8, 1024, 2)}
    assert used_by_others(kind, {"n1": busy}, own) == {"n1": Amount(12, 3072, 1)}
    assert used_by_others(kind, {"n1": busy}, {"n1": Amount(99, 9999, 9)}) == {"n1": Amount()}


@pytest.mark.parametrize(
    "word", ["DOWN", "DRAIN", "DRAINED", "MAINT", "NOT_RESPONDING", "RESERVED", "POWERING_DOWN"]
)
def test_nodes_that_take_nothing_have_nothing_free(word: str) -> None:
    nodes = [node("n1", state=frozenset({"IDLE", word})), node("n2")]
    report = only(pools(nodes))

    assert (report.hosts, sum(f.hosts for f in report.free)) == (2, 1)


def test_with_a_reservation_only_reserved_nodes_are_free() -> None:
    nodes = [node("n1", state=frozenset({"IDLE", "RESERVED"})), node("n2")]

    assert sum(f.hosts for f in only(pools(nodes, reservation="r1")).free) == 1


def test_a_cap_in_hosts_and_in_devices() -> None:
    nodes = [node(f"n{i}", gres=GPU, alloc_cpus=i) for i in range(4)]
    capped = only(pools(nodes, max_devices=12))
    assert (capped.hosts, [(f.cpu_milli, f.devices) for f in capped.free]) == (
        2,
        [(63_000, ((1000, 4),)), (64_000, ((1000, 8),))],
    )
    assert only(pools(nodes, max_hosts=1)).hosts == 1


def test_a_partition_that_gives_nodes_as_wholes() -> None:
    nodes = [node("n1", alloc_cpus=1), node("n2"), node("n3")]
    made = Pools([SlurmShare(partition="batch", pool="pool")], {})
    shown = partition("batch", "n1", "n2", "n3", exclusive=True)
    made.take(nodes, [shown], [], lambda _: {})

    assert sum(f.hosts for f in only(made).free) == 2
    one = [order(f"r{i}", shell("true")) for i in range(3)]
    assert made.refusals(one, [], []).keys() == {"r2"}


def test_limits_of_the_partition_and_of_the_share() -> None:
    made = Pools([SlurmShare(partition="batch", pool="pool", max_walltime_s=1800)], {})
    made.take([node("n1")], [partition("batch", "n1", max_minutes=60)], [], lambda _: {})
    assert only(made).max_walltime_s == 1800

    long = order("r", shell("true"), walltime="45m")
    assert made.refusals([long], [], []) == {"r": "a run in pool pool takes 30m at most"}


def test_orders_beside_each_other() -> None:
    made = pools([node("n1", gres=GPU), node("n2", gres=GPU)])
    orders = [order(f"r{i}", shell("true", devices={"count": 6})) for i in range(3)]
    refused = made.refusals(orders, [], [])

    assert refused == {"r2": "no room in pool pool for 1 x 1 CPU, 256 MiB, 6 devices"}
    assert made.refusals(orders[:1], [], orders[1:]).keys() == {"r0"}


def test_before_the_first_look_there_are_no_pools_and_nothing_is_refused() -> None:
    made = Pools([], {})
    with pytest.raises(NotReady):
        made.reports([], False)
    assert made.refusals([order("r")], [], []) == {}


def test_the_operator_s_mistakes_are_told() -> None:
    with pytest.raises(ValueError, match="twice: batch"):
        SlurmSettings.model_validate(
            {"folder": "/x", "shares": [{"partition": "batch"}, {"partition": "batch"}]}
        )
    with pytest.raises(ValueError, match="from the root"):
        SlurmSettings.model_validate({"folder": "x"})
    with pytest.raises(ValueError, match="exactly one of token_file and key_file"):
        SlurmSettings.model_validate({"folder": "/x", "rest": {"url": "http://x", "user": "u"}})


def test_who_is_charged() -> None:
    entry = SlurmAccount(submitter="*@physics", domain="156.*", account="phys")

    assert entry.fits("li@physics", "156.1")
    assert not entry.fits("li@chemistry", "156.1")
    assert not entry.fits("li@physics", "86.1")
