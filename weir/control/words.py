"""Words: why a job waits, in one or a few sentences (`weir.scheduling.explain_words` has them)."""

from __future__ import annotations

from collections.abc import Collection

from weir.core.lifecycle import JobState
from weir.core.plan import Reason, Waiting
from weir.scheduling.explain_words import Saying, about, end_sayings, sentences

__all__ = ["about", "end_sentence", "start_sentence", "waiting_sayings", "waiting_sentence"]


def waiting_sayings(
    entry: Waiting, before: str, served_by: Collection[str] = (), will_go: int = 0, queue: str = ""
) -> list[Saying]:
    """The answer. `before` is what came before it waited, `served_by` the jobs that are making
    room for it, `will_go` how many more the next round would ask to.
    """
    said = [_state(entry, queue)]
    if not entry.hopeless:
        said += [*_room(served_by, will_go), *_start(entry)]
    return [*said, Saying("before", {"reason": before})] if before else said


def waiting_sentence(
    entry: Waiting, before: str, served_by: Collection[str] = (), will_go: int = 0, queue: str = ""
) -> str:
    """The same in English."""
    return sentences(waiting_sayings(entry, before, served_by, will_go, queue))


def _state(entry: Waiting, queue: str) -> Saying:
    if not entry.reasons:
        return Saying("no_pool")
    if entry.hopeless:
        return Saying("hopeless")
    reasons = {r.reason for r in entry.reasons}
    if Reason.DEFERRED in reasons:
        return Saying("deferred")
    values: dict[str, str | int | float] = {"ahead": entry.ahead, "held": entry.held_pool or ""}
    if Reason.QUOTA in reasons:
        return Saying("quota_of", values | {"queue": queue}) if queue else Saying("quota", values)
    return Saying("room", values)


def _room(served_by: Collection[str], will_go: int) -> list[Saying]:
    if served_by:
        who = ", ".join(sorted(served_by)[:3]) + (", ..." if len(served_by) > 3 else "")
        return [Saying("room_made_by" + ("_one" if len(served_by) == 1 else ""), {"jobs": who})]
    if will_go:
        return [Saying("room_asked_of" + ("_one" if will_go == 1 else ""), {"count": will_go})]
    return []


def start_sentence(entry: Waiting) -> str:
    """When it should start, as far as that is known: "It should start in 12 min to 2 h."."""
    return sentences(_start(entry))


def _start(entry: Waiting) -> list[Saying]:
    soonest, latest = entry.start_s
    quota = any(r.reason is Reason.QUOTA for r in entry.reasons)
    if quota or (soonest is None and latest is None):
        return []  # with a quota, room is not what it lacks, and that is all that is known
    if latest is None:
        return [Saying("starts_from", {"from_s": soonest or 0.0})]
    if soonest is None or about(soonest) == about(latest):
        return [Saying("starts_by" if soonest is None else "starts", {"by_s": latest})]
    if soonest < 1:
        return [Saying("starts_within", {"within_s": latest})]
    return [Saying("starts_between", {"least_s": soonest, "most_s": latest})]


def end_sentence(state: JobState, reason: str) -> str:
    """How a job ended, in words; empty for one that goes on or ended well."""
    return sentences(end_sayings(state, reason))
