"""Energy at a site: what devices draw, what the facility adds, what it costs and emits."""

from __future__ import annotations

from dataclasses import dataclass, field
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
        width = np.maximum(until - since, 1e-9)
        return (self._integral(since + width) - self._integral(since)) / width

    def _integral(self, at: Floats) -> Floats:
        """The integral from `start_s`; negative before it."""
        x = (at - self.start_s) / self.step_s
        whole = np.clip(np.floor(x), 0, len(self.values) - 1).astype(np.int64)
        return np.asarray((self._sums[whole] + (x - whole) * self.values[whole]) * self.step_s)


@dataclass(frozen=True, slots=True)
class Energy:
    """One site: `device_w` is what a busy device draws, `core_w` a busy core, in watts; `pue` what
    the facility draws for each watt of IT power; carbon intensity in g CO2e/kWh and the price of
    energy in currency units per kWh, over time. None is unknown.
    """

    device_w: float | None = None
    core_w: float | None = None
    pue: float | None = None
    carbon: Forecast | None = None
    price: Forecast | None = None

    def kw(self, device_milli: Any, cpu_milli: Any) -> Any:
        """What so much draws at this site, facility included; NaN if unknown.

        An unknown PUE counts as 1: the least that it can be.
        """
        if self.device_w is None and self.core_w is None:
            return np.nan * np.asarray(device_milli, dtype=float)
        watts = np.asarray(device_milli) * (self.device_w or 0.0) / 1000
        watts = watts + np.asarray(cpu_milli) * (self.core_w or 0.0) / 1000
        return watts / 1000 * (self.pue or 1.0)
