"""A workload: jobs as columns, a row a job, in the order in which they came.

Times are seconds; 0 is the first arrival unless `epoch_s` says otherwise. Amounts are per task, in
the units of `weir.core.inventory`. Texts are coded: `names[codes[row]]`; code -1 means "none".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from weir.core.demand import Demand

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Texts:
    """One text a row, equal ones with equal codes; -1 where a row has none."""

    codes: Codes
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: Iterable[str | None]) -> Self:
        index: dict[str, int] = {}
        codes = [-1 if not v else index.setdefault(v, len(index)) for v in values]
        return cls(np.array(codes, dtype=np.int32), tuple(index))

    @classmethod
    def none(cls, rows: int) -> Self:
        """No text in any of `rows` rows."""
        return cls(np.full(rows, -1, dtype=np.int32))

    def of_row(self, row: int) -> str:
        """The text of one row, empty if it has none."""
        code = int(self.codes[row])
        return "" if code < 0 else self.names[code]

    def take(self, rows: npt.NDArray[Any]) -> Self:
        return type(self)(self.codes[rows], self.names)


@dataclass(frozen=True, slots=True)
class Workload:
    """Jobs as columns.

    `submit_s` never falls from row to row (loaders sort, ties keep the order of the file).
    `duration_s` is how long the job runs where `speed` is 1; `estimate_s` is the walltime that its
    user asked for, NaN where there was none. `tasks` equal tasks start together, each with
    `cpu_milli`, `memory_bytes` and `device_milli` (a share of one device below 1000, else whole
    ones). `user` is whose job it is, `home` the site or member where it was submitted, `kind` the
    sort of job (its measured speeds are by kind), `model` the device models that it takes (several
    joined by "|"), `priority` as in a job file. `patience_s` is how long after its submission a
    deferrable job may start (0: it wants to start at once). `data_bytes` is what has to be moved to
    where it runs. It starts not before `start_after_s` after its submission, and is late if it ends
    later than `deadline_s` after it (infinite: never). `preemptible` jobs may be pushed out, and
    start anew. `queue` is whose share it counts for.

    `wish` is what a job wishes beside all that, as JSON in the words of a job file, and `demands`
    are the same for the scheduler, one a name of `wish`. One with groups stands for the columns of
    amounts and models, which then have the sums of all its tasks (tasks 1); one without goes with
    them. `epoch_s` is the Unix time of second 0, NaN if unknown.
    """

    name: str
    ids: tuple[str, ...]
    submit_s: Floats
    duration_s: Floats
    estimate_s: Floats
    tasks: Ints
    cpu_milli: Ints
    memory_bytes: Ints
    device_milli: Ints
    user: Texts
    home: Texts
    kind: Texts
    model: Texts
    priority: Ints
    patience_s: Floats
    data_bytes: Ints
    start_after_s: Floats
    deadline_s: Floats
    preemptible: npt.NDArray[np.bool_]
    queue: Texts
    wish: Texts
    demands: tuple[Demand, ...] = ()
    epoch_s: float = float("nan")
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.submit_s)

    @property
    def expected_s(self) -> Floats:
        """How long jobs are thought to run: what was asked for, or else what they really run."""
        return np.where(np.isnan(self.estimate_s), self.duration_s, self.estimate_s)

    @property
    def ready_s(self) -> Floats:
        """From when on each may start."""
        return self.submit_s + self.start_after_s

    @property
    def sharers(self) -> Texts:
        """Between whom capacity is shared: queues, where no job has one homes, or else users."""
        return next((t for t in (self.queue, self.home) if t.names), self.user)


def workload(name: str, ids: Iterable[str], **columns: Any) -> Workload:
    """A workload from the columns that there are; the others get their plain value.

    Needed: `submit_s`, `duration_s`. Rows are brought into the order of submission, ties in the
    order given. Defaults: one task that needs nothing, no estimate, no names, priority 0.
    """
    names = tuple(ids)
    rows = len(names)
    order = np.argsort(np.asarray(columns["submit_s"], dtype=np.float64), kind="stable")

    def numbers(key: str, kind: Any, plain: float) -> Any:
        values = columns.get(key)
        full = np.full(rows, plain, dtype=kind) if values is None else np.asarray(values, kind)
        return full[order]

    def texts(key: str) -> Texts:
        value = columns.get(key)
        if value is None:
            return Texts.none(rows)
        return (value if isinstance(value, Texts) else Texts.of(value)).take(order)

    return Workload(
        name=name,
        ids=tuple(names[i] for i in order.tolist()),
        submit_s=numbers("submit_s", np.float64, 0.0),
        duration_s=numbers("duration_s", np.float64, 0.0),
        estimate_s=numbers("estimate_s", np.float64, float("nan")),
        tasks=numbers("tasks", np.int64, 1),
        cpu_milli=numbers("cpu_milli", np.int64, 0),
        memory_bytes=numbers("memory_bytes", np.int64, 0),
        device_milli=numbers("device_milli", np.int64, 0),
        user=texts("user"),
        home=texts("home"),
        kind=texts("kind"),
        model=texts("model"),
        priority=numbers("priority", np.int64, 0),
        patience_s=numbers("patience_s", np.float64, 0.0),
        data_bytes=numbers("data_bytes", np.int64, 0),
        start_after_s=numbers("start_after_s", np.float64, 0.0),
        deadline_s=numbers("deadline_s", np.float64, float("inf")),
        preemptible=numbers("preemptible", np.bool_, False),
        queue=texts("queue"),
        wish=texts("wish"),
        demands=tuple(columns.get("demands", ())),
        epoch_s=float(columns.get("epoch_s", float("nan"))),
        notes=tuple(columns.get("notes", ())),
    )


def rows_of(load: Workload, rows: npt.NDArray[Any]) -> Workload:
    """Some of the jobs in this order, on the same clock; a row may come again, ids with it."""
    taken: dict[str, Any] = {"ids": tuple(load.ids[row] for row in rows.tolist())}
    for each in fields(load):
        value = getattr(load, each.name)
        if isinstance(value, np.ndarray):
            taken[each.name] = value[rows]
        elif isinstance(value, Texts):
            taken[each.name] = value.take(rows)
    return replace(load, **taken)
