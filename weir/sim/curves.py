"""Curves over time: carbon intensities, prices, a series of values at regular steps.

Laws:
- A curve is constant from each step to the next: `values[i]` holds on [start + i step, + step).
- `mean` is the exact integral over an interval, divided by its length; over one instant it is `at`.
- Outside of what it covers a curve is NaN ("unknown"), unless it is cyclic: then it repeats, before
  its start too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from weir.core.errors import BadInput, Mistake
from weir.sim.loaders.cells import Instants, Parts, converted, number
from weir.sim.loaders.faults import Faults, quoted
from weir.sim.loaders.table import columns_of, read_table
from weir.sim.workload import Floats, Ints

LONGEST_GAP_S = 6 * 3600.0
_MOST_FILLED = 3.0  # steps filled for each that was there; more is no regular series
_NAN = float("nan")


@dataclass(frozen=True, eq=False, slots=True)
class Curve:
    """A piecewise constant series. `start_epoch_s` is Unix time; `values` are in `unit`.

    `filled` counts the steps that the source did not have, and that repeat the one before.
    """

    name: str
    unit: str
    start_epoch_s: float
    step_s: float
    values: Floats
    cyclic: bool = False
    filled: int = 0
    _sums: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not len(self.values):
            raise BadInput(f"the curve {self.name} has no values")
        if not (np.isfinite(self.step_s) and self.step_s > 0):
            raise BadInput(f"the curve {self.name} has steps of {self.step_s} s; take more than 0")
        object.__setattr__(self, "_sums", np.concatenate(([0.0], np.cumsum(self.values))))

    @property
    def end_epoch_s(self) -> float:
        """Unix time of the end of the last step."""
        return self.start_epoch_s + len(self.values) * self.step_s

    def at(self, t: npt.ArrayLike) -> Floats:
        """The values at Unix times `t`; the same shape (0-dimensional for one time)."""
        step, _ = self._step(np.asarray(t, dtype=np.float64))
        return self._value(step)

    def mean(self, t0: npt.ArrayLike, t1: npt.ArrayLike) -> Floats:
        """The mean over [t0, t1], Unix times, arrays of one shape or a number.

        NaN where a part of the interval is not covered, or a time is not finite. Raises
        `ValueError` if an interval ends before it starts.
        """
        start, end = np.broadcast_arrays(
            np.asarray(t0, dtype=np.float64), np.asarray(t1, dtype=np.float64)
        )
        if (end < start).any():
            raise ValueError("an interval ends before it starts")
        first, into = self._step(start)
        last, upto = self._step(end)
        # Steps between the first and the last come from sums; the two at the ends are parts.
        head = (1.0 - into) * self._value(first)
        between = self._sum(last) - self._sum(first + 1)
        tail = np.where(upto > 0, upto * self._value(last), 0.0)
        length = (last - first) + (upto - into)
        with np.errstate(invalid="ignore", divide="ignore"):
            whole = (head + between + tail) / length
        inside = np.where(last > first, whole, self._value(first))
        return np.where(np.isfinite(start) & np.isfinite(end), inside, _NAN)

    def _step(self, t: Floats) -> tuple[Ints, Floats]:
        """The number of the step (before the start it is negative), and how far into it, 0 to 1."""
        steps = np.where(np.isfinite(t), (t - self.start_epoch_s) / self.step_s, -1.0)
        whole = np.floor(steps)
        return whole.astype(np.int64), steps - whole

    def _value(self, step: Ints) -> Floats:
        count = len(self.values)
        if self.cyclic:
            return np.asarray(self.values[step % count])
        inside = (step >= 0) & (step < count)
        return np.where(inside, self.values[np.clip(step, 0, count - 1)], _NAN)

    def _sum(self, step: Ints) -> Floats:
        """The sum of the values before a step, from step 0 on."""
        count = len(self.values)
        if self.cyclic:
            return np.asarray((step // count) * self._sums[-1] + self._sums[step % count])
        inside = (step >= 0) & (step <= count)
        return np.where(inside, self._sums[np.clip(step, 0, count)], _NAN)


def load_curve(
    path: str | Path,
    column: str | int,
    unit: str,
    time_column: str | int = 0,
    *,
    name: str = "",
    cyclic: bool = False,
    longest_gap_s: float = LONGEST_GAP_S,
) -> Curve:
    """A curve from a CSV (or .csv.gz) with a header and a row a step.

    Columns are numbers from 0, or names, or a part of a name that only one has. Times are ISO
    date-times (UTC if they name no zone) or Unix seconds, and rise. The step is the shortest
    distance between two rows; all others are multiples of it. Gaps of up to `longest_gap_s`, and
    empty cells, take the value before and are counted in `filled`. Raises `BadInput`.
    """
    header = columns_of(path)
    value_name = _column(path, header, column, "column")
    time_name = _column(path, header, time_column, "time_column")
    faults = Faults(str(path))
    instants = Instants(time_name or "(first column)")
    parts = Parts()
    lines: list[int] = []
    for chunk in read_table(path, faults, (time_name, value_name)):
        lines += chunk.lines
        instants.take(chunk.columns[time_name], chunk.lines, faults)
        cells = chunk.columns[value_name]
        parts.add("values", converted(cells, chunk.lines, value_name, faults, number, plain=_NAN))
    faults.check()
    times, start = instants.seconds_after()
    values = parts.whole()["values"]
    if np.isnan(values[0]):
        faults.add(lines[0], value_name, "is empty, and there is no value before it to take")
    step_s, slots = _slots(times, lines, instants.column, longest_gap_s, faults)
    empty = np.isnan(values)
    source = np.maximum.accumulate(np.where(empty, 0, np.arange(len(values))))
    _find_long_gaps(empty, step_s, lines, value_name, longest_gap_s, faults)
    faults.check()
    row_of = np.searchsorted(slots, np.arange(int(slots[-1]) + 1), side="right") - 1
    filled = len(row_of) - len(values) + int(empty.sum())
    return Curve(
        name or Path(path).name, unit, start, step_s, values[source][row_of], cyclic, filled
    )


def _slots(
    times: Floats, lines: list[int], column: str, longest_gap_s: float, faults: Faults
) -> tuple[float, Ints]:
    """The length of a step, and the number of the step of each row."""
    if len(times) < 2:
        faults.add(lines[0], column, "is the only row; a curve needs two to have a step")
        return 1.0, np.zeros(1, dtype=np.int64)
    steps = np.diff(times)
    for at in np.flatnonzero(steps <= 0).tolist():
        what = "is the time of the row above again" if steps[at] == 0 else "is before the row above"
        faults.add(lines[at + 1], column, f"{what}; times rise from row to row")
    if faults.count:
        return 1.0, np.zeros(len(times), dtype=np.int64)
    step_s = float(steps.min())
    counts = np.rint(steps / step_s).astype(np.int64)
    for at in np.flatnonzero(np.abs(steps - counts * step_s) > 1e-3).tolist():
        message = f"is {steps[at]:g} s after the row above, no multiple of the step of {step_s:g} s"
        faults.add(lines[at + 1], column, message)
    for at in np.flatnonzero((counts > 1) & (steps > longest_gap_s)).tolist():
        message = f"is {steps[at]:g} s after the row above; a gap may be {longest_gap_s:g} s long"
        faults.add(lines[at + 1], column, message)
    if not faults.count and counts.sum() + 1 > (1 + _MOST_FILLED) * len(times):
        at = int(np.argmin(steps))
        message = f"is only {step_s:g} s after the row above, most others are further apart"
        faults.add(lines[at + 1], column, f"{message}; a curve has regular steps")
    return step_s, np.concatenate(([0], np.cumsum(counts)))


def _find_long_gaps(
    empty: npt.NDArray[Any],
    step_s: float,
    lines: list[int],
    column: str,
    longest_gap_s: float,
    faults: Faults,
) -> None:
    """Runs of empty cells that are longer than a gap may be."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], empty.astype(np.int8), [0]))))
    for first, after in edges.reshape(-1, 2).tolist():
        if (after - first) * step_s > longest_gap_s:
            message = f"is empty in {after - first} rows on end; a gap may be {longest_gap_s:g} s"
            faults.add(lines[first], column, message)


def _column(path: str | Path, header: list[str], wanted: str | int, what: str) -> str:
    """The name of the column that is wanted. Raises `BadInput` with those that there are."""
    if isinstance(wanted, int):
        if 0 <= wanted < len(header):
            return header[wanted]
        found = []
    else:
        part = wanted.casefold()
        found = [wanted] if wanted in header else [n for n in header if part in n.casefold()]
    if len(found) == 1:
        return found[0]
    problem = "is in several of" if found else "is none of"
    message = f"{quoted(str(wanted))} {problem} the columns {', '.join(map(quoted, header))}"
    raise BadInput(f"{path} has not the column that is needed", [Mistake(what, message)])
