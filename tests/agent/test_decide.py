"""The agent's decisions, as tables."""

from __future__ import annotations

import pytest

from tests.agent.fakes import an_order
from weir.agent.decide import NOT_STARTED, sort_orders, steps
from weir.core.lifecycle import RUN_FINAL, RunEvent, RunState
from weir.executors.base import Seen

R, E = RunState, RunEvent


@pytest.mark.parametrize(
    ("state", "stopping", "event", "moves"),
    [
        (R.ACCEPTED, "", E.STARTED, [(E.STARTED, R.RUNNING)]),
        (R.ACCEPTED, "", E.SUCCEEDED, [(E.STARTED, R.RUNNING), (E.SUCCEEDED, R.SUCCEEDED)]),
        (R.ACCEPTED, "", E.FAILED, [(E.FAILED, R.FAILED)]),
        (R.ACCEPTED, NOT_STARTED, E.CANCELED, [(E.REFUSED, R.REFUSED)]),
        (R.ACCEPTED, "canceled", E.CANCELED, [(E.CANCELED, R.CANCELED)]),
        (R.RUNNING, NOT_STARTED, E.CANCELED, [(E.CANCELED, R.CANCELED)]),
        (R.RUNNING, "", E.REFUSED, [(E.VANISHED, R.FAILED)]),
        (R.RUNNING, "", E.STARTED, []),
        (R.SUCCEEDED, "", E.FAILED, []),
    ],
)
def test_what_is_seen_stands_for_these_moves(
    state: RunState, stopping: str, event: RunEvent, moves: list[tuple[RunEvent, RunState]]
) -> None:
    found = steps(state, stopping, Seen("r", event, 1.0))
    assert [(seen.event, to) for seen, to in found] == moves


@pytest.mark.parametrize("state", sorted(RUN_FINAL))
@pytest.mark.parametrize("event", list(RunEvent))
def test_a_run_that_has_ended_stays_as_it_ended(state: RunState, event: RunEvent) -> None:
    assert steps(state, "", Seen("r", event, 1.0)) == []


def test_orders_are_taken_once_refused_with_reason_and_known_ones_left_alone() -> None:
    orders = [an_order("new"), an_order("known"), an_order("large"), an_order("new")]
    decided = sort_orders(
        orders, [], lambda run: run == "known", lambda asked, _active: {"large": "no room"}
    )
    assert [o.run for o in decided.taken] == ["new"]
    assert decided.refused == (("large", "no room"),)
