"""The agent's decisions, without reading or writing: what an event means, what to take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from weir import __version__
from weir.agent.journal import Entry
from weir.core.lifecycle import RunEvent, RunState, is_repeat, may_step_run, step_run
from weir.executors.base import Seen
from weir.wire.exchange import RunOrder

NOT_STARTED = "it did not start in time"
NOT_READ = f"Weir {__version__}, which this agent runs, does not understand all of the order:"
"""Why nothing of a run is started: its parent will have given it up; or it is for a newer agent."""


def steps(state: RunState, stopping: str, seen: Seen) -> list[tuple[Seen, RunState]]:
    """The moves that one thing seen stands for; empty for a repeat or what can't be any more.

    An executor may see only the end of a quick run: it has started then, too. A run that was
    stopped because it did not start in time is refused: nothing of it has run.
    """
    if seen.event is RunEvent.CANCELED and state is RunState.ACCEPTED and stopping == NOT_STARTED:
        seen = replace(seen, event=RunEvent.REFUSED, reason=NOT_STARTED)
    if is_repeat(state, seen.event):
        return []
    if may_step_run(state, seen.event):
        return [(seen, step_run(state, seen.event))]
    if state is RunState.ACCEPTED and seen.event is RunEvent.SUCCEEDED:
        start = Seen(seen.run, RunEvent.STARTED, seen.at, place=seen.place)
        return [(start, RunState.RUNNING), (seen, RunState.SUCCEEDED)]
    if state is RunState.RUNNING and seen.event is RunEvent.REFUSED:
        # It ran here and its own cluster then sent it back: to the parent that is a loss.
        lost = replace(seen, event=RunEvent.VANISHED)
        return [(lost, step_run(state, lost.event))]
    return []


@dataclass(frozen=True, slots=True)
class Sorted:
    """Orders, decided on."""

    taken: tuple[RunOrder, ...]
    refused: tuple[tuple[str, str], ...]


def sort_orders(
    orders: Sequence[RunOrder],
    active: Sequence[RunOrder],
    knows: Callable[[str], bool],
    admit: Callable[[Sequence[RunOrder], Iterable[RunOrder]], Mapping[str, str]],
) -> Sorted:
    """Take each order that is new and fits beside what is active; refuse the others with a reason.

    What is known already is neither: it was answered before.
    """
    fresh = {o.run: o for o in orders if not knows(o.run)}
    refused = admit(list(fresh.values()), active)
    return Sorted(
        taken=tuple(o for run, o in fresh.items() if run not in refused),
        refused=tuple(refused.items()),
    )


def overdue(entries: Iterable[Entry], now: float) -> list[str]:
    """Runs that have not started by their time, and are not being stopped yet."""
    return [
        e.order.run
        for e in entries
        if e.state is RunState.ACCEPTED and not e.stopping and now > e.start_by
    ]


def state_as_seen(entry: Entry, now: float) -> Seen | None:
    """A run's state as the event that says it, for a parent that asks again."""
    event = {
        RunState.ACCEPTED: RunEvent.ACCEPTED,
        RunState.RUNNING: RunEvent.STARTED,
    }.get(entry.state)
    return None if event is None else Seen(entry.order.run, event, now)
