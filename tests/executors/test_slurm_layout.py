from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weir.core.inventory import FreeShape, HostShape, all_free
from weir.executors.local_hosts import Need
from weir.executors.slurm_layout import Layout, layout_of
from weir.scheduling.packing import Claim, place_all

GIB, MIB = 2**30, 2**20
HOST = HostShape(8000, 16 * GIB, 2)


def need(group: str, count: int, cpus: int = 1, devices: int = 0, memory: int = GIB) -> Need:
    return Need(group, Claim(1000 * cpus, memory, 1000 * devices, count))


def laid(*needs: Need, hosts: int = 4, free: tuple[FreeShape, ...] | None = None) -> Layout:
    return layout_of(needs, all_free(hosts, HOST) if free is None else free, hosts, HOST)


def parts(layout: Layout) -> list[tuple[int, int]]:
    return [(part.nodes, part.tasks) for part in layout.parts]


def test_as_few_nodes_as_go_evenly() -> None:
    assert parts(laid(need("a", 1))) == [(1, 1)]
    assert parts(laid(need("a", 8))) == [(1, 8)]
    assert parts(laid(need("a", 24))) == [(3, 8)]
    assert parts(laid(need("a", 6, devices=1))) == [(3, 2)]


def test_what_does_not_go_evenly_is_of_several_components() -> None:
    assert parts(laid(need("a", 5, devices=1))) == [(2, 2), (1, 1)]
    assert parts(laid(need("a", 11), hosts=2)) == [(1, 8), (1, 3)]


def test_equal_tasks_lie_together_and_others_apart() -> None:
    layout = laid(need("head", 1), need("worker", 3), need("trainer", 2, devices=1))

    assert parts(layout) == [(1, 2), (1, 4)]
    assert [(s.group, s.rank, s.count) for s in layout.spans] == [
        *(("trainer", 0, 2), ("head", 2, 1), ("worker", 3, 3)),
    ]


def test_it_is_laid_on_what_is_free() -> None:
    free = (FreeShape(2000, GIB * 16, (), 3), FreeShape(8000, 16 * GIB, ((1000, 2),), 1))

    assert parts(laid(need("a", 6), free=free)) == [(1, 6)]
    assert parts(laid(need("a", 10), free=free)) == [(1, 8), (1, 2)]


def test_with_no_room_now_it_waits_for_empty_hosts() -> None:
    assert parts(laid(need("a", 16), free=())) == [(2, 8)]


def test_slurm_gives_whole_units() -> None:
    (part,) = laid(Need("a", Claim(100, MIB + 1, 250, 1))).parts
    assert (part.cpus, part.memory_mib, part.devices) == (1, 2, 1)
    (part,) = layout_of([need("a", 1, cpus=3)], (), 4, HOST, threads=2).parts
    assert part.cpus == 4


amounts = st.tuples(st.integers(1, 8), st.integers(0, 2), st.integers(1, 16), st.integers(1, 12))


@given(st.lists(amounts, min_size=1, max_size=3), st.integers(1, 6))
def test_all_tasks_are_laid_once_and_on_what_is_there(
    groups: list[tuple[int, int, int, int]], hosts: int
) -> None:
    needs = [
        need(f"g{i}", count, cpus, devices, memory * GIB)
        for i, (cpus, devices, memory, count) in enumerate(groups)
    ]
    layout = laid(*needs, hosts=hosts)

    assert layout.tasks == sum(n.claim.count for n in needs)
    assert sorted(s.group for s in layout.spans) == sorted(n.group for n in needs)
    ranks = [rank for s in layout.spans for rank in range(s.rank, s.rank + s.count)]
    assert ranks == list(range(layout.tasks))
    if place_all(all_free(hosts, HOST), [n.claim for n in needs]) is not None and len(needs) == 1:
        assert place_all(all_free(hosts, HOST), layout.claims) is not None
        assert all(part.nodes <= hosts for part in layout.parts)
