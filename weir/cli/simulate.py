"""`weir simulate`: what a workload would have met, under this policy or that, in this network or
another. One form a source of jobs; nothing is sent anywhere, and no server is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weir.cli.simulate_inputs import (
    APART,
    AS_IT_IS,
    Asked,
    Form,
    answer,
    cases_of,
    counts_of,
    simulates,
)
from weir.cli.simulate_record import record
from weir.cli.simulate_replay import replay
from weir.core.errors import BadInput

if TYPE_CHECKING:
    from weir.core.inventory import Pool
    from weir.sim.workload import Workload

CHANGES = """\b
A --what-if is one change, or several parted by semicolons:
  add=FILE          pools of a file, at its `site:`
  remove=NAME       a site or a pool (POOL, or SITE/POOL)
  hosts NAME=+4     also -4, 12 or x2; NAME is a pool or a site
  price NAME=2.5    per device-hour, or core-hour; also +1, -1 or x1.2
  link SITE=20ms    the round trip to a site
  link NAME=down    without a site, or a domain and what only it leads to
  link SITE=DOMAIN  the site joins another domain too
"""

FILE: Any = click.Path(path_type=Path, dir_okay=False)


@click.group(
    epilog="Examples: `weir simulate swf NASA.swf.gz --cores 128 --policy fifo,easy`; "
    "`weir simulate network network.yaml --workload march.csv --policy fifo,balanced "
    "--what-if 'hosts h20=+4' --out march`."
)
def simulate() -> None:
    """Replay jobs through the scheduler, on a clock that is arithmetic.

    The same code as in a server decides. Policies stand side by side, --out writes a report with
    plots, and the same seed gives the same numbers.
    """


simulate.add_command(replay)
simulate.add_command(record)


@simulate.command(cls=Form)
@click.argument("file", type=FILE)
@click.option("--cores", metavar="N", type=click.IntRange(1), help="The machine's cores.")
@simulates
def swf(asked: Asked, file: Path, cores: int | None) -> None:
    """A log in Standard Workload Format (.swf, .swf.gz) on one machine.

    Without --cores the machine has as many as the log's header says (MaxProcs).
    """
    from weir.sim.loaders.swf import load_swf, swf_header

    if cores is None:
        said = swf_header(file).get("MaxProcs", "").split(" ")[0]
        if not said.isdecimal() or not int(said):
            raise BadInput(f"{file} does not say how many cores there were: add --cores N.")
        cores = int(said)
    from weir.sim.networks import flat_pool

    _on_one(asked, f"{file.name} on {cores} cores", load_swf(file), flat_pool(cores=cores))


@simulate.command(cls=Form)
@click.argument("file", type=FILE)
@click.option("--map", "mapping", metavar="KEY=COLUMN,...", required=True, help="What is where.")
@click.option("--devices", metavar="N", type=click.IntRange(1), help="Whole devices there are.")
@click.option("--cores", metavar="N", type=click.IntRange(1), help="Cores there are.")
@click.option("--time-format", metavar="FORMAT", help="Such as '%d.%m.%Y %H:%M'.")
@simulates
def csv(
    asked: Asked,
    file: Path,
    mapping: str,
    devices: int | None,
    cores: int | None,
    time_format: str | None,
) -> None:
    """Any CSV (.csv, .csv.gz) by a map of its columns, on one machine.

    Keys are submit, duration or end, devices, cores, memory, tasks, estimate, user, home, kind,
    priority and more, as in --map submit=submit_time,duration=duration,devices=num_gpu,user=user.
    """
    from weir.sim.loaders.columns import load_csv
    from weir.sim.networks import flat_pool

    pool = flat_pool(cores=cores, devices=devices)
    size = f"{devices} devices" if devices else f"{cores} cores"
    _on_one(asked, f"{file.name} on {size}", load_csv(file, mapping, time_format), pool)


@simulate.command(cls=Form)
@click.argument("file", type=FILE)
@click.option("--devices", metavar="N", type=click.IntRange(1), required=True, help="Devices.")
@click.option("--tokens-per-s", type=float, required=True, help="Tokens that a device writes.")
@click.option("--prefill-tokens-per-s", type=float, required=True, help="Tokens that it reads.")
@click.option(
    "--device-milli",
    type=click.IntRange(1, 10**6),
    default=1000,
    show_default=True,
    help="What a request takes of a device, in thousandths.",
)
@simulates
def llm(
    asked: Asked,
    file: Path,
    devices: int,
    tokens_per_s: float,
    prefill_tokens_per_s: float,
    device_milli: int,
) -> None:
    """Requests to a language model, from a CSV such as Azure's.

    Its columns are TIMESTAMP, ContextTokens and GeneratedTokens. A request is a job: it reads its
    context, then writes its tokens, at the speeds given.
    """
    from weir.sim.loaders.llm import load_llm
    from weir.sim.networks import flat_pool

    load = load_llm(file, tokens_per_s, prefill_tokens_per_s, device_milli)
    _on_one(asked, f"{file.name} on {devices} devices", load, flat_pool(devices=devices))


@simulate.command(cls=Form)
@click.option("--hosts", metavar="CSV", type=FILE, required=True, help="The list of hosts.")
@click.option("--pods", metavar="CSV", type=FILE, required=True, help="The list of pods.")
@click.option("--order", metavar="CSV", type=FILE, help="The order in which pods come.")
@click.option(
    "--resample",
    metavar="PERCENT",
    type=click.IntRange(1, 1000),
    help="Draw an order by chance that asks for so much of the devices (130 as in FGD's paper).",
)
@simulates
def openb(asked: Asked, hosts: Path, pods: Path, order: Path | None, resample: int | None) -> None:
    """Pods that stay, on hosts with GPUs: how well are they packed?

    The lists are those of Alibaba's cluster-trace-gpu-v2023 (openb). Hosts without GPUs are left
    out. Pods come one after the other, in the list's order, or that of --order, or one
    drawn by chance (--resample 130 --seed 3). What does not fit is not placed.
    """
    from weir.sim.loaders.openb import load_openb, load_openb_hosts
    from weir.sim.loaders.openb import resample as resampled
    from weir.sim.networks import host_pools

    if order is not None and resample is not None:
        raise BadInput("--order gives an order and --resample draws one: leave one of them out.")
    found = host_pools(load_openb_hosts(hosts))
    load = load_openb(pods, order)
    loads: Sequence[Workload] = [load]
    if resample is not None:
        milli = 1000 * sum(pool.devices for pool in found)
        loads = [resampled(load, milli, resample / 100, seed) for seed in asked.seeds]
    from weir.cli.simulate_engines import OnTheClock

    cases = cases_of(asked, [(AS_IT_IS, found)], by_seed=resample is not None)
    answer(asked, f"{pods.name} on {hosts.name}", loads, cases, OnTheClock())


def _of_rounds() -> tuple[str, ...]:
    """The policies that plan in rounds."""
    from weir.sim.in_turn import ROUND_POLICIES

    return tuple(ROUND_POLICIES)


@simulate.command(cls=Form)
@click.argument("file", type=FILE)
@click.option("--throughputs", metavar="JSON", type=FILE, required=True, help="Measured speeds.")
@click.option("--cluster", metavar="MODEL=N,...", required=True, help="Devices of each model.")
@click.option("--round-s", type=click.FloatRange(1), help="Seconds of a round.")
@click.option("--switch-s", type=click.FloatRange(0), help="Seconds that a start or a move takes.")
@click.option("--only-rounds", is_flag=True, help="Plan only at the end of a round, as Gavel does.")
@partial(simulates, known=_of_rounds)
def gavel(
    asked: Asked,
    file: Path,
    throughputs: Path,
    cluster: str,
    round_s: float | None,
    switch_s: float | None,
    only_rounds: bool,
) -> None:
    """Training jobs on devices of several models, in Gavel's rounds.

    Speeds are those measured for each job type and model. Policies are heterogeneity, which gives
    jobs the models on which they gain most, and fifo, which knows no speeds.
    """
    from weir.cli.simulate_engines import InRounds
    from weir.sim.loaders.gavel import load_gavel, load_throughputs, with_unmeasured
    from weir.sim.networks import model_pools

    counts = counts_of(cluster, "--cluster")
    speeds = load_throughputs(throughputs)
    unknown = [model for model in counts if model not in speeds.device_types]
    if unknown:
        raise BadInput(
            f"{throughputs} has no speeds on {', '.join(unknown)}; it has them on "
            f"{', '.join(speeds.device_types)}."
        )
    cases = cases_of(asked, [(AS_IT_IS, model_pools(counts))])
    engine = InRounds(speeds, counts, round_s, switch_s, only_rounds)
    load = with_unmeasured(load_gavel(file), speeds, tuple(counts))
    answer(asked, f"{file.name} on {cluster}", [load], cases, engine)


NO_POWER = (
    "Carbon, prices of power and PUE say nothing until it is known what a device draws: add "
    "--power-w, such as --power-w 400."
)


@simulate.command(cls=Form, epilog=CHANGES)
@click.argument("file", type=FILE)
@click.option("--workload", metavar="FILE", type=FILE, required=True, help="The jobs.")
@click.option("--format", "kind", metavar="NAME", help="The workload's; else it is recognized.")
@click.option("--map", "mapping", metavar="KEY=COLUMN,...", default="", help="For any CSV.")
@click.option("--time-format", metavar="FORMAT", help="For any CSV: of its points in time.")
@click.option("--tokens-per-s", type=float, help="For LLM requests: tokens a device writes.")
@click.option("--prefill-tokens-per-s", type=float, help="For LLM requests: tokens it reads.")
@click.option(
    "--what-if",
    "what_ifs",
    metavar="CHANGE",
    multiple=True,
    help="Also in a changed network, such as 'hosts h20=+4'. Repeatable.",
)
@click.option("--apart", is_flag=True, help="Also with every site alone with its own jobs.")
@click.option(
    "--carbon",
    metavar="SITE=CSV:COLUMN",
    multiple=True,
    help="Grams of CO2 equivalent per kWh over time; SITE may be *.",
)
@click.option(
    "--power-price",
    metavar="SITE=CSV:COLUMN",
    multiple=True,
    help="What a MWh costs over time; SITE may be *.",
)
@click.option("--pue", metavar="SITE=1.3", multiple=True, help="A site's PUE; SITE may be *.")
@click.option("--power-w", type=click.FloatRange(0, min_open=True), help="Watts of a busy device.")
@click.option("--gbps", metavar="SITE,SITE=10", multiple=True, help="Gbit/s between sites, or *,*.")
@click.option(
    "--speeds", metavar="FILE", type=FILE, help="How fast kinds of job run on models (CSV or YAML)."
)
@click.option("--preemptible", is_flag=True, help="Every job may be pushed out, and starts anew.")
@simulates
def network(
    asked: Asked,
    file: Path,
    workload: Path,
    kind: str | None,
    mapping: str,
    time_format: str | None,
    tokens_per_s: float | None,
    prefill_tokens_per_s: float | None,
    what_ifs: tuple[str, ...],
    apart: bool,
    carbon: tuple[str, ...],
    power_price: tuple[str, ...],
    pue: tuple[str, ...],
    power_w: float | None,
    gbps: tuple[str, ...],
    speeds: Path | None,
    preemptible: bool,
) -> None:
    """A network file as `weir up` takes it, or what `weir pools --json` shows, with any workload.

    Last month's jobs, and tomorrow's policy or tomorrow's network: each --what-if is one more
    network beside the unchanged one. A job whose home is the name of a site is at home there.
    """
    from weir.cli.simulate_curves import curves_of, links_of, numbers_of
    from weir.cli.simulate_engines import OnTheClock
    from weir.cli.simulate_network import notes_of, read_networks
    from weir.sim.loaders.formats import Options, format_of, load
    from weir.sim.loaders.speeds import load_speeds
    from weir.sim.loaders.speeds import notes_of as speed_notes

    if (kind or format_of(workload)) == "gavel":
        raise BadInput(
            f"{workload} counts work in steps, which say nothing without measured speeds: use "
            "`weir simulate gavel`."
        )
    if power_w is None and (carbon or power_price or pue):
        raise BadInput(NO_POWER)
    networks, said = read_networks(file, what_ifs)
    sites = tuple(dict.fromkeys(pool.site for _, pools in networks for pool in pools))
    engine = OnTheClock(
        price=curves_of("--power-price", power_price, sites, "per kWh", 0.001),
        carbon=curves_of("--carbon", carbon, sites, "g/kWh"),
        pue=numbers_of("--pue", pue, sites),
        power_w=power_w,
        links=links_of("--gbps", gbps, sites),
        speeds=load_speeds(speeds) if speeds else {},
        preemptible=preemptible,
    )
    settings = Options(
        mapping=mapping,
        time_format=time_format,
        tokens_per_s=tokens_per_s,
        prefill_tokens_per_s=prefill_tokens_per_s,
    )
    jobs = load(workload, kind, settings)
    if apart:
        networks.insert(0, (APART, networks[0][1]))
    homes = notes_of(networks, jobs.home.names)
    notes = (*said, *homes, *speed_notes(engine.speeds, jobs))
    title = f"{workload.name} in {file.name}"
    answer(asked, title, [jobs], cases_of(asked, networks), engine, notes)


def _on_one(asked: Asked, title: str, load: Workload, pool: Pool) -> None:
    """Simulate on one pool."""
    from weir.cli.simulate_engines import OnTheClock

    answer(asked, title, [load], cases_of(asked, [(AS_IT_IS, (pool,))]), OnTheClock())
