"""What a device was measured to do, beside what its maker says.

A product of large matrices reaches 60 to 90 % of the dense peak on a healthy device: the peak
counts every multiplier in every cycle at the highest clock. Below LEAST the pool is not what it is
said to be (another model, a power limit, a shared or a sick device); above MOST the figure or the
model is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from weir.core import devices
from weir.core.devices import Precision

LEAST, MOST = 0.5, 1.1


@dataclass(frozen=True, slots=True)
class Verified:
    """One precision of one device: GFLOPS (GOPS for int8) measured and nominal (None: unknown)."""

    precision: Precision
    measured: int
    nominal: int | None

    @property
    def share(self) -> float | None:
        """Measured over nominal."""
        return None if not self.nominal else self.measured / self.nominal

    @property
    def far(self) -> bool:
        """Whether the two can't both be true of a healthy device."""
        return self.share is not None and not LEAST <= self.share <= MOST


def verified(model: str | None, measured: Iterable[tuple[str, int]]) -> tuple[Verified, ...]:
    """Each measured precision of a device model beside its nominal figure, in the order given."""
    known = devices.find(model).nominal if model else {}
    found = []
    for name, value in measured:
        precision = Precision(name)
        figure = known.get(precision)
        found.append(Verified(precision, value, None if figure is None else figure.value))
    return tuple(found)
