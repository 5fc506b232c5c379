"""`weir simulate record`: the last jobs of a server as a workload, to be simulated here.

Laws: what is written is Weir's own format (JSON lines), and holds no commands, files or addresses;
the same jobs give the same bytes.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from weir.cli.output import note, say
from weir.cli.session import Session, prints
from weir.cli.values import stamp
from weir.core.errors import BadInput
from weir.wire.replays import MOST_DAYS, PastAnswer, PastJobAnswer


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--days",
    type=click.FloatRange(0, MOST_DAYS, min_open=True),
    default=7.0,
    show_default=True,
    help="How far to go back.",
)
@prints
def record(session: Session, file: Path, days: float, as_json: bool) -> None:
    """Write the last days of a server's jobs to FILE (.jsonl, .jsonl.gz), as a workload.

    It has what each job wished, when it came and how long it ran: `weir simulate network` replays
    it in any network, such as what `weir pools --json` shows.
    """
    with session.client() as client:
        past = client.past_jobs(days)
    text = "".join(f"{line}\n" for line in lines_of(past))
    try:
        _write(file, text.encode())
    except OSError as error:
        raise BadInput(f"{file} can't be written: {error.strerror}") from None
    if as_json:
        click.echo(json.dumps({"file": str(file), "jobs": len(past.jobs)}))
        return
    first, last = past.jobs[0].ready_at, past.jobs[-1].ready_at
    say(f"{file}: {len(past.jobs)} jobs, submitted from {stamp(first)} to {stamp(last)}")
    for left in past.left_out:
        note(f"{left.jobs} jobs are left out: they {left.why}.")
    if past.pinned:
        note(f"{past.pinned} jobs were sent to a pool by another domain; here they go anywhere.")


def lines_of(past: PastAnswer) -> Iterator[str]:
    """The lines of the file."""
    begin = past.jobs[0].ready_at
    wishes = {key: _bare(wish) for key, wish in past.wishes.items()}
    yield "# name: the last days"
    yield f"# epoch_s: {begin!r}"
    for left in past.left_out:
        yield f"# note: {left.jobs} jobs are left out: they {left.why}"
    for job in past.jobs:
        row = _row(job, begin)
        yield json.dumps({**row, "job": wishes[job.wishes]}, separators=(",", ":"))


def _row(job: PastJobAnswer, begin: float) -> dict[str, Any]:
    """The fields of a job, those left out that say nothing."""
    row = {
        "id": job.id,
        "submit_s": round(job.ready_at - begin, 6),
        "duration_s": round(job.held_s, 6),
        "estimate_s": job.walltime_s,
        "user": job.submitter,
        "queue": job.queue,
        "priority": job.priority,
        "patience_s": job.patience_s,
    }
    kept = ("submit_s", "duration_s")
    return {name: value for name, value in row.items() if value or name in kept}


def _bare(wish: dict[str, Any]) -> dict[str, Any]:
    """A wish without the commands that do nothing."""
    tasks = [{n: v for n, v in task.items() if n != "command"} for task in wish["tasks"]]
    return {**wish, "tasks": tasks}


def _write(file: Path, data: bytes) -> None:
    if file.name.endswith(".gz"):
        packed = io.BytesIO()
        # No time and no name inside: the same jobs give the same bytes.
        with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as stream:
            stream.write(data)
        data = packed.getvalue()
    file.write_bytes(data)
