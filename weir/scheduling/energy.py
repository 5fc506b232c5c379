"""Energy at a site: what devices draw, what the facility adds, what it costs and emits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Forecast:
    """A quantity over time: constant in steps of `step_s` from `start_s` on.

    Before the first step the first value holds, after the last one the last.
    """

    start_s: float
    step_s: float
    values: Floats
    _sums: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_sums", np.concatenate(([0.0], np.cumsum(self.values))))

    def mean(self, since: Any, until: Any) -> Any:
        """The mean from `since` to `until`, exactly; the value at `since` where both are equal."""
        since, until = np.asarray(since, dtype=float), np.asarray(until, dtype=float)
        width = np.where(until > since, until - since, 1.0)
        mean = (self._integral(since + width) - self._integral(since)) / width
        return np.where(until > since, mean, self.values[self._step(since)])

    def _step(self, at: Floats) -> Any:
        whole = np.floor((at - self.start_s) / self.step_s)
        return np.clip(whole, 0, len(self.values) - 1).astype(np.int64)

    def _integral(self, at: Floats) -> Floats:
        """The integral from `start_s`; negative before it."""
        x = (at - self.start_s) / self.step_s
        whole = self._step(at)
        return np.asarray((self._sums[whole] + (x - whole) * self.values[whole]) * self.step_s)


@dataclass(frozen=True, slots=True)
class Energy:
    """One site: `device_w` is what a busy device draws, `core_w` a busy core, in watts; `pue` what
    the facility draws for each watt of IT power; carbon intensity in g CO2e/kWh and the price of
    energy in currency units per kWh, over time. None is unknown. `watts_of` is what a device of a
    model draws, before `device_w`.
    """

    device_w: float | None = None
    core_w: float | None = None
    pue: float | None = None
    carbon: Forecast | None = None
    price: Forecast | None = None
    watts_of: Mapping[str, float] = field(default_factory=dict)

    def kw(self, device_milli: Any, cpu_milli: Any, watts: Any = nan) -> Any:
        """What so much draws at this site, facility included; NaN if unknown.

        `watts` is what each device draws where that is known (NaN: as at the site). An unknown PUE
        counts as 1: the least that it can be.
        """
        by_model = np.where(np.isnan(watts), self.device_w or 0.0, watts)
        drawn = np.asarray(device_milli) * by_model / 1000
        drawn = drawn + np.asarray(cpu_milli) * (self.core_w or 0.0) / 1000
        found = drawn / 1000 * (self.pue or 1.0)
        if self.device_w is None and self.core_w is None:
            found = np.where(np.isnan(watts) | (np.asarray(device_milli) == 0), nan, found)
        return found
