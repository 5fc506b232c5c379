"""Making a board: columns of the right length, from what the pools have and the classes claim."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

import numpy as np

from weir.scheduling.board import (
    FREE_CPU,
    FREE_MILLI,
    GROWTH,
    JOBS,
    LOG_SIZE,
    META_SIZE,
    MIN_CPU,
    MIN_MILLI,
    SPARE_PIECES,
    Board,
    Classes,
    Jobs,
    Layers,
    Mates,
    Meta,
    Needs,
    Pools,
    Queues,
    Runs,
    Scores,
    Sites,
)
from weir.scheduling.fragmentation import Mix
from weir.scheduling.hosts import WHOLE, Claims, Hosts, Pieces
from weir.scheduling.packing import MOST, Claim, Free, largest_first, taken_milli
from weir.scheduling.rings import rings, sums

Claimed = tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class PoolRow:
    """A pool for the board: what is free now, and its size."""

    free: Free
    hosts: int
    size: int
    idle: int
    counts_cpu: bool
    speed: int = 1000
    site: str = ""


@dataclass(frozen=True, slots=True)
class ClassRows:
    """Classes for the board: variants of each, and figures of all on all pools.

    `variant` (classes, pools) is an index into the class's variants, -1 where the pool does not
    suit; `cost` (classes, pools) is the settled part of the cost; `pace` and `lag_s` (classes,
    pools, or single numbers) say how long jobs take there. `others` are variants of no class: of
    runs and leases; they come after those of the classes. `mates` says which classes carry a name,
    None where none does.
    """

    variants: Sequence[Sequence[Claimed]]
    variant: Any
    cost: Any
    pace: Any = 1.0
    lag_s: Any = 0.0
    others: Sequence[Claimed] = ()
    mates: Mates | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the columns are made: layers of a pool, entries and pieces to spare."""

    layers: int = 1
    entries: int = 0
    pieces: int = 0


@dataclass(slots=True)
class Tree:
    """The tree of queues as columns; a single root where there are none."""

    parent: list[int] = field(default_factory=lambda: [-1])
    child: list[int] = field(default_factory=lambda: [-1])
    sibling: list[int] = field(default_factory=lambda: [-1])
    weight: list[float] = field(default_factory=lambda: [1.0])
    past: list[float] = field(default_factory=lambda: [0.0] * 3)
    held: list[int] = field(default_factory=lambda: [0] * 3)
    limit: list[int] = field(default_factory=lambda: [-1] * 3)
    total: list[int] = field(default_factory=lambda: [0] * 3)


def make_board(
    pools: Sequence[PoolRow],
    classes: ClassRows,
    klass: Any,
    length_s: Any,
    runs: int = 0,
    limits: Limits = Limits(),
    tree: Tree | None = None,
    queue: Any = None,
    mix: Mix | None = None,
    by_site: bool = False,
) -> Board:
    """An empty board over arrays: `klass` and `length_s` are by job; `runs` others may be added.

    With `mix`, hosts are chosen by the fragmentation rule, and there is room for every host to be
    an entry of its own. With `by_site`, pools of one site are looked at again together.
    """
    if mix is not None:
        limits = replace(limits, entries=1 << 40)
    n_pools, n_jobs = len(pools), len(klass)
    claims, needs, base, growth = claim_columns(classes.variants, classes.others)
    hosts = _hosts(pools, limits, _width(pools, claims))
    pieces = max(limits.pieces, int(growth.max(initial=0)) + 1)
    tree = tree or Tree()
    names = [(p.site, p.counts_cpu) if by_site else at for at, p in enumerate(pools)]
    site, mate = rings(names)
    return Board(
        hosts=hosts,
        pieces=_pieces(pieces),
        claims=claims,
        needs=needs,
        pools=Pools(
            size=_ints(p.size for p in pools),
            idle=_ints(p.idle for p in pools),
            counts_cpu=_ints(p.counts_cpu for p in pools),
            kept=_zeros(n_pools),
            layers=_zeros(n_pools),
            run=_filled(n_pools, -1),
            last=_filled(n_pools, -1),
            speed=_ints(p.speed for p in pools),
            bound=np.zeros(n_pools),
            site=site,
            mate=mate,
        ),
        sites=Sites(*sums(site, [p.size for p in pools], [p.size - p.idle for p in pools])),
        layers=_layers(n_pools, limits.layers),
        classes=_classes(classes, base, growth, n_pools),
        mates=classes.mates or _no_mates(len(classes.variants)),
        jobs=_jobs(klass, length_s, queue),
        runs=_runs(n_jobs + runs),
        queues=queue_columns(tree, n_jobs),
        scores=_scores(mix, len(classes.variants), len(hosts.pool)),
        meta=_meta(pools, needs, pieces, n_jobs, _growth(classes)),
    )


def claim_columns(
    variants: Sequence[Sequence[Claimed]], others: Sequence[Claimed]
) -> tuple[Claims, Needs, Any, Any]:
    """The claims of all variants, what each variant needs in all, and by class where its start is
    and how much placing one may add.
    """
    flat = [*(v for of_class in variants for v in of_class), *others]
    base = np.cumsum([0, *(len(of_class) for of_class in variants)])[:-1]
    rows = [c for v in flat for c in largest_first(v)]
    first = np.cumsum([0, *(len(v) for v in flat)])
    claims = Claims(
        cpu=_ints(min(c.cpu_milli, MOST) for c in rows),
        memory=_ints(min(c.memory_bytes, MOST) for c in rows),
        devices=_ints(taken_milli(c) // WHOLE if c.device_milli >= WHOLE else 0 for c in rows),
        milli=_ints(c.device_milli if c.device_milli < WHOLE else 0 for c in rows),
        count=_ints(min(c.count, MOST) for c in rows),
        most=_ints(min(c.per_host, MOST) for c in rows),
        within=_ints(c.within for c in rows),
        first=first,
    )
    needs = Needs(
        cpu=_ints(min(MOST, sum(c.cpu_milli * c.count for c in v)) for v in flat),
        memory=_ints(min(MOST, sum(c.memory_bytes * c.count for c in v)) for v in flat),
        milli=_ints(min(MOST, sum(taken_milli(c) * c.count for c in v)) for v in flat),
    )
    growth = [
        max((sum(min(c.count, 1 << 24) + 2 for c in v) for v in of_class), default=0)
        for of_class in variants
    ]
    return claims, needs, base.astype(np.int64), np.array(growth, dtype=np.int64)


def _growth(classes: ClassRows) -> int:
    """The most entries that booking anything on the board may add."""
    every = [*(v for of_class in classes.variants for v in of_class), *classes.others]
    return max((sum(min(c.count, 1 << 24) + 2 for c in v) for v in every), default=0)


def _width(pools: Sequence[PoolRow], claims: Claims) -> int:
    """Slots for shared devices on a host: none where nobody shares."""
    shared = any(m != WHOLE for p in pools for s in p.free for m, _ in s.devices)
    if not shared and not (claims.milli > 0).any():
        return 0
    return max((sum(n for _, n in s.devices) for p in pools for s in p.free), default=0)


def _hosts(pools: Sequence[PoolRow], limits: Limits, width: int) -> Hosts:
    used = sum(len(p.free) for p in pools)
    total = sum(s.hosts for p in pools for s in p.free)
    room = max(1, min(total + 1, used + limits.entries))
    layers = limits.layers + 3
    levels = max((len(s.block) for p in pools for s in p.free), default=0)
    blocks = max((n + 1 for p in pools for s in p.free for n in s.block), default=0)
    h = Hosts(
        pool=_zeros(room), hosts=_zeros(room), single=_zeros(room), next=_filled(room, -1),
        first=_filled(len(pools), -1),
        hint=_zeros(len(pools)), hint_of=_filled(len(pools), -1),
        cpu=_zeros(layers * room), memory=_zeros(layers * room),
        whole=_zeros(layers * room), share=_filled(layers * room * width, -1),
        here=_zeros(room), here_of=_zeros(room), tried=_zeros(room), source=_zeros(room),
        block=_filled(room * levels, -1), room=_zeros(blocks), room_of=_zeros(blocks),
        meta=np.array([used, room, width, -1, total, layers, -1, 0, levels, 0], dtype=np.int64),
    )  # fmt: skip
    e = 0
    for row, pool in enumerate(pools):
        for n, shape in enumerate(pool.free):
            h.pool[e], h.hosts[e] = row, shape.hosts
            h.cpu[e], h.memory[e] = min(shape.cpu_milli, MOST), min(shape.memory_bytes, MOST)
            h.next[e] = e + 1 if n + 1 < len(pool.free) else -1
            h.block[e * levels : e * levels + len(shape.block)] = shape.block
            slot = e * width
            for milli, count in shape.devices:
                if milli == WHOLE:
                    h.whole[e] = count
                else:
                    h.share[slot : slot + count] = milli
                    slot += count
            e += 1
        if pool.free:
            h.first[row] = e - len(pool.free)
    return h


def _pieces(count: int) -> Pieces:
    following = np.arange(1, count + 1)
    following[-1] = -1
    return Pieces(
        entry=_zeros(count), tasks=_zeros(count), claim=_zeros(count), slot=_zeros(count),
        next=following, meta=_zeros(1),
    )  # fmt: skip


def _layers(pools: int, limit: int) -> Layers:
    size = pools * limit
    return Layers(
        time=np.full(size, inf), end=np.full(size, inf), variant=_zeros(size),
        job=_filled(size, -1), timed=_zeros(pools),
        meta=np.array([limit, 0, 0], dtype=np.int64),
    )  # fmt: skip


def _classes(rows: ClassRows, base: Any, growth: Any, pools: int) -> Classes:
    count = len(rows.variants)
    leaves = 1 << max(1, (max(1, pools) - 1).bit_length())
    return Classes(
        base=np.asarray(base, dtype=np.int64),
        variant=np.asarray(rows.variant, dtype=np.int64).reshape(-1),
        cost=np.asarray(rows.cost, dtype=np.float64).reshape(-1),
        pace=np.array(np.broadcast_to(rows.pace, (count, pools)), dtype=float).reshape(-1),
        lag_s=np.array(np.broadcast_to(rows.lag_s, (count, pools)), dtype=float).reshape(-1),
        key=np.full(count * pools, inf),
        tree=_filled(count * leaves, -1),
        seen=_filled(count, -1),
        stuck=_filled(count, -1),
        stuck_s=np.zeros(count),
        holding=_filled(count, -1),
        alike=_ints(len(v) == 1 for v in rows.variants),
        growth=growth,
        meta=np.array([pools, leaves], dtype=np.int64),
    )


def _no_mates(classes: int) -> Mates:
    none = _filled(classes, -1)
    return Mates(none, none, none, none, _zeros(0), np.zeros(0), _zeros(0))


def _jobs(klass: Any, length_s: Any, queue: Any) -> Jobs:
    n = len(klass)
    return Jobs(
        klass=np.asarray(klass, dtype=np.int64),
        length_s=np.asarray(length_s, dtype=np.float64),
        queue=_zeros(n) if queue is None else np.asarray(queue, dtype=np.int64),
        pool=_filled(n, -1), second=_filled(n, -1), idle=_zeros(n), second_idle=_zeros(n),
        used=_zeros(n), second_used=_zeros(n),
        why=_filled(n, 1), turn=_filled(n, -1), order=np.arange(n),
    )  # fmt: skip


def _runs(n: int) -> Runs:
    return Runs(
        pool=_filled(n, -1), end=np.full(n, inf), variant=_zeros(n), piece=_filled(n, -1),
        next=_filled(n, -1), before=_filled(n, -1),
    )  # fmt: skip


def queue_columns(tree: Tree, jobs: int) -> Queues:
    """The tree of queues for so many jobs, none of them in line yet."""
    n = len(tree.parent)
    return Queues(
        parent=_ints(tree.parent), child=_ints(tree.child), sibling=_ints(tree.sibling),
        weight=np.array(tree.weight), past=np.array(tree.past),
        used=np.array(tree.past) + np.array(tree.held), held=_ints(tree.held),
        limit=_ints(tree.limit), pending=_zeros(n), head=_zeros(n), tail=_filled(n, jobs),
        total=_ints(tree.total), meta=np.array([n], dtype=np.int64),
    )  # fmt: skip


def _scores(mix: Mix | None, classes: int, entries: int) -> Scores:
    if mix is None:
        mix, entries = Mix([], [], [], [], [], [], 0, 0), 0
    return Scores(
        cpu=_ints(mix.cpu), memory=_ints(mix.memory), milli=_ints(mix.milli),
        weight=np.array(mix.weight, dtype=np.float64), suits=_ints(mix.suits),
        waste=np.array(mix.waste, dtype=np.float64), version=_zeros(entries),
        before=np.zeros(entries), seen=_filled(classes * entries, -1),
        score=np.zeros(classes * entries), slot=_zeros(classes * entries),
        meta=np.array([mix.classes, entries, 0], dtype=np.int64),
    )  # fmt: skip


def _meta(pools: Sequence[PoolRow], needs: Needs, pieces: int, jobs: int, growth: int) -> Meta:
    whole = _zeros(META_SIZE)
    shapes = [s for p in pools for s in p.free]
    whole[FREE_CPU] = min(MOST, sum(s.cpu_milli * s.hosts for s in shapes))
    whole[FREE_MILLI] = min(MOST, sum(s.device_milli * s.hosts for s in shapes))
    whole[MIN_CPU] = needs.cpu.min(initial=MOST)
    whole[MIN_MILLI] = needs.milli.min(initial=MOST)
    whole[SPARE_PIECES] = pieces
    whole[LOG_SIZE] = 2 * max(64, len(pools))
    whole[JOBS] = jobs
    whole[GROWTH] = growth
    return Meta(whole, _zeros(2 * max(64, len(pools))))


def _ints(values: Iterable[int]) -> Any:
    return np.array(list(values), dtype=np.int64)


def _zeros(n: int) -> Any:
    return np.zeros(n, dtype=np.int64)


def _filled(n: int, value: int) -> Any:
    return np.full(n, value, dtype=np.int64)
