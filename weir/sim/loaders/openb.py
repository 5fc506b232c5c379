"""Alibaba's cluster-trace-gpu-v2023 ("openb"): hosts with GPUs, pods that ask for shares of them.

Laws:
- As in the published experiments nobody leaves: durations are infinite, pods come a second apart.
- A pod asks for a share of one GPU (`num_gpu` 1, `gpu_milli` below 1000) or for whole ones.

Source: Weng et al., Beware of Fragmentation, USENIX ATC 2023, and its repository's lists.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from weir.core.errors import BadInput
from weir.core.inventory import DEVICE_MILLI
from weir.sim.loaders.cells import Parts, TextColumn, converted, count
from weir.sim.loaders.faults import Faults, quoted
from weir.sim.loaders.table import Chunk, read_table
from weir.sim.workload import Ints, Workload, rows_of, workload

_MIB = 1 << 20
_COPY = re.compile(r"-tuned-[0-9]+$")
_MOST_MIB = 1 << 40
_MOST_DEVICES = 1 << 20


@dataclass(frozen=True, slots=True)
class OpenbHost:
    """One host, empty. `model` is that of its devices, empty if it has none."""

    name: str
    cpu_milli: int
    memory_bytes: int
    devices: int
    model: str


def load_openb(pods_path: str | Path, order_path: str | Path | None = None) -> Workload:
    """The pods of a list, in its order or that of `order_path` (column `pod`).

    In an order a pod may come again: `NAME-tuned-3` is a copy of `NAME`. Raises `BadInput`.
    """
    pods = _load_pods(pods_path)
    if order_path is None:
        return pods
    return arranged(pods, *_load_order(order_path, pods))


def load_openb_hosts(path: str | Path) -> list[OpenbHost]:
    """The hosts of a list (sn, cpu_milli, memory_mib, gpu, model). Raises `BadInput`."""
    faults = Faults(str(path))
    hosts: list[OpenbHost] = []
    lines: list[int] = []
    needed = ("sn", "cpu_milli", "memory_mib", "gpu", "model")
    for chunk in read_table(path, faults, needed):
        of = chunk.columns
        lines += chunk.lines
        amounts = [
            converted(of[name], chunk.lines, name, faults, read, kind=np.int64).tolist()
            for name, read in (
                ("cpu_milli", count()),
                ("memory_mib", count(most=_MOST_MIB)),
                ("gpu", count(most=_MOST_DEVICES)),
            )
        ]
        for name, cpu, memory, gpus, model in zip(of["sn"], *amounts, of["model"], strict=True):
            hosts.append(OpenbHost(name, cpu, memory * _MIB, gpus, model))
    faults.add_repeats([host.name for host in hosts], lines, "sn")
    faults.check()
    return hosts


def arranged(pods: Workload, rows: Ints, ids: Sequence[str]) -> Workload:
    """These rows of a pod list, in this order (a row may come again), a second apart."""
    came = np.arange(len(rows), dtype=np.float64)
    return replace(rows_of(pods, rows), ids=tuple(ids), submit_s=came)


def resample(pods: Workload, capacity_milli: int, share: float = 1.3, seed: int = 0) -> Workload:
    """An arrival order that asks for `share` of `capacity_milli`, drawn by chance from `pods`.

    The whole list is shuffled. If it asks for less, pods are drawn from it again (`-tuned-N`), each
    as likely as any other, until the next would ask for too much; if for more, pods are taken out
    by chance until it no longer does. So it ends at or just below the share, as FGD's orders do.
    Raises `BadInput` if no pod asks for a device.
    """
    target = share * capacity_milli
    if not len(pods) or not pods.device_milli.any():
        raise BadInput(f"{pods.name} has no pod that asks for a device; nothing can be resampled")
    chance = np.random.default_rng(seed)
    rows = chance.permutation(len(pods))
    total = int(pods.device_milli.sum())
    if total > target:
        # Taking out one by chance after another is a shuffle from whose front pods are taken.
        out = chance.permutation(len(pods))
        left = total - np.cumsum(pods.device_milli[rows[out]])
        taken = out[: int(np.argmax(left <= target)) + 1]
        rows = np.delete(rows, taken)
        return arranged(pods, rows, [pods.ids[row] for row in rows.tolist()])
    again: list[int] = []
    while True:
        row = int(chance.integers(len(pods)))
        total += int(pods.device_milli[row])
        if total > target:
            break
        again.append(row)
    ids = [pods.ids[row] for row in rows.tolist()]
    ids += [f"{pods.ids[row]}-tuned-{at}" for at, row in enumerate(again)]
    return arranged(pods, np.concatenate((rows, np.array(again, dtype=np.int64))), ids)


def _load_pods(path: str | Path) -> Workload:
    faults = Faults(str(path))
    names: list[str] = []
    lines: list[int] = []
    models = TextColumn()
    parts = Parts()
    needed = ("name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli")
    for chunk in read_table(path, faults, needed, ("gpu_spec",)):
        names += chunk.columns["name"]
        lines += chunk.lines
        models.take(chunk.columns.get("gpu_spec") or [""] * len(chunk.lines))
        _add_amounts(chunk, parts, faults)
    faults.add_repeats(names, lines, "name")
    faults.check()
    columns = parts.whole()
    rows = len(names)
    return workload(
        Path(path).name,
        names,
        submit_s=np.arange(rows, dtype=np.float64),
        duration_s=np.full(rows, np.inf),
        model=models.texts(),
        **columns,
    )


def _add_amounts(chunk: Chunk, parts: Parts, faults: Faults) -> None:
    def amounts(name: str, most: int) -> Ints:
        texts, read = chunk.columns[name], count(most=most)
        return converted(texts, chunk.lines, name, faults, read, kind=np.int64)

    gpus = amounts("num_gpu", _MOST_DEVICES)
    milli = amounts("gpu_milli", DEVICE_MILLI)
    for at in np.flatnonzero((gpus > 0) & (milli == 0)).tolist():
        faults.add(chunk.lines[at], "gpu_milli", "is 0 with num_gpu above 0; a share is 1 to 1000")
    for at in np.flatnonzero((gpus > 1) & (milli % DEVICE_MILLI > 0)).tolist():
        message = f"is {milli[at]} with num_gpu {gpus[at]}; several GPUs are whole ones, 1000"
        faults.add(chunk.lines[at], "gpu_milli", message)
    parts.add("cpu_milli", amounts("cpu_milli", 1 << 50))
    parts.add("memory_bytes", amounts("memory_mib", _MOST_MIB) * _MIB)
    parts.add("device_milli", np.where(gpus == 1, milli, gpus * DEVICE_MILLI))


def _load_order(path: str | Path, pods: Workload) -> tuple[Ints, list[str]]:
    """The rows of the pods in the order of a file, and their names in it."""
    faults = Faults(str(path))
    index = {name: row for row, name in enumerate(pods.ids)}
    rows: list[int] = []
    names: list[str] = []
    for chunk in read_table(path, faults, ("pod",)):
        for name, line in zip(chunk.columns["pod"], chunk.lines, strict=True):
            row = index.get(name)
            if row is None:
                row = index.get(_COPY.sub("", name))
            if row is None:
                message = f"{quoted(name)} is not in {pods.name}; take the order of the same list"
                faults.add(line, "pod", message)
                continue
            rows.append(row)
            names.append(name)
    faults.check()
    return np.array(rows, dtype=np.int64), names
