"""From a snapshot to a board: shapes of jobs judged once each, pools with what is free in them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import frexp, inf, nan
from typing import Any, Self

import numpy as np

from weir.core.demand import Demand
from weir.core.inventory import DEVICE_MILLI
from weir.scheduling.apart import (
    Carrier,
    Name,
    Named,
    apart_cost,
    by_name,
    mate_columns,
    name_of,
    nearness,
)
from weir.scheduling.board import Mates
from weir.scheduling.columns import UNKNOWN, Floats, PoolColumns
from weir.scheduling.energy import Energy
from weir.scheduling.feasible import Judgment, judge, reachable
from weir.scheduling.packing import Claim
from weir.scheduling.policy import Policy
from weir.scheduling.rank import Merits, Settled, settle
from weir.scheduling.setup import ClassRows
from weir.scheduling.snapshot import Snapshot, WaitingJob

Links = Mapping[tuple[str, str], float]
Speeds = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What costs depend on beside pools and policy: see `Snapshot`."""

    now: float
    energy: Mapping[str, Energy]
    speeds: Speeds
    links: Links
    past: Mapping[str, float] = field(default_factory=dict)
    estimated: frozenset[tuple[str, str]] = frozenset()
    mates: Named = field(default_factory=dict)

    @classmethod
    def of(cls, seen: Snapshot) -> Self:
        """Those of a snapshot."""
        at = seen.now if seen.priced_at is None else seen.priced_at
        mates = by_name(seen.mates)
        return cls(at, seen.energy, seen.speeds, seen.links, seen.past, seen.estimated, mates)


@dataclass(frozen=True, slots=True)
class Shape:
    """What jobs have in common that are judged alike.

    `demand` is without its walltime; of that, only which pools allow it (`allowed`, the longest
    walltime of pools that it keeps to) and its size (`length`, a power of two, where costs depend
    on how long the job runs) matter. `user` is whose it is, where that matters: of jobs that carry
    a name.
    """

    demand: Demand
    avoid: frozenset[str]
    allowed: int
    length: int
    kind: str
    data: tuple[tuple[str, int], ...]
    user: str = ""

    @property
    def name(self) -> Name | None:
        """The name by which its jobs keep apart, if any."""
        return name_of(self.user, self.demand)


@dataclass(frozen=True, slots=True)
class Class:
    """A shape judged: which pools suit, what it costs there, how many tasks it has.

    Of one that carries a name, `near` is how many mates are near each pool, and `reach` is
    `variant` as it would be without them; None of all others.
    """

    shape: Shape
    judgment: Judgment
    settled: Settled
    variants: tuple[tuple[Claim, ...], ...]
    variant: Any  # by pool, -1 where it can't go now
    pace: Any
    lag_s: Any
    near: Any = None
    reach: Any = None

    @property
    def cost(self) -> Any:
        """What is settled of the cost of each pool before the round."""
        return self.settled.cost if self.near is None else apart_cost(self.settled.cost, self.near)


class Shapes:
    """Finds the shapes of jobs. `found` has them in the order in which they came up.

    Jobs that share their `Demand` object, as those of a server do, cost one look in a table.
    """

    def __init__(self, columns: PoolColumns, by_length: bool) -> None:
        limits = columns.max_walltime_s
        self._limits = sorted({int(v) for v in limits[limits != UNKNOWN].tolist()})
        self._by_length = by_length
        self._keep: dict[int, Demand] = {}  # so that no other object gets the same id
        self._seen: dict[Any, int] = {}
        self._rows: dict[Shape, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def found(self) -> tuple[Shape, ...]:
        return tuple(self._rows)

    def rows(self, jobs: Iterable[WaitingJob]) -> list[int]:
        """The row of each job's shape in `found`."""
        return [self.row(job) for job in jobs]

    def row(self, job: WaitingJob) -> int:
        """The row of a job's shape in `found`."""
        length = 0
        if self._by_length and (likely := job.likely_s) < inf:
            length = frexp(likely)[1]
        user = "" if job.demand.apart is None else job.user
        key = id(job.demand), length, job.avoid, job.kind, job.data, user
        row = self._seen.get(key)
        if row is None:
            self._keep[id(job.demand)] = job.demand
            bare = replace(job.demand, walltime_s=None)
            allowed = self._allowed(job.demand)
            shape = Shape(bare, job.avoid, allowed, length, job.kind, job.data, user)
            row = self._seen[key] = self._rows.setdefault(shape, len(self._rows))
        return row

    def _allowed(self, demand: Demand) -> int:
        """The number of limits of pools that the walltime breaks."""
        return 0 if demand.walltime_s is None else bisect_right(self._limits, demand.walltime_s - 1)

    def with_walltime(self, shape: Shape) -> Demand:
        """The demand with a walltime that breaks as many limits as the shape's jobs' do."""
        if not shape.allowed:
            return shape.demand
        return replace(shape.demand, walltime_s=self._limits[shape.allowed - 1] + 1)


def classify(
    columns: PoolColumns, shape: Shape, demand: Demand, policy: Policy, around: Surroundings
) -> Class:
    """Judge a shape against all pools."""
    judgment = judge(columns, demand)
    takes = judgment.suits & reachable(columns, shape.avoid)
    variants, variant = _variants(judgment, takes)
    pace, lag = pace_of(columns, shape.kind, around), lag_of(columns, shape.data, around)
    length = 2.0**shape.length if shape.length else nan
    merits = merits_of(columns, judgment, shape, policy, pace * length, around)
    found = Class(shape, judgment, settle(policy, merits), variants, variant, pace, lag)
    return found if shape.name is None else beside_mates(found, around.mates)


def beside_mates(found: Class, mates: Named) -> Class:
    """A class that carries a name, as it is with these mates where they are."""
    shape, columns = found.shape, found.judgment.columns
    assert shape.demand.apart is not None
    assert shape.name is not None
    reach = found.variant if found.reach is None else found.reach
    closed, near = nearness(columns, shape.demand.apart, mates.get(shape.name, ()))
    return replace(found, variant=np.where(closed, -1, reach), near=near, reach=reach)


def _variants(judgment: Judgment, takes: Any) -> tuple[tuple[tuple[Claim, ...], ...], Any]:
    tasks = judgment.tasks
    if tasks.alike:
        claims = tasks.claims(0) if len(takes) else ()
        return (claims,), np.where(takes, 0, -1)
    index: dict[tuple[Claim, ...], int] = {}
    variant = np.full(len(takes), -1, dtype=np.int64)
    for row in np.flatnonzero(takes).tolist():
        variant[row] = index.setdefault(tasks.claims(row), len(index))
    return tuple(index) or ((),), variant


def merits_of(
    columns: PoolColumns,
    judgment: Judgment,
    shape: Shape,
    policy: Policy,
    run_s: Floats,
    around: Surroundings,
) -> Merits:
    """What the pools offer a job of this shape that would run for `run_s` there (NaN: unknown); of
    the past and the surplus only what the policy weighs.
    """
    past = around.past if policy.past_weight else {}
    price = np.asarray(judgment.tasks.price_micro_per_hour / 1e6, dtype=np.float64)
    kw = carbon = None
    if around.energy:
        kw, carbon, paid = _energy(columns, judgment, run_s, around)
        price = price + paid
    return Merits(
        price=price,
        latency_ms=np.where(columns.latency_us == UNKNOWN, nan, columns.latency_us / 1000),
        hops=columns.hops,
        run_s=run_s if shape.length else None,
        estimated=_estimated(columns, shape.kind, around),
        energy_kw=kw,
        carbon_g_per_kwh=carbon,
        data_gb=missing_gb(columns, shape.data) if shape.data else None,
        devices=devices_asked(judgment) if past else 1.0,
        past=columns.site.by_value(past) if past else None,
        surplus=surplus_of(columns, judgment) if policy.surplus_weight else None,
    )


def devices_asked(judgment: Judgment) -> Any:
    """Devices that the job asks for on each pool, eights of cores where it asks for none."""
    milli, cpu = judgment.tasks.sums
    return np.where(milli > 0, milli / 1000, cpu / 8000).astype(np.float64)


def surplus_of(columns: PoolColumns, judgment: Judgment) -> Floats:
    """Devices of the hosts beside those that the tasks ask for, if each had a host of its own."""
    found = np.zeros(len(columns))
    tasks = judgment.tasks
    for group, count in zip(tasks.demand.groups, tasks.counts, strict=True):
        if group.exclusive:
            continue  # its hosts are held whole: nobody else could use what is left
        asks = -(-group.device.milli // DEVICE_MILLI) if group.device else 0
        found += np.maximum(0, count) * np.maximum(0, columns.host_devices - asks)
    return found


def _energy(
    columns: PoolColumns, judgment: Judgment, run_s: Floats, around: Surroundings
) -> tuple[Floats, Floats, Floats]:
    """The draw in kW, the carbon intensity while it runs, and what an hour's energy costs."""
    rows = len(columns)
    kw, carbon, price = np.full(rows, nan), np.full(rows, nan), np.zeros(rows)
    milli, cpu = (np.broadcast_to(v, (rows,)) for v in judgment.tasks.sums)
    for code, site in enumerate(columns.site.values):
        energy = around.energy.get(site)
        if energy is None:
            continue
        here = np.flatnonzero(columns.site.codes == code)
        watts = _watts(columns, energy)[columns.model.codes[here]] if energy.watts_of else nan
        kw[here] = energy.kw(milli[here], cpu[here], watts)
        until = around.now + np.where(np.isnan(run_s[here]), 3600.0, run_s[here])
        if energy.carbon is not None:
            carbon[here] = energy.carbon.mean(around.now, until)
        if energy.price is not None:
            price[here] = np.nan_to_num(kw[here]) * energy.price.mean(around.now, until)
    return kw, carbon, price


def _watts(columns: PoolColumns, energy: Energy) -> Floats:
    """What a busy device of each model draws there, NaN where it is not known."""
    return np.array([energy.watts_of.get(model, nan) for model in columns.model.values])


def _estimated(columns: PoolColumns, kind: str, around: Surroundings) -> Any:
    """Where the speed of this kind of job is an estimate; None where nothing is."""
    guessed = {model for name, model in around.estimated if name == kind}
    if not guessed:
        return None
    return np.array([m in guessed for m in columns.model.values])[columns.model.codes]


def missing_gb(columns: PoolColumns, data: Collection[tuple[str, int]]) -> Floats:
    """What of the data is not at each pool's site, in GB."""
    total = float(sum(size for _, size in data))
    missing = np.full(len(columns), total)
    for site, size in data:
        missing[columns.site.among((site,)) | columns.site_name.among((site,))] -= size
    return missing / 1e9


def lag_of(columns: PoolColumns, data: Collection[tuple[str, int]], around: Surroundings) -> Floats:
    """Seconds until the data of a job is at each pool's site; an unknown link takes no time."""
    lag = np.zeros(len(columns))
    ids = _ids_of_sites(columns) if data else {}
    for named, size in data:
        source = ids.get(named, named)
        for code, site in enumerate(columns.site.values):
            gbps = around.links.get((source, site)) or around.links.get((site, source))
            if site != source and gbps:
                here = columns.site.codes == code
                lag[here] = np.maximum(lag[here], size * 8 / (gbps * 1e9))
    return lag


def _ids_of_sites(columns: PoolColumns) -> dict[str, str]:
    """The sites' identifiers by their names."""
    pairs = set(zip(columns.site_name.codes.tolist(), columns.site.codes.tolist(), strict=True))
    names, sites = columns.site_name.values, columns.site.values
    return {names[n]: sites[s] for n, s in sorted(pairs, reverse=True)}


def pace_of(columns: PoolColumns, kind: str, around: Surroundings) -> Floats:
    """How long a job of this kind runs on each pool, as a multiple of its length.

    Its length is what it takes on the fastest model known for its kind. Models without a figure
    count as the slowest that has one.
    """
    known = around.speeds.get(kind, {})
    figures = {m: v for m, v in known.items() if v > 0}
    if not figures:
        return np.ones(len(columns))
    fastest, slowest = max(figures.values()), min(figures.values())
    by_model = np.array([figures.get(m, slowest) for m in columns.model.values])
    return np.asarray(fastest / by_model[columns.model.codes])


def class_rows(
    classes: Sequence[Class], pools: int, spare: int = 0, columns: PoolColumns | None = None
) -> ClassRows:
    """The classes as the board wants them, with `spare` rows for others to come, some of which may
    carry names if `columns` are given.
    """
    if not classes and not spare:
        return ClassRows([], np.zeros((0, pools)), np.zeros((0, pools)))

    def stacked(rows: Sequence[Any], fill: float) -> Any:
        return np.stack([*rows, *[np.full(pools, fill)] * spare])

    return ClassRows(
        variants=[*(c.variants for c in classes), *[()] * spare],
        variant=np.stack([*(c.variant for c in classes), *[np.full(pools, -1)] * spare]),
        cost=stacked([c.cost for c in classes], 0.0),
        pace=stacked([c.pace for c in classes], 1.0),
        lag_s=stacked([c.lag_s for c in classes], 0.0),
        mates=_mates(classes, spare, columns),
    )


def _mates(classes: Sequence[Class], spare: int, columns: PoolColumns | None) -> Mates | None:
    carriers = [found for row, c in enumerate(classes) if (found := carrier(c, row)) is not None]
    slots = SPARE_NAMES + len(carriers) // 4 if spare else 0
    if columns is None or not (carriers or slots):
        return None
    return mate_columns(carriers, len(classes) + spare, columns, slots)


SPARE_NAMES = 8
"""So many classes with a name, and a quarter of those that there are, may come to a board that is
kept."""


def carrier(found: Class, row: int) -> Carrier | None:
    """A class as the board wants it, if it carries a name."""
    apart, name = found.shape.demand.apart, found.shape.name
    if apart is None or name is None:
        return None
    return Carrier(row, name, apart, found.settled.cost, found.near)
