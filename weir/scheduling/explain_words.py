"""What is said of a job that waits or is somewhere, in each language: one table of wordings.

What decides says a `Saying`: a code and its values. This turns it into a sentence. Laws:
- Every code and every `Reason` has a wording in every language, with the same values.
- English is what programs and logs are told; a text of which no wording is known stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from weir.core.lifecycle import JobState
from weir.core.plan import MEANINGS, Reason
from weir.scheduling.explain_words_zh import (
    CLAUSES_ZH,
    MEANINGS_ZH,
    SENTENCES_ZH,
    SHOWN_ZH,
    STATES_ZH,
    UNITS_ZH,
)

DAY_S = 86_400.0
Value = str | int | float
LANGUAGES = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Saying:
    """One sentence: its code and what stands in it. Names ending in `_s` are seconds."""

    code: str
    values: Mapping[str, Value] = field(default_factory=dict)


SENTENCES_EN: Mapping[str, str] = {
    "no_pool": "There is no pool in this network yet.",
    "hopeless": (
        "No pool of this network could ever take it as it is: each lacks something that waiting "
        "will not bring."
    ),
    "deferred": "It is not to start yet: its time has not come.",
    "put_off_price": (
        "It waits for a better hour, and is to start {by_s}: it is then expected to cost {percent} "
        "% less than at once."
    ),
    "put_off_carbon": (
        "It waits for a better hour, and is to start {by_s}: it is then expected to emit {percent} "
        "% less CO2e than at once."
    ),
    "put_off_room": "It can wait, and is to start {by_s}: what would be free before is booked.",
    "would_price": (
        "Submitted now, it would wait, and start {by_s}: it is then expected to cost {percent} % "
        "less than at once."
    ),
    "would_carbon": (
        "Submitted now, it would wait, and start {by_s}: it is then expected to emit {percent} % "
        "less CO2e than at once."
    ),
    "would_room": (
        "Submitted now, it would wait, and start {by_s}: what would be free before is booked."
    ),
    "room": "It waits for room{ahead}{held}.",
    "quota": "Its queue holds all that it may: it waits until jobs of that queue end{ahead}{held}.",
    "quota_of": (
        "Its queue {queue}, or one above it, holds all that it may: it waits until jobs of that "
        "queue end{ahead}{held}."
    ),
    "room_made_by_one": "Room is being made for it: {jobs} is stopping.",
    "room_made_by": "Room is being made for it: {jobs} are stopping.",
    "room_asked_of_one": "One job of less weight will be asked to make room for it.",
    "room_asked_of": "{count} jobs of less weight will be asked to make room for it.",
    "starts_from": "It should start {from_s} at the soonest.",
    "starts_by": "It should start {by_s} at the latest.",
    "starts": "It should start {by_s}.",
    "starts_within": "It should start at once, or within {within_s}.",
    "starts_between": "It should start in {least_s} to {most_s}.",
    "before": "Before that: {reason}.",
    "asked": "Its center is heard again, and is being asked whether it still runs there.",
    "possible": "It has just become possible to place it: the next round will.",
    "behind": "It stands behind more jobs than one round looks at; it has not come up yet.",
    "state": "It is {state}.",
    "never_placed": "It was never placed.",
    "is_there": "It is on {where}: the lowest cost of all that fit.",
    "is_only_there": "It is on {where}: the only one that fit.",
    "was_there": "It ran on {where}: the lowest cost of all that fit.",
    "was_only_there": "It ran on {where}: the only one that fit.",
    "makes_room": "It was asked to make room for job {job}.",
    "canceled": "It was {reason}.",
    "stopped": "It was stopped: {reason}.",
    "failed": "It failed: {reason}.",
    "refused": "It was sent back: {reason}.",
}
CLAUSES_EN: Mapping[str, str] = {
    "ahead_one": ", with one job ahead of it",
    "ahead": ", with {ahead} jobs ahead of it",
    "held": "; pool {held} is kept for it",
    "now": "at once",
    "in": "in {time}",
    "pool": "pool {pool}",
}
SENTENCES: Mapping[str, Mapping[str, str]] = {"en": SENTENCES_EN, "zh": SENTENCES_ZH}
CLAUSES: Mapping[str, Mapping[str, str]] = {"en": CLAUSES_EN, "zh": CLAUSES_ZH}
REASONS: Mapping[str, Mapping[Reason, str]] = {"en": MEANINGS, "zh": MEANINGS_ZH}
STATES: Mapping[str, Mapping[str, str]] = {"en": {s: s for s in JobState}, "zh": STATES_ZH}
_MOMENTS = ("from_s", "by_s")


def sentence(said: Saying, language: str = "en") -> str:
    """A saying as a sentence; empty for a code that is not known here (a newer server's)."""
    template = SENTENCES.get(language, SENTENCES_EN).get(said.code, "")
    clauses = CLAUSES.get(language, CLAUSES_EN)
    values: dict[str, str] = {"ahead": "", "held": ""}
    for name, value in said.values.items():
        if name == "ahead":
            some = clauses["ahead_one" if value == 1 else "ahead"].format(ahead=value)
            values[name] = some if value else ""
        elif name == "held":
            values[name] = clauses["held"].format(held=value) if value else ""
        elif name == "gone":
            values["where"] = clauses["pool"].format(pool=value)
        elif name in _MOMENTS:
            later = clauses["in"].format(time=about(float(value), language))
            values[name] = clauses["now"] if float(value) < 1 else later
        elif name.endswith("_s"):
            values[name] = about(float(value), language)
        elif name == "state":
            values[name] = STATES.get(language, STATES["en"]).get(str(value), str(value))
        else:
            values[name] = shown(str(value), language) if name == "reason" else str(value)
    return template.format_map(_Gaps(values))


class _Gaps(dict[str, str]):
    """Values of which some may lack: a newer or older server says more or less."""

    def __missing__(self, key: str) -> str:
        return "?"


def sentences(said: Iterable[Saying], language: str = "en") -> str:
    """All of it, one sentence after the other."""
    found = [text for one in said if (text := sentence(one, language))]
    return ("" if language == "zh" else " ").join(found)


def meaning(reason: str, language: str = "en") -> str:
    """A reason in words, said of a pool; empty for one that is not known here."""
    known = {str(r): words for r, words in REASONS.get(language, MEANINGS).items()}
    return known.get(reason, "")


def shown(text: str, language: str = "en") -> str:
    """What was needed or the best there was, as `needed` and `best` say it: with its words in this
    language, names and numbers as they are.
    """
    if language != "zh":
        return text
    for pattern, words in SHOWN_ZH:
        found = re.fullmatch(pattern, text)
        if found is not None:
            return words.format(*found.groups())
    return text


def about(seconds: float, language: str = "en") -> str:
    """A duration in its largest unit, two digits at most: `40 s`, `12 min`, `2 h`, `1.5 h`, `3 d`.

    Rounded up: nobody should be told too early a time.
    """
    number, unit = _about(seconds)
    return f"{number} {UNITS_ZH[unit] if language == 'zh' else unit}"


def _about(seconds: float) -> tuple[str, str]:
    for size, unit in ((DAY_S, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            tenths = -int(-seconds * 10 // size)
            whole = tenths % 10 == 0 or tenths >= 100
            return (f"{-(-tenths // 10) if whole else tenths / 10:g}", unit)
    return f"{-int(-seconds // 1)}", "s"


def end_sayings(state: JobState, reason: str) -> Sequence[Saying]:
    """How a job ended; nothing of one that goes on or ended well."""
    if state is JobState.CANCELED:
        code = "canceled" if reason.startswith("canceled") else "stopped"
        return (Saying(code, {"reason": reason}),)
    codes = {JobState.FAILED: "failed", JobState.REFUSED: "refused"}
    return (Saying(codes[state], {"reason": reason}),) if state in codes and reason else ()
