"""Words: why a job waits, in one or a few sentences."""

from __future__ import annotations

from collections.abc import Collection

from weir.core.lifecycle import JobState
from weir.core.plan import Reason, Waiting

DAY_S = 86_400.0


def waiting_sentence(
    entry: Waiting, before: str, served_by: Collection[str] = (), will_go: int = 0, queue: str = ""
) -> str:
    """The answer. `before` is what came before it waited, `served_by` the jobs that are making
    room for it, `will_go` how many more the next round would ask to.
    """
    said = [_state(entry, queue)]
    if not entry.hopeless:
        said += [_room_sentence(served_by, will_go), start_sentence(entry)]
    said.append(f"Before that: {before}." if before else "")
    return " ".join(filter(None, said))


def _state(entry: Waiting, queue: str) -> str:
    if not entry.reasons:
        return "There is no pool in this network yet."
    if entry.hopeless:
        return (
            "No pool of this network could ever take it as it is: each lacks something that "
            "waiting will not bring."
        )
    reasons = {r.reason for r in entry.reasons}
    if Reason.DEFERRED in reasons:
        return "It is not to start yet: its time has not come."
    jobs = "one job" if entry.ahead == 1 else f"{entry.ahead} jobs"
    ahead = f", with {jobs} ahead of it" if entry.ahead else ""
    held = f"; pool {entry.held_pool} is kept for it" if entry.held_pool else ""
    if Reason.QUOTA in reasons:
        whose = f"Its queue {queue}, or one above it," if queue else "Its queue"
        return f"{whose} holds all that it may: it waits until jobs of that queue end{ahead}{held}."
    return f"It waits for room{ahead}{held}."


def _room_sentence(served_by: Collection[str], will_go: int) -> str:
    if served_by:
        who = ", ".join(sorted(served_by)[:3]) + (", ..." if len(served_by) > 3 else "")
        return (
            f"Room is being made for it: {who} {'is' if len(served_by) == 1 else 'are'} stopping."
        )
    if will_go:
        jobs = "One job" if will_go == 1 else f"{will_go} jobs"
        return f"{jobs} of less weight will be asked to make room for it."
    return ""


def start_sentence(entry: Waiting) -> str:
    """When it should start, as far as that is known: "It should start in 12 min to 2 h."."""
    soonest, latest = entry.start_s
    quota = any(r.reason is Reason.QUOTA for r in entry.reasons)
    if quota or (soonest is None and latest is None):
        return ""  # with a quota, room is not what it lacks, and that is all that is known
    if latest is None:
        return f"It should start {_in(soonest or 0.0)} at the soonest."
    if soonest is None or about(soonest) == about(latest):
        return f"It should start {_in(latest)}{' at the latest' if soonest is None else ''}."
    if soonest < 1:
        return f"It should start at once, or within {about(latest)}."
    return f"It should start in {about(soonest)} to {about(latest)}."


def _in(seconds: float) -> str:
    return "at once" if seconds < 1 else f"in {about(seconds)}"


def about(seconds: float) -> str:
    """A duration in its largest unit, two digits at most: `40 s`, `12 min`, `2 h`, `1.5 h`, `3 d`.

    Rounded up: nobody should be told too early a time.
    """
    for size, unit in ((DAY_S, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            tenths = -int(-seconds * 10 // size)
            whole = tenths % 10 == 0 or tenths >= 100
            return f"{-(-tenths // 10) if whole else tenths / 10:g} {unit}"
    return f"{-int(-seconds // 1)} s"


def end_sentence(state: JobState, reason: str) -> str:
    """How a job ended, in words; empty for one that goes on or ended well."""
    if state is JobState.CANCELED:
        return (
            f"It was {reason}." if reason.startswith("canceled") else f"It was stopped: {reason}."
        )
    words = {JobState.FAILED: "It failed", JobState.REFUSED: "It was sent back"}
    return f"{words[state]}: {reason}." if state in words and reason else ""
