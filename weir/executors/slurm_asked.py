"""What Slurm is asked for a run: where it goes, as whom, how large and how long it is."""

from __future__ import annotations

import math
from collections.abc import Sequence

from weir.executors.slurm_calls import Component, Submission
from weir.executors.slurm_inventory import Kind
from weir.executors.slurm_layout import Part
from weir.executors.slurm_pools import block_level
from weir.executors.slurm_runs import Run
from weir.executors.slurm_settings import SlurmAccount
from weir.executors.topology import names_at
from weir.wire.jobspec import walltime_s


def submission_of(run: Run, kind: Kind, accounts: Sequence[SlurmAccount]) -> Submission:
    """What Slurm is asked, but for what is the run's own."""
    share = kind.share
    account = next((a for a in accounts if a.fits(*_owner(run))), None)
    layout = run.layout
    return Submission(
        name="",
        partition=share.partition,
        folder="",
        output="",
        script="",
        components=tuple(_component(part, kind) for part in layout.parts) if layout else (),
        minutes=_minutes(run, kind),
        account=(account.account if account else "") or share.account,
        qos=(account.qos if account else "") or share.qos,
        reservation=share.reservation,
        constraint=_constraint(run, kind),
        exclude=kind.exclude,
        licenses=share.licenses,
        nice=share.nice,
    )


def _constraint(run: Run, kind: Kind) -> str:
    """The features that all nodes have, and those of which they have one and the same: unlike
    `--switches`, Slurm keeps to that however long the job waits.
    """
    share = kind.share
    said = [*share.features, *([share.constraint] if share.constraint else [])]
    if within := block_level(kind, run.order):
        said.append(f"[{'|'.join(names_at(kind.blocks, within))}]")
    return "&".join(said)


def _component(part: Part, kind: Kind) -> Component:
    devices = part.devices * part.tasks
    gres = f"{kind.gres}:{devices}" if devices else ""
    return Component(
        part.nodes, part.tasks, part.cpus, part.memory_mib, gres, part.missing, part.exclusive
    )


def _minutes(run: Run, kind: Kind) -> int | None:
    """Slurm's own limit: a minute over the run's, which is kept here, within the partition's."""
    limits = [limit for limit in (walltime_s(run.order.spec), kind.share.max_walltime_s) if limit]
    wanted = math.ceil(min(limits) / 60) + 1 if limits else None
    most = None if kind.limit_s is None else kind.limit_s // 60
    return min((limit for limit in (wanted, most) if limit is not None), default=None)


def _owner(run: Run) -> tuple[str, str]:
    """Who submitted a run, and the domain where that was: the first on its path."""
    return run.order.submitter, run.order.path[0] if run.order.path else ""


def comment_of(run: Run) -> str:
    """A comment for the center's people: what the job is in the network, and whose."""
    text = f"weir {run.order.spec.name} job {run.order.root_job} of {run.order.submitter}"
    return "".join(c if c.isalnum() or c in " .@_-" else "_" for c in text)[:200]
