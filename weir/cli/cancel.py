"""`weir cancel`: cancel jobs, or those of an array that have not ended."""

from __future__ import annotations

from collections.abc import Iterator

import click

from weir.cli.arrays import is_array, members
from weir.cli.output import print_error, print_json, say
from weir.cli.session import Session, prints
from weir.cli.values import in_words, style_of
from weir.client.http import Client, Unreachable
from weir.core.errors import WeirError
from weir.core.lifecycle import JOB_FINAL
from weir.wire.jobs import JobAnswer


@click.command()
@click.argument("jobs", nargs=-1)
@click.option("--array", metavar="ID", help="Cancel the jobs of this array.")
@prints
def cancel(session: Session, jobs: tuple[str, ...], array: str | None, as_json: bool) -> None:
    """Cancel JOBS, or all jobs of an array. One that has ended stays as it ended.

    Goes on after a job that can't be canceled; the exit code is then 1.
    """
    if not jobs and array is None:
        raise click.UsageError("name the jobs to cancel, or an --array")
    done: list[JobAnswer] = []
    failed = False
    with session.client() as client:
        for job in _all(client, jobs, array):
            try:
                found = client.cancel(job)
            except Unreachable:
                raise
            except WeirError as error:
                failed = True
                print_error(error)
                continue
            done.append(found)
            if not as_json:
                say(_outcome(found), style_of(found.state))
    if as_json:
        print_json(done, list[JobAnswer])
    if failed:
        raise click.exceptions.Exit(1)


def _outcome(job: JobAnswer) -> str:
    if job.state in JOB_FINAL:
        return f"{job.id} {in_words(job.state)}"
    return f"{job.id} is {job.state}, and is asked to stop"


def _all(client: Client, jobs: tuple[str, ...], array: str | None) -> Iterator[str]:
    """The jobs named, and those of arrays that can still be canceled."""
    for name in (*jobs, *([array] if array is not None else [])):
        if name == array or is_array(name):
            found = members(client, name)
            yield from (member.id for member in found if member.state not in JOB_FINAL)
        else:
            yield name
