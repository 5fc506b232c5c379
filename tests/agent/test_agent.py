"""What an agent does between a parent and an executor, both scripted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.fakes import Running, ScriptedExecutor, ScriptedParent, an_order, until
from weir.core.errors import Superseded
from weir.core.lifecycle import RunEvent
from weir.wire.exchange import UnreadOrder

ACCEPTED, STARTED, SUCCEEDED = RunEvent.ACCEPTED, RunEvent.STARTED, RunEvent.SUCCEEDED
REFUSED, CANCELED, VANISHED = RunEvent.REFUSED, RunEvent.CANCELED, RunEvent.VANISHED


@pytest.fixture
def executor() -> ScriptedExecutor:
    return ScriptedExecutor()


@pytest.fixture
def parent() -> ScriptedParent:
    return ScriptedParent()


@pytest.fixture
def running(
    tmp_path: Path, executor: ScriptedExecutor, parent: ScriptedParent
) -> Iterator[Running]:
    agent = Running(tmp_path / "agent", executor, parent)
    yield agent
    agent.stop()


def finish(executor: ScriptedExecutor, run: str) -> None:
    executor.happen(run, STARTED)
    executor.happen(run, SUCCEEDED, exit_code=0)


def test_an_order_is_taken_run_and_told_to_its_end(
    running: Running, executor: ScriptedExecutor, parent: ScriptedParent
) -> None:
    parent.orders.append(an_order("r1"))
    until(lambda: executor.submitted == ["r1"], "the run is submitted")
    executor.contents[("r1", "stdout")] = b"hello\n"
    finish(executor, "r1")
    until(lambda: SUCCEEDED in parent.events("r1"), "the end is told")
    assert parent.events("r1") == [ACCEPTED, STARTED, SUCCEEDED]
    assert parent.files[("r1", "stdout")] == 6
    until(lambda: executor.forgotten == ["r1"], "the executor may forget it")


def test_the_end_of_a_run_comes_after_all_of_its_files(
    running: Running, executor: ScriptedExecutor, parent: ScriptedParent
) -> None:
    executor.contents[("r1", "output/big")] = bytes(3_000_000)
    parent.orders.append(an_order("r1"))
    until(lambda: executor.submitted == ["r1"], "the run is submitted")
    finish(executor, "r1")
    until(lambda: SUCCEEDED in parent.events("r1"), "the end is told")
    told = [r for r in parent.requests if r.chunks or r.observations]
    assert len([r for r in told if r.chunks]) > 1, "it takes more than one call"
    assert [o.event for r in told[:-1] for o in r.observations].count(SUCCEEDED) == 0
    assert parent.files[("r1", "output/big")] == 3_000_000


def test_what_does_not_fit_is_refused_with_the_reason(
    running: Running, executor: ScriptedExecutor, parent: ScriptedParent
) -> None:
    executor.refuse["r1"] = "no room in pool cpu"
    parent.orders.append(an_order("r1"))
    until(lambda: parent.events("r1") == [REFUSED], "the refusal is told")
    reasons = [o.reason for r in parent.requests for o in r.observations]
    assert reasons == ["no room in pool cpu"]
    assert executor.submitted == []


def test_a_lost_answer_costs_a_repeat_and_no_second_effect(
    running: Running, executor: ScriptedExecutor, parent: ScriptedParent
) -> None:
    parent.lose_answers = 2
    parent.orders.append(an_order("r1"))
    until(lambda: executor.submitted == ["r1"], "the run is submitted")
    finish(executor, "r1")
    until(lambda: SUCCEEDED in parent.events("r1"), "the end is told")
    assert parent.events("r1") == [ACCEPTED, STARTED, SUCCEEDED]
    assert executor.submitted == ["r1"]


def test_an_agent_that_was_killed_starts_what_it_accepted_and_finds_what_runs(
    tmp_path: Path, executor: ScriptedExecutor, parent: ScriptedParent
) -> None:
    first = Running(tmp_path / "agent", executor, parent)
    parent.orders += [an_order("r1", 1), an_order("r2", 2)]
    until(lambda: len(executor.submitted) == 2, "both are submitted")
    executor.happen("r1", STARTED)
    until(lambda: STARTED in parent.events("r1"), "the start of one is told")
    first.stop()
    executor.states.pop("r2", None)  # the resource manager never got the second one
    executor.happen("r1", SUCCEEDED)  # and the first has ended meanwhile
    again = Running(tmp_path / "agent", executor, parent)
    until(lambda: executor.submitted == ["r1", "r2", "r2"], "only the second is submitted again")
    until(lambda: SUCCEEDED in parent.events("r1"), "the end of the first is told")
    told = dict.fromkeys(parent.events("r1"))  # what is asked again is told again
    assert list(told) == [ACCEPTED, STARTED, SUCCEEDED]
    assert set(parent.events("r2")) == {ACCEPTED}
    again.stop()


def test_an_order_that_comes_again_after_the_end_starts_nothing(
    running: Running, executor: ScriptedExecutor, parent: ScriptedParent
) -> None:
    parent.orders.append(an_order("r1"))
    until(lambda: executor.submitted == ["r1"], "the run is submitted")
    finish(executor, "r1")
    until(lambda: executor.forgotten == ["r1"], "all of it is told")
    parent.orders = [an_order("r1", revision=7), an_order("r2", revision=8)]
    until(lambda: "r2" in executor.submitted, "the next order is taken")
    assert executor.submitted == ["r1", "r2"]


def test_an_order_that_only_a_newer_agent_understands_goes_back_with_the_reason(
    running: Running, executor: ScriptedExecutor, parent: ScriptedParent
) -> None:
    parent.unread.append(UnreadOrder(run="r1", why="spec.qubits (Extra inputs ...)"))
    parent.orders.append(an_order("r2"))
    until(lambda: executor.submitted == ["r2"], "the other is submitted")
    until(lambda: parent.events("r1") == [REFUSED], "it is refused")
    assert "spec.qubits" in parent.reasons["r1"]


def test_a_run_that_does_not_start_in_time_is_stopped_and_refused(
    running: Running, executor: ScriptedExecutor, parent: ScriptedParent
) -> None:
    parent.orders.append(an_order("r1", start_within_s=5))
    until(lambda: executor.submitted == ["r1"], "the run is submitted")
    running.now += 6
    until(lambda: executor.canceled == ["r1"], "it is stopped")
    assert REFUSED not in parent.events("r1"), "it may still be starting"
    executor.happen("r1", CANCELED)
    until(lambda: parent.events("r1") == [ACCEPTED, REFUSED], "it is refused")


def test_a_cancel_stops_the_run_and_one_for_a_run_never_heard_of_is_answered(
    running: Running, executor: ScriptedExecutor, parent: ScriptedParent
) -> None:
    parent.orders.append(an_order("r1"))
    until(lambda: executor.submitted == ["r1"], "the run is submitted")
    executor.happen("r1", STARTED)
    parent.cancels += ["r1", "ghost"]
    until(lambda: executor.canceled == ["r1"], "the run is stopped")
    until(lambda: parent.events("ghost") == [CANCELED], "the other is canceled already")
    executor.happen("r1", CANCELED)
    until(lambda: parent.events("r1") == [ACCEPTED, STARTED, CANCELED], "its end is told")


def test_a_parent_that_asks_is_told_how_its_runs_stand(
    running: Running, executor: ScriptedExecutor, parent: ScriptedParent
) -> None:
    parent.orders.append(an_order("r1"))
    until(lambda: executor.submitted == ["r1"], "the run is submitted")
    executor.happen("r1", STARTED)
    until(lambda: STARTED in parent.events("r1"), "it runs")
    parent.recheck += ["r1", "ghost"]
    until(lambda: VANISHED in parent.events("ghost"), "the unknown one is told as vanished")
    until(lambda: parent.events("r1") == [ACCEPTED, STARTED, STARTED], "the other still runs")


def test_a_parent_that_is_away_is_told_everything_when_it_is_back(
    running: Running, executor: ScriptedExecutor, parent: ScriptedParent
) -> None:
    parent.orders.append(an_order("r1"))
    until(lambda: executor.submitted == ["r1"], "the run is submitted")
    parent.away = True
    executor.contents[("r1", "stdout")] = b"meanwhile\n"
    finish(executor, "r1")
    parent.away = False
    until(lambda: SUCCEEDED in parent.events("r1"), "the end is told")
    assert parent.events("r1") == [ACCEPTED, STARTED, SUCCEEDED]
    assert parent.files[("r1", "stdout")] == 10


def test_an_agent_whose_cluster_was_taken_over_stops_with_the_reason(
    tmp_path: Path, executor: ScriptedExecutor, parent: ScriptedParent
) -> None:
    running = Running(tmp_path / "agent", executor, parent)
    until(lambda: bool(parent.requests), "it has said hello")
    parent.superseded = True
    until(running.ended, "it stops by itself")
    assert isinstance(running.error, Superseded)


def test_a_run_accepted_long_ago_and_never_started_is_refused_not_started(
    tmp_path: Path, executor: ScriptedExecutor, parent: ScriptedParent
) -> None:
    first = Running(tmp_path / "agent", executor, parent)
    parent.orders.append(an_order("r1", start_within_s=60))
    until(lambda: executor.submitted == ["r1"], "the run is submitted")
    first.stop()
    parent.orders.clear()
    again = Running(tmp_path / "agent", executor, parent, now=1000.0 + 3600)
    until(lambda: REFUSED in parent.events("r1"), "it is refused")
    assert executor.submitted == ["r1"], "and not started an hour late"
    again.stop()


def test_a_no_stays_a_no_after_a_restart(
    tmp_path: Path, executor: ScriptedExecutor, parent: ScriptedParent
) -> None:
    executor.refuse["r1"] = "no room"
    first = Running(tmp_path / "agent", executor, parent)
    until(lambda: bool(parent.requests), "it has said hello")
    parent.orders.append(an_order("r1"))
    until(lambda: REFUSED in parent.events("r1"), "it is refused")
    first.stop()
    executor.refuse.clear()  # there would be room by now
    again = Running(tmp_path / "agent", executor, parent)
    until(lambda: parent.requests[-1].want, "it has heard the order again")
    until(lambda: parent.events("r1").count(REFUSED) == 2, "and says the same")
    assert executor.submitted == []
    again.stop()


def test_pools_that_can_not_be_told_keep_nothing_from_being_told_of_runs(
    running: Running, executor: ScriptedExecutor, parent: ScriptedParent
) -> None:
    parent.refuse_inventory = True
    parent.orders.append(an_order("r1"))
    until(lambda: executor.submitted == ["r1"], "the run is submitted")
    finish(executor, "r1")
    until(lambda: SUCCEEDED in parent.events("r1"), "the end is told")


def test_files_that_can_not_be_had_keep_no_other_run_waiting(
    running: Running, executor: ScriptedExecutor, parent: ScriptedParent
) -> None:
    parent.orders += [an_order("r1", 1), an_order("r2", 2)]
    until(lambda: len(executor.submitted) == 2, "both are submitted")
    executor.unreadable.add("r1")
    finish(executor, "r1")
    executor.happen("r2", STARTED)
    until(lambda: STARTED in parent.events("r2"), "the other's start is told")
    assert SUCCEEDED not in parent.events("r1")
    executor.unreadable.clear()
    until(lambda: SUCCEEDED in parent.events("r1"), "and the end, once the files are there")
