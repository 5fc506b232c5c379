"""A rule's threshold as people write it: `90 %`, `500 GiB`, `20 ms`, in an indicator's unit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite

from weir.core import units

_SCALES: Mapping[str, Mapping[str, float]] = {
    "%": {"%": 1.0},
    "W": {"W": 1.0, "kW": 1e3, "MW": 1e6, "GW": 1e9},
    "kWh": {"Wh": 1e-3, "kWh": 1.0, "MWh": 1e3, "GWh": 1e6},
    "ms": {"us": 1e-3, "ms": 1.0, "s": 1e3},
    "bit/s": {"bit/s": 1.0, "kbit/s": 1e3, "Mbit/s": 1e6, "Gbit/s": 1e9, "Tbit/s": 1e12},
    "bytes/s": {
        "B/s": 1.0,
        "bytes/s": 1.0,
        "kB/s": 1e3,
        "MB/s": 1e6,
        "GB/s": 1e9,
        "KiB/s": 2.0**10,
        "MiB/s": 2.0**20,
        "GiB/s": 2.0**30,
    },
    "g": {"g": 1.0, "kg": 1e3, "t": 1e6},
    "Cel": {"Cel": 1.0, "C": 1.0, "°C": 1.0},
    "cores": {"cores": 1.0},
}
"""Units that may be written, by the indicator's own."""

_EXAMPLES: Mapping[str, str] = {
    "%": "90 %",
    "W": "2 MW",
    "kWh": "500 kWh",
    "ms": "20 ms",
    "bit/s": "10 Gbit/s",
    "bytes/s": "1 GiB/s",
    "g": "5 kg",
    "Cel": "85 Cel",
    "bytes": "500 GiB",
    "GFLOPS": "2 PFLOPS",
    "s": "5m",
    "cores": "64",
}

_FORM = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)\s*(\S*)")


def parse_amount(value: object, unit: str) -> float:
    """`value` in `unit`; a bare number is in it already. Raises `ValueError` with an example."""
    example = _EXAMPLES.get(unit, "1.5")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"is neither text nor a number; write for example {example}")
    match = _FORM.fullmatch(str(value).strip())
    if match is None and unit != "s":
        raise ValueError(f"{str(value)[:40]!r} is no amount; write for example {example}")
    number, word = match.groups() if match else ("", str(value))
    if not word or word == unit:
        found = float(number)
    elif unit == "bytes":
        found = float(units.parse_bytes(str(value)))
    elif unit == "GFLOPS":
        found = float(units.parse_gflops(str(value)))
    elif unit == "s":
        found = float(units.parse_duration_s(str(value)))
    elif word in (scale := _SCALES.get(unit, {})):
        found = float(number) * scale[word]
    else:
        known = f"in {unit}" if unit != "1" else "a plain number"
        raise ValueError(f"{str(value)[:40]!r} is not {known}; write for example {example}")
    if not isfinite(found):
        raise ValueError(f"{str(value)[:40]!r} is not finite; write for example {example}")
    return found
