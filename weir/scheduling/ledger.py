"""What each pool has left while a round goes on: the one thing that changes in it.

Answers are kept until the pool is booked again, so jobs that claim alike cost one look a pool.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from weir.scheduling.packing import Claim, Free, place_all, subtract
from weir.scheduling.snapshot import Snapshot
from weir.scheduling.start import start_s

Claims = tuple[Claim, ...]


@dataclass(slots=True)
class _Account:
    """One pool: what is free beside `running`, and what is known of claims until the next
    booking.
    """

    base: Free
    running: list[Claim]
    free: Free
    after: dict[Claims, Free | None] = field(default_factory=dict)
    starts: dict[Claims, float | None] = field(default_factory=dict)


class Ledger:
    """The pools of a snapshot by row. `log` lists the rows booked so far, in order."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.now = snapshot.now
        self.log: list[int] = []
        self._routes = snapshot.routes
        self._accounts: dict[int, _Account] = {}

    def free(self, row: int) -> Free:
        """What the pool has left now."""
        return self._account(row).free

    def after(self, row: int, claims: Claims) -> Free | None:
        """What it would have left with `claims` placed as well, None if they don't fit now."""
        account = self._account(row)
        if claims not in account.after:
            account.after[claims] = place_all(account.free, claims)
        return account.after[claims]

    def start_s(self, row: int, claims: Claims) -> float | None:
        """Seconds until `claims` would fit, as far as the ends of runs are known."""
        account = self._account(row)
        if claims not in account.starts:
            account.starts[claims] = start_s(account.base, account.running, claims, self.now)
        return account.starts[claims]

    def first_end_s(self, row: int) -> float | None:
        """Seconds until the first known end of a run there."""
        ends = [c.ends_at for c in self._account(row).running if c.ends_at is not None]
        return max(0.0, min(ends) - self.now) if ends else None

    def book(self, row: int, claims: Claims, ends_at: float | None) -> None:
        """Take what `claims` needs, which must fit."""
        account = self._account(row)
        left = self.after(row, claims)
        assert left is not None, "only what fits is booked"
        running = [*account.running, *(replace(c, ends_at=ends_at) for c in claims)]
        self._accounts[row] = _Account(account.base, running, left)
        self.log.append(row)

    def _account(self, row: int) -> _Account:
        if row not in self._accounts:
            base, running = self._routes[row].pool.free, list(self._routes[row].claims)
            self._accounts[row] = _Account(base, running, subtract(base, running))
        return self._accounts[row]
