"""An agent reads what its runs use: not too often, once more at the end, and tells who sent it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.agent.fakes import ScriptedExecutor, an_order
from weir.agent.journal import Journal
from weir.agent.using import MAX_WAITING, Using, Waiting, use_of
from weir.core.lifecycle import RunEvent, RunState
from weir.core.usage import EVERY_S
from weir.executors.base import Seen
from weir.wire.usage import MAX_USES, RunUse

KEY = "CN.S1.C1-E CN-F"


class Measured(ScriptedExecutor):
    """Tells of each run that it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, ...]] = []

    def used(self, runs: Sequence[str]) -> Sequence[RunUse]:
        self.asked.append(tuple(runs))
        return [RunUse(run=run, at=1.0, cpu_ms=len(self.asked)) for run in [*runs, "r-else"]]


@dataclass
class Desk:
    """What reads, by a clock of the test's."""

    executor: Measured
    journal: Journal
    waiting: Waiting
    using: Using
    now: float = 1000.0
    told: int = 0

    def run(self, name: str, *events: RunState) -> None:
        if not self.journal.knows(name):
            self.journal.accept(KEY, [an_order(name)], self.now)
        for state in events:
            event = {
                RunState.RUNNING: RunEvent.STARTED,
                RunState.SUCCEEDED: RunEvent.SUCCEEDED,
            }[state]
            self.journal.record([(Seen(name, event, self.now), state)])

    def tell(self) -> None:
        self.told += 1


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    journal = Journal(tmp_path / "journal.db", "journal-1")
    executor, waiting = Measured(), Waiting()
    made: list[Desk] = []
    using = Using(
        executor,
        journal,
        lambda key: waiting if key == KEY else None,
        lambda: made[0].now,
        lambda: made[0].tell(),
    )
    made.append(Desk(executor, journal, waiting, using))
    yield made[0]
    journal.close()


def test_a_run_is_read_once_it_runs_and_then_ever_less_often(desk: Desk) -> None:
    desk.run("r1")
    assert desk.using.look() == 0
    assert desk.executor.asked == []
    desk.run("r1", RunState.RUNNING)
    for _ in range(400):
        desk.using.look()
        desk.now += EVERY_S / 2
    first = len(desk.executor.asked)
    assert 100 < first <= 200
    desk.now += 3000
    for _ in range(400):
        desk.using.look()
        desk.now += EVERY_S / 2
    assert len(desk.executor.asked) - first < first / 2
    assert desk.told == len(desk.executor.asked)


def test_what_has_ended_is_read_once_more(desk: Desk) -> None:
    desk.run("r1", RunState.RUNNING)
    desk.using.look()
    desk.run("r1", RunState.SUCCEEDED)
    for _ in range(3):
        desk.using.look()
    assert desk.executor.asked == [("r1",), ("r1",)]
    assert [u.cpu_ms for u in desk.waiting.take()] == [1, 2]
    assert desk.waiting.take() == ()


def test_readings_of_other_runs_are_left_out(desk: Desk) -> None:
    desk.run("r1", RunState.RUNNING)
    assert desk.using.look() == 1
    assert [u.run for u in desk.waiting.take()] == ["r1"]


def test_with_too_many_readings_the_oldest_go() -> None:
    waiting = Waiting()
    for n in range(MAX_WAITING + 5):
        waiting.put(RunUse(run="r", at=float(n)))
    first = waiting.take()
    assert len(first) == MAX_USES
    assert first[0].at == 5.0


@dataclass
class Account:
    used_cpu_s: float | None
    peak_memory_bytes: int | None
    elapsed_s: float | None = None
    allocated_cpu_s: float | None = None


def test_accounts_become_readings_where_there_is_something_in_them() -> None:
    found = use_of("r", Account(1.5, 2**20), 7.0)
    assert found == RunUse(run="r", at=7.0, cpu_ms=1500, peak_bytes=2**20)
    assert use_of("r", Account(None, None), 7.0) is None


def test_a_completion_file_tells_how_long_it_took_and_what_it_was_given() -> None:
    found = use_of("r", Account(None, None, 60, 240), 7.0)
    assert found == RunUse(run="r", at=7.0, elapsed_ms=60_000, given_cpu_ms=240_000)


def test_an_executor_that_only_keeps_accounts_is_asked_for_them(tmp_path: Path) -> None:
    class Keeps(ScriptedExecutor):
        def usage(self, runs: Sequence[str]) -> Mapping[str, Account]:
            return {run: Account(2.0, None) for run in runs}

    journal, waiting = Journal(tmp_path / "journal.db", "journal-1"), Waiting()
    journal.accept(KEY, [an_order("r1")], 0.0)
    journal.record([(Seen("r1", RunEvent.STARTED, 0.0), RunState.RUNNING)])
    using = Using(Keeps(), journal, lambda _: waiting, lambda: 10.0, lambda: None)
    assert using.look() == 1
    assert [u.cpu_ms for u in waiting.take()] == [2000]
    journal.close()
