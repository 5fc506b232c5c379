"""`weir agent verify`: measure what the pools of an agent really do, beside what is claimed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click

from weir.cli.agent_doctor import read_agents
from weir.cli.measured_view import add_figure, figures_sheet, how_measured
from weir.cli.output import note, print_json, say, show_sheet
from weir.cli.session import json_option
from weir.cli.tokens import Duration
from weir.cli.verify_by_job import Asked, ByJob
from weir.core.errors import BadInput, NotReady
from weir.core.verified import verified
from weir.executors.settings import (
    AgentSettings,
    FederatedSettings,
    LocalSettings,
    SlurmSettings,
)
from weir.probes import measured
from weir.probes.measured import Measurement
from weir.wire.pools import PoolReport


@dataclass(frozen=True, slots=True)
class Target:
    """A pool that can be measured: by the words that lead to one of its hosts, or by a job; or why
    it can't be. `devices` are those of a host.
    """

    agent: str
    pool: str
    model: str | None
    devices: int = 0
    before: tuple[str, ...] = ()
    cannot: str = ""
    by_job: ByJob | None = None
    report: PoolReport | None = None

    @property
    def how(self) -> str:
        """In words."""
        if self.cannot:
            return self.cannot
        return "by a job" if self.by_job else " ".join((*self.before, "measured here"))

    def take(self, asked: Asked) -> Measurement:
        """Measure it. Raises `NotReady`."""
        if self.by_job is not None and self.report is not None:
            return self.by_job.take(self.report, asked)
        return measured.take(asked.seconds, asked.folder, self.before, asked.python)


@click.command()
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The directory for all data of this agent.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The agent's settings; HOME/agents.yaml without it.",
)
@click.option("--pool", "only", multiple=True, help="Only this pool; may be given again.")
@click.option("--seconds", type=click.FloatRange(0.1, 60), default=2.0, help="For each figure.")
@click.option("--folder", help="Where the disk is measured; the host's temporary folder without.")
@click.option("--python", help="Of the hosts; python3 without, or what the agent's file says.")
@click.option("--image", help="A container in which a job measures, as docker://...")
@click.option(
    "--wait", type=Duration(), default="60s", help="How long a job may wait for a host, as in 10m."
)
@click.option("--dry-run", is_flag=True, help="Say what would be measured and how.")
@json_option
def verify(
    home: Path,
    config: Path | None,
    only: tuple[str, ...],
    seconds: float,
    folder: str | None,
    python: str | None,
    image: str | None,
    wait: int,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Measure one host of each pool: products by precision, memory, disk.

    Results are kept in HOME and told to every domain above with the pool's next report; a claim
    that is far from its measurement is marked there. On a Slurm, a Kubernetes or a Ray, one host is
    used for it for a short while, by an ordinary job.
    """
    asked = Asked(seconds, folder, python, image, float(wait))
    found: dict[str, Measurement] = {}
    with ExitStack() as open_ones:
        agents = read_agents(config or home / "agents.yaml")
        targets = [t for a in agents for t in targets_of(a, home / a.name, open_ones)]
        targets = chosen(targets, only)
        if dry_run:
            for target in targets:
                say(f"{target.pool}: {target.how}")
            return
        failed = _take_all(targets, asked, home, found)
    if as_json:
        print_json(found, dict[str, Measurement])
    elif found:
        show(found, {t.pool: t for t in targets})
    if failed:
        raise NotReady(f"not measured: {', '.join(failed)}; what is said above tells why")


def _take_all(
    targets: Sequence[Target], asked: Asked, home: Path, found: dict[str, Measurement]
) -> list[str]:
    """Measure one after the other, and keep each at once; the pools that failed."""
    failed = []
    for target in targets:
        if target.cannot:
            note(f"{target.pool}: not measured, {target.cannot}")
            continue
        note(f"{target.pool}: measuring, {measured.FIGURES * asked.seconds:.0f} s at most ...")
        try:
            found[target.pool] = target.take(asked)
        except NotReady as error:
            note(f"{target.pool}: {error.detail}")
            failed.append(target.pool)
            continue
        measured.keep(home / target.agent, {target.pool: found[target.pool]})
    return failed


def chosen(targets: Sequence[Target], only: Sequence[str]) -> list[Target]:
    """The targets that were asked for. Raises `BadInput` for a pool that is not there."""
    names = [target.pool for target in targets]
    unknown = [name for name in only if name not in names]
    if unknown:
        raise BadInput(f"there is no pool {', '.join(unknown)} here; there are {', '.join(names)}")
    return [target for target in targets if not only or target.pool in only]


EMULATED = "it is emulated: there is nothing to measure"


def targets_of(agent: AgentSettings, home: Path, open_ones: ExitStack) -> Iterator[Target]:
    """The pools of an agent, and how a host of each is reached. What is opened for that is closed
    with `open_ones`.
    """
    settings = agent.executor
    if isinstance(settings, LocalSettings):
        for pool in settings.pools:
            cannot = EMULATED if pool.emulated else ""
            devices = pool.shape.devices
            yield Target(agent.name, pool.name, pool.device_model, devices, cannot=cannot)
    elif isinstance(settings, SlurmSettings) and settings.rest is None:
        yield from _of_slurm(agent.name, settings)
    elif isinstance(settings, FederatedSettings):
        why = "its pools are measured by the agents of the domain behind it"
        yield Target(agent.name, agent.name, None, cannot=why)
    else:
        by_job = open_ones.enter_context(ByJob(settings, home))
        for report in by_job.pools():
            yield Target(
                agent.name,
                report.name,
                report.device_model,
                report.shape.devices,
                cannot=EMULATED if report.emulated else "",
                by_job=by_job,
                report=report,
            )


def _of_slurm(name: str, settings: SlurmSettings) -> Iterator[Target]:
    import time

    from weir.executors.slurm import connect
    from weir.executors.slurm_inventory import kinds_of

    slurm = connect(settings, time.time)
    try:
        kinds = kinds_of(settings.shares, slurm.nodes(), slurm.partitions())
    finally:
        slurm.close()
    folder = "" if settings.commands is None else f"{settings.commands}/"
    config = () if settings.config is None else ("env", f"SLURM_CONF={settings.config}")
    for kind in kinds:
        share = kind.share
        words = [f"{folder}srun", f"--partition={share.partition}", "--nodes=1", "--ntasks=1"]
        words += ["--job-name=weir-verify", "--quiet", "--immediate=60"]
        words += [f"--cpus-per-task={kind.shape.cpu_milli // 1000}"]
        words += [f"--gres={kind.gres}:1"] if kind.gres else []
        words += [f"--{n}={v}" for n in ("account", "qos") if (v := getattr(share, n))]
        words += [f"--nodelist={kind.nodes[0]}"] if len(kind.nodes) == 1 else []
        words += [f"--exclude={kind.exclude}"] if kind.exclude else []
        cannot = EMULATED if share.emulated else ""
        devices = kind.shape.devices
        yield Target(name, kind.name, kind.model, devices, (*config, *words), cannot)


def show(found: dict[str, Measurement], targets: dict[str, Target]) -> None:
    """The figures beside the nominal ones, and how they were made."""
    sheet = figures_sheet()
    for pool, one in found.items():
        of = targets[pool]
        counts = bool(one.of(of.devices))
        for figure in verified(of.model if counts else None, one.gflops.items()):
            add_figure(sheet, pool, figure, one.device)
    show_sheet(sheet, empty="no numeric library was found: install numpy or torch on the hosts")
    for pool, one in found.items():
        say(f"{pool}: {how_measured(one.told)}")
