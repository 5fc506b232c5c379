"""A journal that is reopened between any two steps is the journal that was never closed."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.agent.fakes import an_order
from weir.agent.journal import Journal
from weir.core.lifecycle import RunEvent, RunState
from weir.executors.base import Seen

UP, NOW = "parent", 1000.0


def seen(run: str, event: RunEvent, **more: Any) -> Seen:
    return Seen(run, event, NOW, **more)


STEPS: list[Callable[[Journal], object]] = [
    lambda j: j.accept(UP, [an_order("r1"), an_order("r2")], NOW),
    lambda j: j.refuse(UP, [("r3", "no room")], NOW),
    lambda j: j.record([(seen("r1", RunEvent.STARTED), RunState.RUNNING)]),
    lambda j: j.number(UP, j.outgoing(UP, 3)),
    lambda j: j.keep_sent({("r1", "stdout"): 7}),
    lambda j: j.acknowledged(UP, 2),
    lambda j: j.stopping({"r2": "canceled"}),
    lambda j: j.record([(seen("r2", RunEvent.CANCELED), RunState.CANCELED)]),
    lambda j: j.record([(seen("r1", RunEvent.SUCCEEDED, exit_code=0), RunState.SUCCEEDED)]),
    lambda j: j.number(UP, j.outgoing(UP, 99)),
    lambda j: j.acknowledged(UP, 99),
]


def state(journal: Journal) -> object:
    """All that an agent can read of it."""
    runs = ("r1", "r2", "r3", "r4")
    return (
        sorted((e.order.run, e.state, e.stopping, e.start_by) for e in journal.open_runs()),
        [(o.seq, o.run, o.final, o.observation.event) for o in journal.outgoing(UP, 99)],
        [(journal.knows(run), journal.last_word(run), journal.sent(run)) for run in runs],
        journal.name,
    )


@pytest.mark.parametrize("killed_after", range(len(STEPS)))
def test_it_goes_on_where_it_was_killed(tmp_path: Path, killed_after: int) -> None:
    whole, killed = Journal(tmp_path / "a.db", "journal-1"), Journal(tmp_path / "b.db", "journal-1")
    for number, step in enumerate(STEPS):
        step(whole)
        step(killed)
        if number == killed_after:  # without a close: a killed process closes nothing
            killed = Journal(tmp_path / "b.db", "journal-2")
        assert state(killed) == state(whole), f"after step {number}"


def test_numbers_rise_by_one_and_are_never_given_twice(tmp_path: Path) -> None:
    given: list[int] = []
    for name in itertools.islice(itertools.count(), 4):
        journal = Journal(tmp_path / "a.db", "journal-1")
        journal.accept(UP, [an_order(f"r{name}")], NOW)
        given += [o.seq for o in journal.number(UP, journal.outgoing(UP, 99))]
        journal.acknowledged(UP, given[-1])
    assert given == [1, 2, 3, 4]
