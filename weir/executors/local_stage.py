"""Inputs of a run, brought into its working directory before it starts.

Laws:
- An input appears whole or not at all: it is written beside its place and then renamed. So staging
  can be repeated after a crash, and what is there is kept.
- Nothing is written outside the working directory, whatever the paths are.
- Inline inputs are written at once; those by URL are fetched by the caller's threads.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import fsspec
import httpx

from weir.wire.jobspec import Input

CHUNK_BYTES = 2**20
TIMEOUT_S = 20.0


class StageError(Exception):
    """An input can't be had; the text is for the person whose job it is."""


class Abandoned(Exception):
    """The caller no longer wants it."""


def stage(inputs: Iterable[Input], work: str, wanted: Callable[[], bool] = lambda: True) -> None:
    """Put these inputs into folder `work`. Raises StageError; Abandoned when no longer `wanted`."""
    for item in inputs:
        path = inside(work, item.path)
        if path is None:
            raise StageError(f"input {item.path}: leads out of the job's directory")
        if os.path.lexists(path):
            continue
        try:
            _write(item, path, wanted)
        except (StageError, Abandoned):
            raise
        except Exception as error:  # fsspec's file systems raise what they like
            raise StageError(f"input {item.path}: {_why(error)}") from error


def inside(work: str, path: str) -> str | None:
    """The place of `path` in `work`; None if it leads out, through links as well."""
    whole = os.path.join(work, path)
    return whole if os.path.realpath(whole).startswith(os.path.realpath(work) + os.sep) else None


def _write(item: Input, path: str, wanted: Callable[[], bool]) -> None:
    if "/" in item.path:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    part = f"{path}.weir-part"
    digest, first = hashlib.sha256(), b""
    try:
        with open(part, "wb") as file:
            for chunk in _chunks(item):
                if not wanted():
                    raise Abandoned(item.path)
                first = first or chunk[:2]
                digest.update(chunk)
                file.write(chunk)
        if item.sha256 is not None and digest.hexdigest() != item.sha256:
            raise StageError(f"input {item.path}: checksum differs")
        if first == b"#!":  # a script is for running
            os.chmod(part, 0o755)
        os.rename(part, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(part)


def _chunks(item: Input) -> Iterator[bytes]:
    content = item.content()
    if content is not None:
        yield content
    elif item.url is None:
        raise StageError(f"input {item.path}: its source {item.source!r} was not sent along")
    elif item.url.startswith(("http://", "https://")):
        with httpx.stream("GET", item.url, follow_redirects=True, timeout=TIMEOUT_S) as answer:
            answer.raise_for_status()
            yield from answer.iter_bytes(CHUNK_BYTES)
    else:
        with fsspec.open(item.url, "rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk


def _why(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"the server answered {error.response.status_code} {error.response.reason_phrase}"
    if isinstance(error, FileNotFoundError):
        return "not found"
    if isinstance(error, ImportError):
        return f"its kind of URL needs a package that is not installed here: {error}"
    return str(error) or type(error).__name__
