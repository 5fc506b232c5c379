"""`weir jobs`: a page of jobs, newest first."""

from __future__ import annotations

from collections.abc import Sequence

import click

from weir.cli.arrays import label
from weir.cli.output import Column, Sheet, note, print_json, show_sheet
from weir.cli.session import Session, prints
from weir.cli.values import NONE, ago, style_of, took, where
from weir.core.lifecycle import JobState
from weir.wire.jobs import JobAnswer


@click.command()
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([s.value for s in JobState]),
    help="Only in this state, or any of some.",
)
@click.option("--submitter", metavar="WHO", help="Only this person's.")
@click.option("--name", help="Only jobs of this name.")
@click.option("--array", metavar="ID", help="Only the jobs of this array.")
@click.option("--pool", metavar="ID", help="Only jobs that are, or last were, on this pool.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="Most.")
@click.option("--before", metavar="ID", help="The page after this job.")
@prints
def jobs(
    session: Session,
    states: tuple[str, ...],
    submitter: str | None,
    name: str | None,
    array: str | None,
    pool: str | None,
    limit: int,
    before: str | None,
    as_json: bool,
) -> None:
    """List jobs, newest first."""
    with session.client() as client:
        page = client.jobs(
            state=[JobState(s) for s in states],
            submitter=submitter,
            name=name,
            array=array,
            pool=pool,
            before=before,
            limit=limit,
        )
    if as_json:
        print_json(page)
        return
    show_sheet(sheet(page.jobs, session.clock()), empty="no jobs")
    if page.next is not None:
        note(f"there are more: --before {page.next}")


def sheet(found: Sequence[JobAnswer], now: float) -> Sheet:
    """The table of some jobs."""
    table = Sheet(
        (
            Column("ID"),
            Column("NAME", wraps=True),
            Column("STATE"),
            Column("AT", wraps=True),
            Column("SUBMITTED", right=True),
            Column("RAN", right=True),
            Column("EXIT", right=True),
            Column("BY", wraps=True),
        )
    )
    for job in found:
        table.add(
            job.id,
            label(job),
            job.state.value,
            where(job),
            ago(job.submitted_at, now),
            took(job.started_at, job.ended_at, now),
            NONE if job.exit_code is None else str(job.exit_code),
            job.submitter,
            style=style_of(job.state),
        )
    return table
