"""`weir job`: check job files without sending them, and print their schema."""

from __future__ import annotations

import json

import click

from weir.cli.inputs import read_specs
from weir.cli.output import print_json, say
from weir.cli.session import json_option
from weir.cli.show import wish
from weir.wire.jobspec import JobSpec, demand_of


@click.group()
def job() -> None:
    """Check job files, and print their schema."""


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
