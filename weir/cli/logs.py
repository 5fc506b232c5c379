"""`weir logs`: print what a job writes, as it writes it."""

from __future__ import annotations

import click

from weir.cli.arrays import is_array, label, members
from weir.cli.output import note, say
from weir.cli.session import Session, asks
from weir.client.http import Client
from weir.client.patience import NONE
from weir.client.sdk import Weir
from weir.core.errors import NotFound


@click.command()
@click.argument("job")
@click.option("-f", "--follow", is_flag=True, help="Go on until the job has ended.")
@click.option("--stderr", "of_stderr", is_flag=True, help="The standard error output.")
@click.option("--file", "name", metavar="NAME", help="Another file of the job; see weir files.")
@asks
def logs(session: Session, job: str, follow: bool, of_stderr: bool, name: str | None) -> None:
    """Print the standard output of JOB's latest run.

    Of an array, that of its jobs one after the other, each under its name.
    """
    if of_stderr and name is not None:
        raise click.UsageError("give either --stderr or --file")
    if follow and is_array(job):
        raise click.UsageError(
            f"--follow takes one job, and {job} is an array; `weir jobs --array {job}` lists them"
        )
    file = "stderr" if of_stderr else name or "stdout"
    with session.client() as client:
        if not is_array(job):
            if not _print(session, client, job, file, follow=follow):
                note(f"{file} of {job} is empty; it is {client.job(job).state}")
            return
        for member in members(client, job):
            say(f"==> {label(member)} {member.id} {member.state} <==", "bold")
            try:
                _print(session, client, member.id, file, follow=False)
            except NotFound as error:
                note(error.detail)


def _print(session: Session, client: Client, job: str, file: str, *, follow: bool) -> bool:
    """Print a file; whether there was anything in it. Raises `NotFound`."""
    patience, some = session.patience() if follow else NONE, False
    for text in Weir.over(client).logs(
        job, file, follow=follow, sleep=session.sleep, patience=patience
    ):
        click.echo(text, nl=False)
        some = True
    return some
