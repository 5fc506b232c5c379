"""Figures as pages show them: amounts with their unit, shares, moments, durations.

Thousands are parted by commas in both languages. None is `unknown` (a dash), never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from weir.core import units
from weir.core.lifecycle import JOB_FINAL, JobState
from weir.wire.jobs import IndicatorAnswer, TermAnswer
from weir.wire.pools import PoolAnswer

UNKNOWN = "–"
COUNTED = ("domains", "devices", "jobs")
"""Units of terms whose name says already what is counted."""

MILLI = 1000
NAMED_UNITS = {"1": "", "Cel": "°C"}
"""Units by the codes of UCUM that are read otherwise."""

TERMS = {
    "hops": "domains on the way",
    "run": "running time",
    "data": "data to move",
    "spare": "left idle",
    "use": "use of its site with it",
    "past": "use of its site of late",
    "surplus": "accelerators beyond what it asks for",
    "apart": "others of its name near",
}
ESTIMATED = " (estimated)"
"""What the scheduler adds to the unit of a term that is by a speed nobody has measured."""

"""The terms of a score in words, where the name is none."""


def number(value: float | int | None) -> str:
    """`1,234,567`, `12.3`, `0.123`: three figures that count, and thousands parted."""
    if value is None:
        return UNKNOWN
    if isinstance(value, int) or float(value).is_integer() or abs(value) >= 1000:
        return f"{round(value):,}"
    return f"{value:.3g}"


def milli(value: int | None) -> str:
    """Thousandths as whole ones: 1500 is `1.5`."""
    if value is None:
        return UNKNOWN
    return f"{value // MILLI:,}" if value % MILLI == 0 else f"{value / MILLI:,.1f}"


def percent(part: float | None, whole: float | None) -> str:
    """A share as `37%`; a dash where there is nothing to share."""
    if part is None or not whole:
        return UNKNOWN
    share = 100 * part / whole
    return f"{share:.1f}%" if 0 < share < 10 else f"{share:.0f}%"


def size(value: int | None) -> str:
    """Bytes in the largest binary unit: `80 GiB`."""
    return UNKNOWN if value is None else units.show_bytes(value)


def gflops(value: int | None, precision: str = "") -> str:
    """Performance with four figures at most: `989 TFLOPS`, `1.2 POPS` for INT8."""
    if value is None:
        return UNKNOWN
    shown, unit = units.show_gflops(value, int8=precision == "int8").split(" ")
    return f"{float(shown):.4g} {unit}"


def price(micro: int, currency: str) -> str:
    """Money for an hour: `7.50 CNY/h`."""
    return f"{money(micro)} {currency}/h"


def money(micro: int) -> str:
    """Micro-units as units of the currency."""
    return units.show_price_micro(micro)


def latency(microseconds: float | int | None) -> str:
    """A round trip: `6 ms`, `0.3 ms`."""
    if microseconds is None:
        return UNKNOWN
    if 0 < microseconds < 50:
        return "< 0.1 ms"
    return f"{number(round(microseconds / 1000, 1))} ms"


TIMES: Mapping[str, tuple[str, str, str, str, str]] = {
    "en": ("d", "h", "min", "min", "s"),
    "zh": ("天", "小时", "分钟", "分", "秒"),
}
"""Days, hours, minutes alone, minutes beside another unit, seconds."""


def duration(seconds: float | None, language: str = "en") -> str:
    """`4.2 s`, `12 min`, `3 h 20 min`, `5 d 2 h`: two units at most."""
    if seconds is None:
        return UNKNOWN
    d, h, minutes, beside, s = TIMES[language]
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} {s}"
    whole = int(seconds)
    for first, second, one, other in ((86400, 3600, d, h), (3600, 60, h, beside)):
        if whole >= first:
            rest = whole % first // second
            return f"{whole // first} {one} {rest} {other}" if rest else f"{whole // first} {one}"
    if whole < 60:
        return f"{whole} {s}"
    exact = whole < 600 and whole % 60
    return f"{whole // 60} {beside} {whole % 60} {s}" if exact else f"{whole // 60} {minutes}"


def took(started_at: float | None, ended_at: float | None, now: float, language: str = "en") -> str:
    """How long something ran, or runs so far."""
    if started_at is None:
        return UNKNOWN
    return duration((now if ended_at is None else ended_at) - started_at, language)


def coverage(share: float | None) -> str:
    """How much of a time is known: `100%` only if all of it is, `0%` only if nothing is."""
    if share is None:
        return UNKNOWN
    if share >= 0.9995 or share <= 0:
        return f"{100 * min(1.0, max(0.0, share)):.0f}%"
    return f"{min(99.9, max(0.1, 100 * share)):.1f}%"


def iso(at: float) -> str:
    """A moment as machines read it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def utc(at: float) -> str:
    """A moment for who has no script to show it in their own zone."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def amount(found: IndicatorAnswer) -> tuple[str, str]:
    """An indicator's value and its unit."""
    return value_of(found.value, found.unit, found.name)


def value_of(value: float | int | None, unit: str, part: str = "") -> tuple[str, str]:
    """A value and its unit as they are read: bytes and GFLOPS in the unit that fits."""
    if value is None:
        return UNKNOWN, ""
    if unit == "bytes":
        shown, named = units.show_bytes(int(value)).split(" ")
        return f"{float(shown):.3g}" if float(shown) < 1000 else shown, named
    if unit == "GFLOPS":
        shown, named = gflops(int(value), part).split(" ")
        return shown, named
    if unit == "%":
        return (f"{value:.1f}" if 0 < value < 10 else f"{value:.0f}"), "%"
    return number(value), NAMED_UNITS.get(unit, unit)


def devices(pool: PoolAnswer) -> int:
    """Accelerators of a pool."""
    return pool.hosts * pool.shape.devices


def used(pool: PoolAnswer) -> float | None:
    """The share of a pool that is held: of its accelerators, or of its CPU where it has none."""
    if pool.shape.devices:
        whole, free = devices(pool) * MILLI, pool.free_devices_milli
    else:
        whole, free = pool.hosts * pool.shape.cpu_milli, pool.free_cpu_milli
    return None if whole == 0 else max(0.0, 1 - free / whole)


def health(pool: PoolAnswer) -> str:
    """`silent`, `closed` or `open`."""
    return "silent" if pool.silent else "open" if pool.open else "closed"


def is_final(state: JobState) -> bool:
    """Whether a job has ended."""
    return state in JOB_FINAL


def term(found: TermAnswer, language: str = "en") -> str:
    """A term of a score in its own unit; that it is estimated is told by `is_estimated`."""
    unit = found.unit.removesuffix(ESTIMATED)
    if found.value is None:
        return UNKNOWN
    if unit == "us":
        return latency(found.value)
    if unit == "s":
        return duration(found.value, language)
    if unit == "share":
        return percent(found.value, 1)
    return number(found.value) if unit in COUNTED else f"{number(found.value)} {unit}"


def is_estimated(found: TermAnswer) -> bool:
    """Whether a term's value is an estimate."""
    return found.unit.endswith(ESTIMATED)


def grams(per_kwh: float | None) -> str:
    """A carbon intensity: `582 g/kWh`."""
    return UNKNOWN if per_kwh is None else f"{number(per_kwh)} g/kWh"


def short_id(identifier: str) -> str:
    """The last part of an identifier, which is enough under its parent."""
    return identifier.rsplit("-", 1)[-1]
