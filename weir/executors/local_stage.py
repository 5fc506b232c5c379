"""Inputs of a run, brought into its working directory before it starts.

Laws:
- An input appears whole or not at all: it is written beside its place and then renamed. So staging
  can be repeated after a crash, and what is there is kept.
- Nothing is written outside the working directory, whatever the paths are.
- Inline inputs are written at once; those by URL are fetched by `weir.executors.staging`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from contextlib import suppress

from weir.executors.staging_access import Abandoned, StageError
from weir.wire.jobspec import Input

__all__ = ["Abandoned", "StageError", "inside", "stage"]

Fetch = Callable[[Input, str], None]
"""Puts what an input's URL names into a new file at this path."""


def stage(
    inputs: Iterable[Input],
    work: str,
    wanted: Callable[[], bool] = lambda: True,
    fetch: Fetch | None = None,
) -> None:
    """Put these inputs into folder `work`. Raises StageError; Abandoned when no longer `wanted`."""
    for item in inputs:
        path = inside(work, item.path)
        if path is None:
            raise StageError(f"input {item.path}: leads out of the job's directory")
        if os.path.lexists(path):
            continue
        if not wanted():
            raise Abandoned(item.path)
        try:
            _write(item, path, fetch)
        except StageError as error:
            raise StageError(f"input {item.path}: {error}") from error
        except OSError as error:
            raise StageError(f"input {item.path}: {error.strerror or error}") from error


def inside(work: str, path: str) -> str | None:
    """The place of `path` in `work`; None if it leads out, through links as well."""
    whole = os.path.join(work, path)
    return whole if os.path.realpath(whole).startswith(os.path.realpath(work) + os.sep) else None


def _write(item: Input, path: str, fetch: Fetch | None) -> None:
    if "/" in item.path:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    part = f"{path}.weir-part"
    try:
        content = item.content()
        if content is not None:
            _write_inline(item, content, part)
        elif item.url is None:
            raise StageError(f"its source {item.source!r} was not sent along")
        elif fetch is None:
            raise StageError("this executor fetches nothing by URL")
        else:
            fetch(item, part)
        with open(part, "rb") as file:
            script = file.read(2) == b"#!"
        if script:  # it is for running
            os.chmod(part, 0o755)
        os.rename(part, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(part)


def _write_inline(item: Input, content: bytes, part: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if item.sha256 is not None and found != item.sha256:
        raise StageError(f"its sha256 is {found}, and the job file says {item.sha256}")
    with open(part, "wb") as file:
        file.write(content)
