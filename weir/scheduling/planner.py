"""Round after round of a large network: what did not change is not worked out again.

`Planner.plan(snapshot)` is `schedule(snapshot, policy)`, and so is `Planner.go_on(change)` of the
last snapshot with the change in it; property tests hold them together. The board of the last round
is kept (`weir.scheduling.kept`). Who knows what has changed tells it to `go_on`, which costs by the
change; `plan` finds it out by looking at every job and pool, whether it is the same object.

A plan has to be looked at before the next one is made: its words are taken from the board.

Where more changed than free room, jobs and what runs (a new pool, a price, another tree of queues),
or the clock went back, or where the policy looks at things that change by themselves (a mix,
energy that is not reckoned from a fixed time), or where leases, energy, speeds or links are others,
and for small rounds, it starts from nothing, as `schedule` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, overload

from weir.core.plan import Plan
from weir.scheduling.kept import Kept, change_jobs, change_pools, fresh, play
from weir.scheduling.leased import has_begun, promised
from weir.scheduling.policy import HostRule, Policy
from weir.scheduling.routes import PoolState
from weir.scheduling.schedule import plan_of, queue_names, schedule
from weir.scheduling.snapshot import Lease, Mate, Queue, RunningJob, Snapshot, WaitingJob

WORTHWHILE = 5_000
"""Jobs and pools from which on it pays to keep the board."""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a snapshot by `now`.

    `jobs` are new ones, and others under the identifiers of old ones; `gone` are identifiers.
    `pools` are states instead of those of the same pool by the same cluster. `running`, `queues`,
    `leases` and `mates` are told whole, None where they are what they were; `around` are other
    fields of the snapshot that are others: energy, speeds, links ...
    """

    now: float
    jobs: Sequence[WaitingJob] = ()
    gone: Sequence[str] = ()
    pools: Sequence[PoolState] = ()
    running: tuple[RunningJob, ...] | None = None
    queues: tuple[Queue, ...] | None = None
    leases: tuple[Lease, ...] | None = None
    mates: tuple[Mate, ...] | None = None
    around: Mapping[str, Any] = field(default_factory=dict)

    def made_to(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with the change in it."""
        states = {(s.pool.id, s.cluster): s for s in self.pools}
        jobs = {job.id: job for job in snapshot.jobs}
        for job_id in self.gone:
            jobs.pop(job_id, None)
        jobs |= {job.id: job for job in self.jobs}
        return replace(
            snapshot,
            now=self.now,
            pools=tuple(states.get((s.pool.id, s.cluster), s) for s in snapshot.pools),
            jobs=tuple(jobs.values()),
            running=snapshot.running if self.running is None else self.running,
            queues=snapshot.queues if self.queues is None else self.queues,
            leases=snapshot.leases if self.leases is None else self.leases,
            mates=snapshot.mates if self.mates is None else self.mates,
            **self.around,
        )


class Planner:
    """Plans rounds of one policy; see the module. `incremental` says how the last one was made."""

    def __init__(self, policy: Policy, large: int = WORTHWHILE) -> None:
        self._policy, self._large = policy, large
        self._kept: Kept | None = None
        self._last: Snapshot | None = None
        self._seen: set[int] | None = None
        self._place: dict[tuple[str, str], int] = {}
        self.incremental = False

    def plan(self, snapshot: Snapshot) -> Plan:
        """The plan of `schedule(snapshot, policy)`."""
        kept, self._kept, self._last = self._kept, None, snapshot
        if not self._may(snapshot):
            self.incremental, self._seen = False, None
            return schedule(snapshot, self._policy)
        self.incremental = (
            kept is not None
            and _alike(kept.snapshot, snapshot)
            and (states := _changed(kept.snapshot.pools, snapshot.pools)) is not None
            and self._advance(kept, snapshot, *self._jobs(kept, snapshot), states)
        )
        if not self.incremental or kept is None:
            kept = fresh(snapshot, self._policy)
            self._seen = None
            self._place = {(s.pool.id, s.cluster): n for n, s in enumerate(snapshot.pools)}
        return self._play(kept)

    def go_on(self, change: Change) -> Plan:
        """The plan of the last snapshot with a change in it. There must have been one."""
        if self._last is None:
            raise ValueError("there is no snapshot to go on from; plan one first")
        kept = self._kept
        if kept is None:
            return self.plan(change.made_to(self._last))
        leases = self._last.leases if change.leases is None else change.leases
        if any(has_begun(x, change.now) for x in leases):  # somebody may go into one
            return self.plan(change.made_to(replace(self._last, jobs=tuple(kept.everybody()))))
        snapshot = self._after(kept, change)
        states = {self._place[s.pool.id, s.cluster]: s for s in change.pools}
        old = kept.snapshot.pools
        known = all(_same_place(old[place], state) for place, state in states.items())
        self._kept, self._seen = None, None
        if (
            known
            and _alike(kept.snapshot, snapshot)
            and self._advance(kept, snapshot, change.jobs, change.gone, states)
        ):
            self.incremental, self._last = True, snapshot
            return self._play(kept)
        # What was done to the jobs is done once more: that changes nothing.
        before = replace(self._last, jobs=tuple(kept.everybody()))
        return self.plan(change.made_to(before))

    def _may(self, snapshot: Snapshot) -> bool:
        """Whether rounds like this one can be kept, and are worth it."""
        policy = self._policy
        plain = policy.host_rule is HostRule.BEST_FIT and not (policy.optimal or policy.rounds)
        moving = snapshot.mix or (snapshot.energy and snapshot.priced_at is None)
        if any(has_begun(x, snapshot.now) for x in snapshot.leases) and promised(snapshot):
            return False
        return plain and not moving and len(snapshot.jobs) + len(snapshot.pools) > self._large

    def _jobs(self, kept: Kept, snapshot: Snapshot) -> tuple[list[WaitingJob], list[str]]:
        """The jobs that are other objects than before, and those that are there no more.

        The jobs of before are alive in what is kept, so nobody else has their addresses.
        """
        seen = self._seen
        if seen is None:
            seen = set(map(id, kept.everybody()))
        self._seen = now = set(map(id, snapshot.jobs))
        new, old = now - seen, seen - now
        come = [job for job in snapshot.jobs if id(job) in new] if new else []
        gone = [job.id for job in kept.everybody() if id(job) in old] if old else []
        return come, gone

    def _after(self, kept: Kept, change: Change) -> Snapshot:
        """The snapshot with the change in it; its jobs are listed when somebody asks."""
        last = kept.snapshot
        pools = list(last.pools)
        for state in change.pools:
            pools[self._place[state.pool.id, state.cluster]] = state
        return replace(
            last,
            now=change.now,
            pools=tuple(pools),
            jobs=_Listed(lambda: tuple(kept.everybody())),
            running=last.running if change.running is None else change.running,
            queues=last.queues if change.queues is None else change.queues,
            leases=last.leases if change.leases is None else change.leases,
            mates=last.mates if change.mates is None else change.mates,
            **change.around,
        )

    def _advance(
        self,
        kept: Kept,
        snapshot: Snapshot,
        come: Sequence[WaitingJob],
        gone: Sequence[str],
        states: Mapping[int, PoolState],
    ) -> bool:
        """Bring the board up to date; False where that can't be done."""
        return change_jobs(kept, come, gone, snapshot) and change_pools(kept, states, snapshot)

    def _play(self, kept: Kept) -> Plan:
        play(kept)
        self._kept = kept
        return plan_of(kept.round)


def _alike(old: Snapshot, new: Snapshot) -> bool:
    """Whether all is as before but the pools, the jobs, what runs, and amounts of queues."""
    return (
        new.now >= old.now
        and new.priced_at == old.priced_at
        and new.energy == old.energy
        and new.speeds == old.speeds
        and new.estimated == old.estimated
        and new.links == old.links
        and new.past == old.past
        and new.leases == old.leases
        and not any(old.now < lease.ends_at <= new.now for lease in new.leases)
        and queue_names(new) == queue_names(old)
    )


def _changed(old: Sequence[PoolState], new: Sequence[PoolState]) -> dict[int, PoolState] | None:
    """The states that are others than before, by their places; None where anything but what is
    free and what runs there has changed.
    """
    if len(old) != len(new):
        return None
    places = [n for n, pair in enumerate(zip(old, new, strict=True)) if pair[0] is not pair[1]]
    if not all(_same_place(old[n], new[n]) for n in places):
        return None
    return {n: new[n] for n in places}


def _same_place(before: PoolState, after: PoolState) -> bool:
    if before.cluster != after.cluster or before.silent != after.silent:
        return False
    one, other = before.pool, after.pool
    return one is other or replace(one, free=()) == replace(other, free=())


class _Listed(Sequence[WaitingJob]):
    """Jobs that are listed when somebody looks at them."""

    def __init__(self, make: Callable[[], tuple[WaitingJob, ...]]) -> None:
        self._make = make

    @cached_property
    def _all(self) -> tuple[WaitingJob, ...]:
        return self._make()

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[WaitingJob]:
        return iter(self._all)

    @overload
    def __getitem__(self, place: int) -> WaitingJob: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[WaitingJob, ...]: ...
    def __getitem__(self, place: int | slice) -> WaitingJob | tuple[WaitingJob, ...]:
        return self._all[place]
