"""Numbers of a sheet as people read them: four figures that count, in a unit that fits."""

from __future__ import annotations

from weir.core import units

UNKNOWN = "–"

PREFIXED = {"W": "W", "kWh": "Wh", "g": "g", "bit/s": "bit/s"}
"""Units that take a prefix of a thousand, and what it is put before."""

_PREFIXES = ("", "k", "M", "G", "T", "P")


def shown(value: float | None, unit: str, part: str = "") -> str:
    """A value with its unit: `12.3 MW`, `1.5 TiB`, `98.2 %`, `1,024`; a dash for unknown."""
    if value is None:
        return UNKNOWN
    if unit in ("bytes", "bytes/s") and value >= 0:
        return units.show_bytes(round(value)) + unit.removeprefix("bytes")
    if unit in ("GFLOPS", "GOPS") and value >= 0:
        text, name = units.show_gflops(round(value), int8=part == "int8").split(" ")
        return f"{number(float(text))} {name}"
    if unit in PREFIXED:
        base = value * 1000 if unit == "kWh" else value
        return _prefixed(base, PREFIXED[unit])
    name = {"1": "", "Cel": "°C"}.get(unit, unit)
    return f"{number(value)} {name}".rstrip()


def _prefixed(value: float, unit: str) -> str:
    place = 0
    while abs(value) >= 1000 and place + 1 < len(_PREFIXES):
        value, place = value / 1000, place + 1
    if unit == "g" and place >= 2:  # a million grams is a ton
        return f"{number(value * 1000 ** (place - 2))} t"
    return f"{number(value)} {_PREFIXES[place]}{unit}"


def number(value: float) -> str:
    """`1,234,567`, `12.35`, `0.001235`."""
    if float(value).is_integer() or abs(value) >= 1000:
        return f"{round(value):,}"
    return f"{value:.4g}"


def percent(share: float) -> str:
    """A share of 0 to 1. What lacks a little is not said to be whole."""
    return "100 %" if share >= 1 else f"{min(99.9, 100 * share):.1f} %"


def hours(value: float) -> str:
    """Hours, to a tenth where there are few."""
    return f"{round(value):,}" if abs(value) >= 1000 else f"{value:.1f}"
