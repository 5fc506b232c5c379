"""The contract of every executor: what an agent asks of the resource manager beside it.

Laws, held by one suite of contract tests for all executors:
- `submit` is idempotent by run id: submitted again, a run is found again and never started twice.
  That also holds after the agent was killed between its journal and the resource manager.
- `observe` gives every change at least once, in order for one run; the agent sorts out repeats.
- A run that was accepted ends with exactly one of succeeded, failed, canceled, refused, vanished.
- Files (`stdout`, `stderr`, declared outputs) can be read until `forget`, and are complete once the
  run's end has been observed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from weir.core.lifecycle import RunEvent
from weir.wire.exchange import RunOrder
from weir.wire.pools import PoolReport
from weir.wire.usage import RunUse


@dataclass(frozen=True, slots=True)
class Seen:
    """A change of a run as the resource manager tells it; `at` in seconds since 1970, UTC."""

    run: str
    event: RunEvent
    at: float
    exit_code: int | None = None
    reason: str = ""
    place: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunFile:
    """A file of a run: its name, its size now, and whether it can still grow."""

    name: str
    size: int


class Executor(Protocol):
    """One resource manager, seen from the agent that runs beside it."""

    kind: str

    def open(self, wake: Callable[[], None]) -> None:
        """Connect. `wake` is to be called, from any thread, when there is something to observe."""

    def close(self) -> None:
        """Disconnect; runs go on unless the executor's settings say otherwise."""

    def name_pools(self, identifiers: Mapping[str, str]) -> None:
        """The identifiers that the first parent has issued, by pool name."""

    def pools(self, without: Iterable[RunOrder]) -> Sequence[PoolReport]:
        """The pools now; `free` is what is left when the runs in `without` are not counted."""

    def admit(self, orders: Sequence[RunOrder], active: Iterable[RunOrder]) -> Mapping[str, str]:
        """Which orders can't be taken, in this order beside those active now: run to reason."""

    def submit(self, orders: Sequence[RunOrder]) -> None:
        """Start these runs (again: find them). What goes wrong with one is seen by `observe`."""

    def cancel(self, runs: Sequence[str]) -> None:
        """Stop these runs; their end is seen by `observe`."""

    def observe(self) -> Sequence[Seen]:
        """Changes since the last call."""

    def status(self, runs: Sequence[str]) -> Sequence[Seen]:
        """The state now of each of these runs, as the event that says it; VANISHED if unknown."""

    def files(self, run: str) -> Sequence[RunFile]:
        """The files of a run that can be read now."""

    def read(self, run: str, name: str, offset: int, limit: int) -> bytes:
        """Up to `limit` bytes of a file from `offset`; empty at its end."""

    def forget(self, runs: Sequence[str]) -> None:
        """These runs have ended and all of them has been passed on: free what they hold."""


@runtime_checkable
class Restores(Protocol):
    """An executor whose runs can go on from a checkpoint (`weir.wire.checkpoint`)."""

    def archive(self, run: str) -> str:
        """Where the agent puts the checkpoint that a run begins with, before it submits it."""


@runtime_checkable
class Measures(Protocol):
    """An executor that can tell what its runs use (`weir.core.usage`)."""

    def used(self, runs: Sequence[str]) -> Sequence[RunUse]:
        """What these runs have used by now, of those of which that is known. It may block, and
        raise a `WeirError` where its source is away. It may tell of other runs too.
        """


@runtime_checkable
class Neighbors(Protocol):
    """An executor behind which there are domains: their names by identifier."""

    domain_names: Mapping[str, str]


class Account(Protocol):
    """What accounting has of a run: seconds that it took, seconds of all CPUs that it was given and
    of those that it used, and bytes at its peak.
    """

    @property
    def elapsed_s(self) -> float | None: ...

    @property
    def allocated_cpu_s(self) -> float | None: ...

    @property
    def used_cpu_s(self) -> float | None: ...

    @property
    def peak_memory_bytes(self) -> int | None: ...


@runtime_checkable
class Accounts(Protocol):
    """An executor whose resource manager keeps accounts of runs, during them or after their end."""

    def usage(self, runs: Sequence[str]) -> Mapping[str, Account]:
        """The accounts of these runs, of those of which something is on record."""
