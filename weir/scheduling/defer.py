"""When jobs that can wait start: in the best hours of their patience, as far as forecasts tell.

A job that may be put off is given the start, on the grid of the forecasts' steps, at which its run
is the cheapest, where "where" and "when" are chosen together and room is left by what is booked
already (`weir.scheduling.ledger`). What counts as cheap is what the policy weighs. Forecasts and
expected lengths are taken at their word: where they are wrong, the saving is smaller. Servers
(`put_off`) and simulations (`weir.sim.shift`) both decide here.

Laws:
- Nothing is put off beyond its patience, nor so far that it would miss its deadline.
- Room is looked at on the average of a step, by devices (or cores): not host by host.
- A job of which nobody knows how long it runs is not put off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import inf, isfinite, nan
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from weir.core.inventory import Pool
from weir.scheduling import ledger, rank
from weir.scheduling.columns import canonical_model
from weir.scheduling.encode import Class
from weir.scheduling.energy import Energy, Forecast
from weir.scheduling.ledger import GAIN, LATER, MOST_STEPS, Asks, Found, Rooms
from weir.scheduling.packing import Claim
from weir.scheduling.policy import Policy
from weir.scheduling.schedule import classes_of
from weir.scheduling.snapshot import Snapshot, WaitingJob

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MANY = 300_000
"""So many looks at a step of a room are worth a compiled ledger: seconds, interpreted."""

CELLS = 20_000_000
"""Rooms times steps at most: with more, steps become longer."""

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Deferrable:
    """A job that may be put off until `latest_at`."""

    job: WaitingJob
    latest_at: float


@dataclass(frozen=True, slots=True)
class Booked:
    """Room on a pool that a job which was put off before is to have."""

    pool: str
    amount: int  # milli-devices, or milli-CPUs where the pool has no devices
    starts_at: float
    ends_at: float


@dataclass(frozen=True, slots=True)
class PutOff:
    """A job is better started at `start_at`. It is booked on `pool` until `ends_at`, of which it
    takes `amount`; where it runs is decided by the round in which it starts.

    `saves` is the share by which an hour of its run is expected to cost less (`what` is "price") or
    to emit less ("carbon") there and then than at the cheapest place now, were that free; None
    where it is not less: then it is put off because nothing is free before.
    """

    job: str
    start_at: float
    ends_at: float
    pool: str
    amount: int
    saves: float | None
    what: str


@dataclass(frozen=True, slots=True)
class Laid:
    """Pools as rooms of the ledger: those that are equal for all jobs are one. `first` is the row
    of a room's first pool, `of_pool` the room of each pool.
    """

    rooms: Rooms
    step_s: float
    first: Ints
    of_pool: Ints


def put_off(
    snapshot: Snapshot, policy: Policy, asks: Sequence[Deferrable], booked: Sequence[Booked] = ()
) -> tuple[PutOff, ...]:
    """Those of the jobs that are better started later; the others start as soon as they can.

    `booked` is what was put off before. Jobs are taken in the order in which they are given.
    """
    now = snapshot.now
    wanted = [
        (a.job, last)
        for a in asks
        if a.job.likely_s < inf and (last := min(a.latest_at, _in_time(a.job))) > now
    ]
    if not (policy.shift and wanted and snapshot.energy and snapshot.routes):
        return ()
    begin = now // HOUR_S * HOUR_S
    jobs, latest = zip(*wanted, strict=True)
    case = _case(snapshot, policy, jobs, np.array(latest) - now, begin)
    _book_all(case.laid, snapshot, booked, begin)
    asked, laid = case.asks, case.laid
    nowhere = np.full(len(jobs), -1, dtype=np.int64)
    found = Found(asked.submit_s.copy(), asked.submit_s.copy(), nowhere)
    kernel = loops(asked, laid.rooms, laid.step_s)
    kernel.plan_starts(asked, laid.rooms, laid.step_s, GAIN, LATER, found)
    later = np.flatnonzero(found.eligible_s > asked.submit_s).tolist()
    return tuple(_said(case, j, jobs[j], float(found.eligible_s[j]), int(found.room[j]), begin)
                 for j in later)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Case:
    """What a decision is made from; times are seconds since the begin of the hour."""

    policy: Policy
    classes: Sequence[Class]
    energy: Mapping[str, Energy]
    pools: Sequence[Pool]
    kw: Floats
    laid: Laid
    asks: Asks


def _case(
    snapshot: Snapshot, policy: Policy, jobs: tuple[WaitingJob, ...], left_s: Floats, begin: float
) -> _Case:
    energy = _on_clock(snapshot.energy, begin)
    plain = replace(snapshot, energy=without_curves(energy))
    classes, klass = classes_of(plain, policy, jobs)
    pools = [s.pool for s in snapshot.routes]
    kw = kw_of(classes, pools, energy)
    lengths = np.array([job.likely_s for job in jobs])
    patience = np.minimum(left_s, MOST_STEPS * HOUR_S)
    first = np.full(len(jobs), snapshot.now - begin)
    horizon_s = float(first[0] + patience.max() + lengths.max()) + LATER * HOUR_S
    sizes = [rank.idle(pool, pool.free) for pool in pools]
    laid = lay_out(policy, pools, sizes, energy, classes, known(kw), horizon_s)
    asks = Asks(first, patience, lengths, np.array(klass, dtype=np.int64))
    return _Case(policy, classes, energy, pools, kw, laid, asks)


def _said(case: _Case, j: int, job: WaitingJob, start: float, room: int, begin: float) -> PutOff:
    k, end = int(case.asks.klass[j]), start + float(case.asks.length_s[j])
    pool = case.pools[int(case.laid.first[room])].id
    amount = int(case.laid.rooms.width[k, room])
    saves, what = _saving(case, j, room, start)
    return PutOff(job.id, begin + start, begin + end, pool, amount, saves, what)


def _in_time(job: WaitingJob) -> float:
    """The last start with which the job meets its deadline."""
    return inf if job.deadline_at is None else job.deadline_at - job.expected_s


def _saving(case: _Case, j: int, room: int, start: float) -> tuple[float | None, str]:
    """What is saved by the start, of that of which the policy's weights save more."""
    rooms, asks, k = case.laid.rooms, case.asks, int(case.asks.klass[j])
    now = float(asks.submit_s[j])
    open_to = np.flatnonzero(np.isfinite(rooms.cost[k])).tolist()
    cheapest = min(open_to, key=lambda r: ledger.price(asks, rooms, case.laid.step_s, j, r, now))
    money_now, grams_now = _an_hour(case, j, cheapest, now)
    money, grams = _an_hour(case, j, room, start)
    by_carbon = case.policy.carbon_weight * (grams_now - grams) / 1000
    if by_carbon > case.policy.price_weight * (money_now - money):
        return _less(grams, grams_now), "carbon"
    return _less(money, money_now), "price"


def _less(after: float, before: float) -> float | None:
    return 1 - after / before if 0 <= after < before else None


def _an_hour(case: _Case, j: int, room: int, start: float) -> tuple[float, float]:
    """What an hour of the job costs in money, energy included, and emits in g, on the average."""
    row, k = int(case.laid.first[room]), int(case.asks.klass[j])
    until = start + max(float(case.asks.length_s[j]), 1.0)
    rent = case.classes[k].judgment.tasks.price_micro_per_hour
    money = float(np.broadcast_to(rent, len(case.pools))[row]) / 1e6
    there, drawn = case.energy.get(case.pools[row].site), float(case.kw[k, row])
    if there is None or not isfinite(drawn):
        return money, 0.0
    if there.price is not None:
        money += drawn * float(there.price.mean(start, until))
    carbon = 0.0 if there.carbon is None else drawn * float(there.carbon.mean(start, until))
    return money, carbon


def _on_clock(energy: Mapping[str, Energy], begin: float) -> dict[str, Energy]:
    """The same on a clock whose 0 is `begin`."""

    def moved(f: Forecast | None) -> Forecast | None:
        return None if f is None else Forecast(f.start_s - begin, f.step_s, f.values)

    return {
        site: replace(e, carbon=moved(e.carbon), price=moved(e.price)) for site, e in energy.items()
    }


def _book_all(laid: Laid, snapshot: Snapshot, booked: Sequence[Booked], begin: float) -> None:
    """Book what runs, until it is thought to end, and what was put off before."""
    row_of = {s.pool.id: row for row, s in enumerate(snapshot.routes)}
    held = [
        (row, _amount(s.pool, claim), 0.0, inf if claim.ends_at is None else claim.ends_at - begin)
        for row, s in enumerate(snapshot.routes)
        for claim in s.claims
    ]
    held += [
        (row_of[b.pool], b.amount, b.starts_at - begin, b.ends_at - begin)
        for b in booked
        if b.pool in row_of
    ]
    if not held:
        return
    row, amount, start, end = (np.array(column) for column in zip(*held, strict=True))
    room, used = laid.of_pool[row.astype(np.int64)], laid.rooms.used
    before: Floats = np.zeros(len(used))
    for n in range(used.shape[1]):
        upto = np.clip(np.minimum(end, (n + 1) * laid.step_s) - start, 0.0, None)
        until = np.bincount(room, amount * upto, len(used)).astype(np.float64)
        used[:, n] += (until - before) / laid.step_s
        before = until


def _amount(pool: Pool, claim: Claim) -> int:
    return rank.taken(pool, (claim,))


# Shared with simulations


def known(kw: Floats) -> Floats:
    """Where a draw is not known, hours are compared as if it were a kW."""
    return np.asarray(np.nan_to_num(kw, nan=1.0), dtype=np.float64)


def loops(asks: Asks, rooms: Rooms, step_s: float) -> Any:
    """The functions of the ledger; compiled where there is much to look at."""
    starts = np.minimum(asks.patience_s / step_s, MOST_STEPS) + 1
    steps = np.minimum(asks.length_s / step_s, rooms.used.shape[1]) + 1
    return ledger if float(starts @ steps) * len(rooms.size) < MANY else _compiled()


@cache
def _compiled() -> SimpleNamespace:
    from weir.scheduling.compiled import compile_modules

    return compile_modules(ledger)


def lay_out(
    policy: Policy,
    pools: Sequence[Pool],
    sizes: Sequence[int],
    energy: Mapping[str, Energy],
    classes: Sequence[Class],
    kw: Floats,
    horizon_s: float,
) -> Laid:
    """The pools as rooms, of which `sizes` is what each has. Seconds are of the forecasts' clock,
    from 0 to `horizon_s`.
    """
    rows = len(pools)
    suits = np.stack([np.broadcast_to(c.variant, rows) >= 0 for c in classes])
    settled = np.stack([np.broadcast_to(c.settled.cost, rows) for c in classes])
    cost = np.where(suits, settled, inf)
    with_devices = np.array([bool(p.devices) for p in pools])
    width = np.zeros((len(classes), rows))
    for k, c in enumerate(classes):
        milli, cpu = (np.broadcast_to(v, rows) for v in c.judgment.tasks.sums)
        width[k] = np.where(with_devices, milli, cpu)
    sites = {name: n for n, name in enumerate(sorted({p.site for p in pools}))}
    of_site = np.array([sites[p.site] for p in pools], dtype=np.float64)
    alike = np.concatenate([of_site[None, :], cost, kw, width])
    _, first, room = np.unique(alike, axis=1, return_index=True, return_inverse=True)
    room = room.reshape(-1)
    size = np.bincount(room, sizes)
    step_s = min(_steps(energy.values()), default=HOUR_S)
    longer = np.ceil(len(first) * horizon_s / step_s / CELLS)
    step_s *= max(1.0, float(longer))
    edges: Floats = np.arange(int(horizon_s / step_s) + 2, dtype=np.float64) * step_s
    rate = [_rate(policy, energy.get(pools[p].site), edges) for p in first.tolist()]
    total = np.zeros((len(first), len(edges)))
    total[:, 1:] = np.cumsum(np.array(rate), axis=1) * step_s / HOUR_S
    at = (slice(None), first)
    tables = (np.ascontiguousarray(table[at]) for table in (cost, kw, width))
    rooms = Rooms(size, total, np.zeros((len(first), len(edges) - 1)), *tables)
    return Laid(rooms, step_s, first, room)


def _steps(energies: Iterable[Energy]) -> list[float]:
    return [f.step_s for e in energies for f in (e.carbon, e.price) if f is not None]


def _rate(policy: Policy, energy: Energy | None, edges: Floats) -> Floats:
    """What a kW costs in each step, weighed."""
    rate = np.zeros(len(edges) - 1)
    if energy is None:
        return rate
    if energy.carbon is not None:
        rate += policy.carbon_weight * energy.carbon.mean(edges[:-1], edges[1:]) / 1000
    if energy.price is not None:
        rate += policy.price_weight * energy.price.mean(edges[:-1], edges[1:])
    return rate


def without_curves(energy: Mapping[str, Energy]) -> dict[str, Energy]:
    """The same with clean and free energy: what forecasts say is added hour by hour.

    Clean is not unknown, which is weighed as if it were bad: that stays for sites without one.
    """
    clean = Forecast(0.0, HOUR_S, np.zeros(1))
    return {
        site: replace(e, carbon=None if e.carbon is None else clean, price=None)
        for site, e in energy.items()
    }


def kw_of(classes: Sequence[Class], pools: Sequence[Pool], energy: Mapping[str, Energy]) -> Floats:
    """What a job of each class draws on each pool, in kW; NaN where that is not known."""
    kw = np.full((len(classes), len(pools)), nan)
    for row, pool in enumerate(pools):
        there = energy.get(pool.site)
        if there is None:
            continue
        watts = there.watts_of.get(canonical_model(pool.device_model or ""), nan)
        for k, c in enumerate(classes):
            milli, cpu = c.judgment.tasks.sums
            held = milli[min(row, len(milli) - 1)], cpu[min(row, len(cpu) - 1)]
            kw[k, row] = there.kw(*held, watts)
    return kw
