"""The board that a round is played on: pools, classes of jobs, jobs and runs as flat columns.

Rows of pools are in the order of their identifiers. A class is the jobs that are judged alike; a
variant is what such a job claims on some pools (a job that asks for a total performance has more
tasks on slow devices). The figures of a class on a pool are at `klass * pools + pool`.

Everything is a list or an array: see `weir.scheduling.hosts`.
"""

from __future__ import annotations

from typing import NamedTuple

from weir.scheduling.hosts import Claims, Column, Hosts, Pieces


class Pools(NamedTuple):
    """`size` and `idle` are milli-devices, or milli-CPUs where there are none (`counts_cpu`).

    `kept` says that nobody may use the pool until a job ahead has started there. `layers` counts
    the later times at which room there is spoken for; `run` heads the list of runs, next to end
    first, and `last` is its other end.
    """

    size: Column
    idle: Column
    counts_cpu: Column
    kept: Column
    layers: Column
    run: Column
    last: Column
    speed: Column  # what a milli-device counts in quotas, in thousandths
    bound: Column  # the least that waiting for the pool could cost: worked out and used up at once
    site: Column  # the row of its site: see Sites
    mate: Column  # the next pool of its site, round in a ring


class Sites(NamedTuple):
    """The pools of a site that are counted alike (by devices, or by cores where there are none):
    what they have, and what of it is in use. Every pool is a site of its own where nobody asks.
    """

    size: Column
    used: Column


class Layers(NamedTuple):
    """Room that is spoken for, by pool and layer: from when until when, and what (a variant).

    `job` is the row of the job that it is kept for, -1 for a lease.
    """

    time: Column
    end: Column
    variant: Column
    job: Column
    timed: Column  # rows of pools with any layer
    meta: Column  # [layers there is room for on a pool, pools in `timed`, reservations left]


class Classes(NamedTuple):
    """Figures by class, and by class and pool: variant (-1: does not suit) and settled cost.

    A job takes `lag_s` (its data has to come) and `pace` times its length there.
    `key` is the cost of the pool now, infinite where the job does not fit; `tree` is a tournament
    of the pools by `key`. `seen` is how much of the log of changes the ranking knows, -1 for
    nothing. `stuck` is the round in which a job of the class found no place, `stuck_s` the
    shortest such job; `holding` the round in which one of them keeps a pool.
    """

    base: Column
    variant: Column
    cost: Column
    pace: Column
    lag_s: Column
    key: Column
    tree: Column
    seen: Column
    stuck: Column
    stuck_s: Column
    holding: Column
    alike: Column  # 1 where all variants are one
    growth: Column  # the most entries and pieces that placing such a job may add
    meta: Column  # [pools, leaves of a tree]


class Mates(NamedTuple):
    """Classes whose jobs carry a name, and keep apart by it: see `weir.scheduling.apart`.

    By class: `ring` is the next class of the same name (-1 where there is none), `level` a number
    of `APART_LEVELS`, `hard` whether it is required, `slot` the row of the class in `near` and
    `plain`, which are by slot and pool: how many mates are near, and what the pool costs without
    them. `block` is by level and pool: pools of one block share a number.
    """

    ring: Column
    level: Column
    hard: Column
    slot: Column
    near: Column
    plain: Column
    block: Column


class Needs(NamedTuple):
    """What a variant needs in all."""

    cpu: Column
    memory: Column
    milli: Column


class Jobs(NamedTuple):
    """A row a job. `length_s` is what it is thought to run, infinite if unknown.

    `pool` is where it is placed, or -1; `second` the runner-up's row, or -1; `idle` what the pool
    had left just before and `used` what of its site was in use; `why` says what a job that waits
    waits for; `ahead` counts nothing here: explanations are worked out when somebody asks.
    """

    klass: Column
    length_s: Column
    queue: Column
    pool: Column
    second: Column
    idle: Column
    second_idle: Column
    used: Column
    second_used: Column
    why: Column
    turn: Column
    order: Column  # rows of jobs in the order in which they are looked at


class Runs(NamedTuple):
    """What runs and has an end: the first rows are those of the jobs, then those of other runs."""

    pool: Column
    end: Column
    variant: Column
    piece: Column
    next: Column
    before: Column


class Queues(NamedTuple):
    """The tree of queues, the root first; amounts are by queue and resource: CPU,
    memory, milli-devices.

    `held` is what is held at this moment, `past` what was held on the average of late, `used` the
    sum of both, which counts for the share. `limit` is the most that may be held, -1 for no limit.
    `head` and `tail` delimit the queue's jobs in `order`; `pending` counts those of all below too.
    """

    parent: Column
    child: Column
    sibling: Column
    weight: Column
    past: Column
    used: Column
    held: Column
    limit: Column
    pending: Column
    head: Column
    tail: Column
    total: Column
    meta: Column  # [queues]


class Scores(NamedTuple):
    """For the fragmentation rule: the mix of tasks that are expected (`weir.scheduling.least`), and
    what classes think of entries. Empty where the rule is another.

    `version` and `before` are by entry, `seen`, `score` and `slot` by class and entry. `meta` is
    [classes of the mix, entries in a row, clock].
    """

    cpu: Column
    memory: Column
    milli: Column
    weight: Column
    suits: Column
    waste: Column
    version: Column
    before: Column
    seen: Column
    score: Column
    slot: Column
    meta: Column


class Meta(NamedTuple):
    """Single values that change. Indices into `whole` are the constants below; `log` has pools
    that have changed, -1 - pool where they may have more room (see `booking.log`).
    """

    whole: Column
    log: Column


(
    NEXT,
    ROUND,
    LOGGED,
    PLACED,
    OPEN,
    MIN_CPU,
    MIN_MILLI,
    FREE_CPU,
    FREE_MILLI,
    SPARE_PIECES,
    LOG_SIZE,
    JOBS,
    GROWTH,
) = range(13)
META_SIZE = 13


class Rules(NamedTuple):
    """What a policy says to the kernel."""

    spare_weight: float
    start_weight: float
    use_weight: float
    use_power: int
    hold: bool
    each: bool  # room is kept for every job that waits, and not for one of each class
    backfill: bool
    timed: bool  # whether ends are kept track of
    fair: bool
    quotas: bool
    least: bool  # hosts are chosen by what is lost there
    brief: bool  # nobody asks what is kept for whom once nothing is free
    unknown_start_s: float


class Board(NamedTuple):
    """All of it."""

    hosts: Hosts
    pieces: Pieces
    claims: Claims
    needs: Needs
    pools: Pools
    sites: Sites
    layers: Layers
    classes: Classes
    mates: Mates
    jobs: Jobs
    runs: Runs
    queues: Queues
    scores: Scores
    meta: Meta


WAITS_PLACED, WAITS_ROOM, WAITS_QUOTA = range(3)
DONE, GROW = 0, 1
