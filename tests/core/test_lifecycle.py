"""The tables are the machines: what they list can happen, and nothing else can."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.core import diagrams
from weir.core.lifecycle import (
    JOB_ACTIVE,
    JOB_FINAL,
    JOB_TRANSITIONS,
    RUN_ACTIVE,
    RUN_FINAL,
    RUN_TRANSITIONS,
    IllegalMove,
    JobEvent,
    JobState,
    RunEvent,
    RunState,
    is_repeat,
    may_step_run,
    step_job,
    step_run,
)

PAGE = Path(__file__).parents[2] / "docs" / "lifecycle.md"

Table = Mapping[tuple[Any, Any], Any]
MACHINES: list[tuple[Table, type[StrEnum], type[StrEnum], frozenset[Any], StrEnum]] = [
    (RUN_TRANSITIONS, RunState, RunEvent, RUN_FINAL, RunState.ASSIGNED),
    (JOB_TRANSITIONS, JobState, JobEvent, JOB_FINAL, JobState.WAITING),
]
machines = pytest.mark.parametrize(
    ("table", "states", "events", "final", "first"), MACHINES, ids=["run", "job"]
)


@machines
def test_every_state_but_a_final_one_has_a_way_out(
    table: Table, states: Any, events: Any, final: Any, first: Any
) -> None:
    with_a_way_out = {state for state, _ in table}
    assert with_a_way_out == set(states) - final


@machines
def test_every_state_can_be_reached_and_every_event_happens(
    table: Table, states: Any, events: Any, final: Any, first: Any
) -> None:
    reached = {first}
    for _ in states:
        reached |= {after for (state, _), after in table.items() if state in reached}
    assert reached == set(states)
    assert {event for _, event in table} == set(events)


@machines
def test_from_every_state_an_end_can_be_reached(
    table: Table, states: Any, events: Any, final: Any, first: Any
) -> None:
    ending = set(final)
    for _ in states:
        ending |= {state for (state, _), after in table.items() if after in ending}
    assert ending == set(states)


def test_a_state_is_active_final_or_lost() -> None:
    assert set(RunState) == RUN_ACTIVE | RUN_FINAL | {RunState.LOST}
    assert not RUN_ACTIVE & RUN_FINAL
    assert set(JobState) == JOB_ACTIVE | JOB_FINAL
    assert not JOB_ACTIVE & JOB_FINAL


@pytest.mark.parametrize("event", RunEvent)
@pytest.mark.parametrize("state", RunState)
def test_a_run_takes_the_events_of_the_table_and_raises_at_the_others(
    state: RunState, event: RunEvent
) -> None:
    if (state, event) in RUN_TRANSITIONS:
        assert may_step_run(state, event)
        assert step_run(state, event) is RUN_TRANSITIONS[(state, event)]
    else:
        assert not may_step_run(state, event)
        with pytest.raises(IllegalMove, match=f"a run that is {state} can't take {event}"):
            step_run(state, event)


@pytest.mark.parametrize("event", JobEvent)
@pytest.mark.parametrize("state", JobState)
def test_a_job_takes_the_events_of_the_table_and_raises_at_the_others(
    state: JobState, event: JobEvent
) -> None:
    if (state, event) in JOB_TRANSITIONS:
        assert step_job(state, event) is JOB_TRANSITIONS[(state, event)]
    else:
        with pytest.raises(IllegalMove, match=f"a job that is {state} can't take {event}"):
            step_job(state, event)


def test_an_event_said_twice_is_a_repeat_and_no_move() -> None:
    for (state, event), after in RUN_TRANSITIONS.items():
        said_twice = event is not RunEvent.SILENT  # that one the domain says to itself
        if said_twice:
            assert is_repeat(after, event), f"{state} -{event}-> {after}"
            assert not may_step_run(after, event)


def test_nothing_follows_a_final_state() -> None:
    for state in RUN_FINAL:
        assert all(is_repeat(state, event) for event in RunEvent)


@given(st.lists(st.sampled_from(RunEvent)))
def test_whatever_an_agent_says_the_run_stays_in_its_table(events: list[RunEvent]) -> None:
    state, ends = RunState.ASSIGNED, 0
    for event in events:
        if not is_repeat(state, event) and may_step_run(state, event):
            state = step_run(state, event)
            ends += state in RUN_FINAL
    assert ends <= 1


@given(st.lists(st.sampled_from(JobEvent)))
def test_a_job_ends_once(events: list[JobEvent]) -> None:
    state, ends = JobState.WAITING, 0
    for event in events:
        try:
            state = step_job(state, event)
            ends += state in JOB_FINAL
        except IllegalMove:
            continue
    assert ends <= 1


def test_the_page_is_what_the_tables_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == diagrams.page(), f"run: {diagrams.COMMAND}"


def test_the_page_says_how_it_is_made_again() -> None:
    assert f"{diagrams.COMMAND} > docs/lifecycle.md" in diagrams.page()


def test_a_diagram_has_every_move_once() -> None:
    text = diagrams.diagram(RunState.ASSIGNED, RUN_TRANSITIONS)
    assert "    [*] --> assigned\n" in text
    assert "    accepted --> failed: failed, vanished\n" in text
    assert text.count("--> [*]") == len(RUN_FINAL)
    arrows = [line for line in text.splitlines() if ": " in line]
    assert len(arrows) == len({(s, a) for (s, _), a in RUN_TRANSITIONS.items()})
