"""How often something may be done: at once while it is seldom, at a bounded rate while it is not.

Who has much to tell tells more in one call instead of calling more often. Calls cost the same
whatever they say, so under load most of what a call costs is saved; and what happens now and then
waits for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Allowance:
    """`most` times at once, and then `per_s` times a second. `now` is of any clock that only goes
    forward, in seconds.
    """

    most: float
    per_s: float
    _spent: float = 0.0
    _at: float = 0.0

    def wait_s(self, now: float) -> float:
        """Seconds until it may be done; 0 if it may be now."""
        self._recover(now)
        return max(0.0, (self._spent - self.most + 1) / self.per_s)

    def spend(self, now: float, times: float = 1) -> None:
        """It was done; what is dear counts as several times, even beyond what was left."""
        self._recover(now)
        self._spent = min(self._spent + times, self.most + times - 1)

    def _recover(self, now: float) -> None:
        self._spent = max(0.0, self._spent - max(0.0, now - self._at) * self.per_s)
        self._at = max(self._at, now)
