"""Probes at work: each on a thread of its own, so that one that hangs delays nothing else.

Looks come at whole multiples of a probe's interval, so that a bucket of ten seconds has at most one
sample of each series. A sample stands for the time since the look before it, one missed look
bridged; after a longer silence for one interval. What a look gave goes into the spools of all
parents. Whether a probe's source answers, and how old its newest answer is, is told by a thread
that asks no source.

A value that a metric can't have, and one of a place that has no name here, is left out: counted in
`probe_left_out`, and said once for as long as it goes on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from weir.agent.spool import Spool
from weir.core.errors import WeirError
from weir.core.identifiers import Kind, parse
from weir.core.metrics import METRICS, MetricKind, out_of_bounds, refusal
from weir.core.series import WIDTHS, Bucket, Key, lasting, single, start_of
from weir.probes.base import CLUSTER, SITE, Look, Probe, Sample
from weir.wire.samples import MAX_POINTS, MAX_STANDS_S, Point, pack

log = logging.getLogger(__name__)

NARROWEST = WIDTHS[0]
LEFT_OUT = "probe_left_out"
TELL_S = 30.0
"""How often it is told whether the sources answer."""


NAMED = 5
"""So many places are named where some have no identifier."""


@dataclass(frozen=True, slots=True)
class Names:
    """How places (`weir.probes.base`) are called in a cluster; its pools' identifiers by name."""

    cluster: str
    pools: Mapping[str, str]

    def __call__(self, place: str) -> str | None:
        """The identifier of a place; None for one that there is none of, or not yet."""
        kind, slash, name = place.partition("/")
        if not slash:
            if place == SITE:
                return _site(self.cluster)
            return self.cluster if place == CLUSTER else place
        if kind == "pool":
            own, of_host, host = name.partition("/")
            found = self.pools.get(own)
            return f"{found}/{host}" if found and of_host else found
        if kind == "host":
            return f"{self.cluster}/{name}"
        return f"{self.cluster}>{name}" if kind == "link" else place


class Probing:
    """The probes of one agent. `names` gives how places are called now."""

    def __init__(
        self,
        probes: Sequence[Probe],
        spools: Sequence[Spool],
        names: Callable[[], Names],
        now: Callable[[], float],
        tell: Callable[[], None],
    ) -> None:
        self._probes, self._spools = probes, spools
        self._names, self._now, self._tell = names, now, tell
        self._stopped = threading.Event()
        self._begun = now()
        self._answered: dict[str, float] = {}
        self._failing: dict[str, str] = {}
        self._left_out: dict[str, frozenset[str]] = {}

    def start(self) -> None:
        """Begin to look."""
        if not self._probes:
            return
        for probe in self._probes:
            threading.Thread(
                target=self._look_on, args=(probe,), name=f"probe {probe.name}", daemon=True
            ).start()
        threading.Thread(target=self._tell_on, name="probes", daemon=True).start()

    def stop(self) -> None:
        """Look no more. A thread that hangs in its source ends with the process."""
        self._stopped.set()
        for probe in self._probes:
            try:
                probe.close()
            except Exception:  # one that can't end keeps no other from ending
                log.exception("the probe %s does not close", probe.name)

    def look(self, probe: Probe, at: float) -> bool:
        """Have a probe look once; whether it has more at once."""
        try:
            look = probe.look(at)
            self._keep(probe.name, look, at, probe.interval_s)
            probe.kept()
        except (WeirError, OSError) as error:
            self._fails(probe, str(error))
            return False
        except Exception:  # whatever a source does to its probe, the other probes go on
            if self._stopped.is_set():
                return False
            log.exception("the probe %s has a fault", probe.name)
            self._failing[probe.name] = "a fault"
            return False
        if probe.name in self._failing:
            log.info("the probe %s answers again", probe.name)
            del self._failing[probe.name]
        self._answered[probe.name] = at
        return look.more

    def _look_on(self, probe: Probe) -> None:
        more = False
        while not self._stopped.is_set():
            now = self._now()
            # The wait is by the wall clock: looks of different agents fall into the same buckets.
            wait_s = 0.0 if more else probe.interval_s - now % probe.interval_s
            if self._stopped.wait(wait_s):
                return
            more = self.look(probe, self._now())

    def _fails(self, probe: Probe, why: str) -> None:
        if self._failing.get(probe.name) != why:
            self._failing[probe.name] = why
            log.warning("the probe %s gives nothing: %s", probe.name, why)

    def _keep(self, name: str, look: Look, at: float, interval_s: float) -> None:
        for said in look.said:
            log.warning("the probe %s: %s", name, said)
        begin, name_of = start_of(at, NARROWEST), self._names()
        seconds = stands_s(self._answered.get(name), at, interval_s)
        points, refused = _sorted(look.samples, name_of, begin, seconds)
        points += self._count(name, look.samples, refused, name_of, begin, seconds)
        # A series that stands twice in one look is one series: the last value counts.
        distinct = list({p.key: p for p in points}.values())
        blocks = [
            pack(NARROWEST, distinct[first : first + MAX_POINTS])
            for first in range(0, len(distinct), MAX_POINTS)
        ]
        if blocks or look.blocks or look.gaps:
            for spool in self._spools:
                spool.put([*blocks, *look.blocks], look.gaps)
            self._tell()

    def _count(
        self,
        name: str,
        samples: Sequence[Sample],
        refused: Sequence[_Refused],
        name_of: Names,
        begin: int,
        seconds: int,
    ) -> list[Point]:
        """How many values were left out, beside those the probe says; a reason is said once."""
        reasons = dict[str, list[str]]()
        for what, why in refused:
            reasons.setdefault(what, []).append(why)
        before = self._left_out.get(name, frozenset())
        self._left_out[name] = frozenset(reasons)
        for what in reasons.keys() - before:
            said = ", ".join(list(dict.fromkeys(reasons[what]))[:NAMED])
            log.warning("the probe %s: %d values are left out: %s", name, len(reasons[what]), said)
        if not refused and not before:
            return []
        own = [s for s in samples if (s.metric, s.part) == (LEFT_OUT, name)]
        [counted] = own[-1:] or [Sample(LEFT_OUT, 0.0, part=name)]
        more = replace(counted, value=counted.value + len(refused))
        return _sorted([more], name_of, begin, seconds)[0]

    def _tell_on(self) -> None:
        while not self._stopped.wait(TELL_S - self._now() % TELL_S):
            try:
                now = self._now()
                self._keep("probes", Look(self.states()), now, TELL_S)
                self._answered["probes"] = now
            except Exception:  # it is told again at the next turn
                if not self._stopped.is_set():
                    log.exception("whether the probes answer can't be told")

    def states(self) -> list[Sample]:
        """Which sources answer, and how old their newest answers are."""
        samples, now = [], self._now()
        for probe in self._probes:
            answered = self._answered.get(probe.name)
            if (
                answered is None
                and probe.name not in self._failing
                and now < self._begun + probe.interval_s + TELL_S
            ):
                continue  # it has only just begun
            late = answered is None or now - answered > 3 * probe.interval_s + TELL_S
            up = 0.0 if late or probe.name in self._failing else 1.0
            samples.append(Sample("probe_tried", 1.0, part=probe.name))
            samples.append(Sample("probe_up", up, part=probe.name))
            if answered is not None:
                age = Sample("probe_age", max(0.0, now - answered), part=probe.name)
                samples.append(age)
        return samples


def stands_s(before: float | None, at: float, interval_s: float) -> int:
    """For how many seconds a look stands, in whole buckets: since the one `before`, or one
    interval after more than two of them (at least half a minute) without any.
    """
    step = float(NARROWEST)
    since = None if before is None else start_of(at, NARROWEST) - start_of(before, NARROWEST)
    if since is None or not 0 < since <= max(3 * step, 2 * interval_s):
        since = int(interval_s // step * step)
    return min(MAX_STANDS_S, max(NARROWEST, since))


def _bucket(sample: Sample, seconds: int) -> Bucket:
    """What was added since the last look is one sample, for however long."""
    if METRICS[sample.metric].kind is MetricKind.DELTA:
        covered = None if seconds == NARROWEST else seconds
        return replace(single(sample.value), covered_s=covered)
    return lasting(sample.value, seconds)


def _site(cluster: str) -> str | None:
    """The site of a cluster; None for a link, which stands for a domain."""
    found = parse(cluster)
    return found.parent if found.kind is Kind.CLUSTER else None


_Refused = tuple[str, str]
"""A value that is left out: by what it is grouped, and why."""

NO_NAME = "place"


def _sorted(
    samples: Sequence[Sample], name_of: Names, begin: int, seconds: int
) -> tuple[list[Point], list[_Refused]]:
    """The samples as points of a bucket, and those that are none.

    As long as no pool has been named nobody knows which there are: what is of one waits.
    """
    points, refused = [], []
    for sample in samples:
        wrong = _wrong(sample)
        subject = None if wrong else name_of(sample.place)
        if wrong:
            refused.append((sample.metric, wrong))
        elif subject is not None:
            key = Key(subject, sample.metric, sample.part)
            points.append(Point(key, begin, _bucket(sample, seconds)))
        elif name_of.pools or sample.place == SITE:
            refused.append((NO_NAME, f"nothing here is called {sample.place}"))
    return points, refused


def _wrong(sample: Sample) -> str | None:
    """What the parent would refuse is left out here already."""
    found = refusal(sample.metric, sample.part)
    return found or out_of_bounds(METRICS[sample.metric], single(sample.value))
