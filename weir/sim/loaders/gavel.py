"""Gavel's job traces and its measured throughputs (Narayanan et al., OSDI 2020).

A trace is a job a line, ten fields with tabs between: job type, command, working directory, the
argument that takes the steps, whether data is needed, total steps, scale factor, weight, SLO,
arrival in seconds. Throughputs are a JSON: device type, `('job type', scale)`, what runs beside it
(`null` for nothing), steps a second of the whole job.

Law: a job of scale n is n tasks of one whole device each; its speed is that of all n together.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from weir.core.errors import BadInput
from weir.core.inventory import DEVICE_MILLI
from weir.sim.loaders.cells import Parts, Seconds, TextColumn, converted, count, number
from weir.sim.loaders.faults import Faults, quoted
from weir.sim.loaders.opening import opened
from weir.sim.loaders.table import Layout, read_table
from weir.sim.workload import Floats, Workload, workload

COLUMNS = (
    "job type",
    "command",
    "working directory",
    "steps argument",
    "needs data",
    "total steps",
    "scale factor",
    "weight",
    "SLO",
    "arrival",
)
_READ = ("job type", "total steps", "scale factor", "weight", "SLO", "arrival")
_MOST_STEPS = 1 << 53  # exact in a float
_MOST_TASKS = 1 << 20


def gavel_kind(job_type: str, scale: int) -> str:
    """The `kind` of jobs of this type and scale: `ResNet-18 (batch size 32) x4`."""
    return f"{job_type} x{scale}"


def load_gavel(path: str | Path) -> Workload:
    """The jobs of a trace. `duration_s` is in *steps*: who replays it divides by the throughput.

    `kind` is `gavel_kind`, `tasks` the scale factor. Weights and SLOs have no place in a workload:
    `notes` tell how many jobs had one. Raises `BadInput`.
    """
    faults = Faults(str(path))
    kinds = TextColumn()
    parts = Parts()
    layout = Layout(delimiter="\t", names=COLUMNS, quotes=False)
    for chunk in read_table(path, faults, _READ, layout=layout):
        of, lines = chunk.columns, chunk.lines
        steps = count(most=_MOST_STEPS, noun="a whole number of steps")
        parts.add("steps", converted(of["total steps"], lines, "total steps", faults, steps))
        tasks = count(1, _MOST_TASKS, "a scale factor; it is a whole number, 1 or more")
        scale = converted(of["scale factor"], lines, "scale factor", faults, tasks, kind=np.int64)
        parts.add("scale", scale)
        parts.add("weight", converted(of["weight"], lines, "weight", faults, number))
        parts.add("SLO", converted(of["SLO"], lines, "SLO", faults, number))
        parts.add("arrival", converted(of["arrival"], lines, "arrival", faults, Seconds()))
        for line, job_type in zip(lines, of["job type"], strict=True):
            if not job_type.strip():
                faults.add(line, "job type", "is empty, and throughputs are by it")
        kinds.take(list(map(gavel_kind, of["job type"], scale.tolist())))
    faults.check()
    columns = parts.whole()
    arrival = columns["arrival"]
    rows = len(arrival)
    return workload(
        Path(path).name,
        map(str, range(rows)),
        submit_s=arrival - arrival.min(),
        duration_s=columns["steps"],
        tasks=columns["scale"],
        device_milli=np.full(rows, DEVICE_MILLI),
        kind=kinds.texts(),
        notes=_notes(columns),
    )


def _notes(columns: Mapping[str, Any]) -> list[str]:
    notes = ["durations are steps: divide them by the throughput of the device"]
    weighted = int((columns["weight"] != 1).sum())
    limited = int((columns["SLO"] >= 0).sum())
    backwards = int((np.diff(columns["arrival"]) < 0).sum())
    if weighted:
        notes.append(f"{weighted} jobs have a weight other than 1, which is not used")
    if limited:
        notes.append(f"{limited} jobs have an SLO, which is not used")
    if backwards:
        notes.append(f"the clock goes backwards {backwards} times; rows were sorted by arrival")
    return notes


@dataclass(frozen=True, slots=True)
class Throughputs:
    """Measured speeds of jobs that run alone.

    `steps_per_s[t, s, d]` is that of `job_types[t]` at `scales[s]` on `device_types[d]`, of all its
    devices together. 0 means that it was measured and does not run there, NaN that it was not.
    """

    job_types: tuple[str, ...]
    scales: tuple[int, ...]
    device_types: tuple[str, ...]
    steps_per_s: Floats

    def of(self, kind: str) -> Floats:
        """Steps a second on each device type of a job of `kind` (see `gavel_kind`)."""
        job_type, _, scale = kind.rpartition(" x")
        if job_type not in self.job_types or not scale.isdecimal():
            return np.full(len(self.device_types), np.nan)
        if int(scale) not in self.scales:
            return np.full(len(self.device_types), np.nan)
        at = self.job_types.index(job_type), self.scales.index(int(scale))
        return np.array(self.steps_per_s[at])

    def table(self, kinds: tuple[str, ...]) -> Floats:
        """`[k, d]`: steps a second of each kind on each device type."""
        if not kinds:
            return np.zeros((0, len(self.device_types)))
        return np.stack([self.of(kind) for kind in kinds])


def load_throughputs(path: str | Path) -> Throughputs:
    """The throughputs of jobs alone; those of pairs are passed over. Raises `BadInput`."""
    faults = Faults(str(path))
    found: dict[tuple[str, int, str], float] = {}
    data = _json(path)
    for device, jobs in data.items():
        if not isinstance(jobs, dict):
            faults.add(None, device, "is not a table of job types")
            continue
        for text, beside in jobs.items():
            key = _job(text)
            where = f"{device}.{text}"
            if key is None:
                faults.add(None, where, "the key is not of the form ('job type', scale)")
                continue
            speed = beside.get("null") if isinstance(beside, dict) else None
            if not isinstance(speed, (int, float)) or not 0 <= speed < np.inf:
                message = f"null is {quoted(str(speed))}, and should be steps a second, 0 or more"
                faults.add(None, where, message)
                continue
            found[(*key, device)] = float(speed)
    faults.check()
    if not found:
        raise BadInput(f"{path} has no throughputs")
    return _throughputs(found, tuple(data))


def _throughputs(
    found: Mapping[tuple[str, int, str], float], devices: tuple[str, ...]
) -> Throughputs:
    job_types = tuple(dict.fromkeys(job_type for job_type, _, _ in found))
    scales = tuple(sorted({scale for _, scale, _ in found}))
    speeds = np.full((len(job_types), len(scales), len(devices)), np.nan)
    for (job_type, scale, device), speed in found.items():
        at = job_types.index(job_type), scales.index(scale), devices.index(device)
        speeds[at] = speed
    return Throughputs(job_types, scales, devices, speeds)


def with_unmeasured(load: Workload, speeds: Throughputs, models: Sequence[str]) -> Workload:
    """The workload with a note of jobs that run on none of the models, as far as is known."""
    columns = [speeds.device_types.index(model) for model in models]
    table = np.nan_to_num(speeds.table(load.kind.names)[:, columns])
    stuck: npt.NDArray[np.bool_] = np.asarray(~(table > 0).any(axis=1))
    if not stuck.any():
        return load
    jobs = int(stuck[load.kind.codes].sum())
    names = [name for name, none in zip(load.kind.names, stuck.tolist(), strict=True) if none]
    listed = ", ".join(names[:3]) + (" and more" if len(names) > 3 else "")
    said = f"{jobs} jobs never start: there is no speed of {listed} on {', '.join(models)}"
    return replace(load, notes=(*load.notes, said))


def _json(path: str | Path) -> dict[str, Any]:
    with opened(path) as stream:
        try:
            data = json.loads(stream.read())
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise BadInput(f"{path} is no JSON: {error}") from None
    if not isinstance(data, dict):
        raise BadInput(f"{path} is no table of throughputs: device type, job type, steps a second")
    return data


def _job(text: str) -> tuple[str, int] | None:
    """`('A3C', 2)` as a type and a scale."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None
    match value:
        case (str(job_type), int(scale)) if scale >= 1:
            return job_type, scale
    return None
