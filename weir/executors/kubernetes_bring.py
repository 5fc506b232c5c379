"""The files of a run, brought from its pods' logs into the run's folder here.

    <folder>/<group>-<index>.stdout, .stderr    what a task printed
             work/<output>                      an output, as `local_files` looks for it

What the container beside a task prints is the task's standard error; after a line with the run's
word come the outputs: `file N SIZE`, base64 and a point, or `long N SIZE` for one that is longer
than it may be, or `full N SIZE` for one for which there was no room, or `left N SIZE` for one that
is on a volume, in the run's folder; `end` at the very end.

Laws:
- A file only grows here, as who reads it has read its beginning already.
- Of several tasks that leave an output, the first one's is brought.
- An output that did not come whole is none, and why is told.
"""

from __future__ import annotations

import base64
import binascii
import mmap
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from weir.core import units
from weir.executors.kubernetes_calls import Kubernetes
from weir.executors.kubernetes_records import FILES, TASK, Pod
from weir.executors.kubernetes_runs import Run
from weir.executors.kubernetes_script import MAX_OUTPUT_BYTES
from weir.executors.kubernetes_verdict import TaskView
from weir.executors.local_files import MAX_STREAM_BYTES
from weir.wire.jobspec import Output

LIVE_BYTES = 2**20
"""As much of a log is shown while its task runs; the rest comes at its end."""

DROPPED = b"\n[weir: the node has dropped a part of this log]\n"
_SEEN = 4096


@dataclass(frozen=True, slots=True)
class Brought:
    """What came of it: why an output can't be had, empty if all that are there have come; and which
    output is to be on the volume, and is not seen there yet.
    """

    wrong: str = ""
    unseen: str = ""


def bring(run: Run, views: Sequence[TaskView], kubernetes: Kubernetes, live: bool) -> Brought:
    """Bring what there is; not `live` all of it, with the outputs. Raises `Away` and its like; then
    do it again.
    """
    found = Brought()
    for view in reversed(views):  # so that the first one's outputs are what stays
        if view.pod is None or (view.pod.task.started is None and not view.over):
            continue
        base = os.path.join(run.folder, f"{view.group}-{view.index}")
        _stdout(view.pod, base, kubernetes, live)
        beside = _beside(run, view.pod, base, kubernetes, live)
        found = Brought(beside.wrong or found.wrong, beside.unseen or found.unseen)
    return found


def _stdout(pod: Pod, base: str, kubernetes: Kubernetes, live: bool) -> None:
    part = f"{base}.part"
    limit = LIVE_BYTES if live else MAX_STREAM_BYTES + 1
    if kubernetes.log(pod, TASK, limit, part):
        _grow(part, f"{base}.stdout", live)
    elif not live:
        _touch(f"{base}.stdout")


def _beside(run: Run, pod: Pod, base: str, kubernetes: Kubernetes, live: bool) -> Brought:
    part = f"{base}.part"
    limit = LIVE_BYTES if live else MAX_STREAM_BYTES + 3 * MAX_OUTPUT_BYTES
    if not kubernetes.log(pod, FILES, limit, part):
        if not live:
            _touch(f"{base}.stderr")
        return Brought()
    size = os.path.getsize(part)
    mark = f"\n{run.word}\n".encode()
    with open(part, "r+b") as file:
        at = -1
        if size:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
                at = text.rfind(mark)
        found = Brought()
        if at >= 0 and not live:
            file.seek(at + len(mark))
            found = _outputs(run, file.read())
        file.truncate(at if at >= 0 else size)
    _grow(part, f"{base}.stderr", live)
    return found


def _grow(part: str, target: str, live: bool) -> None:
    """Put a newer version of a file in place of the older, of which it is the continuation; where
    the node has dropped the beginning, after it.
    """
    try:
        old = os.path.getsize(target)
    except OSError:
        old = 0
    new = os.path.getsize(part)
    if old and _head(part, min(old, _SEEN)) != _head(target, min(old, _SEEN)):
        with open(target, "ab") as out, open(part, "rb") as file:
            out.write(DROPPED)
            while chunk := file.read(2**20):
                out.write(chunk)
    elif new >= old or not live:
        os.replace(part, target)
        return
    with suppress(FileNotFoundError):
        os.unlink(part)


def _head(path: str, size: int) -> bytes:
    with open(path, "rb") as file:
        return file.read(size)


def _touch(path: str) -> None:
    with open(path, "ab"):
        pass


def _outputs(run: Run, text: bytes) -> Brought:
    """Write the outputs that are told of."""
    outputs = run.order.spec.outputs
    wrong = unseen = ""
    lines = iter(text.split(b"\n"))
    for line in lines:
        words = line.decode(errors="replace").split()
        if len(words) != 3 or not (words[1].isdigit() and words[2].isdigit()):
            continue
        what, number, size = words[0], int(words[1]), int(words[2])
        if number >= len(outputs):
            continue
        output = outputs[number]
        if what == "file":
            encoded = []
            for piece in lines:
                if piece == b".":
                    break
                encoded.append(piece)
            wrong = _write(run, output, b"".join(encoded), size) or wrong
        elif what == "left":
            unseen = unseen or ("" if _is_seen(run, output, size) else output.path)
        elif what == "long":
            _sized(run, output, size)
        elif what == "full":
            most, shown = units.show_bytes(MAX_OUTPUT_BYTES), units.show_bytes(size)
            wrong = (
                f"output {output.path}: no room for its {shown}: outputs of a pod come back by its "
                f"log, {most} in all"
            )
    return Brought(wrong, unseen)


def _is_seen(run: Run, output: Output, size: int) -> bool:
    """Whether what a pod has left on the volume has come to be seen here."""
    try:
        there = os.stat(os.path.join(run.work, output.path))
    except OSError:
        return False
    return there.st_size == size or not stat.S_ISREG(there.st_mode)


def _write(run: Run, output: Output, encoded: bytes, size: int) -> str:
    try:
        content = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        content = b""
    if len(content) != size:
        return f"output {output.path}: it did not come back whole from its pod's log"
    path = _place(run, output)
    with open(f"{path}.weir-part", "wb") as file:
        file.write(content)
    os.replace(f"{path}.weir-part", path)
    return ""


def _sized(run: Run, output: Output, size: int) -> None:
    """Stand for an output that is too long by a file of its size with nothing in it."""
    with open(_place(run, output), "wb") as file:
        file.truncate(size)


def _place(run: Run, output: Output) -> str:
    path = os.path.join(run.work, output.path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path
