"""`weir job`: check job files without sending them, print their schema, tell what a job uses."""

from __future__ import annotations

import json

import click

from weir.cli.inputs import read_specs
from weir.cli.output import Column, Sheet, print_json, say, show_sheet
from weir.cli.session import Session, json_option, prints
from weir.cli.show import wish
from weir.cli.values import UNKNOWN, took
from weir.core import units
from weir.wire.jobdemand import demand_of
from weir.wire.jobspec import JobSpec
from weir.wire.usage import RunUsageAnswer


@click.group()
def job() -> None:
    """Check job files, print their schema, and tell what a job uses."""


@job.command()
@click.argument("files", nargs=-1, required=True)
@click.option("--set", "settings", multiple=True, metavar="FIELD=VALUE", help="Replace a field.")
@json_option
def check(files: tuple[str, ...], settings: tuple[str, ...], as_json: bool) -> None:
    """Check job FILES, as the server would; nothing is sent. Every mistake is named."""
    specs = read_specs(files, settings)
    for spec in specs:
        demand_of(spec)
    if as_json:
        print_json(specs, list[JobSpec])
        return
    for file, spec in zip(files, specs, strict=True):
        members = f", {spec.array.count} times" if spec.array else ""
        say(f"{file}: {spec.name} is good; it asks for {wish(spec)}{members}")


@job.command()
def schema() -> None:
    """Print the JSON Schema of job files, for editors and for other programs."""
    click.echo(json.dumps(JobSpec.model_json_schema(), indent=2, ensure_ascii=False))


@job.command()
@click.argument("job")
@prints
def usage(session: Session, job: str, as_json: bool) -> None:
    """What JOB holds and uses, run by run: CPU, memory and accelerators, as they were measured."""
    with session.client() as client:
        found = client.job_usage(job)
    if as_json:
        print_json(found)
        return
    names = ("RUN", "RAN FOR", "", "HELD", "USED NOW", "ON THE MEAN", "AT MOST")
    sheet = Sheet(tuple(Column(name, right=place > 2) for place, name in enumerate(names)))
    now = session.clock()
    for run in found.runs:
        ran = took(run.started_at, run.ended_at, now)
        for place, row in enumerate(_rows(run, now)):
            sheet.add(*((run.run, ran) if place == 0 else ("", "")), *row)
    show_sheet(sheet, empty=f"job {job} has had no run yet")
    for run in found.runs:
        if run.elapsed_ms is not None:
            say(f"{run.run}: {_account(run.elapsed_ms, run.given_cpu_ms)}")


def _rows(run: RunUsageAnswer, now: float) -> list[tuple[str, str, str, str, str]]:
    """What is measured, what is held of it, used by now, on the mean, and at most."""
    span_s = 0.0 if run.started_at is None else (run.ended_at or now) - run.started_at
    rows = []
    for name, held, total_ms, values in (
        ("cores", run.held_cpu_milli, run.cpu_ms, [p.cpu_milli for p in run.points]),
        ("devices", run.held_device_milli, run.device_ms, [p.device_milli for p in run.points]),
    ):
        known = [v for v in values if v is not None]
        mean = None if total_ms is None or span_s <= 0 else round(total_ms / span_s)
        if held or known:
            last = known[-1] if known and run.ended_at is None else None
            most = max(known, default=None)
            rows.append((name, _milli(held), _milli(last), _milli(mean), _milli(most)))
    memory = [p.memory_bytes for p in run.points if p.memory_bytes is not None]
    last = memory[-1] if memory and run.ended_at is None else None
    rows.append(
        (
            "memory",
            _bytes(run.held_memory_bytes),
            _bytes(last),
            UNKNOWN,
            _bytes(run.peak_memory_bytes),
        )
    )
    return rows


def _account(elapsed_ms: int, given_cpu_ms: int | None) -> str:
    """What the center's accounts say of a run."""
    text = f"the center's accounts have {units.show_duration_s(round(elapsed_ms / 1000))}"
    if given_cpu_ms is None:
        return text
    cores = f" on {given_cpu_ms / elapsed_ms:.2f} cores" if elapsed_ms else ""
    return f"{text}{cores}, {given_cpu_ms / 3_600_000:.3f} core-hours"


def _milli(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value / 1000:.2f}"


def _bytes(value: int | None) -> str:
    return UNKNOWN if value is None else units.show_bytes(value)
