"""Files of a run that can be read: what its tasks printed, and the outputs it declared.

Laws:
- A name is looked up in the list of files; no part of it is ever used as a path.
- An output is a regular file inside the working directory, also when links are followed.
- What is longer than allowed is cut (stdout, stderr) or not shown (outputs).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from weir.core import units
from weir.executors.base import RunFile
from weir.wire.jobspec import Output

MAX_STREAM_BYTES = 64 * 2**20
STREAMS = ("stdout", "stderr")


def streams(folder: str, tasks: Iterable[tuple[str, int]]) -> dict[str, str]:
    """Name to path of what tasks (group, index) print: the first one's under plain names."""
    paths = {}
    for number, (group, index) in enumerate(tasks):
        task = f"{group}-{index}"
        for stream in STREAMS:
            name = f"{task}/{stream}" if number else stream
            paths[name] = os.path.join(folder, f"{task}.{stream}")
    return paths


def list_files(paths: dict[str, str], work: str, outputs: Iterable[Output]) -> list[RunFile]:
    """The streams that are there, and those of the outputs that are there and not too large."""
    files = [
        RunFile(name, min(size, MAX_STREAM_BYTES))
        for name, path in paths.items()
        if (size := _size(path)) is not None
    ]
    for output in outputs:
        size = None if output.url else _output_size(work, output.path)
        if size is not None and size <= units.parse_bytes(output.max_size):
            files.append(RunFile(f"output/{output.path}", size))
    return files


def read_file(
    paths: dict[str, str], work: str, outputs: Iterable[Output], name: str, offset: int, limit: int
) -> bytes:
    """A piece of one of the files that `list_files` names; nothing of any other."""
    if name in paths:
        return read_stream(paths[name], offset, limit)
    for output in outputs:
        if name == f"output/{output.path}":
            return read_output(work, output, offset, limit)
    return b""


def read_stream(path: str, offset: int, limit: int) -> bytes:
    """A piece of what a task printed, as far as it is shown; empty if there is none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        return _pread(fd, offset, min(limit, MAX_STREAM_BYTES - offset))
    finally:
        os.close(fd)


def read_output(work: str, output: Output, offset: int, limit: int) -> bytes:
    """A piece of an output; empty if it is not there or too large."""
    fd = open_output(work, output.path)
    if fd is None:
        return b""
    try:
        most = units.parse_bytes(output.max_size)
        return _pread(fd, offset, limit) if os.fstat(fd).st_size <= most else b""
    finally:
        os.close(fd)


def wrong_outputs(work: str, outputs: Iterable[Output]) -> str | None:
    """Why these outputs make a run that succeeded a failure; None if they are right."""
    for output in outputs:
        size = _output_size(work, output.path)
        if size is None and output.required:
            return f"output {output.path}: missing"
        too_large = size is not None and size > units.parse_bytes(output.max_size)
        if size is not None and too_large and output.url is None:
            most = units.show_bytes(units.parse_bytes(output.max_size))
            return f"output {output.path}: {units.show_bytes(size)} is more than {most}"
    return None


def _output_size(work: str, path: str) -> int | None:
    fd = open_output(work, path)
    if fd is None:
        return None
    try:
        return os.fstat(fd).st_size
    finally:
        os.close(fd)


def open_output(work: str, path: str) -> int | None:
    """Open a regular file in `work`: what was opened is judged, so nobody can swap it meanwhile."""
    try:
        fd = os.open(os.path.join(work, path), os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return None
    real = os.readlink(f"/proc/self/fd/{fd}")
    base = os.path.realpath(work) + os.sep
    if real.startswith(base) and stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    return None


def _size(path: str) -> int | None:
    try:
        return os.lstat(path).st_size
    except OSError:
        return None


def _pread(fd: int, offset: int, limit: int) -> bytes:
    return os.pread(fd, limit, offset) if limit > 0 and offset >= 0 else b""
