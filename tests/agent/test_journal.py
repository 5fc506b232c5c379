"""The journal: what is in it survives, in order, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agent.fakes import an_order
from weir.agent.journal import REMEMBER_S, Journal
from weir.core.lifecycle import RunEvent, RunState
from weir.executors.base import Seen

UP = "parent"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def reopened(journal: Journal, path: Path) -> Journal:
    """As after a kill: nothing but the file is left."""
    journal.close()
    return Journal(path, "another-name")


def end(journal: Journal, run: str) -> None:
    journal.record(
        [
            (Seen(run, RunEvent.STARTED, 2.0), RunState.RUNNING),
            (Seen(run, RunEvent.SUCCEEDED, 3.0, exit_code=0), RunState.SUCCEEDED),
        ]
    )


def test_its_name_stays_and_so_do_its_runs(path: Path) -> None:
    journal = Journal(path, "name-1234")
    journal.accept(UP, [an_order("r1", start_within_s=9)], now=1.0)
    again = reopened(journal, path)
    assert again.name == "name-1234"
    entry = again.get("r1")
    assert entry is not None
    assert (entry.state, entry.start_by, entry.order.run) == (RunState.ACCEPTED, 10.0, "r1")


def test_a_number_once_given_stays_with_its_observation(path: Path) -> None:
    journal = Journal(path, "name-1234")
    journal.accept(UP, [an_order("r1"), an_order("r2")], now=1.0)
    first = journal.number(UP, journal.outgoing(UP, 10))
    again = reopened(journal, path)
    end(again, "r2")
    second = again.number(UP, again.outgoing(UP, 10))
    assert [(o.seq, o.run, o.event) for o in second][:2] == [(o.seq, o.run, o.event) for o in first]
    assert [o.seq for o in second] == [1, 2, 3, 4]


def test_what_waits_for_files_does_not_hold_up_the_others_or_take_their_numbers(
    path: Path,
) -> None:
    journal = Journal(path, "name-1234")
    journal.accept(UP, [an_order("r1"), an_order("r2")], now=1.0)
    end(journal, "r1")
    waiting = journal.outgoing(UP, 10)
    sent = journal.number(UP, [o for o in waiting if not o.final])
    assert [o.event for o in sent] == [RunEvent.ACCEPTED, RunEvent.ACCEPTED, RunEvent.STARTED]
    journal.acknowledged(UP, 3)
    later = journal.number(UP, journal.outgoing(UP, 10))
    assert [(o.seq, o.event) for o in later] == [(4, RunEvent.SUCCEEDED)]


def test_a_run_leaves_when_its_end_is_acknowledged_and_is_remembered(path: Path) -> None:
    journal = Journal(path, "name-1234")
    journal.accept(UP, [an_order("r1")], now=1.0)
    end(journal, "r1")
    journal.keep_sent({("r1", "stdout"): 5})
    journal.number(UP, journal.outgoing(UP, 10))
    assert journal.acknowledged(UP, 2) == []
    assert journal.acknowledged(UP, 3) == ["r1"]
    again = reopened(journal, path)
    assert again.open_runs() == []
    assert again.sent("r1") == {}
    assert again.knows("r1")
    word = again.last_word("r1")
    assert word is not None
    assert (word.event, word.exit_code) == (RunEvent.SUCCEEDED, 0)
    assert again.told_lately() == ["r1"]


def test_what_ended_long_ago_is_forgotten(path: Path) -> None:
    journal = Journal(path, "name-1234")
    journal.accept(UP, [an_order("r1")], now=1.0)
    end(journal, "r1")
    journal.number(UP, journal.outgoing(UP, 10))
    journal.acknowledged(UP, 3)
    journal.prune(now=3.0 + REMEMBER_S - 1)
    assert journal.knows("r1")
    journal.prune(now=3.0 + REMEMBER_S + 1)
    assert not journal.knows("r1")


def test_parents_are_told_apart(path: Path) -> None:
    journal = Journal(path, "name-1234")
    journal.accept("one", [an_order("r1")], now=1.0)
    journal.accept("two", [an_order("r2")], now=1.0)
    assert [o.run for o in journal.outgoing("one", 10)] == ["r1"]
    one = journal.number("one", journal.outgoing("one", 10))
    two = journal.number("two", journal.outgoing("two", 10))
    assert [o.seq for o in one] == [o.seq for o in two] == [1]
    journal.acknowledged("one", 1)
    assert [o.run for o in journal.outgoing("two", 10)] == ["r2"]
