"""The Standard Workload Format of the Parallel Workloads Archive (.swf, .swf.gz).

A row a job, 18 numbers between blanks; `;` begins a comment, and comments of the form
`; Key: value` are the header. Definition: Chapin et al., Benchmarks and Standards for the
Evaluation of Parallel Job Schedulers, JSSPP 1999, version 2.2 of the archive.

Laws:
- What the log says of the original scheduler (waits, end states) is not replayed.
- Rows that are no jobs to replay are left out, and `notes` say how many and why.
- Logs are read in blocks of some megabytes; rows are put in the order of submission.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from weir.core.errors import BadInput
from weir.sim.loaders.digits import Rows, rows_of
from weir.sim.loaders.faults import Faults, quoted
from weir.sim.loaders.opening import opened
from weir.sim.workload import Floats, Texts, Workload, workload

WIDTH = 18
_BLOCK = 4 << 20
_LONGEST_LINE = 1 << 20

_FIELDS: Mapping[str, int] = {
    "job number": 0,
    "submit time": 1,
    "run time": 3,
    "allocated processors": 4,
    "requested processors": 7,
    "requested time": 8,
    "status": 10,
    "user": 11,
    "queue": 14,
    "partition": 15,
}
"""What is read of a row, and where it stands."""

_NAMES = tuple(_FIELDS)
_AT = {name: at for at, name in enumerate(_NAMES)}
_WHOLE = ("job number", "allocated processors", "requested processors", "status", "user")
_CANCELED = 5
_PARTIAL = (2, 3, 4)
_HEADER = re.compile(r";+\s*([A-Za-z][A-Za-z0-9 ]*?)\s*:\s*(.*)")
_MOST_PROCESSORS = 1e12


def load_swf(path: str | Path, cores_per_task: int | None = None) -> Workload:
    """The jobs of a log. Each is one task that needs a core for each processor it was given.

    Processors are those allocated, else those requested. With `cores_per_task` a job of more is
    split into equal tasks of so many cores (rounded up). The duration is the run time, the estimate
    the requested time (NaN if there is none), `home` the partition, else the queue. `epoch_s` comes
    from the header's UnixStartTime, and is that of the first submission. Memory is not read.

    Left out, and counted in `notes`: jobs without run time or processors, those canceled before
    they started (status 5, no run time), and parts of jobs (status 2 to 4), whose whole has a row
    of its own. Raises `BadInput`.
    """
    if cores_per_task is not None and cores_per_task < 1:
        raise BadInput(f"cores_per_task is {cores_per_task}, and must be 1 or more")
    faults = Faults(str(path))
    log = _Log()
    with opened(path) as stream:
        for block, lines_before in _blocks(stream, str(path)):
            if b";" in block:
                _read_header(block, log.header)
            rows = rows_of(block, WIDTH, tuple(_FIELDS.values()), b";")
            _find_faults(rows, block, lines_before + 1, faults)
            log.take(rows, lines_before + 1)
    faults.check()
    if not log.rows:
        raise BadInput(f"{path} has no jobs: a row of SWF has {WIDTH} numbers between blanks")
    return _workload(str(path), log, cores_per_task)


def swf_header(path: str | Path) -> dict[str, str]:
    """The header of a log: `MaxProcs`, `UnixStartTime` and so on. Raises `BadInput`."""
    header: dict[str, str] = {}
    with opened(path) as stream:
        for block, _ in _blocks(stream, str(path)):
            _read_header(block, header)
            break
    return header


@dataclass(slots=True)
class _Log:
    """What was read of a log so far: a column a field, in the order of the file."""

    header: dict[str, str] = field(default_factory=dict)
    parts: list[Floats] = field(default_factory=list)
    missing: int = 0
    canceled: int = 0
    partial: int = 0
    rows: int = 0
    backwards: int = 0
    first_backwards: int = 0
    last_submit_s: float = float("-inf")

    def take(self, rows: Rows, first_line: int) -> None:
        """Keep the rows that are jobs to replay, and count the others."""
        values = rows.values
        if not len(values):
            return
        self.rows += len(values)
        submit = values[:, _AT["submit time"]]
        back = np.flatnonzero(np.diff(submit, prepend=self.last_submit_s) < 0)
        if len(back) and not self.backwards:
            self.first_backwards = first_line + int(rows.lines[back[0]])
        self.backwards += len(back)
        self.last_submit_s = float(submit[-1])
        status, run = values[:, _AT["status"]], values[:, _AT["run time"]]
        partial = np.isin(status, _PARTIAL)
        canceled = ~partial & (status == _CANCELED) & (run <= 0)
        missing = ~partial & ~canceled & ((run < 0) | (_processors(values) <= 0))
        self.partial += int(partial.sum())
        self.canceled += int(canceled.sum())
        self.missing += int(missing.sum())
        self.parts.append(values[~(partial | canceled | missing)])


def _processors(values: Floats) -> Floats:
    allocated = values[:, _AT["allocated processors"]]
    return np.where(allocated > 0, allocated, values[:, _AT["requested processors"]])


def _workload(path: str, log: _Log, cores_per_task: int | None) -> Workload:
    jobs = np.concatenate(log.parts)
    if not len(jobs):
        raise BadInput(f"{path} has no job that can be replayed: {'; '.join(_notes(log))}")
    columns = {name: jobs[:, at] for name, at in _AT.items()}
    processors = _processors(jobs).astype(np.int64)
    tasks = np.ones(len(jobs), dtype=np.int64)
    cores = processors
    if cores_per_task is not None:
        tasks = -(-processors // cores_per_task)
        cores = np.where(tasks > 1, cores_per_task, processors)
    start = float(columns["submit time"].min())
    estimate = columns["requested time"]
    return workload(
        Path(path).name,
        map(str, columns["job number"].astype(np.int64).tolist()),
        submit_s=columns["submit time"] - start,
        duration_s=columns["run time"],
        estimate_s=np.where(estimate > 0, estimate, np.nan),
        tasks=tasks,
        cpu_milli=1000 * cores,
        user=_numbered("", columns["user"]),
        home=_home(columns["partition"], columns["queue"]),
        epoch_s=_epoch(log.header) + start,
        notes=_notes(log),
    )


def _numbered(prefix: str, numbers: npt.NDArray[np.float64]) -> Texts:
    """Texts such as `queue-3` for the numbers, none where a number is negative."""
    distinct, codes = np.unique(numbers, return_inverse=True)
    skipped = int((distinct < 0).sum())
    names = tuple(f"{prefix}{number:.0f}" for number in distinct[skipped:].tolist())
    return Texts(np.maximum(codes.reshape(-1) - skipped, -1).astype(np.int32), names)


def _home(partition: Floats, queue: Floats) -> Texts:
    by_partition, by_queue = _numbered("partition-", partition), _numbered("queue-", queue)
    behind = len(by_partition.names)
    codes = np.where(by_queue.codes >= 0, by_queue.codes + behind, -1)
    codes = np.where(by_partition.codes >= 0, by_partition.codes, codes)
    return Texts(codes.astype(np.int32), by_partition.names + by_queue.names)


def _epoch(header: Mapping[str, str]) -> float:
    """The header's UnixStartTime; NaN if it has none that could be one."""
    text = header.get("UnixStartTime", "").split(" ")[0]
    return float(text) if text.isdecimal() and int(text) > 0 else float("nan")


def _notes(log: _Log) -> list[str]:
    notes = []
    if log.header.get("MaxProcs"):
        notes.append(f"the log is of a machine of {log.header['MaxProcs']} processors (MaxProcs)")
    reasons = (
        (log.missing, "without a run time or a number of processors"),
        (log.canceled, "canceled before they started"),
        (log.partial, "parts of a job that has a row of its own (status 2 to 4)"),
    )
    for rows, reason in reasons:
        if rows:
            notes.append(f"{rows} of {log.rows} rows left out: {reason}")
    if log.backwards:
        notes.append(
            f"the clock goes backwards {log.backwards} times, first on line "
            f"{log.first_backwards}; rows were put in the order of submission"
        )
    return notes


def _blocks(stream: BinaryIO, path: str) -> Iterator[tuple[bytes, int]]:
    """Blocks of whole lines, each with the number of lines before it; all end in a newline."""
    rest, lines = b"", 0
    first = stream.read(_BLOCK).removeprefix(BOM_UTF8)
    for data in chain((first,), iter(lambda: stream.read(_BLOCK), b"")):
        end = data.rfind(b"\n") + 1
        if not end:
            rest += data
            if len(rest) > _LONGEST_LINE:
                raise BadInput(f"{path} is no log: a line is longer than {_LONGEST_LINE} bytes")
            continue
        block, rest = rest + data[:end], data[end:]
        yield block, lines
        lines += block.count(b"\n")
    if rest:
        yield rest + b"\n", lines


def _read_header(block: bytes, header: dict[str, str]) -> None:
    """Add `; Key: value` comments; the first of a key stays (Note and Queue come many times)."""
    for line in block.split(b"\n"):
        match = _HEADER.match(line.decode("utf-8", "replace").strip()) if b";" in line else None
        if match is not None:
            header.setdefault(match[1], match[2].strip())


def _find_faults(rows: Rows, block: bytes, first_line: int, faults: Faults) -> None:
    """Name what is wrong in a block. Only blocks with a mistake are looked at line by line."""
    wrong = _wrong(rows.values)
    if not len(rows.odd) and not wrong.any():
        return
    lines = block.split(b"\n")
    for line in rows.odd.tolist():
        found = len(lines[line].split())
        message = f"has {found} fields; a row of SWF has {WIDTH}"
        faults.add(first_line + line, "(row)", message)
    for row, at in np.argwhere(wrong).tolist():
        line = int(rows.lines[row])
        token = lines[line].split()[_FIELDS[_NAMES[at]]].decode("utf-8", "replace")
        faults.add(first_line + line, _NAMES[at], f"{quoted(token)} {_right(_NAMES[at])}")


def _wrong(values: Floats) -> npt.NDArray[np.bool_]:
    """Which cells can't be: no finite numbers, negative (but -1, "unknown"), or no whole ones."""
    wrong = ~np.isfinite(values)
    known = np.where(wrong, 0.0, values)
    wrong |= (known < 0) & (known != -1)
    wrong[:, _AT["submit time"]] |= known[:, _AT["submit time"]] < 0
    for name in _WHOLE:
        cells = known[:, _AT[name]]
        wrong[:, _AT[name]] |= (cells != np.floor(cells)) | (cells > _MOST_PROCESSORS)
    return wrong


def _right(name: str) -> str:
    if name == "submit time":
        return "is no submit time; it is a number of seconds, 0 or more"
    if name in _WHOLE:
        return f"is no {name}; it is a whole number of 0 or more, or -1 if unknown"
    return f"is no {name}; it is a number of 0 or more, or -1 if unknown"
