"""A workload through the scheduler: what starts when and where under one policy.

The clock is `weir.sim.loop`, compiled; at every moment it asks the kernel of
`weir.scheduling.schedule`, which decides as in a server. Policies that plan whole rounds, and those
that push jobs out, are played by `weir.sim.clock_asked`, which asks `schedule` itself. Jobs of one
shape are judged once, before the clock starts. A job takes its data's way and then `pace` times its
duration; what is expected of it is its walltime, or where it has none its true duration (or, if the
policy predicts, what past jobs of its user taught).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isnan
from time import perf_counter

import numpy as np

from weir.control.energy import catalog_w
from weir.core.demand import Demand
from weir.core.inventory import Pool
from weir.scheduling.energy import Energy, Forecast
from weir.scheduling.longer import grown
from weir.scheduling.policy import Policy
from weir.scheduling.snapshot import Queue
from weir.sim.clock_asked import play, takes
from weir.sim.compiled import compiled_loop
from weir.sim.curves import Curve
from weir.sim.loop import AT_END, AT_GROW, AT_TIME, DROPPED, ROUNDS, WAITING
from weir.sim.outcome import Outcome
from weir.sim.stage import Stage, stage
from weir.sim.workload import Workload

MOMENTS = 20_000
"""How many moments pass between two looks at the progress."""


@dataclass(frozen=True, slots=True)
class Options:
    """What surrounds the pools. Curves (price per kWh, g CO2e per kWh) and PUE are by site.

    `speeds` are by kind of job and device model, `links` in Gbit/s between sites. `refresh_s` is
    how often costs that follow curves are worked out anew. `memory_s` is how long a fair share
    remembers; `weights` are of queues (the users' or homes' names), 1 where not told. With
    `queues`, homes are names of these, which share as in a server, quotas included. `demands` are
    those of some kinds of job, told whole: instead of what columns say of tasks. `energy` is by
    site, its forecasts on Unix time, instead of what curves, PUE and `power_w` say. Where neither
    says what energy costs, pools that declare it do. With `preemptible`
    every job may be pushed out by a policy that does that, and then starts anew; without it those
    of the workload that say so.
    """

    price: Mapping[str, Curve] = field(default_factory=dict)
    carbon: Mapping[str, Curve] = field(default_factory=dict)
    pue: Mapping[str, float] = field(default_factory=dict)
    power_w: float | None = None
    speeds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    links: Mapping[tuple[str, str], float] = field(default_factory=dict)
    refresh_s: float = 3600.0
    memory_s: float = 7 * 86400.0
    weights: Mapping[str, float] = field(default_factory=dict)
    queues: Sequence[Queue] = ()
    demands: Mapping[str, Demand] = field(default_factory=dict)
    preemptible: bool = False
    energy: Mapping[str, Energy] = field(default_factory=dict)


def simulate(
    workload: Workload,
    pools: Sequence[Pool],
    policy: Policy,
    *,
    options: Options = Options(),
    progress: Callable[[float, int], None] | None = None,
) -> Outcome:
    """Run the workload to its end."""
    began = perf_counter()
    there = stage(workload, pools, policy, energies(workload, pools, options), options)
    if takes(workload, policy, options):
        busy, lost, asked = play(there, options, progress)
        return there.outcome(policy.name, perf_counter() - began, asked, busy, lost)
    built = perf_counter() - began
    _compile(there)
    began = perf_counter()
    rounds = _run(there, options, progress)
    return there.outcome(policy.name, built + perf_counter() - began, rounds)


def _compile(there: Stage) -> None:
    """Have the loop compiled before the clock starts: that is of the machine, not of the run."""
    from weir.scheduling.pointers import Handle

    board, replay = Handle(there.board), Handle(there.replay)
    compiled_loop().advance(board, replay, there.rules, there.world, 0)


def _run(there: Stage, options: Options, progress: Callable[[float, int], None] | None) -> int:
    """Let the clock run until nothing happens any more; gives the number of rounds."""
    from weir.scheduling.pointers import Handle

    board, replay = Handle(there.board), Handle(there.replay)
    while True:
        state = compiled_loop().advance(board, replay, there.rules, there.world, MOMENTS)
        if state == AT_END:
            return int(there.replay.whole[ROUNDS])
        if state == AT_GROW:
            there.board = grown(there.board)
            board = Handle(there.board)
        if state == AT_TIME:
            there.refresh(options.refresh_s)
        if progress is not None:
            waiting = int(there.replay.whole[WAITING])
            done = np.isfinite(there.replay.start_s).sum() + there.replay.whole[DROPPED]
            progress(float(done) / max(1, there.world.jobs), waiting)


def energies(workload: Workload, pools: Sequence[Pool], options: Options) -> Mapping[str, Energy]:
    """Energy by site, on the clock of the workload; empty where nothing is known. Where that does
    not say when it begins, it begins at midnight UTC for prices that pools declare.
    """
    if options.energy:
        since = 0.0 if isnan(workload.epoch_s) else workload.epoch_s
        return {site: _moved(energy, since) for site, energy in options.energy.items()}
    span = float(workload.submit_s[-1]) * 2 + 30 * 86400 if len(workload) else 0.0
    prices = {**_declared(pools), **options.price}
    if not options.power_w:
        return _by_catalog(pools, prices, workload.epoch_s, span)
    return {
        site: Energy(
            device_w=options.power_w,
            pue=options.pue.get(site),
            carbon=_forecast(options.carbon.get(site), workload.epoch_s, span),
            price=_forecast(prices.get(site), workload.epoch_s, span),
        )
        for site in {pool.site for pool in pools}
    }


def _declared(pools: Sequence[Pool]) -> dict[str, Curve]:
    """What energy costs at the sites, as far as pools declare it: the first one of each counts."""
    found: dict[str, Curve] = {}
    for pool in pools:
        prices = pool.energy_price_micro_per_kwh
        if prices and pool.site not in found:
            values = np.array(prices) / 1e6
            step_s = 86400 / len(prices)
            found[pool.site] = Curve(pool.site, "per kWh", 0.0, step_s, values, cyclic=True)
    return found


def _by_catalog(
    pools: Sequence[Pool], prices: Mapping[str, Curve], epoch_s: float, span_s: float
) -> Mapping[str, Energy]:
    """What energy costs where nobody says what devices draw: as the catalog has it."""
    if not prices:
        return {}
    watts: dict[str, dict[str, float]] = {}
    for pool in pools:
        drawn = catalog_w(pool.device_model)
        watts.setdefault(pool.site, {}).update([drawn] if drawn else [])
    return {
        site: Energy(price=_forecast(prices.get(site), epoch_s, span_s), watts_of=known)
        for site, known in watts.items()
    }


def _moved(energy: Energy, since: float) -> Energy:
    """The same on a clock whose 0 is `since`."""
    carbon, price = (
        None if f is None else Forecast(f.start_s - since, f.step_s, f.values)
        for f in (energy.carbon, energy.price)
    )
    return replace(energy, carbon=carbon, price=price)


def _forecast(curve: Curve | None, epoch_s: float, span_s: float) -> Forecast | None:
    """The curve on a clock whose 0 is `epoch_s`, or the curve's own start if that is unknown."""
    if curve is None:
        return None
    values = np.nan_to_num(curve.values, nan=float(np.nanmean(curve.values)))
    start = 0.0 if isnan(epoch_s) else curve.start_epoch_s - epoch_s
    if curve.cyclic:
        period = len(values) * curve.step_s
        start -= np.ceil(max(0.0, start) / period) * period
        values = np.tile(values, int(np.ceil((span_s - start) / period)) + 1)
    return Forecast(start, curve.step_s, values)
