"""Slurm's own words and what they mean: states, amounts, lists of hosts, generic resources.

Two forms of one thing are read alike: JSON of Slurm 23 and later wraps numbers in
`{"set": ..., "infinite": ..., "number": ...}` and gives states as lists, earlier JSON and the text
forms give them plain.

Laws:
- Reading never fails on a word that it does not know: an unknown state is one that goes on.
- Hosts expand and compress to the same set, in a stable order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

ENDED = frozenset(
    {
        *("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "BOOT_FAIL"),
        *("DEADLINE", "OUT_OF_MEMORY", "REVOKED"),
    }
)
"""States in which a job holds nothing and runs no more."""

WAITING = frozenset({"PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD"})
"""States in which a job holds nothing yet."""

COMPLETING = "COMPLETING"

UNUSABLE = frozenset(
    {
        *("DOWN", "ERROR", "FUTURE", "UNKNOWN", "DRAIN", "DRAINED", "DRAINING", "FAIL", "FAILING"),
        *("MAINT", "MAINTENANCE", "NOT_RESPONDING", "INVALID_REG", "REBOOT_ISSUED", "POWER_DOWN"),
        *("POWERING_DOWN", "BLOCKED", "INVALID"),
    }
)
"""Words in a node's state with any of which nothing new starts there."""

RESERVED = frozenset({"RESERVED", "RES"})
"""Words that keep a node for those whom its reservation names."""

NO_DEVICES = frozenset({"shard", "mps", "nic", "bandwidth", "tmpdisk", "craynetwork", "scratch"})
"""Generic resources that are no accelerators."""

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40, "P": 2**50}
_UNLIMITED = {"UNLIMITED", "INFINITE", "NONE", "N/A", "", "(null)", "NOT_SET"}
_LARGEST_32 = 2**32 - 16
"""From here on a 32-bit number of Slurm's stands for "not set" or "without limit"."""


@dataclass(frozen=True, slots=True)
class Gres:
    """A generic resource: its name, its type (empty if it has none), and how many of it."""

    name: str
    type: str
    count: int

    @property
    def word(self) -> str:
        """What it is asked for by."""
        return f"{self.name}:{self.type}" if self.type else self.name


def gres_of(text: str) -> tuple[Gres, ...]:
    """`gpu:a100:8(S:0-1),npu:4` or `gpu:a100:2(IDX:0-1)`; `gpu(CNT:2)` counts as two.

    A resource without a count is one of it. What can't be read is left out.
    """
    found = []
    for part in _parts(text.removeprefix("gres:")):
        part = part.removeprefix("gres:").removeprefix("gres/")
        count = re.search(r"\(CNT:(\d+)\)", part)
        words = re.sub(r"\([^)]*\)", "", part).replace("=", ":").split(":")
        amount = _amount(words[-1]) if len(words) > 1 else None
        if amount is not None:
            words = words[:-1]
        if count is not None:
            amount = int(count[1])
        if words[0] and words[0] not in _UNLIMITED:
            found.append(Gres(words[0], ":".join(words[1:]), 1 if amount is None else amount))
    return tuple(found)


def _parts(text: str) -> Iterator[str]:
    """The parts between commas, except for commas in round or square brackets."""
    depth, part = 0, ""
    for char in text:
        depth += (char in "([") - (char in ")]")
        if char == "," and depth == 0:
            yield part
            part = ""
        else:
            part += char
    if part:
        yield part


def _amount(word: str) -> int | None:
    match = re.fullmatch(r"(\d+)([KMGTP]?)", word)
    return int(match[1]) * _UNITS[match[2]] if match else None


def hosts_of(text: str) -> tuple[str, ...]:
    """`n[1-3,7],gpu-[01-02]-ib` as its hosts, in order. What is no list of hosts gives none."""
    if text in _UNLIMITED or text in ("None assigned", "None"):
        return ()
    return tuple(host for part in _parts(text) for host in _expanded(part.strip()))


def _expanded(part: str) -> Iterator[str]:
    match = re.match(r"([^\[]*)\[([^\]]*)\](.*)", part)
    if match is None:
        if part:
            yield part
        return
    head, inside, tail = match.groups()
    for piece in inside.split(","):
        first, _, last = piece.partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            continue
        for number in range(int(first), int(last or first) + 1):
            for rest in _expanded(tail) if tail else ("",):
                yield f"{head}{number:0{len(first)}d}{rest}"


def hosts_text(hosts: Iterable[str]) -> str:
    """Hosts as Slurm writes them, ranges gathered: `n[1-3,7],login`."""
    groups: dict[tuple[str, int, str], list[int]] = {}
    plain = []
    for host in hosts:
        match = re.fullmatch(r"(.*?)(\d+)(\D*)", host)
        if match is None:
            plain.append(host)
            continue
        # Numbers of unequal length go together only where none of them has a zero in front.
        width = len(match[2]) if match[2].startswith("0") and len(match[2]) > 1 else 0
        groups.setdefault((match[1], width, match[3]), []).append(int(match[2]))
    texts = list(plain)
    for (head, width, tail), numbers in groups.items():
        ranges = [_range(run, width) for run in _runs(sorted(set(numbers)))]
        single = len(ranges) == 1 and "-" not in ranges[0]
        inside = ranges[0] if single else f"[{','.join(ranges)}]"
        texts.append(f"{head}{inside}{tail}")
    return ",".join(sorted(texts))


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    start = previous = numbers[0]
    for number in numbers[1:]:
        if number != previous + 1:
            yield start, previous
            start = number
        previous = number
    yield start, previous


def _range(run: tuple[int, int], width: int) -> str:
    first, last = (f"{n:0{width}d}" for n in run)
    return first if first == last else f"{first}-{last}"


def number(value: Any) -> int | None:
    """A number in any of Slurm's forms; None for "not set", "without limit" and what is none."""
    if isinstance(value, dict):
        if not value.get("set", True) or value.get("infinite"):
            return None
        value = value.get("number")
    if isinstance(value, str):
        value = int(value) if value.strip().lstrip("-").isdigit() else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return None if value < 0 or _LARGEST_32 <= value < 2**32 or value >= 2**63 else int(value)


def words(value: Any) -> tuple[str, ...]:
    """States and flags in any of Slurm's forms, in capitals: a list, `IDLE+DRAIN`, `a,b`."""
    if isinstance(value, str):
        value = re.split(r"[+,\s]+", value)
    if not isinstance(value, list | tuple):
        return ()
    return tuple(str(word).strip("*~#!%$@^- ").upper() for word in value if str(word).strip())


def minutes(text: str) -> int | None:
    """Minutes of a time limit as text: `1-12:00:00`, `01:00:00`, `30:00`, `30`; None for none."""
    if text.upper() in _UNLIMITED:
        return None
    days, _, rest = text.rpartition("-")
    if not all(p.isdigit() for p in (*rest.split(":"), days or "0")):
        return None
    parts = [int(p) for p in rest.split(":")]
    if days:
        hours, mins, seconds = (*parts, 0, 0)[:3]
    elif len(parts) == 1:
        hours, mins, seconds = 0, parts[0], 0
    else:
        hours, mins, seconds = (0, *parts)[-3:]
    return int(days or 0) * 1440 + hours * 60 + mins + (1 if seconds else 0)


def mebibytes(text: str) -> int | None:
    """MiB of an amount such as `16G`, `100M` or `16384`; a bare number counts MiB."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGTP]?)[nc]?", text.strip())
    if match is None:
        return None
    return int(float(match[1]) * _UNITS[match[2] or "M"] / 2**20)


def fields_of(line: str) -> dict[str, str]:
    """`Key=value Key=value` of one line of `scontrol --oneliner`; a value may hold blanks."""
    found = re.split(r"(?:^|\s)([A-Za-z][A-Za-z0-9_:/]*)=", line.strip())
    keys, values = found[1::2], found[2::2]
    fields: dict[str, str] = {}
    for key, value in zip(keys, values, strict=True):
        fields.setdefault(key, value.strip())  # what a person wrote comes last, and adds nothing
    return fields
