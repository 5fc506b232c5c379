"""`weir logs`: print what a job writes, as it writes it."""

from __future__ import annotations

import click

from weir.cli.session import Session, asks
from weir.client.sdk import Weir


@click.command()
@click.argument("job")
@click.option("-f", "--follow", is_flag=True, help="Go on until the job has ended.")
@click.option("--stderr", "of_stderr", is_flag=True, help="The standard error output.")
@click.option("--file", "name", metavar="NAME", help="Another file of the job; see weir files.")
@asks
def logs(session: Session, job: str, follow: bool, of_stderr: bool, name: str | None) -> None:
    """Print the standard output of JOB's latest run."""
    if of_stderr and name is not None:
        raise click.UsageError("give either --stderr or --file")
    file = "stderr" if of_stderr else name or "stdout"
    with session.client() as client:
        for text in Weir.over(client).logs(job, file, follow=follow, sleep=session.sleep):
            click.echo(text, nl=False)
