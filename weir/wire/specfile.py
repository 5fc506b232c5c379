"""Read a job file: YAML or JSON text to a `JobSpec`, local inputs taken along."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from weir.core.errors import BadInput, Mistake
from weir.wire.jobspec import JobSpec
from weir.wire.mistakes import count_of, read_yaml, show_path, validated


def read_job_file(path: Path) -> JobSpec:
    """The job in a file, its `source` inputs read in (paths are relative to the file)."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} can't be read: {error}") from None
    return read_job(text, str(path), path.parent)


def read_job(text: str, what: str, folder: Path) -> JobSpec:
    """The job in a YAML or JSON text. Raises `BadInput` with every mistake, its field and line."""
    data, lines = read_yaml(text, what)
    mistakes: list[Mistake] = []
    inputs = data.get("inputs") if isinstance(data, dict) else None
    for index, entry in enumerate(inputs if isinstance(inputs, list) else []):
        if isinstance(entry, dict) and isinstance(entry.get("source"), str):
            where = ("inputs", index, "source")
            _take_along(entry, folder, where, lines.get(where), mistakes)
    try:
        spec = validated(JobSpec, data, what, lines)
    except BadInput as error:
        together = sorted([*error.mistakes, *mistakes], key=lambda m: m.line or 0)
        raise BadInput(f"{what} has {count_of(together)}", together) from None
    if mistakes:
        raise BadInput(f"{what} names files that can't be read", mistakes)
    return spec


def _take_along(
    entry: dict[str, Any],
    folder: Path,
    where: tuple[str | int, ...],
    line: int | None,
    mistakes: list[Mistake],
) -> None:
    """Replace `source` by the content of the file that it names."""
    source = folder / entry["source"]
    try:
        content = source.read_bytes()
    except OSError as error:
        message = f"{entry['source']} can't be read: {error.strerror}"
        mistakes.append(Mistake(show_path(where), message, line))
        return
    del entry["source"]
    try:
        entry["text"] = content.decode("utf-8")
    except UnicodeDecodeError:
        entry["base64"] = base64.b64encode(content).decode()
