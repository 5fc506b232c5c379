"""`weir submit`: submit jobs from files, in one call."""

from __future__ import annotations

import click

from weir.cli.inputs import read_specs
from weir.cli.output import note, print_json
from weir.cli.session import Session, prints
from weir.cli.wait import finish
from weir.client.http import Client
from weir.client.sdk import submit_batch
from weir.wire.jobs import Submission, SubmitAnswer
from weir.wire.jobspec import JobSpec


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option("--key", help="The same key again gives the same job; file N of several has KEY-N.")
@click.option("--set", "settings", multiple=True, metavar="FIELD=VALUE", help="Replace a field.")
@click.option("--wait", "waits", is_flag=True, help="Wait until the jobs have ended.")
@prints
def submit(
    session: Session,
    files: tuple[str, ...],
    key: str | None,
    settings: tuple[str, ...],
    waits: bool,
    as_json: bool,
) -> None:
    """Submit the jobs in FILES, all of them or none, and print their ids, one a line.

    Of an array its own id is printed; every command that takes a job takes it too.

    A file may be - for the standard input. --set changes a field in every file, as in --set
    name=trial or --set tasks[0].count=4. With --wait, the exit code is 0 only if all succeed.
    """
    specs = read_specs(files, settings)
    keys = [key] if len(specs) == 1 else [key and f"{key}-{n}" for n in range(1, len(specs) + 1)]
    jobs = [Submission(spec=s, key=k) for s, k in zip(specs, keys, strict=True)]
    with session.client() as client:
        answer = submit_batch(client, jobs)
        if as_json:
            print_json(answer)
        else:
            _show(client, answer, specs)
        if waits:
            finish(session, client, [i for ids in answer.ids for i in ids], aside=True)


def _show(client: Client, answer: SubmitAnswer, specs: list[JobSpec]) -> None:
    """An id a line, an array's own for its members; what else there is to say goes to stderr."""
    arrays = answer.arrays or (None,) * len(answer.ids)
    for ids, array, spec in zip(answer.ids, arrays, specs, strict=True):
        if spec.array is None or not ids:
            for job in ids:
                click.echo(job)
            continue
        name = array or client.job(ids[0]).array or ids[0]
        note(f"{spec.name} is the array {name} of {len(ids)} jobs; `weir jobs --array {name}`")
        click.echo(name)
