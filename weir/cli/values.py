"""Values as people read them: times, amounts, prices, devices. Units are always said.

Emulated devices are marked in every text that names a device or a pool.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from weir.core import units
from weir.core.lifecycle import JobState, RunState
from weir.wire.jobs import CandidateAnswer, JobAnswer, TermAnswer
from weir.wire.jobspec import JobSpec

DAY_S = 86400.0
UNKNOWN = "unknown"
NONE = "-"

STYLES = {
    "waiting": "yellow",
    "placed": "cyan",
    "assigned": "cyan",
    "accepted": "cyan",
    "running": "blue",
    "succeeded": "green",
    "failed": "red",
    "lost": "red",
    "refused": "magenta",
    "canceled": "dim",
}


def style_of(state: JobState | RunState) -> str:
    """The color of a state on a terminal."""
    return STYLES.get(state.value, "")


def in_words(state: JobState) -> str:
    """`has failed`, `is running`."""
    ended = (JobState.SUCCEEDED, JobState.FAILED)
    return f"has {state}" if state in ended else f"is {state}"


def stamp(at: float) -> str:
    """A moment in the local zone: `2026-01-31 14:05:09`."""
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")


def ago(at: float | None, now: float) -> str:
    """A moment as seen from now: `12 s ago`, `in 3 min`, and far away the local date."""
    if at is None:
        return NONE
    past = now - at
    if abs(past) < 1:
        return "now"
    if abs(past) >= 2 * DAY_S:
        return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M")
    return f"{roughly(past)} ago" if past > 0 else f"in {roughly(-past)}"


def roughly(seconds: float) -> str:
    """A duration in its largest unit, rounded down: `12 s`, `3 min`, `2 h`, `5 d`."""
    for size, unit in ((DAY_S, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{seconds:.1f} s" if 0 < seconds < 10 else f"{int(seconds)} s"


def took(started_at: float | None, ended_at: float | None, now: float) -> str:
    """How long something ran, or has been running: `4.2 s`, `1h30m12s`."""
    if started_at is None:
        return NONE
    seconds = max(0.0, (now if ended_at is None else ended_at) - started_at)
    return f"{seconds:.1f}s" if seconds < 10 else units.show_duration_s(int(seconds))


def price(micro_per_hour: int, currency: str) -> str:
    """A price by the hour: `2.50 CNY/h`."""
    return f"{units.show_price_micro(micro_per_hour)} {currency}/h"


def latency(microseconds: int | float | None) -> str:
    """A round trip, to a tenth of a millisecond: `20 ms`, `3.2 ms`, `0 ms` only for none at all."""
    if microseconds is None:
        return UNKNOWN
    if 0 < microseconds < 50:
        return "< 0.1 ms"
    return f"{number(round(microseconds / 1000, 1))} ms"


def number(value: float | int | None) -> str:
    """A number with three or four digits that count, and thousands parted by blanks."""
    if value is None:
        return UNKNOWN
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}".replace(",", " ")
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.4g}"


def amount(value: float | int | None, unit: str, part: str = "") -> str:
    """A number with its unit, large ones in a larger unit: `5 %`, `1.5 TiB`, `2 PFLOPS`.

    `part` is of what it is a part: the operations of INT8 are whole numbers, `2 POPS`.
    """
    if value is None:
        return UNKNOWN
    unit = "GOPS" if (unit, part) == ("GFLOPS", "int8") else unit
    if isinstance(value, int) and value >= 0 and unit in ("bytes", "GFLOPS", "GOPS"):
        if unit == "bytes":
            return units.show_bytes(value)
        return units.show_gflops(value, int8=unit == "GOPS")
    return number(value) if unit in ("", "1") else f"{number(value)} {unit}"


def marked(text: str, emulated: bool | None) -> str:
    """`text` with the mark of emulated devices."""
    return f"{text} (emulated)" if emulated else text


def device(model: str | None, emulated: bool, count: str = "") -> str:
    """Devices: `8 x huawei-ascend-910b (emulated)`, or `-` where there are none."""
    if model is None:
        return marked(NONE, emulated)
    return marked(f"{count} x {model}" if count else model, emulated)


def candidate_device(found: CandidateAnswer, spec: JobSpec | None) -> str:
    """The devices that a job would have on a candidate."""
    if spec is None:
        return device(found.device_model, found.emulated)
    wanted = {t.name: t.devices.milli for t in spec.tasks if t.devices is not None}
    milli = sum(count * wanted.get(group, 0) for group, count, _ in found.groups)
    if not milli:
        return marked(NONE, found.emulated)
    return device(found.device_model, found.emulated, units.show_devices_milli(milli))


def candidate_tasks(found: CandidateAnswer) -> str:
    """The tasks that a job would have there: `4`, or `2 trainer + 1 server (cuda)`."""
    several = len(found.groups) > 1
    return " + ".join(
        f"{count}{f' {group}' if several else ''}{f' ({stack})' if stack else ''}"
        for group, count, stack in found.groups
    )


def candidate_start(found: CandidateAnswer) -> str:
    """When a job could start there."""
    if found.now:
        return "now"
    return UNKNOWN if found.start_in_s is None else f"in {roughly(found.start_in_s)}"


def candidate_latency(found: CandidateAnswer) -> str:
    """The round trip to a candidate, from its score's terms."""
    term = next((t for t in found.terms if t.name.lower().startswith("latency")), None)
    return NONE if term is None else term_value(term)


ESTIMATED = "s (estimated)"
"""The unit of a running time by a speed that no run has shown yet."""


def term_value(term: TermAnswer) -> str:
    """A term in its own unit: `3.2 ms`."""
    if term.value is None:
        return UNKNOWN
    if term.unit in ("us", "µs"):
        return latency(term.value)
    if term.unit == "ms":
        return latency(term.value * 1000)
    if term.unit in ("s", ESTIMATED):
        said = took(0.0, term.value, 0.0) if term.value else "0s"
        return f"{said} (estimated)" if term.unit == ESTIMATED else said
    if term.unit == "share":
        return f"{number(round(100 * term.value, 1))} %"
    return f"{number(term.value)} {term.unit}".rstrip()


TERMS = {
    "price": "price",
    "start": "start",
    "latency": "latency",
    "hops": "domains on the way",
    "run": "running time",
    "energy": "energy",
    "carbon": "carbon",
    "data": "data to move",
    "spare": "left idle",
    "use": "site in use",
    "past": "site in use of late",
    "surplus": "devices left beside it",
    "apart": "others of its name near",
}
"""The terms of a score as people read them."""


def term_name(name: str) -> str:
    """A term in words; a newer server may have one that is not known here."""
    return TERMS.get(name, name)


def terms(found: CandidateAnswer) -> str:
    """A score with the parts that count, lower is better: `0.410 = price 0.310 + latency 0.100`."""
    parts = " + ".join(f"{term_name(t.name)} {t.cost:.3f}" for t in found.terms if round(t.cost, 3))
    return f"{found.cost:.3f} = {parts}" if parts else f"{found.cost:.3f}"


def where(job: JobAnswer) -> str:
    """Where a job is or was: `north-center / a800`, marked if emulated."""
    if job.pool is None and not job.place:
        return NONE
    named = [n for n in (job.site_name, job.pool_name) if n]
    return marked(" / ".join(named) or job.pool or " > ".join(job.place), job.emulated)


def listed(items: Iterable[str]) -> str:
    """`a, b, c`, or `-`."""
    return ", ".join(items) or NONE
