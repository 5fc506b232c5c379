from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weir.core.inventory import FreeShape, HostShape, all_free
from weir.executors.local_hosts import Need
from weir.executors.slurm_layout import Layout, Part, layout_of
from weir.scheduling.packing import MOST, Claim, place_all

GIB, MIB = 2**30, 2**20
HOST = HostShape(8000, 16 * GIB, 2)


def need(
    group: str,
    count: int,
    cpus: int = 1,
    devices: int = 0,
    memory: int = GIB,
    per_host: int = MOST,
    exclusive: bool = False,
) -> Need:
    claim = Claim(1000 * cpus, memory, 1000 * devices, count, per_host=per_host)
    return Need(group, claim, exclusive)


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


def test_spread_tasks_are_one_component() -> None:
    assert parts(laid(need("a", 4, per_host=1))) == [(4, 1)]
    assert parts(laid(need("a", 4, per_host=2))) == [(2, 2)]
    (part,) = laid(need("a", 5, per_host=2)).parts
    assert (part.nodes, part.tasks, part.missing, part.all_tasks) == (3, 2, 1, 5)
    assert not part.exclusive


def test_spread_tasks_do_not_lie_with_equal_ones_of_another_group() -> None:
    layout = laid(need("a", 2, per_host=1), need("b", 2, per_host=1), need("c", 2))

    assert parts(layout) == [(2, 1), (2, 1), (1, 2)]
    assert [s.group for s in layout.spans] == ["a", "b", "c"]


def test_a_group_with_nodes_of_its_own_lies_on_empty_ones() -> None:
    free = (FreeShape(7000, 16 * GIB, ((1000, 2),), 3), *all_free(2, HOST))

    (part,) = laid(need("a", 9, exclusive=True), free=free).parts
    assert (part.nodes, part.tasks, part.missing, part.exclusive) == (2, 5, 1, True)
    both = laid(need("a", 1), need("b", 2, exclusive=True, per_host=1), free=free)
    assert parts(both) == [(2, 1), (1, 1)]
    assert [part.exclusive for part in both.parts] == [True, False]


amounts = st.tuples(st.integers(1, 8), st.integers(0, 2), st.integers(1, 16), st.integers(1, 12))
apart = st.tuples(st.sampled_from([MOST, MOST, 1, 2, 3]), st.booleans())


@given(
    st.lists(st.tuples(amounts, apart), min_size=1, max_size=3), st.integers(1, 6), st.booleans()
)
def test_all_tasks_are_laid_once_and_on_what_is_there(
    groups: list[tuple[tuple[int, int, int, int], tuple[int, bool]]], hosts: int, wishes: bool
) -> None:
    needs = [
        need(f"g{i}", count, cpus, devices, memory * GIB, *(wish if wishes else (MOST, False)))
        for i, ((cpus, devices, memory, count), wish) in enumerate(groups)
    ]
    layout = laid(*needs, hosts=hosts)

    assert layout.tasks == sum(n.claim.count for n in needs)
    assert sorted(s.group for s in layout.spans) == sorted(n.group for n in needs)
    ranks = [rank for s in layout.spans for rank in range(s.rank, s.rank + s.count)]
    assert ranks == list(range(layout.tasks))
    if (
        place_all(all_free(hosts, HOST), [n.claimed(HOST) for n in needs]) is not None
        and len(needs) == 1
    ):
        assert place_all(all_free(hosts, HOST), layout.claims) is not None
        assert all(part.nodes <= hosts for part in layout.parts)
    for part, most in _parts_of(layout, needs):
        assert part.tasks <= most
        assert 0 <= part.missing < part.tasks


def _parts_of(layout: Layout, needs: list[Need]) -> list[tuple[Part, int]]:
    """The components of groups that are spread or alone, each with its tasks on a node at most."""
    found, rank = [], 0
    by_group = {need.group: need for need in needs}
    for part in layout.parts:
        groups = [by_group[s.group] for s in layout.spans if s.rank <= rank < s.rank + s.count]
        found += [(part, n.claim.per_host) for n in groups if n.claim.spread or n.exclusive]
        rank += part.all_tasks
    return found
