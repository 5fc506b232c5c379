"""A pool by two ways is one pool; the columns say what the pools say."""

from hypothesis import given
from hypothesis import strategies as st

from tests.scheduling.builders import H100, STATES, claim, pool, snapshot, state
from weir.scheduling.columns import PRECISIONS, UNKNOWN
from weir.scheduling.snapshot import PoolState, choose_routes


def test_a_route_that_is_heard_wins_over_a_shorter_silent_one() -> None:
    near = state(pool("p", hops=0), claim(devices=1), cluster="near", silent=True)
    far = state(pool("p", hops=2), claim(devices=2), cluster="far")
    (chosen,) = choose_routes([near, far])
    assert chosen.cluster == "far"


def test_the_claims_of_another_route_are_not_added_to_the_chosen_one() -> None:
    near = state(pool("p", hops=1), claim(devices=1), cluster="near")
    far = state(pool("p", hops=2), claim(devices=2), cluster="far")
    assert choose_routes([near, far]) == (near,)


def test_of_two_routes_that_are_heard_the_shorter_wins_then_the_lower_cluster() -> None:
    routes = [
        state(pool("p", hops=1), cluster="b"),
        state(pool("p", hops=1), cluster="a"),
        state(pool("p", hops=2), cluster="0"),
    ]
    assert choose_routes(routes)[0].cluster == "a"


def test_columns_are_by_identifier_and_know_the_catalog() -> None:
    columns = snapshot(pool("b", model="H100"), pool("a", model=None, latency_us=5)).columns
    assert columns.ids.values == ("a", "b")
    assert columns.model.of_row(1) == H100
    assert columns.device_memory.tolist() == [UNKNOWN, 80 * 2**30]
    assert columns.latency_us.tolist() == [5, UNKNOWN]


def test_what_was_measured_on_a_pool_counts_before_the_catalog() -> None:
    columns = snapshot(pool("a", measured_gflops=(("fp16", 7),))).columns
    by_name = dict(zip([p.value for p in PRECISIONS], columns.gflops[0].tolist(), strict=True))
    assert by_name["fp16"] == 7
    assert by_name["fp64"] == 66_900
    assert by_name["tf32"] == UNKNOWN


def test_a_network_without_pools_has_columns_too() -> None:
    assert len(snapshot().columns) == 0


@given(st.lists(STATES, max_size=6))
def test_choosing_routes_twice_or_in_another_order_changes_nothing(states: list[PoolState]) -> None:
    unlike = {(s.pool.id, s.cluster, s.silent, s.pool.hops): s for s in states}
    routes = choose_routes(unlike.values())
    assert choose_routes(routes) == routes
    assert len({r.pool.id for r in routes}) == len(routes)
    other = choose_routes(reversed(list(unlike.values())))
    assert [(r.pool.id, r.cluster) for r in other] == [(r.pool.id, r.cluster) for r in routes]
