"""What of a pool is free beside the runs with a known end, and whether these fit together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.scheduling.builders import CLAIMS, GIB, NOW, claim, pool, state
from weir.core.inventory import FreeShape
from weir.scheduling import occupy as module
from weir.scheduling.occupy import occupy
from weir.scheduling.packing import Claim, Free, gathered, place_all

HOSTS = st.builds(
    lambda cpu, memory, devices, hosts: (
        FreeShape(cpu * 1000, memory * GIB, ((1000, devices),) if devices else (), hosts),
    ),
    st.integers(0, 8),
    st.integers(0, 8),
    st.integers(0, 4),
    st.integers(1, 5),
)


@given(HOSTS, st.lists(CLAIMS, min_size=1, max_size=4))
def test_what_fits_on_hosts_of_its_own_fits_together(free: Free, claims: list[Claim]) -> None:
    tasks = gathered(claims)
    if tasks and module._fit_apart(free, tasks):
        assert place_all(free, tasks) is not None


def test_runs_that_fit_are_kept_apart_and_others_are_taken_off() -> None:
    one = claim(8, 1, ends_at=NOW + 60)
    fits = occupy(state(pool("a", hosts=1), one), NOW, True)
    assert [len(fits.runs), fits.row.idle] == [1, 8000]
    both = occupy(state(pool("a", hosts=1), one, one), NOW, True)
    assert [len(both.runs), both.row.idle] == [0, 0], "nobody knows what their end would bring"
    unasked = occupy(state(pool("a", hosts=1), one), NOW, False)
    assert [len(unasked.runs), unasked.row.idle] == [0, 0]
