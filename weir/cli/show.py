"""`weir show`: all that is known of a job."""

from __future__ import annotations

from collections import Counter

import click

from weir.cli.arrays import is_array, members
from weir.cli.jobs import sheet as jobs_sheet
from weir.cli.output import Column, Sheet, print_json, say, show_card, show_sheet
from weir.cli.session import Session, prints
from weir.cli.values import NONE, ago, device, in_words, roughly, stamp, style_of, took, where
from weir.wire.jobs import JobAnswer, JobDetailAnswer
from weir.wire.jobspec import JobSpec, Tasks


@click.command()
@click.argument("job")
@prints
def show(session: Session, job: str, as_json: bool) -> None:
    """Show JOB: what it is, its path through the tiers, its runs, and its history.

    Of an array, show a table of its jobs.
    """
    with session.client() as client:
        if is_array(job):
            show_members(members(client, job), session.clock(), as_json=as_json)
            return
        found = client.job(job)
    if as_json:
        print_json(found)
    else:
        show_job(found, session.clock())


def show_members(found: list[JobAnswer], now: float, *, as_json: bool) -> None:
    """Print the members of an array."""
    if as_json:
        print_json(found, list[JobAnswer])
        return
    counts = Counter(member.state.value for member in found)
    said = ", ".join(f"{count} {state}" for state, count in counts.items())
    say(f"{found[0].array} {found[0].name} has {len(found)} jobs: {said}")
    say()
    show_sheet(jobs_sheet(found, now))


def show_job(job: JobDetailAnswer, now: float) -> None:
    """Print a job."""
    say(f"{job.id} {job.name} {in_words(job.state)}", style_of(job.state))
    show_card(_summary(job, now))
    if job.runs:
        say()
        say("Runs", "bold")
        show_sheet(_runs(job, now))
    if job.history:
        say()
        say("History", "bold")
        show_sheet(_history(job))


def wish(spec: JobSpec) -> str:
    """What a job asks for: `4 x (8 x nvidia-h100, 2 cpu, 16GiB)`."""
    return " + ".join(_group(tasks) for tasks in spec.tasks)


def _group(tasks: Tasks) -> str:
    parts = []
    if (d := tasks.devices) is not None:
        amount = str(d.share) if d.share is not None else str(d.count or 1)
        parts.append(f"{amount} x {' or '.join(d.models) or 'any device'}")
        if d.min_memory:
            parts.append(f"at least {d.min_memory} of device memory")
        if d.min_performance:
            least = d.min_performance
            parts.append(f"at least {least.value} {least.precision} each")
    parts += [f"{tasks.cpu} cpu", tasks.memory]
    inside = f"({', '.join(parts)})"
    if tasks.devices is not None and (total := tasks.devices.total_performance):
        return f"{total.value} {total.precision} in tasks of {inside}"
    return f"{tasks.count or 1} x {inside}"


def _summary(job: JobDetailAnswer, now: float) -> list[tuple[str, str]]:
    index = "" if job.array_index is None else f", number {job.array_index}"
    sent = f"{stamp(job.submitted_at)} ({ago(job.submitted_at, now)}) by {job.submitter}"
    waits = job.start_after
    ran = f"{ago(job.started_at, now)}, ran {took(job.started_at, job.ended_at, now)}"
    return [
        ("asks for", "" if job.spec is None else wish(job.spec)),
        ("at", where(job)),
        ("path", " > ".join(job.place)),
        ("came by", " > ".join(job.path)),
        ("submitted", sent),
        ("started", "" if job.started_at is None else ran),
        ("ended", "" if job.ended_at is None else stamp(job.ended_at)),
        ("exit code", "" if job.exit_code is None else str(job.exit_code)),
        ("reason", "" if job.reason == f"exit code {job.exit_code}" else job.reason),
        ("priority", str(job.priority)),
        ("queue", job.queue),
        ("preemptible", "another job may push it out" if job.preemptible else ""),
        ("not before", "" if waits is None else f"{stamp(waits)} ({ago(waits, now)})"),
        ("array", f"{job.array}{index}" if job.array else ""),
        ("root job", job.root_job if job.root_job != job.id else ""),
        ("attempts", str(job.attempts)),
    ]


def _runs(job: JobDetailAnswer, now: float) -> Sheet:
    sheet = Sheet(
        (
            Column("RUN"),
            Column("SITE", wraps=True),
            Column("POOL"),
            Column("DEVICE", wraps=True),
            Column("STATE"),
            Column("ASSIGNED", right=True),
            Column("RAN", right=True),
            Column("EXIT", right=True),
            Column("REASON", wraps=True),
        )
    )
    for run in job.runs:
        sheet.add(
            run.id,
            run.site_name,
            run.pool_name,
            device(run.device_model, run.emulated),
            run.state.value,
            ago(run.assigned_at, now),
            took(run.started_at, run.ended_at, now),
            NONE if run.exit_code is None else str(run.exit_code),
            run.reason or NONE,
            style=style_of(run.state),
        )
    return sheet


def _history(job: JobDetailAnswer) -> Sheet:
    sheet = Sheet(
        (Column("TIME"), Column("AFTER", right=True), Column("WHAT"), Column("", wraps=True))
    )
    for entry in job.history:
        after = max(0.0, entry.at - job.submitted_at)
        sheet.add(stamp(entry.at), f"+{roughly(after)}", entry.what, entry.detail)
    return sheet
