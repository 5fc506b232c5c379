"""15 centers, each on its own against all in one network: load, wait, cost, carbon, bytes moved.

Philly's virtual clusters as sites that are sized without knowing their demand; see `across_case`.
Beside the figures stand lower bounds by linear programming (`weir.sim.bound`), which know every
job, duration, price and intensity in advance. The scheduler knows prices, intensities and how long
the jobs run that have come, and no job that has not. What knowing them all is worth is shown by a
plan that does (`weir.sim.foreseen`): what is above that is the policy, what is below it the bound.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.across_case import HOUR_S, CenterCase, missing, read_case
from benchmarks.tables import Row, show
from weir.core.errors import WeirError
from weir.core.inventory import Pool
from weir.scheduling.policies import policy
from weir.sim.apart import apart
from weir.sim.bound import Supply, Work, gap, least_cost, worst_load
from weir.sim.curves import Curve
from weir.sim.engine import Options, simulate
from weir.sim.foreseen import foreseen
from weir.sim.loads import days, demand, devices_of, over_supply, span, suffices, wanted_s
from weir.sim.outcome import Outcome
from weir.sim.report import Page, report, result
from weir.sim.sites import Assumptions, bandwidth_bytes_s
from weir.sim.summary import Run, summary_of
from weir.sim.workload import Floats, Ints, Workload

AIM_GAP = 0.05
ALONE = "fastest"  # what each site does for itself: start what fits as soon as it fits
POLICIES = ("fastest", "even", "balanced", "cheapest", "greenest")
SEED = 1
EVERY = 10
ROUNDS = 6
EUR_PER_KG = 0.1
EUR_PER_HOUR = 1.0
EUR_PER_GB = 0.0005


@dataclass(frozen=True, slots=True)
class Figures:
    """What one policy made of the case. Times in seconds; amounts over all jobs that ran."""

    never: int
    load_span: float
    load_day: float
    days_over: int
    days_enough: int
    wait_p95_s: float
    eur: float
    kg: float
    moved_bytes: int
    late_h: float
    device_hours: float
    start_s: Floats
    span_bound: float
    wall_s: float

    @property
    def weighed(self) -> float:
        """Money, carbon, waiting and moving as one sum in EUR."""
        moved = EUR_PER_GB * self.moved_bytes / 1e9
        return self.eur + EUR_PER_KG * self.kg + EUR_PER_HOUR * self.late_h + moved


def main() -> None:
    """Read the case, run every policy, print what came of it beside the bounds."""
    given = arguments()
    lacks = ["the folder"] if given.traces is None else missing(given.traces)
    if lacks:
        print("The traces are not there: name their folder by --traces or WEIR_TRACES.")
        show("Across centers", [Row("all figures", f"not run: {', '.join(lacks)} missing")])
        return
    case = read_case(given.traces, given.one_in, given.seed, Assumptions())
    found: dict[str, Figures] = {}
    notes = [f"{case.left_out} jobs are larger than every pool and left out of all figures."]
    runs = [(f"alone, {ALONE}", ALONE, True), *((name, name, False) for name in POLICIES)]
    drawn: list[Run] = []
    for label, name, alone in track(runs, "across centers", transient=True):
        try:
            outcome = run(case, name, alone)
            found[label] = figures(case, outcome)
            if given.out:
                network = "each center alone" if alone else "one network"
                drawn.append(Run(name, network, given.seed, summary_of(outcome)))
        except WeirError as problem:
            notes.append(f"{label}: not run: {problem}")
    if not found:
        show("Across centers", [Row("all figures", "not run")], notes)
        return
    compared(case, found)
    if given.out:
        write(given.out, drawn, about(case))
    aims = [*load_rows(found), *bound_rows(case, found, given.block_hours)]
    show(f"Across centers: {about(case)}", aims, notes)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    folder = os.environ.get("WEIR_TRACES")
    parser.add_argument("--traces", type=Path, default=Path(folder) if folder else None)
    parser.add_argument("--one-in", type=int, default=EVERY, help="hosts of the inventory taken")
    parser.add_argument("--out", type=Path, help="a folder for report.html and result.json")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--block-hours", type=int, default=24, help="finer: tighter and slower")
    return parser.parse_args()


def write(folder: Path, runs: Sequence[Run], title: str) -> None:
    """The report of the runs as a page, and the same as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    page = Page(f"Across centers: {title}", "python -m benchmarks.across_centers --out DIR")
    (folder / "report.html").write_text(report(runs, page), encoding="utf-8")
    (folder / "result.json").write_text(json.dumps(result(runs, page), indent=1), encoding="utf-8")


def run(case: CenterCase, policy_name: str, alone: bool) -> Outcome:
    """One simulation: every site for itself, or all as one network."""
    pools = tuple(pool for site in case.sites for pool in site.pools)
    chosen, options = policy(policy_name), surroundings(case)
    if not alone:
        return simulate(case.load, pools, chosen, options=options)

    def one(some: Workload, here: tuple[Pool, ...], _: float) -> Outcome:
        return simulate(some, here, chosen, options=options)

    found = apart(case.load, pools, one)
    if found is None:
        raise AssertionError("every job of the case has a home among the sites")
    return found


def surroundings(case: CenterCase) -> Options:
    """Prices, carbon, PUE and links of the sites, as the simulator takes them."""
    assumed, epoch = Assumptions(), case.load.epoch_s
    wide = bandwidth_bytes_s(case.sites, assumed) * 8 / 1e9
    names = [site.name for site in case.sites]
    ways = [(a, b) for a in range(len(names)) for b in range(len(names)) if a != b]
    zone = {site.name: site.zone.name for site in case.sites}
    return Options(
        price={n: Curve(z, "EUR/kWh", epoch, HOUR_S, case.price[z]) for n, z in zone.items()},
        carbon={
            n: Curve(z, "gCO2/kWh", epoch, HOUR_S, 1000 * case.carbon[z]) for n, z in zone.items()
        },
        pue={site.name: site.pue for site in case.sites},
        power_w=float(assumed.power_w),
        links={(names[a], names[b]): float(wide[a, b]) for a, b in ways},
    )


def figures(case: CenterCase, outcome: Outcome) -> Figures:
    """The measures of one simulation, all by the same accounts."""
    load = outcome.workload
    ran = outcome.pool >= 0
    row = np.array([case.places.of_pool[pool.id] for pool in outcome.pools])[outcome.pool]
    site = np.where(ran, case.places.site[row], case.home)
    size, wanted = devices_of(load), wanted_s(load, outcome.start_s)
    by_span, by_day = (
        demand(wanted, load.duration_s, size, site, len(case.sites), edges)
        for edges in (span(load), days(load))
    )
    worst = over_supply(by_day, case.devices, days(load)).max(axis=1)
    enough = suffices(by_day, case.devices, days(load))
    # A job first fetches its data: it has waited until its own work begins.
    wait = np.where(ran, outcome.end_s - load.duration_s - load.submit_s, np.inf)
    late = np.maximum(wait - load.patience_s, 0.0)[ran].sum() / HOUR_S
    held = [
        paid(rate, row[ran], outcome.start_s[ran], outcome.end_s[ran], size[ran])
        for rate in (case.places.eur, case.places.kg)
    ]
    return Figures(
        never=int((~ran).sum()),
        load_span=float(over_supply(by_span, case.devices, span(load)).max()),
        load_day=float(worst[enough].max()) if enough.any() else float("nan"),
        days_over=int((worst[enough] > 1.0).sum()),
        days_enough=int(enough.sum()),
        wait_p95_s=float(np.percentile(wait[load.patience_s == 0], 95, method="higher")),
        eur=held[0],
        kg=held[1],
        moved_bytes=int(load.data_bytes[ran & (site != case.home)].sum()),
        late_h=float(late),
        device_hours=float((size * load.duration_s)[ran].sum() / HOUR_S),
        start_s=outcome.start_s,
        span_bound=least_load(case, wanted),
        wall_s=outcome.wall_s,
    )


def paid(rate: Floats, row: Ints, start_s: Floats, end_s: Floats, devices: Floats) -> float:
    """What holding the devices cost: the rate of a place, hour by hour, from start to end."""
    totals = np.concatenate([np.zeros((len(rate), 1)), np.cumsum(rate, axis=1)], axis=1)

    def until(at: Floats) -> Floats:
        hours = np.maximum(at / HOUR_S, 0.0)  # after the last hour its rate goes on
        low = np.minimum(hours.astype(np.int64), rate.shape[1] - 1)
        return np.asarray(totals[row, low] + rate[row, low] * (hours - low))

    return float((devices * (until(end_s) - until(start_s))).sum())


def least_load(case: CenterCase, wanted: Floats) -> float:
    """Least load of the worst site over the whole span that any placing of the jobs could reach."""
    fits = np.zeros((len(case.load), len(case.sites)), dtype=np.bool_)
    for place, site in enumerate(case.places.site.tolist()):
        fits[:, site] |= case.fits()[:, place]
    alike, kind = np.unique(fits, axis=0, return_inverse=True)
    edges = span(case.load)
    asked = demand(
        wanted, case.load.duration_s, devices_of(case.load), kind.reshape(-1), len(alike), edges
    )
    return float(worst_load(asked, alike, np.diff(edges)[:, None] * case.devices[None, :])[0])


def compared(case: CenterCase, found: dict[str, Figures]) -> None:
    """Print the measures, a column a run."""
    table = Table(title="Each site on its own, and the network", title_justify="left")
    table.add_column("measure", overflow="fold")
    for name in found:
        table.add_column(name, justify="right")
    measures: dict[str, Callable[[Figures], str]] = {
        "demand over supply of the worst site, whole span": lambda f: f"{f.load_span:.2f}",
        "the same, worst day of those with supply enough": lambda f: f"{f.load_day:.2f}",
        "p95 wait of jobs that want to start at once": lambda f: wait(f.wait_p95_s),
        "cost of electricity, EUR": lambda f: f"{f.eur:,.0f}",
        "EUR per 1,000 device-hours run": lambda f: f"{1000 * f.eur / f.device_hours:.2f}",
        "gCO2": lambda f: f"{1000 * f.kg:.3g}",
        "gCO2 per device-hour run": lambda f: f"{1000 * f.kg / f.device_hours:.1f}",
        "moved": lambda f: f"{f.moved_bytes / 1e12:,.0f} TB",
        "jobs that never ran": lambda f: f"{f.never:,}",
        "simulated in": lambda f: f"{f.wall_s:.1f} s",
    }
    for what, shown in measures.items():
        table.add_row(what, *(shown(each) for each in found.values()))
    Console(highlight=False, width=140).print(table)


def wait(seconds: float) -> str:
    """A wait in the unit that suits it."""
    if not np.isfinite(seconds):
        return "never"
    return f"{seconds / HOUR_S:,.1f} h" if seconds >= HOUR_S else f"{seconds:,.0f} s"


def load_rows(found: dict[str, Figures]) -> list[Row]:
    """What is asked of the load, for every run in the network."""
    rows = []
    for name, each in found.items():
        if name.startswith("alone"):
            continue
        rows.append(
            Row(f"{name}: worst site, whole span", f"{each.load_span:.2f}", "at most 1.0",
                each.load_span <= 1.0)
        )  # fmt: skip
        rows.append(
            Row(f"{name}: days with supply enough and a site above 1.0",
                f"{each.days_over} of {each.days_enough}", "0", each.days_over == 0)
        )  # fmt: skip
    return rows


def bound_rows(case: CenterCase, found: dict[str, Figures], block_hours: int) -> list[Row]:
    """Each measure of the policy that is made for it, against its lower bound; and where that is a
    price of places, what a plan would reach that knows every job in advance.
    """
    network = {name: f for name, f in found.items() if not name.startswith("alone")}
    rows = []
    if "even" in network:
        rows.append(against("even: load of the worst site", network["even"].load_span,
                            network["even"].span_bound))  # fmt: skip
    weights = {"cheapest": (1.0, 0.0), "greenest": (0.0, 1.0), "balanced": (1.0, EUR_PER_KG)}
    for name, (eur, kg) in weights.items():
        if name not in network or network[name].never:
            continue
        begun = time.process_time()
        each, whole = network[name], name == "balanced"
        work, supply = priced(case, eur, kg, whole, each.start_s)
        bound = least_cost(work, supply, block_hours, ROUNDS).value
        took = f", bound in {time.process_time() - begun:.0f} s of a processor"
        reached = each.weighed if whole else (each.eur if eur else each.kg)
        what = {"cheapest": "EUR", "greenest": "kg CO2", "balanced": "EUR with all weighed"}[name]
        rows.append(against(f"{name}: {what}{took}", reached, bound))
        if not whole:
            rows.append(all_known(f"{name}: {what} if all jobs were known", work, supply, bound))
    return rows


def priced(
    case: CenterCase, eur: float, kg: float, whole: bool, start_s: Floats
) -> tuple[Work, Supply]:
    """The jobs and what the places cost. The bound is of every schedule that starts no job later
    than its patience allows, or than it started in the schedule that is judged (`start_s`).
    """
    load, places = case.load, case.places
    jobs, count = len(load), len(places.site)
    away = places.site[None, :] != case.home[:, None]
    moved = EUR_PER_GB * load.data_bytes[:, None] / 1e9 * away
    work = Work(
        earliest_s=np.broadcast_to(load.submit_s[:, None], (jobs, count)),
        latest_s=np.fmax(load.submit_s + load.patience_s, start_s),
        duration_s=load.duration_s,
        devices=devices_of(load),
        fits=case.fits(),
        extra=moved if whole else np.zeros((jobs, count)),
        patient_s=load.submit_s + load.patience_s,
        wait_rate=EUR_PER_HOUR if whole else 0.0,
    )
    return work, Supply(places.devices, eur * places.eur + kg * places.kg)


def all_known(what: str, work: Work, supply: Supply, bound: float) -> Row:
    """What a plan reaches that has all jobs before it: no policy knows what has not come yet."""
    plan = foreseen(work, supply)
    if plan.nowhere:
        return Row(what, f"not worked out: {plan.nowhere} jobs found no room")
    apart = f"gap {100 * gap(plan.price, bound):.1f} %"
    return Row(what, f"{plan.price:,.4g} (bound {bound:,.4g}): {apart}")


def against(what: str, reached: float, bound: float) -> Row:
    """A figure beside its lower bound."""
    apart = gap(reached, bound)
    measured = f"{reached:,.4g} (bound {bound:,.4g}): gap {100 * apart:.1f} %"
    return Row(what, measured, f"gap at most {100 * AIM_GAP:.0f} %", apart <= AIM_GAP)


def about(case: CenterCase) -> str:
    """The case in a line."""
    sizes = sorted(site.devices for site in case.sites)
    return (
        f"{len(case.load):,} jobs, {len(case.sites)} sites of {sizes[0]} to {sizes[-1]} devices, "
        f"{sum(sizes):,} in all"
    )


if __name__ == "__main__":
    main()
