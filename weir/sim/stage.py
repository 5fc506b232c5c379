"""The stage of a simulation: the board of the scheduler, and the world's columns beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from weir.core.inventory import Pool, empty_hosts
from weir.scheduling import rank
from weir.scheduling.board import Board, Rules
from weir.scheduling.columns import PoolColumns
from weir.scheduling.defer import kw_of, without_curves
from weir.scheduling.encode import Class, Surroundings, class_rows, classify, missing_gb
from weir.scheduling.energy import Energy
from weir.scheduling.estimate import rows_for
from weir.scheduling.expected import expected_mix
from weir.scheduling.fragmentation import Mix
from weir.scheduling.least import STRIDE, touch_all
from weir.scheduling.normal import speeds
from weir.scheduling.policy import HostRule, Order, Policy
from weir.scheduling.queues import flat_tree, totals, tree_of
from weir.scheduling.rules import rules_of
from weir.scheduling.setup import Limits, PoolRow, make_board
from weir.sim.loop import Replay, World
from weir.sim.outcome import Outcome, SimPool
from weir.sim.past import Past
from weir.sim.shapes import asked, shapes_of
from weir.sim.shift import shifted
from weir.sim.workload import Floats, Workload

if TYPE_CHECKING:
    from weir.sim.engine import Options


MOST_S = 1e12
"""More seconds than any turn: a priority counts before all of them."""


@dataclass(slots=True)
class Stage:
    """Everything that a simulation changes; rows of jobs are in the order of `order`.

    `klass` is by row of the workload; `kw` (class, pool) is what such a job draws.
    """

    board: Board
    replay: Replay
    rules: Rules
    world: World
    workload: Workload
    pools: tuple[Pool, ...]
    columns: PoolColumns
    policy: Policy
    energy: Mapping[str, Energy]
    classes: tuple[Class, ...]
    order: Any
    kw: Floats
    base: Floats  # the part of the cost that neither curves nor the past change
    runs_s: tuple[Floats, Any]  # the sizes of runs, and which one each class has on each pool
    past: Past

    def refresh(self, every_s: float) -> None:
        """Work costs out anew for the hours from now on."""
        now = max(float(self.replay.real[0]), self.world.until_s)
        cost = self.base + self._of_curves(now)
        if self.policy.past_weight:
            self.past.remember(now, np.asarray(self.board.pools.idle))
            cost += self.policy.past_weight * self.past.devices * self.past.of_pools
        self.board.classes.cost[:] = cost.reshape(-1)
        self.board.classes.seen[:] = -1
        self.world = self.world._replace(until_s=now + every_s)

    def _of_curves(self, now: float) -> Floats:
        """What energy costs and emits, weighed, for each class on each pool."""
        lengths, index = self.runs_s
        rate = {
            site: self._rate(energy, now, now + lengths) for site, energy in self.energy.items()
        }
        found = np.zeros_like(self.base)
        for row, pool in enumerate(self.pools):
            if pool.site in rate:
                drawn = np.nan_to_num(self.kw[:, row])  # of who knows what it draws
                found[:, row] = drawn * rate[pool.site][index[:, row]]
        return found

    def _rate(self, energy: Energy, now: float, until: Floats) -> Floats:
        """What a kW costs from now until then, weighed."""
        rate = np.zeros(len(until))
        if energy.price is not None and self.policy.price_weight:
            rate += self.policy.price_weight * energy.price.mean(now, until)
        if energy.carbon is not None and self.policy.carbon_weight:
            rate += self.policy.carbon_weight * energy.carbon.mean(now, until) / 1000
        return rate

    def outcome(
        self,
        name: str,
        wall_s: float,
        rounds: int,
        held_s: Floats | None = None,
        lost_s: Floats | None = None,
    ) -> Outcome:
        """What came of it, in the rows of the workload. Where jobs were pushed out, `held_s` is how
        long each held its place in all, `lost_s` what of that was lost.
        """
        jobs = len(self.workload)
        start, end = np.full(jobs, nan), np.full(jobs, nan)
        pool = np.full(jobs, -1, dtype=np.int32)
        start[self.order] = np.where(np.isfinite(self.replay.start_s), self.replay.start_s, nan)
        end[self.order] = np.where(np.isfinite(start[self.order]), self.replay.end_s, nan)
        pool[self.order] = self.board.jobs.pool
        klass = np.empty(jobs, dtype=np.int64)
        klass[self.order] = self.board.jobs.klass
        if held_s is None:
            held_s = np.where(np.isfinite(end), end - start, 0.0)
        busy = held_s
        wh, carbon, price = _bill(self, klass, pool, start, end, busy)
        return Outcome(
            policy=name,
            workload=_as_held(self, klass, pool),
            pools=tuple(SimPool.of(p) for p in self.pools),
            start_s=start,
            end_s=np.where(np.isinf(end), nan, end),
            busy_s=busy,
            lost_s=np.zeros(jobs) if lost_s is None else lost_s,
            pool=pool,
            price=price,
            carbon_g=carbon,
            energy_wh=wh,
            moved_bytes=_moved(self, klass, pool),
            currency=self.pools[0].currency if self.pools else "",
            wall_s=wall_s,
            rounds=rounds,
        )


def _bill(
    stage: Stage, klass: Any, pool: Any, start: Floats, end: Floats, busy: Floats
) -> tuple[Floats, Floats, Floats]:
    """Energy in Wh, carbon in g and price in currency units of every job, NaN where unknown."""
    placed = pool >= 0
    if not placed.any():
        nowhere = np.full(len(pool), nan)
        return nowhere, nowhere, nowhere
    at = np.where(placed, pool, 0)
    kw = np.where(placed, stage.kw[klass, at], nan)
    wh = kw * busy / 3.6
    carbon, energy_price = np.full(len(pool), nan), np.zeros(len(pool))
    for row, where in enumerate(stage.pools):
        here, energy = np.flatnonzero(pool == row), stage.energy.get(where.site)
        if energy is None or not len(here):
            continue
        if energy.carbon is not None:
            carbon[here] = wh[here] / 1000 * energy.carbon.mean(start[here], end[here])
        if energy.price is not None:
            energy_price[here] = (
                np.nan_to_num(wh[here]) / 1000 * energy.price.mean(start[here], end[here])
            )
    hourly = np.stack([c.judgment.tasks.price_micro_per_hour for c in stage.classes])
    rent = (hourly[klass, at] / 1e6).astype(np.float64) * busy / 3600
    price = np.where(placed, rent + energy_price, nan)
    priced = bool(np.nanmax(np.abs(price), initial=0.0) > 0)
    return wh, carbon, price if priced else np.full(len(pool), nan)


def _as_held(stage: Stage, klass: Any, pool: Any) -> Workload:
    """The workload with what jobs held where a wish says it: how many tasks a total performance is
    and how many hosts tasks without neighbors take depends on the pool.
    """
    load = stage.workload
    whole = np.array([bool(demand.groups) for demand in load.demands] + [False])
    if not whole.any():
        return load
    rows = np.flatnonzero(whole[load.wish.codes] & (pool >= 0))
    milli, cpu = load.device_milli.copy(), load.cpu_milli.copy()
    for number in np.unique(klass[rows]).tolist():
        here = rows[klass[rows] == number]
        for column, amounts in zip(
            (milli, cpu), stage.classes[number].judgment.tasks.sums, strict=True
        ):
            column[here] = np.broadcast_to(amounts, (len(stage.pools),))[pool[here]]
    return replace(load, device_milli=milli, cpu_milli=cpu)


def _moved(stage: Stage, klass: Any, pool: Any) -> Any:
    """Bytes that each job had brought to where it ran."""
    load = stage.workload
    sites = np.array([p.site for p in stage.pools] + [""], dtype=object)[pool]
    names = np.array([p.site_name for p in stage.pools] + [""], dtype=object)[pool]
    homes = np.array([*load.home.names, ""], dtype=object)[load.home.codes]
    away = (pool >= 0) & (sites != homes) & (names != homes)
    moved = np.where(away, load.data_bytes, 0)
    for number, found in enumerate(stage.classes):
        if found.shape.demand.data:
            here = np.flatnonzero((klass == number) & (pool >= 0))
            missing = missing_gb(stage.columns, found.shape.demand.data) * 1e9
            moved[here] += np.rint(missing[pool[here]]).astype(np.int64)
    return moved


def _runs_s(board: Board, classes: Sequence[Class], pools: int) -> tuple[Floats, Any]:
    """How long runs of each class last on each pool, as its size says; an hour if unknown."""
    pace = board.classes.pace.reshape(len(classes), pools)
    run_s = pace * np.nan_to_num(_lengths(classes), nan=3600.0)[:, None]
    lengths, index = np.unique(run_s, return_inverse=True)
    return lengths, index.reshape(run_s.shape)


def _lengths(classes: Sequence[Class]) -> Floats:
    """The size of a class's runs in seconds, NaN where it has none."""
    return np.array([2.0**c.shape.length if c.shape.length else nan for c in classes])


def stage(
    load: Workload,
    pools: Sequence[Pool],
    policy: Policy,
    energy: Mapping[str, Energy],
    options: Options,
) -> Stage:
    """Set everything up for second 0."""
    ranked = tuple(sorted(pools, key=lambda p: p.id))
    columns = PoolColumns.of([(p, False) for p in ranked])
    around = Surroundings(0.0, energy, options.speeds, options.links)
    limits = sorted({p.max_walltime_s for p in ranked if p.max_walltime_s})
    klass, shapes = shapes_of(load, bool(energy or policy.run_weight), limits, options.demands)
    plain = replace(around, energy=without_curves(energy))
    classes = tuple(classify(columns, s, asked(s, limits), policy, plain) for s in shapes)
    kw = kw_of(classes, ranked, energy)
    eligible = load.ready_s
    if policy.shift and (load.patience_s > 0).any() and energy:
        eligible = shifted(load, policy, ranked, energy, classes, klass, kw)
    order = np.argsort(eligible, kind="stable")
    board = _board(load, columns, ranked, policy, classes, klass, order, options)
    least = bool(board.scores.meta[STRIDE] > 0)
    if least:
        touch_all(board)
    endless = bool(np.isinf(load.duration_s).all()) and len(load) > 0
    rules = rules_of(policy)._replace(timed=not endless, brief=True, least=least)
    found = Stage(
        board=board,
        replay=_replay(load, policy, eligible, order, load.expected_s[order], board),
        rules=rules,
        world=World(
            jobs=len(load),
            learn=policy.order is Order.PREDICTED,
            leases=0,
            reservations=policy.reservations if policy.hold else 0,
            memory_s=options.memory_s,
            until_s=inf,
        ),
        workload=load,
        pools=ranked,
        columns=columns,
        policy=policy,
        energy=energy,
        classes=classes,
        order=order,
        kw=kw,
        base=board.classes.cost.reshape(len(classes), len(ranked)).copy(),
        runs_s=_runs_s(board, classes, len(ranked)),
        past=Past.of(columns, ranked, classes, options.memory_s),
    )
    curves = any(e.carbon is not None or e.price is not None for e in energy.values())
    if policy.past_weight or (curves and (policy.price_weight or policy.carbon_weight)):
        found.world = found.world._replace(until_s=float(eligible.min(initial=0.0)))
        found.refresh(options.refresh_s)
    return found


def _board(
    load: Workload,
    columns: PoolColumns,
    pools: Sequence[Pool],
    policy: Policy,
    classes: Sequence[Class],
    klass: Any,
    order: Any,
    options: Options,
) -> Board:
    """The board: all pools free, all jobs in the order in which they become eligible."""
    queues = load.sharers
    speed = speeds(columns).tolist() if policy.normalized else [1000] * len(pools)
    if options.queues and policy.fair:
        tree, index = tree_of(options.queues, totals(pools, speed))
        named = [index.get(name, index[""]) for name in queues.names]
        queue = np.array([*named, index[""]])[queues.codes]
    else:
        tree, queue = flat_tree(queues.names, queues.codes, options.weights, pools, policy, speed)
    total = sum(p.hosts for p in pools)
    return make_board(
        [_pool_row(p, each) for p, each in zip(pools, speed, strict=True)],
        class_rows(classes, len(pools)),
        klass[order],
        load.expected_s[order],
        limits=Limits(policy.depth, min(total + 1, 200_000), 4 * min(total, 50_000) + 1024),
        tree=tree,
        queue=queue[order],
        mix=_mix(policy, classes, klass, len(pools)),
        by_site=policy.use_weight != 0,
    )


def _mix(policy: Policy, classes: Sequence[Class], klass: Any, pools: int) -> Mix | None:
    """What jobs ask for as a rule: how often each class comes in the workload, not when."""
    if policy.host_rule is not HostRule.FRAGMENTATION:
        return None
    return expected_mix(classes, np.bincount(klass, minlength=len(classes)).tolist(), pools)


def _pool_row(pool: Pool, speed: int) -> PoolRow:
    free = empty_hosts(pool)
    return PoolRow(
        free, pool.hosts, rank.size(pool), rank.size(pool), not pool.devices, speed, pool.site
    )


def _replay(
    load: Workload, policy: Policy, eligible: Floats, order: Any, length: Floats, board: Board
) -> Replay:
    jobs = len(load)
    key = np.zeros(jobs)
    if policy.order is Order.PREDICTED:  # what is predicted is added when the job comes
        key += np.unique(-load.priority[order], return_inverse=True)[1] * MOST_S
    else:
        key[_in_order(load, policy, order, length)] = np.arange(jobs)
    v = board.classes.base[board.jobs.klass]
    width = np.where(board.needs.milli[v] > 0, board.needs.milli[v], board.needs.cpu[v])
    users = rows_for(len(load.user.names) + 1)
    return Replay(
        eligible_s=np.ascontiguousarray(eligible[order]),
        duration_s=np.ascontiguousarray(load.duration_s[order]),
        key=key,
        start_s=np.full(jobs, inf),
        end_s=np.full(jobs, inf),
        user=load.user.codes[order].astype(np.int64),
        width=width.astype(np.int64),
        came_s=np.ascontiguousarray(load.submit_s[order]),
        waiting=np.zeros(jobs + 1, dtype=np.int64),
        ordered=np.zeros(jobs + 1, dtype=np.int64),
        heap=np.zeros(jobs + 1, dtype=np.int64),
        learned_s=np.zeros(users),
        learned_jobs=np.zeros(users),
        real=np.array([-inf]),
        whole=np.zeros(8, dtype=np.int64),
    )


def _due_s(load: Workload) -> Floats:
    """When each job is to have ended; where none says, each is to have started by its patience."""
    said = bool(np.isfinite(load.deadline_s).any())
    return load.submit_s + (load.deadline_s if said else load.patience_s)


def _in_order(load: Workload, policy: Policy, order: Any, length: Floats) -> Any:
    """The rows in the order in which a round takes them: see `weir.scheduling.schedule`."""
    known = np.where(np.isfinite(length), length, 0.0)
    turn = {
        Order.ARRIVAL: np.zeros(len(load)),
        Order.DEADLINE: _due_s(load)[order] - known,
    }.get(policy.order, length)
    submit = load.submit_s[order]
    standing = -load.priority[order] + policy.age_weight / 3600 * submit
    return np.lexsort((order, submit, turn, standing))
