"""`weir wait`: wait until jobs have ended; the exit code says how."""

from __future__ import annotations

from collections.abc import Sequence

import click

from weir.cli.arrays import jobs_of
from weir.cli.output import note, print_json, say
from weir.cli.session import Session, prints
from weir.cli.values import style_of, took
from weir.client.http import Client
from weir.client.sdk import Weir
from weir.core.lifecycle import JobState
from weir.wire.jobs import JobDetailAnswer

TIMED_OUT = 124
"""Exit code where the time is over, as of `timeout(1)`."""


@click.command()
@click.argument("jobs", nargs=-1, required=True)
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Wait no longer.")
@prints
def wait(session: Session, jobs: tuple[str, ...], timeout: float | None, as_json: bool) -> None:
    """Wait until JOBS have ended; of an array, all its jobs.

    A server that goes away meanwhile is asked again for a minute. The exit code is 0 if all
    succeeded, 1 if one did not, and 124 when the time is over.
    """
    with session.client() as client:
        finish(session, client, jobs_of(client, jobs), timeout, as_json=as_json)


def finish(
    session: Session,
    client: Client,
    jobs: Sequence[str],
    timeout_s: float | None = None,
    *,
    as_json: bool = False,
    aside: bool = False,
) -> None:
    """Wait for jobs, print how each ended (`aside`: on stderr), and leave with the exit code that
    says it.
    """
    weir, began, ended = Weir.over(client), session.clock(), list[JobDetailAnswer]()
    for job in jobs:
        left = None if timeout_s is None else max(0.0, began + timeout_s - session.clock())
        try:
            found = weir.wait(
                job, left, sleep=session.sleep, clock=session.clock, patience=session.patience()
            )
        except TimeoutError:
            note(f"{job} has not ended within {timeout_s:g} s")
            raise click.exceptions.Exit(TIMED_OUT) from None
        ended.append(found)
        if aside:
            note(_outcome(found, session.clock()))
        elif not as_json:
            say(_outcome(found, session.clock()), style_of(found.state))
    if as_json:
        print_json(ended, list[JobDetailAnswer])
    if any(found.state is not JobState.SUCCEEDED for found in ended):
        raise click.exceptions.Exit(1)


def _outcome(job: JobDetailAnswer, now: float) -> str:
    ran = took(job.started_at, job.ended_at, now)
    text = f"{job.id} {job.name} {job.state}"
    if job.started_at is not None:
        text += f" after {ran}"
    code = None if job.exit_code is None else f"exit code {job.exit_code}"
    if code is not None and code not in job.reason:
        text += f", {code}"
    return f"{text}: {job.reason}" if job.reason else text
