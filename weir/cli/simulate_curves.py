"""Curves and numbers by site, as people give them: `--carbon SITE=FILE:COLUMN`, `--pue SITE=1.3`.

Laws: `*` means every site, and a site's own word goes before it; a name that is no site is a
mistake; a curve repeats before its first and after its last value, so that it covers any workload.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from weir.core.errors import BadInput

if TYPE_CHECKING:
    from weir.sim.curves import Curve

EVERY = "*"
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")


def curves_of(
    option: str, texts: Sequence[str], sites: Sequence[str], unit: str, scale: float = 1.0
) -> dict[str, Curve]:
    """The curve of each site, from `SITE=FILE:COLUMN`; COLUMN is a name, a part of one or a
    number from 0, and 1 if left out. Values of the file times `scale` are in `unit`. Raises
    `BadInput`.
    """
    from weir.sim.curves import load_curve

    found: dict[str, Curve] = {}
    known: dict[str, Curve] = {}
    for site, source in _by_site(option, texts, sites, "SITE=FILE:COLUMN"):
        if source not in known:
            path, _, column = source.rpartition(":")
            path, column = (path, column) if path else (source, "1")
            wanted: str | int = int(column) if column.isdecimal() else column
            curve = load_curve(path, wanted, unit)
            known[source] = replace(curve, cyclic=True, values=curve.values * scale)
        found[site] = known[source]
    return found


def numbers_of(option: str, texts: Sequence[str], sites: Sequence[str]) -> dict[str, float]:
    """The PUE of each site, from `SITE=1.3`. Raises `BadInput`."""
    found: dict[str, float] = {}
    for site, text in _by_site(option, texts, sites, "SITE=1.3"):
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 1 <= value < 100:
            raise BadInput(f"{option} {site}={text}: a PUE is a number of 1 or more, such as 1.3.")
        found[site] = value
    return found


def links_of(
    option: str, texts: Sequence[str], sites: Sequence[str]
) -> dict[tuple[str, str], float]:
    """Gbit/s between sites, both ways, from `SITE,SITE=10`; `*` is any. Raises `BadInput`."""
    found: dict[tuple[str, str], float] = {}
    for text in sorted(texts, key=lambda text: -text.count(EVERY)):
        pair, _, value = text.partition("=")
        ends = [end.strip() for end in pair.split(",")]
        speed = float(value) if _NUMBER.fullmatch(value.strip()) else 0.0
        if len(ends) != 2 or speed <= 0:
            raise BadInput(f"{option} {text!r} can't be read; write {option} SITE,SITE=10.")
        for end in ends:
            _known(option, text, end, sites)
        one, other = (sites if end == EVERY else [end] for end in ends)
        for a, b in ((a, b) for a in one for b in other if a != b):
            found[a, b] = found[b, a] = speed
    return found


def _known(option: str, text: str, site: str, sites: Sequence[str]) -> None:
    if site != EVERY and site not in sites:
        near = get_close_matches(site, sites, n=3) or list(sites)[:12]
        raise BadInput(f"{option} {text!r}: there is no site {site!r}; there is {_or(near)}.")


def _by_site(
    option: str, texts: Sequence[str], sites: Sequence[str], form: str
) -> Iterator[tuple[str, str]]:
    """Each site with what is said of it; of two things said of one site the last counts."""
    said: dict[str, str] = {}
    for text in texts:
        site, parted, value = text.partition("=")
        if not parted or not value or not site:
            raise BadInput(f"{option} {text!r} can't be read; write for example {option} {form}.")
        _known(option, text, site, sites)
        said[site] = value
    for site in sites:
        if site in said or EVERY in said:
            yield site, said.get(site, said.get(EVERY, ""))


def _or(names: Sequence[str]) -> str:
    return " or ".join(names)
