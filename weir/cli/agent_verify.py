"""`weir agent verify`: measure what the pools of an agent really do, beside what is claimed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from weir.cli.agent_doctor import read_agents
from weir.cli.output import Column, Sheet, note, print_json, say, show_sheet
from weir.cli.session import json_option
from weir.core.devices import Precision
from weir.core.errors import BadInput
from weir.core.units import show_gflops
from weir.core.verified import Verified, verified
from weir.executors.settings import AgentSettings, LocalSettings, SlurmSettings
from weir.probes import measured
from weir.probes.measured import Measurement

GIB = 2**30


@dataclass(frozen=True, slots=True)
class Target:
    """A pool that can be measured: the words that lead to one of its hosts, or why it can't be."""

    agent: str
    pool: str
    model: str | None
    before: tuple[str, ...] = ()
    cannot: str = ""


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
@click.option("--dry-run", is_flag=True, help="Say what would be measured and how.")
@json_option
def verify(
    home: Path,
    config: Path | None,
    only: tuple[str, ...],
    seconds: float,
    folder: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Measure one host of each pool: products by precision, memory, disk.

    Results are kept in HOME and told to every domain above with the pool's next report; a claim
    that is far from its measurement is marked there. On a Slurm, one node is used for it for a
    short while, as an ordinary job.
    """
    targets = [t for a in read_agents(config or home / "agents.yaml") for t in targets_of(a)]
    targets = chosen(targets, only)
    if dry_run:
        for target in targets:
            say(f"{target.pool}: {target.cannot or ' '.join((*target.before, 'measured here'))}")
        return
    found: dict[str, Measurement] = {}
    for target in targets:
        if target.cannot:
            note(f"{target.pool}: not measured, {target.cannot}")
            continue
        note(f"{target.pool}: measuring, {measured.FIGURES * seconds:.0f} s at most ...")
        found[target.pool] = measured.take(seconds, folder, target.before)
        measured.keep(home / target.agent, {target.pool: found[target.pool]})
    if as_json:
        print_json(found, dict[str, Measurement])
    elif found:
        show(found, {t.pool: t.model for t in targets})


def chosen(targets: Sequence[Target], only: Sequence[str]) -> list[Target]:
    """The targets that were asked for. Raises `BadInput` for a pool that is not there."""
    names = [target.pool for target in targets]
    unknown = [name for name in only if name not in names]
    if unknown:
        raise BadInput(f"there is no pool {', '.join(unknown)} here; there are {', '.join(names)}")
    return [target for target in targets if not only or target.pool in only]


def targets_of(agent: AgentSettings) -> Iterator[Target]:
    """The pools of an agent, and how a host of each is reached."""
    settings = agent.executor
    if isinstance(settings, LocalSettings):
        for pool in settings.pools:
            cannot = "it is emulated: there is nothing to measure" if pool.emulated else ""
            yield Target(agent.name, pool.name, pool.device_model, (), cannot)
    elif isinstance(settings, SlurmSettings):
        yield from _of_slurm(agent.name, settings)
    else:
        why = f"an executor of kind {settings.kind} is not measured by its agent"
        yield Target(agent.name, agent.name, None, (), why)


def _of_slurm(name: str, settings: SlurmSettings) -> Iterator[Target]:
    import time

    from weir.executors.slurm import connect
    from weir.executors.slurm_inventory import kinds_of

    slurm = connect(settings, time.time)
    try:
        kinds = kinds_of(settings.shares, slurm.nodes(), slurm.partitions())
    finally:
        slurm.close()
    if settings.rest is not None:
        for kind in kinds:
            why = "srun is needed, and this agent speaks to slurmrestd"
            yield Target(name, kind.name, kind.model, (), why)
        return
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
        cannot = "it is emulated: there is nothing to measure" if share.emulated else ""
        yield Target(name, kind.name, kind.model, (*config, *words), cannot)


def show(found: dict[str, Measurement], models: dict[str, str | None]) -> None:
    """The figures beside the nominal ones, and how they were made."""
    sheet = Sheet(
        (
            Column("POOL"),
            Column("PRECISION"),
            Column("MEASURED", right=True),
            Column("NOMINAL", right=True),
            Column("SHARE", right=True),
            Column("OF"),
        )
    )
    for pool, one in found.items():
        device = bool(one.of_device)
        for figure in verified(models[pool] if device else None, one.gflops.items()):
            sheet.add(pool, *_row(figure), one.device, style="red" if figure.far else "")
    show_sheet(sheet, empty="no numeric library was found: install numpy or torch on the hosts")
    for pool, one in found.items():
        disk = [one.disk_write_bytes_per_s, one.disk_read_bytes_per_s]
        wrote, read = ("-" if v is None else f"{v / GIB:.2f} GiB/s" for v in disk)
        say(
            f"{pool}: on {one.host} with {one.cpus} CPUs by {one.library or 'no library'}; memory "
            f"{one.memory_bytes_per_s / GIB:.1f} GiB/s, disk written {wrote}, read {read}"
        )


def _row(figure: Verified) -> tuple[str, ...]:
    whole = figure.precision is Precision.INT8
    return (
        figure.precision,
        show_gflops(figure.measured, int8=whole),
        "unknown" if figure.nominal is None else show_gflops(figure.nominal, int8=whole),
        "-" if figure.share is None else f"{100 * figure.share:.0f} %",
    )
