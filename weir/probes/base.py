"""The contract of every probe: what an agent asks of a source of samples.

Laws, held by one suite of contract tests:
- `look` gives what the source says now, in the units of `weir.core.metrics`. What the source does
  not know, a sentinel, a NaN and an infinity are left out: they never become a zero.
- `look` may block: each probe has a thread of its own. It raises a `WeirError` or an `OSError` when
  the source is away; whatever else it raises is a fault, and is logged whole.
- A probe keeps nothing that matters from one look to the next: it may be closed at any time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from weir.wire.samples import Gap, SampleBlock

CLUSTER = "cluster"
SITE = "site"

MAX_SAMPLES = 10_000
"""Most samples that one look gives: a source with more label values than that has gone wrong."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A value of a metric now. `place` is `cluster`, `site`, `pool/NAME`, `host/NAME`,
    `pool/NAME/HOST`, `link/DOMAIN` or an identifier; the agent knows what it is called.
    """

    metric: str
    value: float
    place: str = CLUSTER
    part: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look gave: samples of now, or whole blocks that another domain has passed on."""

    samples: Sequence[Sample] = ()
    blocks: Sequence[SampleBlock] = ()
    gaps: Sequence[Gap] = ()
    more: bool = False
    said: Sequence[str] = field(default=())


class Probe(Protocol):
    """One source of samples."""

    name: str
    interval_s: float

    def look(self, now: float) -> Look:
        """What the source says now."""

    def kept(self) -> None:
        """All that the last look gave is on disk here."""

    def close(self) -> None:
        """Let go of the source."""


def pool(name: str) -> str:
    """The place of a pool by its name in this cluster."""
    return f"pool/{name}"


def host(name: str, of: str = CLUSTER) -> str:
    """The place of one host by its name: of a pool, or of the cluster. Signs that no subject has
    become dashes.
    """
    own = "".join(c if c.isascii() and (c.isalnum() or c in "._:-") else "-" for c in name)[:63]
    return f"{'host' if of == CLUSTER else of}/{own or 'host'}"


def known(metric: str, value: float | None, place: str = CLUSTER, part: str = "") -> list[Sample]:
    """A sample of a value, or none of one that is unknown."""
    if value is None or not math.isfinite(value):
        return []
    return [Sample(metric, float(value), place, part)]


def bounded(
    samples: Sequence[Sample], name: str, failed: int = 0
) -> tuple[Sequence[Sample], Sequence[str]]:
    """At most so many samples as one look may give, and what is to be said of the others.

    How many values of the source `name` were not taken is a sample too: those beyond, and those
    that `failed`. An alert can be made of it, and it ends when all is taken again.
    """
    beyond = max(0, len(samples) - MAX_SAMPLES)
    counted = [*samples[:MAX_SAMPLES], Sample("probe_left_out", float(beyond + failed), part=name)]
    if not beyond:
        return counted, ()
    return counted, (f"gives {len(samples)} samples; the first {MAX_SAMPLES} are taken",)
