"""How long buckets of each width are kept, as people write it: `1m: 7d`, or `--keep 1m=7d`.

Laws, which `kept_for` holds for the whole, what was not named as it is by default:
- A wider bucket is kept at least as long as a narrower one: what is over in detail is there coarse.
- A bucket is kept until two of the next width can have been made of it, or it would never be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from weir.core import units
from weir.core.errors import BadInput, Mistake
from weir.core.series import RETENTION_S, WIDTHS, wider

LEVELS: Mapping[str, int] = {"10s": 10, "1m": 60, "15m": 900, "1h": 3600, "1d": 86400}
"""What the widths of buckets are called."""

LONGEST_S = 100 * 366 * 86400

_NAMES = {width: name for name, width in LEVELS.items()}


def kept_for(said: Mapping[str, str]) -> dict[int, int]:
    """Seconds by width, with what was said of some. Raises `BadInput` with every mistake."""
    kept, found = dict(RETENTION_S), []
    for name, text in said.items():
        if name not in LEVELS:
            found.append(Mistake(f"keep.{name}", f"no bucket is so wide; there are {_levels()}"))
            continue
        try:
            kept[LEVELS[name]] = units.parse_duration_s(text)
        except ValueError as error:
            found.append(Mistake(f"keep.{name}", str(error)))
    found += [Mistake(f"keep.{name}", said_of) for name, said_of in _wrong(kept)]
    if found:
        raise BadInput("buckets of samples can't be kept like that", found)
    return kept


def read_keeps(texts: Iterable[str]) -> dict[int, int]:
    """The same of `1m=7d`, one a text. Raises `BadInput`."""
    said: dict[str, str] = {}
    for text in texts:
        name, equals, duration = text.partition("=")
        if not equals or name in said:
            why = "stands twice" if name in said else "is not WIDTH=TIME, such as 1m=7d"
            raise BadInput(f"--keep {text}: {why}", [Mistake("keep", why)])
        said[name.strip()] = duration.strip()
    return kept_for(said)


def _wrong(kept: Mapping[int, int]) -> Iterator[tuple[str, str]]:
    for width in WIDTHS:
        name, wide = _NAMES[width], wider(width)
        if kept[width] > LONGEST_S:
            yield name, "is more than a hundred years"
        if wide is None:
            continue
        least = 2 * wide
        if kept[width] < least:
            yield (
                name,
                f"is at least {least} s: buckets of {_NAMES[wide]} are worked out from these",
            )
        if kept[wide] < kept[width]:
            yield (
                _NAMES[wide],
                f"is kept for {kept[wide]} s, and the narrower {name} for {kept[width]} s; "
                "keep the wider one as long or longer",
            )


def _levels() -> str:
    return ", ".join(LEVELS)
