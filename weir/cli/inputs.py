"""Job files from the command line: all are read, and every mistake of all is named at once."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import yaml

from weir.cli.output import BadFiles
from weir.core.errors import BadInput, Mistake
from weir.wire.jobspec import JobSpec
from weir.wire.mistakes import validated
from weir.wire.specfile import read_job, read_job_file

_STEP = re.compile(r"\.?([A-Za-z_][A-Za-z0-9_-]*)|\[([0-9]+)\]")


def read_specs(files: Sequence[str], settings: Sequence[str] = ()) -> list[JobSpec]:
    """The jobs in files (`-` is the standard input), with `--set` applied. Raises `BadFiles`."""
    specs: list[JobSpec] = []
    found: list[tuple[str, BadInput]] = []
    for file in files:
        try:
            specs.append(with_settings(_read(file), settings))
        except BadInput as error:
            found.append((file, error))
    if found:
        raise BadFiles(found)
    return specs


def with_settings(spec: JobSpec, settings: Sequence[str]) -> JobSpec:
    """`spec` with fields replaced: each setting is `field=value`, as in `tasks[0].count=4`.

    A value is read as YAML. Raises `BadInput`.
    """
    if not settings:
        return spec
    data = spec.model_dump(mode="json", exclude_unset=True)
    for setting in settings:
        field, equals, value = setting.partition("=")
        if not equals:
            raise click.UsageError(f"--set takes field=value, not {setting!r}")
        try:
            _put(data, _steps(field.strip()), yaml.safe_load(value))
        except yaml.YAMLError:
            raise click.UsageError(f"--set {field}: {value!r} is not a YAML value") from None
        except (KeyError, IndexError, TypeError):
            message = "there is no such field to set in the file"
            raise BadInput(f"--set {setting} can't be done", [Mistake(field, message)]) from None
    return validated(JobSpec, data, "the job with --set")


def _read(file: str) -> JobSpec:
    if file == "-":
        return read_job(sys.stdin.read(), "(stdin)", Path.cwd())
    return read_job_file(Path(file))


def _steps(field: str) -> list[str | int]:
    """`tasks[0].cpu` as `["tasks", 0, "cpu"]`, the way mistakes name fields."""
    steps: list[str | int] = []
    end = 0
    for match in _STEP.finditer(field):
        if match.start() != end:
            break
        steps.append(match[1] if match[1] else int(match[2]))
        end = match.end()
    if not steps or end != len(field):
        raise click.UsageError(f"{field!r} names no field; write for example tasks[0].count=4")
    return steps


def _put(data: Any, steps: Sequence[str | int], value: Any) -> None:
    *way, last = steps
    for step in way:
        if isinstance(data, dict) and step not in data:
            data[step] = {}
        data = data[step]
    data[last] = value
