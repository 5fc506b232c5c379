"""Numbers of a simulation as people read them, with their unit, in the terminal and in the report.

Laws: numbers that are compared stand in one unit, that of the largest of them; four digits of the
largest count; what is not known is said to be so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from weir.sim.results import Measure, Number

UNKNOWN = "-"

LADDERS: Mapping[str, tuple[tuple[float, str], ...]] = {
    "s": ((1, "s"), (60, "min"), (3600, "h"), (86400, "d")),
    "h": ((1, "h"),),
    "wall": ((1, "s"),),
    "Wh": ((1, "Wh"), (1e3, "kWh"), (1e6, "MWh"), (1e9, "GWh")),
    "g": ((1, "g CO2e"), (1e3, "kg CO2e"), (1e6, "t CO2e")),
    "bytes": ((1, "B"), (2**10, "KiB"), (2**20, "MiB"), (2**30, "GiB"), (2**40, "TiB")),
    "work": ((1, "h"),),
    "share": ((0.01, "%"),),
    "%": ((1, "%"),),
    "times": ((1, "x"),),
    "count": ((1, ""),),
}
"""By unit: larger steps of it, each with what one of it is and how it is written."""

STEP_AT: Mapping[str, float] = {"s": 2.0}
"""How many of a step there must be before it is used: 90 s stays 90 s, 150 s is 2.5 min."""


def label(measure: Measure, devices: bool) -> str:
    """What a row is called; work is in cores where the network has no devices."""
    return measure.label if devices else measure.label.replace("Device-hours", "Core-hours")


def ladder(unit: str, values: Sequence[Number], currency: str) -> tuple[float, str]:
    """The step in which to write these values: how much one is, and how it is written."""
    money = ((1.0, currency), (1e6, f"million {currency}"))
    steps = money if unit == "money" else LADDERS[unit]
    largest = max((abs(v) for v in values if v is not None and math.isfinite(v)), default=0.0)
    enough = STEP_AT.get(unit, 1.0)
    return next((s for s in reversed(steps) if largest >= s[0] * enough), steps[0])


def cells(measure: Measure, values: Sequence[Number], currency: str) -> list[str]:
    """The values of one row, in one unit: `1.805 h`, `62.10 %`, `20 000`."""
    size, unit = ladder(measure.unit, values, currency)
    places = (
        0 if measure.unit == "count" else digits([None if v is None else v / size for v in values])
    )
    return [one(value, size, unit, places) for value in values]


def one(value: Number, size: float, unit: str, places: int) -> str:
    """One value; a count that is a mean over seeds keeps a decimal."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value == 0:
        places = 0
    elif not unit and not float(value).is_integer():
        places = 1
    return f"{value / size:,.{places}f}".replace(",", " ") + (f" {unit}" if unit else "")


def digits(values: Sequence[Number]) -> int:
    """Decimals that leave four digits of the largest value."""
    largest = max((abs(v) for v in values if v is not None and math.isfinite(v)), default=0.0)
    if largest >= 1000 or largest == 0:
        return 0
    return 3 - max(0, math.floor(math.log10(largest))) if largest >= 1 else 3
