"""Identifiers of domains, sites, clusters, pools, hosts and devices, issued from the top down.

The layout is Weir's own: no public layout of a compute identifier was found. It is a dotted path
and one check character:

    CN-F                     the national domain: a country's or network's code, 2 to 4 letters
    CN.R1-K                  a regional domain under it
    CN.R1.N2-H               an industry domain under that region
    CN.R1.S3.C1.P2.H17.D4-X  a device of a host of a pool of a cluster of a site of that region

A segment is its kind's letter and a number from 1 up, without leading zeros; `ISSUES` says what
may stand under what. The check character is that of ISO 7064 Mod 37,36 over the letters and digits
without the dots. Leaving the dots out loses nothing: every segment after the first begins with its
only letter, and the last letter before the first digit belongs to the second segment.

The check character finds every single wrong character. It finds a swap of neighbors too, unless the
two are consecutive in 0-9A-Z (Z and 0 included), where one swap in 36 passes.

Laws: an identifier is never given twice and never changes, whatever happens to what it names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from stdnum.iso7064 import mod_37_36

MAX_LENGTH = 120
"""Longest identifier in characters."""

MAX_NUMBER = 999_999_999
"""Largest number of a segment."""


class Kind(StrEnum):
    """What an identifier names."""

    NATIONAL = "national"
    REGIONAL = "regional"
    INDUSTRY = "industry"
    SITE = "site"
    CLUSTER = "cluster"
    POOL = "pool"
    HOST = "host"
    DEVICE = "device"


LETTERS: Mapping[Kind, str] = {
    Kind.REGIONAL: "R",
    Kind.INDUSTRY: "N",
    Kind.SITE: "S",
    Kind.CLUSTER: "C",
    Kind.POOL: "P",
    Kind.HOST: "H",
    Kind.DEVICE: "D",
}
"""The letter of a kind's segment; the national domain has its code instead."""

ISSUES: Mapping[Kind, tuple[Kind, ...]] = {
    Kind.NATIONAL: (Kind.REGIONAL, Kind.INDUSTRY, Kind.SITE),
    Kind.REGIONAL: (Kind.REGIONAL, Kind.INDUSTRY, Kind.SITE),
    Kind.INDUSTRY: (Kind.SITE,),
    Kind.SITE: (Kind.CLUSTER,),
    Kind.CLUSTER: (Kind.POOL,),
    Kind.POOL: (Kind.HOST,),
    Kind.HOST: (Kind.DEVICE,),
    Kind.DEVICE: (),
}
"""What may stand directly under each kind."""

_NOUNS: Mapping[Kind, str] = {
    Kind.NATIONAL: "the national domain",
    Kind.REGIONAL: "a regional domain",
    Kind.INDUSTRY: "an industry domain",
    Kind.SITE: "a site",
    Kind.CLUSTER: "a cluster",
    Kind.POOL: "a pool",
    Kind.HOST: "a host",
    Kind.DEVICE: "a device",
}
_KINDS: Mapping[str, Kind] = {letter: kind for kind, letter in LETTERS.items()}
_CODE = re.compile(r"[A-Z]{2,4}")
_SEGMENT = re.compile(r"(?P<letter>[A-Z])(?P<number>[0-9]+)")


class BadIdentifier(ValueError):
    """A text that is no identifier, or one that can't be issued.

    `text` is what was given and `problem` what is wrong with it and where. The right check
    character is never told: it would turn any slip of the pen into a valid identifier of something
    else.
    """

    def __init__(self, text: str, problem: str, said: str = "is not an identifier") -> None:
        super().__init__(text, problem, said)
        self.text = text
        self.problem = problem
        self.said = said

    def __str__(self) -> str:
        shown = self.text if len(self.text) <= MAX_LENGTH else self.text[:MAX_LENGTH] + "..."
        return f"{shown!r} {self.said}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier taken apart. `text` is canonical; `number` is None for the national domain."""

    text: str
    kind: Kind
    segments: tuple[str, ...]
    number: int | None

    def __str__(self) -> str:
        return self.text

    @property
    def parent(self) -> str | None:
        """The identifier directly above; None for the national domain."""
        return _joined(self.segments[:-1]) if len(self.segments) > 1 else None

    @property
    def ancestors(self) -> tuple[str, ...]:
        """The identifiers above, the national domain first and the parent last."""
        return tuple(_joined(self.segments[:end]) for end in range(1, len(self.segments)))

    def is_under(self, other: str | Identifier) -> bool:
        """Whether `other` is above this at any distance; nothing is under itself.

        Raises `BadIdentifier` if `other` is none.
        """
        above = (other if isinstance(other, Identifier) else parse(other)).segments
        return len(above) < len(self.segments) and self.segments[: len(above)] == above


def root(code: str) -> str:
    """The identifier of the national domain of a country or network: `CN` gives `CN-F`.

    Raises `BadIdentifier` unless `code` is 2 to 4 letters A to Z, of either case.
    """
    stripped = code.strip()
    if not (stripped.isascii() and _CODE.fullmatch(stripped.upper())):
        raise BadIdentifier(code, "a code is 2 to 4 letters A to Z", "can't name a national domain")
    return _joined((stripped.upper(),))


def issue(parent: str, kind: Kind, number: int) -> str:
    """The identifier of the `number`th `kind` directly under `parent`.

    Whoever issues keeps count: a number is never used twice under one parent. Raises
    `BadIdentifier` if `parent` is none, can't have a `kind` under it, or `number` is out of range.
    """
    above = parse(parent)
    issued = f"can't have {_NOUNS[kind]} issued under it"
    if kind not in ISSUES[above.kind]:
        raise BadIdentifier(above.text, _nesting(above.kind, kind), issued)
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MAX_NUMBER:
        raise BadIdentifier(above.text, f"its number is from 1 to {MAX_NUMBER}", issued)
    text = _joined((*above.segments, f"{LETTERS[kind]}{number}"))
    if len(text) > MAX_LENGTH:
        raise BadIdentifier(above.text, f"{text} has over {MAX_LENGTH} characters", issued)
    return text


def parse(text: str) -> Identifier:
    """Take an identifier apart; lower case and surrounding blanks are accepted.

    Raises `BadIdentifier` saying what is wrong and in which segment.
    """
    body, check = _body_and_check(text)
    first, *rest = body.split(".")
    kind, number = Kind.NATIONAL, None
    if not _CODE.fullmatch(first):
        raise BadIdentifier(text, f"segment 1, {first[:20]!r}, is not a code of 2 to 4 letters")
    for place, segment in enumerate(rest, 2):
        below, number = _segment(text, place, segment)
        if below not in ISSUES[kind]:
            raise BadIdentifier(text, f"segment {place}, {segment!r}: {_nesting(kind, below)}")
        kind = below
    if _check_character((first, *rest)) != check:
        raise BadIdentifier(text, "the check character after the dash doesn't match, copy it again")
    return Identifier(f"{body}-{check}", kind, (first, *rest), number)


def validate(text: str) -> str:
    """The canonical form of an identifier; raises `BadIdentifier`."""
    return parse(text).text


def kind_of(text: str) -> Kind:
    """What an identifier names; raises `BadIdentifier`."""
    return parse(text).kind


def _body_and_check(text: str) -> tuple[str, str]:
    stripped = text.strip()
    if not stripped:
        raise BadIdentifier(text, "it is empty")
    if len(stripped) > MAX_LENGTH:
        raise BadIdentifier(text, f"it is longer than {MAX_LENGTH} characters")
    for place, character in enumerate(stripped, 1):
        if not (character.isascii() and character.isalnum()) and character not in ".-":
            raise BadIdentifier(text, f"character {place}, {character!r}, can't stand in one")
    body, dash, check = stripped.upper().rpartition("-")
    if not dash:
        raise BadIdentifier(text, "it has no dash and check character at its end")
    if len(check) != 1 or check == ".":
        raise BadIdentifier(text, "one check character stands after the dash, a letter or a digit")
    return body, check


def _segment(text: str, place: int, segment: str) -> tuple[Kind, int]:
    """The kind and number of a segment; `place` counts segments from 1."""
    match = _SEGMENT.fullmatch(segment)
    where = f"segment {place}, {segment[:20]!r},"
    if match is None:
        raise BadIdentifier(text, f"{where} is not one letter and a number")
    if match["letter"] not in _KINDS:
        known = ", ".join(f"{letter} {kind}" for kind, letter in LETTERS.items())
        raise BadIdentifier(text, f"{where} has an unknown letter; the letters are {known}")
    if match["number"].startswith("0"):
        raise BadIdentifier(text, f"{where} has a number that begins with 0")
    if len(match["number"]) > len(str(MAX_NUMBER)):
        raise BadIdentifier(text, f"{where} has a number over {MAX_NUMBER}")
    return _KINDS[match["letter"]], int(match["number"])


def _nesting(above: Kind, below: Kind) -> str:
    """What is wrong with `below` directly under `above`."""
    legal = " or ".join(_NOUNS[kind] for kind, under in ISSUES.items() if below in under)
    return f"{_NOUNS[below]} stands under {legal or 'nothing'}, not under {_NOUNS[above]}"


def _joined(segments: tuple[str, ...]) -> str:
    return f"{'.'.join(segments)}-{_check_character(segments)}"


def _check_character(segments: tuple[str, ...]) -> str:
    """The ISO 7064 Mod 37,36 character over the segments' letters and digits."""
    return mod_37_36.calc_check_digit("".join(segments))
