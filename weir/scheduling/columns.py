"""Pools as columns: what every demand asks of all pools at once, as numpy arrays with a row a pool.

Units are those of `weir.core.inventory`. Unknown amounts are -1. Texts are coded: equal texts have
equal codes, so a wish for any of some names is looked up once per name, not once per pool.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt

from weir.core.devices import DeviceModel, Precision, UnknownDevice, find, performance_gflops
from weir.core.inventory import Block, FreeShape, Pool, empty_hosts

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

UNKNOWN = -1
PRECISIONS = tuple(Precision)


T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Coded(Generic[T]):
    """One value per row, equal ones with equal codes: `values[codes[row]]`."""

    codes: Ints
    values: tuple[T, ...]
    index: Mapping[T, int]

    @classmethod
    def of(cls, values: Iterable[T]) -> Self:
        index: dict[T, int] = {}
        codes = [index.setdefault(value, len(index)) for value in values]
        return cls(np.array(codes, dtype=np.int64), tuple(index), index)

    def among(self, wanted: Collection[T]) -> Bools:
        """Rows whose value is one of `wanted`."""
        codes = [self.index[value] for value in wanted if value in self.index]
        hits = np.zeros(len(self.values), dtype=np.bool_)
        hits[codes] = True
        return hits[self.codes]

    def by_value(self, known: Mapping[T, float]) -> Floats:
        """A figure of each row's value, NaN where there is none."""
        figures = [known.get(value, float("nan")) for value in self.values]
        return np.array(figures, dtype=np.float64)[self.codes]

    def counts(self, rows: Ints) -> Iterator[tuple[T, int]]:
        """The values of these rows, each with how many have it."""
        counts = np.bincount(self.codes[rows], minlength=len(self.values))
        for code in np.flatnonzero(counts).tolist():
            yield self.values[code], int(counts[code])

    def of_row(self, row: int) -> T:
        return self.values[int(self.codes[row])]

    def take(self, rows: Ints) -> Self:
        return type(self)(self.codes[rows], self.values, self.index)


Labels = Coded[str]


@dataclass(frozen=True, slots=True)
class LabelSets:
    """Some texts per row. Many rows have the same ones: each set is looked at once."""

    sets: Coded[tuple[str, ...]]

    @classmethod
    def of(cls, sets: Iterable[Collection[str]]) -> Self:
        return cls(Coded.of(tuple(sorted(set(texts))) for texts in sets))

    def any_of(self, wanted: Collection[str]) -> Bools:
        """Rows that have at least one of `wanted`."""
        names = set(wanted)
        hits = [not names.isdisjoint(texts) for texts in self.sets.values]
        return np.array(hits, dtype=np.bool_)[self.sets.codes]

    def of_row(self, row: int) -> tuple[str, ...]:
        return self.sets.of_row(row)

    def counts(self, rows: Ints) -> Iterator[tuple[str, int]]:
        """The names of these rows, each with how many have it; "" for rows without any."""
        found: Counter[str] = Counter()
        for texts, count in self.sets.counts(rows):
            for text in texts or ("",):
                found[text] += count
        yield from found.items()

    def take(self, rows: Ints) -> Self:
        return type(self)(self.sets.take(rows))


@dataclass(frozen=True, slots=True)
class PoolColumns:
    """The columns. `gflops[row, i]` is of one device at `PRECISIONS[i]`; a pool's own figure counts
    before the catalog's. `model` holds canonical names, or the pool's own where there is none;
    `empty` is what the pool has free when nothing runs there; `levels` and `blocks` are its own.
    """

    ids: Labels
    model: Labels
    device_memory: Ints
    gflops: Ints
    hosts: Ints
    host_cpu: Ints
    host_memory: Ints
    host_devices: Ints
    empty: Coded[tuple[FreeShape, ...]]
    levels: Coded[tuple[str, ...]]
    blocks: Coded[tuple[Block, ...]]
    fabric: Labels
    traits: LabelSets
    region: Labels
    country: Labels
    industries: LabelSets
    cluster: Labels
    site: Labels
    site_name: Labels
    domains: LabelSets
    hops: Ints
    latency_us: Ints
    device_price: Ints
    core_price: Ints
    max_walltime_s: Ints
    emulated: Bools
    open: Bools
    closed: Labels
    silent: Bools

    def __len__(self) -> int:
        return len(self.hosts)

    @classmethod
    def of(cls, rows: Sequence[tuple[Pool, bool]]) -> Self:
        """The columns of (pool, whether it is silent), row for row."""
        pools = [pool for pool, _ in rows]
        known = [_model(p.device_model) for p in pools]
        memory = [
            UNKNOWN if m is None or not m.memory_bytes else m.memory_bytes.value for m in known
        ]
        gflops = [_gflops(p, m) for p, m in zip(pools, known, strict=True)]
        return cls(
            ids=Labels.of(p.id for p in pools),
            model=Labels.of(
                p.device_model or "" if m is None else m.name
                for p, m in zip(pools, known, strict=True)
            ),
            device_memory=_ints(memory),
            gflops=np.array(gflops, dtype=np.int64).reshape(len(pools), len(PRECISIONS)),
            hosts=_ints(p.hosts for p in pools),
            host_cpu=_ints(p.shape.cpu_milli for p in pools),
            host_memory=_ints(p.shape.memory_bytes for p in pools),
            host_devices=_ints(p.shape.devices for p in pools),
            empty=Coded.of(empty_hosts(p) for p in pools),
            levels=Coded.of(p.levels for p in pools),
            blocks=Coded.of(p.blocks for p in pools),
            fabric=Labels.of(p.fabric for p in pools),
            traits=LabelSets.of([p.traits for p in pools]),
            region=Labels.of(p.location.region for p in pools),
            country=Labels.of(p.location.country for p in pools),
            industries=LabelSets.of([p.industries for p in pools]),
            cluster=Labels.of(p.cluster for p in pools),
            site=Labels.of(p.site for p in pools),
            site_name=Labels.of(p.site_name for p in pools),
            domains=LabelSets.of([p.domains for p in pools]),
            hops=_ints(p.hops for p in pools),
            latency_us=_ints(UNKNOWN if p.latency_us is None else p.latency_us for p in pools),
            device_price=_ints(p.price_micro_per_device_hour for p in pools),
            core_price=_ints(p.price_micro_per_core_hour for p in pools),
            max_walltime_s=_ints(p.max_walltime_s or UNKNOWN for p in pools),
            emulated=_bools(p.emulated for p in pools),
            open=_bools(p.open for p in pools),
            closed=Labels.of(p.closed for p in pools),
            silent=_bools(silent for _, silent in rows),
        )

    def take(self, rows: Ints) -> Self:
        """The same columns with `rows` only, in that order."""
        return type(self)(*(_take(getattr(self, f.name), rows) for f in fields(self)))


def canonical_model(name: str) -> str:
    """The catalog's name of a device model, or the name itself where the catalog has none."""
    model = _model(name)
    return name if model is None else model.name


@lru_cache(maxsize=1024)
def _model(name: str | None) -> DeviceModel | None:
    try:
        return find(name) if name else None
    except UnknownDevice:
        return None


def _gflops(pool: Pool, model: DeviceModel | None) -> list[int]:
    # Of a pool without devices it is what CPUs did, which no device is compared with.
    measured = dict(pool.measured_gflops) if pool.shape.devices else {}
    catalog = [None if model is None else performance_gflops(model, p) for p in PRECISIONS]
    return [
        measured.get(p.value) or figure or UNKNOWN
        for p, figure in zip(PRECISIONS, catalog, strict=True)
    ]


def _ints(values: Iterable[int]) -> Ints:
    return np.array(list(values), dtype=np.int64)


def _bools(values: Iterable[bool]) -> Bools:
    return np.array(list(values), dtype=np.bool_)


def _take(column: Any, rows: Ints) -> Any:
    return column.take(rows) if isinstance(column, Coded | LabelSets) else column[rows]
