"""What each pool has left while a round goes on: the one thing that changes in it.

Answers are kept until the pool is booked again, so jobs that claim alike cost one look a pool.
"""

from __future__ import annotations

from weir.scheduling.packing import Claim, Free, fits, fitting, place_all, subtract
from weir.scheduling.rank import idle
from weir.scheduling.snapshot import PoolState, Snapshot
from weir.scheduling.start import start_s

Claims = tuple[Claim, ...]


class _Account:
    """One pool: what is free beside `running`, and answers for claims until the next booking."""

    __slots__ = ("fits", "fitting", "free", "idle", "running", "starts", "state")

    def __init__(self, state: PoolState) -> None:
        self.state = state
        self.running: list[Claim] = list(state.claims)
        self.leave(subtract(state.pool.free, state.claims))

    def leave(self, free: Free) -> None:
        """From now on `free` is what is left."""
        self.free = free
        self.idle = idle(self.state.pool, free)
        self.fits: dict[Claims, bool] = {}
        self.fitting: dict[Claims, tuple[int, ...]] = {}
        self.starts: dict[Claims, float | None] = {}


class Ledger:
    """The pools of a snapshot by row. `log` lists the rows booked so far, in order."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.now = snapshot.now
        self.log: list[int] = []
        self._routes = snapshot.routes
        self._accounts: dict[int, _Account] = {}

    def idle(self, row: int) -> int:
        """What the pool has left, counted as `rank.size` counts."""
        return self._account(row).idle

    def fits(self, row: int, claims: Claims) -> bool:
        """Whether `claims` fit now."""
        account = self._account(row)
        if claims not in account.fits:
            account.fits[claims] = fits(account.free, claims)
        return account.fits[claims]

    def fitting(self, row: int, claims: Claims) -> tuple[int, ...]:
        """How many tasks of each claim fit now."""
        account = self._account(row)
        if claims not in account.fitting:
            account.fitting[claims] = fitting(account.free, claims)
        return account.fitting[claims]

    def start_s(self, row: int, claims: Claims) -> float | None:
        """Seconds until `claims` would fit, as far as the ends of runs are known."""
        account = self._account(row)
        if claims not in account.starts:
            base = account.state.pool.free
            account.starts[claims] = start_s(base, account.running, claims, self.now)
        return account.starts[claims]

    def first_end_s(self, row: int) -> float | None:
        """Seconds until the first known end of a run there."""
        ends = [c.ends_at for c in self._account(row).running if c.ends_at is not None]
        return max(0.0, min(ends) - self.now) if ends else None

    def book(self, row: int, claims: Claims, ends_at: float | None) -> None:
        """Take what `claims` needs, which must fit; `ends_at` is when they end, if known."""
        account = self._account(row)
        left = place_all(account.free, claims)
        assert left is not None, "only what fits is booked"
        account.leave(left)
        account.running += [
            Claim(c.cpu_milli, c.memory_bytes, c.device_milli, c.count, ends_at) for c in claims
        ]
        self.log.append(row)

    def _account(self, row: int) -> _Account:
        account = self._accounts.get(row)
        if account is None:
            account = self._accounts[row] = _Account(self._routes[row])
        return account
