"""One round of scheduling: a snapshot and a policy in, a plan out. The same in gives the same out.

The algorithm:

1. Jobs are taken in order: higher priority, then earlier submission, then lower id.
2. A job goes to the best-ranked pool that it fits now, host by host, as a gang: all its tasks on
   one pool, or none. What it takes is booked, so jobs behind it see less.
3. A job that fits nowhere now waits, with the reasons counted over all pools. If the policy holds,
   the best-ranked pool that it would fit when empty is kept for it: jobs behind it can't use that
   pool in this round. Jobs of equal demand keep one pool together.
4. No job passes an equal one that waits ahead of it.

Jobs of one shape are judged once, and after a booking only the booked pool is looked at again.
`weir.scheduling.reference` is the same algorithm without any of that; property tests compare them.

Limits of this first cut: a kept pool is not backfilled, nothing is preempted, there are no quotas.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from weir.core.plan import Placement, Plan, Waiting
from weir.scheduling.feasible import Judgment, judge
from weir.scheduling.ledger import Ledger
from weir.scheduling.policy import Policy
from weir.scheduling.snapshot import Snapshot, WaitingJob
from weir.scheduling.standing import Standing


def schedule(snapshot: Snapshot, policy: Policy) -> Plan:
    """Decide where the waiting jobs go, and for the rest why they wait."""
    round_ = _Round(snapshot, policy)
    placements: list[Placement] = []
    waiting: dict[str, Waiting] = {}
    for job in snapshot.order:
        standing = round_.standing(job)
        rows = [] if standing.why else standing.best(round_.holders)
        if rows:
            placements.append(round_.place(job, standing, rows))
        else:
            waiting[job.id] = round_.wait(job, standing)
    return Plan(tuple(placements), waiting)


@dataclass(slots=True)
class _Alike:
    """The jobs of equal demand: how many are yet to come, and what they share."""

    left: int
    holding: bool = False
    judgment: Judgment | None = None
    standings: dict[frozenset[str], Standing] = field(default_factory=dict)


class _Round:
    """What a round has decided so far. `holders` maps rows of kept pools to the jobs they wait
    for.
    """

    def __init__(self, snapshot: Snapshot, policy: Policy) -> None:
        self.holders: dict[int, str] = {}
        self._snapshot, self._policy = snapshot, policy
        self._ledger = Ledger(snapshot)
        counts = Counter(job.demand for job in snapshot.jobs)
        self._alike = {demand: _Alike(left) for demand, left in counts.items()}
        self._behind: Counter[int] = Counter()

    def standing(self, job: WaitingJob) -> Standing:
        """The standing of the job's shape: worked out for the first, forgotten after the last."""
        alike = self._alike[job.demand]
        standing = alike.standings.get(job.avoid)
        if standing is None:
            judgment = alike.judgment or judge(self._snapshot.columns, job.demand)
            standing = Standing(self._snapshot, self._policy, self._ledger, judgment, job.avoid)
            alike.judgment, alike.standings[job.avoid] = judgment, standing
        alike.left -= 1
        if not alike.left:
            alike.judgment, alike.standings = None, {}
        return standing

    def place(self, job: WaitingJob, standing: Standing, rows: list[int]) -> Placement:
        """Book the best of `rows`; the second is the runner-up."""
        chosen, *others = [standing.candidate(row) for row in rows]
        walltime = job.demand.walltime_s
        ends_at = None if walltime is None else self._snapshot.now + walltime
        self._ledger.book(rows[0], standing.judgment.tasks.claims(rows[0]), ends_at)
        return Placement(job.id, chosen, others[0] if others else None)

    def wait(self, job: WaitingJob, standing: Standing) -> Waiting:
        """Explain the shape's first failure, keep a pool if the policy says so, count who is
        ahead.
        """
        if standing.why is None:
            standing.explain(self.holders)
        assert standing.why is not None
        kept = self._hold(job, standing)
        pools = standing.pools
        ahead = sum(jobs for theirs, jobs in self._behind.items() if theirs & pools)
        self._behind[pools] += 1
        return Waiting(job.id, *standing.why, ahead=ahead, held_pool=kept)

    def _hold(self, job: WaitingJob, standing: Standing) -> str | None:
        """Keep the best pool to wait for, unless equal demand has one; its identifier."""
        alike = self._alike[job.demand]
        if not self._policy.hold or alike.holding:
            return None
        row = standing.soonest(self.holders)
        if row is None:
            return None
        self.holders[row] = job.id
        alike.holding = True
        return self._snapshot.routes[row].pool.id
