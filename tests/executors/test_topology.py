"""Blocks of hosts: as a resource manager names them, as pods are told, and on emulated hosts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.bench import order, shell
from weir.core.demand import Topology
from weir.core.inventory import Block, HostShape, all_free
from weir.executors.kubernetes_inventory import Kind, Use, free_shapes, kinds_of, report
from weir.executors.kubernetes_pools import claims_of
from weir.executors.kubernetes_records import Node
from weir.executors.kubernetes_settings import KubernetesShare
from weir.executors.local_hosts import Hosts, Need
from weir.executors.slurm_inventory import Kind as SlurmKind
from weir.executors.slurm_inventory import kinds_of as slurm_kinds
from weir.executors.slurm_layout import layout_of
from weir.executors.slurm_pools import block_level
from weir.executors.slurm_records import Node as SlurmNode
from weir.executors.slurm_records import Partition
from weir.executors.slurm_settings import SlurmShare
from weir.executors.topology import ambiguous, blocks_of
from weir.scheduling.inside import level_of
from weir.scheduling.packing import Claim, place_all
from weir.wire.pools import Block as BlockReport
from weir.wire.pools import PoolFields, Shape

GIB = 2**30
ZONE, RACK = "topology.kubernetes.io/zone", "example.com/rack"
LEVELS = ("zone", "rack")


def test_blocks_are_named_by_all_their_levels() -> None:
    named = {"n1": ("a", "r1"), "n2": ("a", "r1"), "n3": ("b", "r1"), "n4": ("", "")}
    blocks, paths = blocks_of(named)
    assert blocks == (Block(("a", "r1"), 2), Block(("b", "r1"), 1))
    assert paths == {"n1": (0, 0), "n2": (0, 0), "n3": (1, 1), "n4": ()}


# Kubernetes.


def node(name: str, zone: str = "", rack: str = "") -> Node:
    labels = {label: value for label, value in ((ZONE, zone), (RACK, rack)) if value}
    return Node(name, labels, {}, 8000, 16 * GIB, {})


NODES = [node("n1", "a", "r1"), node("n2", "a", "r2"), node("n3", "b", "r1"), node("n4")]


def kind_of(nodes: list[Node], **share: object) -> Kind:
    (kind,) = kinds_of([KubernetesShare.model_validate(share)], nodes)
    return kind


def test_zones_are_told_by_the_label_that_kubernetes_has_for_them() -> None:
    kind = kind_of(NODES)
    assert kind.levels == ("zone",)
    told = report(kind, free_shapes(kind, {n.name: Use() for n in NODES}, {}), True)
    assert [(b.names, b.hosts) for b in told.blocks] == [(("a",), 2), (("b",), 1)]
    assert {(f.block, f.hosts) for f in told.free} == {((0,), 2), ((1,), 1), ((), 1)}


def test_an_operator_names_other_levels_by_their_labels() -> None:
    assert kind_of(NODES, topology={"zone": ZONE, "rack": RACK}).levels == LEVELS
    assert kind_of(NODES, topology={}).levels == ()
    assert kind_of([node("n1"), node("n2")]).blocks == ()


def test_under_a_cap_it_is_not_known_which_nodes_count() -> None:
    assert kind_of(NODES, max_hosts=2).levels == ()


def test_an_order_is_taken_only_where_a_block_has_room() -> None:
    kind = kind_of(NODES)
    free = free_shapes(kind, {n.name: Use() for n in NODES}, {})

    def fit(count: int, **topology: str) -> bool:
        tasks = shell("a", count=count, cpu="8", memory="1GiB", topology=topology)
        return place_all(free, claims_of(kind, order("r", tasks))) is not None

    assert fit(2, required="zone")
    assert not fit(3, required="zone")
    assert fit(3, preferred="zone")
    assert fit(4, preferred="rack")


# Emulated hosts.

BLOCKS = (Block(("a", "r1"), 2), Block(("a", "r2"), 2), Block(("b", "r1"), 1))
POOL = PoolFields(
    name="pool",
    hosts=6,
    shape=Shape(cpu_milli=8000, memory_bytes=64, devices=4),
    levels=LEVELS,
    blocks=tuple(BlockReport(names=b.names, hosts=b.hosts) for b in BLOCKS),
)

CLAIMS = st.builds(
    Claim,
    cpu_milli=st.sampled_from([1000, 3000, 8000]),
    memory_bytes=st.sampled_from([1, 30, 64]),
    device_milli=st.sampled_from([0, 500, 1000, 4000]),
    count=st.integers(1, 5),
    per_host=st.sampled_from([2**62, 1]),
)
WISHES = st.sampled_from([None, Topology("zone"), Topology("rack"), Topology("rack", False)])
NEEDS = st.builds(Need, st.just("g"), CLAIMS, st.booleans(), WISHES)


@given(st.lists(NEEDS, max_size=5))
def test_emulated_hosts_take_what_the_scheduler_would_and_split_no_block(needs: list[Need]) -> None:
    hosts, shape = Hosts(POOL), HostShape(8000, 64, 4)
    for need in needs:
        before, within = hosts.free(), level_of(need.topology, LEVELS)
        placed = hosts.place([need])
        left = place_all(before, [replace(need.claimed(shape), within=within)])
        assert isinstance(placed, str) == (left is None)
        if not isinstance(placed, str) and within > 0:
            assert len({_block(place.host, within) for place in placed}) == 1


def _block(host: int, level: int) -> tuple[str, ...]:
    """The names of a host's block: hosts are dealt out in the order of the blocks."""
    for block in BLOCKS:
        if host < block.hosts:
            return block.names[:level]
        host -= block.hosts
    raise AssertionError("it is in no block")


# Slurm.


def slurm_kind(*features: str, **share: object) -> SlurmKind:
    """A pool of nodes with a feature each, of which those of racks are told by a pattern."""
    nodes = [
        SlurmNode(f"n{i}", 8, 16384, frozenset({"IDLE"}), partitions=("p",), features=("ib", f))
        for i, f in enumerate(features)
    ]
    said = {"partition": "p", "topology": {"rack": "rack-*"}, **share}
    parts = [Partition("p", tuple(n.name for n in nodes))]
    (kind,) = slurm_kinds([SlurmShare.model_validate(said)], nodes, parts)
    return kind


def test_racks_of_a_slurm_are_told_by_features() -> None:
    kind = slurm_kind("rack-1", "rack-2", "rack-1", "other")
    assert kind.levels == ("rack",)
    assert kind.blocks == (Block(("rack-1",), 2), Block(("rack-2",), 1))
    assert slurm_kind("rack-1", topology={}).levels == ()
    assert slurm_kind("rack-1", "rack-2", max_hosts=1).levels == ()


def test_two_blocks_of_one_name_can_not_be_told_apart() -> None:
    named = {"n1": ("a", "r1"), "n2": ("b", "r1")}
    assert ambiguous(blocks_of(named)[0])
    assert not ambiguous(blocks_of({"n1": ("a", "r1"), "n2": ("b", "r2")})[0])


def test_a_gang_in_one_rack_is_one_component_on_a_rack_that_takes_it() -> None:
    """Uneven parts would be jobs of their own to Slurm, each in a rack of its own."""
    one = Claim(1000, 2**20, 0, 3)
    shape = HostShape(8000, 16 * GIB, 0)
    free = tuple(
        replace(f, block=block)
        for block, cores in (((0,), 1), ((1,), 2), ((1,), 2))
        for f in all_free(1, HostShape(1000 * cores, 16 * GIB, 0))
    )
    apart = layout_of([Need("a", one)], free, 3, shape)
    assert [(p.nodes, p.tasks) for p in apart.parts] == [(3, 1)]
    rack = layout_of([Need("a", one, topology=Topology("rack"))], free, 3, shape, within=1)
    assert [(p.nodes, p.tasks, p.missing) for p in rack.parts] == [(2, 2, 1)]


def test_only_one_group_can_share_a_block_in_a_slurm() -> None:
    kind = slurm_kind("rack-1", "rack-2")
    rack = {"required": "rack"}
    single = order("r", shell("a", count=2, topology=rack))
    assert block_level(kind, single) == 1
    both = order("r", shell("a", topology=rack), shell("b", name="head"))
    with pytest.raises(ValueError, match="one group"):
        block_level(kind, both)
    assert block_level(kind, order("r", shell("a", topology={"preferred": "rack"}))) == 0
