"""Quantities as people write them, and the integers that the rest of Weir counts with.

Laws:
- An amount is an `int` of the unit that its name says: bytes, milli-CPUs, seconds, GFLOPS,
  milli-devices, micro-units of a currency.
- Reading is exact. Numbers go through `fractions.Fraction`; a `float` stands for the shortest
  decimal that names it, so 0.1 is one tenth. An amount finer than its smallest unit is refused,
  never rounded, but for one case: a fraction of a KiB, MB and so on is rounded up to a whole byte.
- A number and its text are the same amount: `parse(str(x)) == parse(x)`.
- Negative, infinite, undefined and absurd (over 2**62) amounts are refused, and so are booleans.
- What can't be read raises `ValueError` with one sentence on what is wrong and an example of right.

Units: decimal prefixes are the SI's, binary ones those of IEC 80000-13.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, wraps
from typing import TypeVar

V = TypeVar("V")

LARGEST = 2**62
"""Largest amount that is taken: it fits a signed 64-bit column with room for one addition."""

_MAX_TEXT = 64
_FORM = re.compile(
    r"(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)\s*(?P<unit>[A-Za-z/]*)"
)


@dataclass(frozen=True, slots=True)
class _Quantity:
    """What is being read: its noun and an example, for messages, and its smallest unit."""

    noun: str
    example: str
    smallest: str

    def refuse(self, value: object, why: str) -> ValueError:
        return ValueError(
            f"{_quoted(value)} is not {self.noun}: {why}; write for example {self.example}"
        )


_BYTES = _Quantity("an amount of memory", "80GiB", "1 byte")
_CPU = _Quantity("an amount of CPU", "2 or 500m", "one thousandth of a CPU (1m)")
_DURATION = _Quantity("a duration", "1h30m, 90s or 1:30:00", "1 second")
_GFLOPS = _Quantity("a performance", "400 TFLOPS or 608.6 TOPS", "1 GFLOPS")
_DEVICES = _Quantity("a number of devices", "2, 0.25 or 250m", "one thousandth of a device (1m)")
_PRICE = _Quantity("a price", "2.50", "one millionth of the currency's unit")

_PREFIXES = "KMGTPE"
_BYTE_UNITS: Mapping[str, int] = (
    {"": 1, "b": 1}
    | {f"{p}b".lower(): 1000**i for i, p in enumerate(_PREFIXES, 1)}
    | {f"{p}ib".lower(): 1024**i for i, p in enumerate(_PREFIXES, 1)}
    | {f"{p}i".lower(): 1024**i for i, p in enumerate(_PREFIXES, 1)}
)
_MILLI_UNITS: Mapping[str, int] = {"": 1000, "m": 1}
_SECONDS: Mapping[str, int] = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SECOND_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
    **dict.fromkeys(("w", "week", "weeks"), "w"),
}
_GIGA_UNITS: Mapping[str, Fraction] = {
    prefix.lower() + operation: Fraction(1000) ** power
    for power, prefix in enumerate("MGTPE", -1)
    for operation in ("flops", "flop/s", "ops", "op/s")
}


# Reading.


def _remembered(parse: Callable[[V], int]) -> Callable[[V], int]:
    """`parse`, which works out each text once: the same few are read again at every look at a job.

    Numbers are never remembered: 1 and True are the same key, and only one of them is an amount.
    """
    known = lru_cache(maxsize=4096)(parse)

    @wraps(parse)
    def read(value: V) -> int:
        return known(value) if type(value) is str else parse(value)

    return read


@_remembered
def parse_bytes(value: str | int) -> int:
    """Bytes of `80GiB`, `512MB`, `1.5TiB`, `64Gi` or a plain number of bytes.

    MB, GB ... are decimal (10**6, 10**9), MiB, GiB, Mi, Gi ... binary (2**20, 2**30). Case does not
    matter, except that `Gb` is refused because it usually means bits. `80G` is refused too: Slurm
    reads it as 80 * 2**30, Kubernetes as 80 * 10**9.
    """
    number, unit = _split(value, _BYTES)
    factor = _BYTE_UNITS.get(unit.lower())
    if factor is None and len(unit) == 1 and unit.upper() in _PREFIXES:
        prefix = unit.upper()
        raise _BYTES.refuse(value, f"{unit} alone is ambiguous, say {prefix}B or {prefix}iB")
    if factor is None:
        raise _BYTES.refuse(value, f"the unit {unit!r} is unknown")
    if unit.endswith("b") and unit[0].isupper():
        raise _BYTES.refuse(value, f"{unit} means bits, and bytes are counted here")
    if factor > 1:
        number = Fraction(-(-number * factor // 1))
    return _whole(value, number, _BYTES)


@_remembered
def parse_cpu_milli(value: str | int | float) -> int:
    """Milli-CPUs of `2` (2000), `0.5` (500) or `500m` (500); a bare number counts CPUs."""
    return _whole(value, _milli(value, _CPU), _CPU)


def parse_milli_devices(value: str | int | float) -> int:
    """Milli-devices of `2` (2000), `0.25` or `250m` (250); a bare number counts devices.

    A share is of one device and less than it; more than one device is a whole number of devices.
    """
    milli = _whole(value, _milli(value, _DEVICES), _DEVICES)
    if milli > 1000 and milli % 1000:
        raise _DEVICES.refuse(value, "a share is less than one device, and more are whole devices")
    return milli


@_remembered
def parse_duration_s(value: str | int) -> int:
    """Seconds of `1h30m`, `90s`, `2d`, `1:30:00` (h:mm:ss), `1-12:00:00` (days first) or a number.

    Units go from the largest to the smallest, each once: w, d, h, m (minutes), s, or their English
    words. A bare number counts seconds. `90:00` is refused, for it could be hours or minutes.
    """
    if not isinstance(value, str):
        return _whole(value, _number(value, _DURATION), _DURATION)
    text = _text(value, _DURATION)
    seconds = _clock(value, text) if ":" in text else _units_of_time(value, text)
    return _whole(value, seconds, _DURATION)


def parse_gflops(value: str) -> int:
    """GFLOPS of `2 PFLOPS`, `400TFLOPS`, `1.2EFLOPS`; GOPS of `608.6 TOPS`.

    Operations on integers (TOPS) and on floating-point numbers (TFLOPS) give the same kind of
    `int`: the precision beside it says which it is. A number without a unit is refused.
    """
    number, unit = _split(value, _GFLOPS)
    if not unit:
        raise _GFLOPS.refuse(value, "the unit is needed, there is no usual one")
    factor = _GIGA_UNITS.get(unit.lower())
    if factor is None:
        raise _GFLOPS.refuse(value, f"the unit {unit!r} is unknown")
    return _whole(value, number * factor, _GFLOPS)


def parse_price_micro(value: str | int | float) -> int:
    """Micro-units of a currency of `2.50` (2_500_000); the currency is named elsewhere."""
    number, unit = _split(value, _PRICE)
    if unit:
        raise _PRICE.refuse(value, f"it is a number alone, without {unit!r}")
    return _whole(value, number * 10**6, _PRICE)


def _milli(value: str | int | float, quantity: _Quantity) -> Fraction:
    number, unit = _split(value, quantity)
    factor = _MILLI_UNITS.get(unit)
    if factor is None:
        raise quantity.refuse(value, f"the unit {unit!r} is unknown")
    return number * factor


def _clock(value: str, text: str) -> Fraction:
    """Seconds of `[days-]hours:minutes:seconds`."""
    match = re.fullmatch(r"(?:([0-9]+)-)?([0-9]+):([0-5]?[0-9]):([0-5]?[0-9])", text)
    if match is None:
        why = "colons part hours, minutes and seconds, the last two under 60"
        raise _DURATION.refuse(value, why)
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return Fraction(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def _units_of_time(value: str, text: str) -> Fraction:
    """Seconds of `1h30m`, or of a bare number of seconds."""
    total, rest, smallest = Fraction(0), text, LARGEST
    while rest:
        match = _FORM.match(rest)
        if match is None:
            raise _DURATION.refuse(value, _what_is_odd(text))
        word, rest = match["unit"].lower(), rest[match.end() :].lstrip()
        if not word and match.end() == len(text):
            return Fraction(match["number"])
        if not word:
            raise _DURATION.refuse(value, f"{match['number']} has no unit")
        if word not in _SECOND_WORDS:
            raise _DURATION.refuse(value, f"the unit {match['unit']!r} is unknown")
        factor = _SECONDS[_SECOND_WORDS[word]]
        if factor >= smallest:
            raise _DURATION.refuse(value, "units go from the largest to the smallest, each once")
        total, smallest = total + Fraction(match["number"]) * factor, factor
    return total


def _split(value: object, quantity: _Quantity) -> tuple[Fraction, str]:
    """The number and the unit (empty if none) of a text or a plain number."""
    if not isinstance(value, str):
        return _number(value, quantity), ""
    text = _text(value, quantity)
    match = _FORM.fullmatch(text)
    if match is None:
        raise quantity.refuse(value, _what_is_odd(text))
    return Fraction(match["number"]), match["unit"]


def _text(value: str, quantity: _Quantity) -> str:
    text = value.strip()
    if not text:
        raise quantity.refuse(value, "it is empty")
    if len(text) > _MAX_TEXT:
        raise quantity.refuse(value, f"it is longer than {_MAX_TEXT} characters")
    if text.startswith("-"):
        raise quantity.refuse(value, "it is negative")
    return text


def _number(value: object, quantity: _Quantity) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise quantity.refuse(value, f"it is a {type(value).__name__}, not a number or a text")
    if isinstance(value, int):
        return Fraction(value)
    if value != value or value in (float("inf"), float("-inf")):
        raise quantity.refuse(value, "it is not finite")
    return Fraction(repr(value))


def _whole(value: object, amount: Fraction, quantity: _Quantity) -> int:
    """`amount` as an `int` within bounds; `value` is what was written, for the message."""
    if amount < 0:
        raise quantity.refuse(value, "it is negative")
    if amount > LARGEST:
        raise quantity.refuse(value, "it is absurdly large, more than 2**62 of the smallest unit")
    if amount.denominator != 1:
        raise quantity.refuse(value, f"it is finer than {quantity.smallest}, the smallest step")
    return amount.numerator


def _what_is_odd(text: str) -> str:
    if text.lower().lstrip("+") in ("nan", "inf", "infinity"):
        return "it is not finite"
    if "," in text or "_" in text:
        return "decimals follow a point, and there are no separators between thousands"
    return "it is not a number followed by a unit"


def _quoted(value: object) -> str:
    """`value` for a message, never longer than a line."""
    if isinstance(value, int) and value.bit_length() > 200:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, str) and len(value) > _MAX_TEXT:
        return repr(value[:_MAX_TEXT] + "...")
    return repr(value)[: 2 * _MAX_TEXT]


# Printing. Each text reads back with the function above: exactly, but for `show_bytes` and
# `show_gflops`, which cut after a few decimals and so never claim more than there is.


def show_bytes(value: int) -> str:
    """`value` bytes in the largest binary unit, cut to two decimals: `80 GiB`, `1.5 TiB`."""
    return _scaled(value, 1024, ("B", *(f"{p}iB" for p in _PREFIXES)), 2)


def show_gflops(value: int, *, int8: bool = False) -> str:
    """`value` GFLOPS in the largest unit, cut to four decimals: `989.4 TFLOPS`, `2 PFLOPS`.

    With `int8`, `value` is GOPS and the units are GOPS, TOPS, POPS and EOPS.
    """
    word = "OPS" if int8 else "FLOPS"
    return _scaled(value, 1000, tuple(f"{p}{word}" for p in "GTPE"), 4)


def show_cpu_milli(value: int) -> str:
    """Milli-CPUs as CPUs, exactly: 2000 is `2`, 500 is `0.5`."""
    return _decimal(_counted(value), 3)


def show_devices_milli(value: int) -> str:
    """Milli-devices as devices, exactly: 2000 is `2`, 250 is `0.25`.

    A sum over devices, such as what is free in a pool, may be a mixed number: 1750 is `1.75`.
    """
    return _decimal(_counted(value), 3)


def show_duration_s(value: int) -> str:
    """Seconds in days, hours, minutes and seconds, exactly: 5400 is `1h30m`, 0 is `0s`."""
    rest, text = _counted(value), ""
    for unit in "dhms":
        count, rest = divmod(rest, _SECONDS[unit])
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def show_price_micro(value: int) -> str:
    """Micro-units as units of the currency, exactly: 2_500_000 is `2.50`, 1 is `0.000001`.

    A balance may be negative: -2_500_000 is `-2.50`.
    """
    whole, _, fraction = _decimal(abs(value), 6).partition(".")
    return f"{'-' if value < 0 else ''}{whole}.{fraction:0<2}"


def _scaled(value: int, step: int, units: tuple[str, ...], places: int) -> str:
    counted, power = _counted(value), 0
    while power + 1 < len(units) and counted >= step ** (power + 1):
        power += 1
    return f"{_decimal(counted * 10**places // step**power, places)} {units[power]}"


def _decimal(value: int, places: int) -> str:
    """`value` / 10**`places` without trailing zeros."""
    whole, rest = divmod(value, 10**places)
    return f"{whole}.{rest:0{places}d}".rstrip("0").rstrip(".")


def _counted(value: int) -> int:
    if value < 0:
        raise ValueError(f"{value} is not an amount: there is no less than nothing")
    return value
