"""What waits at a Ray for room, as its autoscaler's monitor tells it: for idle-only shares.

The monitor tells tasks, actors and placement groups that have found no room, by what they ask for
and how many of each there are, not whose they are, and some seconds late (`ray_watch.LATE_USE_S`).

Laws:
- As many requests as runs and jobs of ours may wait with, of the very same shape, are taken to be
  ours. So a run of ours never closes its own pool, and what others wait for is at worst seen late.
- A job of ours that was stopped before it had room goes on waiting at Ray, for minutes: it counts
  as ours by what its metadata say, whether or not its run is still known.
- A request that fits on no node of a pool, even an empty one, does not wait for that pool.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from weir.executors.ray_inventory import Kind
from weir.executors.ray_records import PENDING, Job, Node
from weir.executors.ray_runs import Run

Bundle = tuple[tuple[str, int], ...]
"""Amounts on one node by resource, sorted: memory in bytes, all else in thousandths."""

Request = tuple[Bundle, ...]
"""One task, one actor, or all bundles of a placement group, sorted."""

INSIDE = "_group_"
"""In a resource's name: of a placement group that has its room already."""


REQUEST = "weir_request"
"""In the metadata of a job of ours that waits by itself: what it asks for, as JSON."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A look at what waits: what Ray tells (None: nothing), and what of it is ours: jobs by their
    requests, and runs that may be there as well.
    """

    told: Counter[Request] | None = field(default_factory=lambda: Counter[Request]())
    jobs: Sequence[Request] = ()
    runs: Sequence[Run] = ()


def waiting_of(answer: Any) -> Counter[Request] | None:
    """How many requests of each shape wait, in an answer to `/api/cluster_status`; None where that
    is not told.
    """
    try:
        report = answer["data"]["clusterStatus"]["loadMetricsReport"]
        found: Counter[Request] = Counter()
        for amounts, count in report["resourceDemand"] or ():
            found[(bundle_of(amounts),)] += int(count)
        for group, count in report["pgDemand"] or ():
            found[_all_bundles(group["bundles"])] += int(count)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return Counter({r: n for r, n in found.items() if any(r) and not _inside(r)})


def _all_bundles(told: Sequence[Any]) -> Request:
    return tuple(sorted(bundle_of(one) for one, many in told for _ in range(int(many))))


def bundle_of(amounts: Mapping[str, float]) -> Bundle:
    """Amounts as Ray writes them, as a bundle; what is 0 is left out."""
    exact = {
        name: round(value if name.endswith("memory") else 1000 * value)
        for name, value in amounts.items()
    }
    return tuple(sorted((name, value) for name, value in exact.items() if value > 0))


def _inside(request: Request) -> bool:
    return any(INSIDE in name for bundle in request for name, _ in bundle)


def request_of(job: Job) -> Request | None:
    """What a job of ours that has not started asks for; None if it has, or asks by a driver."""
    text = job.metadata.get(REQUEST)
    if job.status != PENDING or text is None:
        return None
    try:
        return (bundle_of(json.loads(text)),)
    except (ValueError, TypeError, AttributeError):  # somebody else wrote it
        return None


def crowded(
    waiting: Waiting, kinds: Mapping[str, Kind], nodes: Mapping[str, Node]
) -> frozenset[str]:
    """The idle-only pools for which others wait; all of these where Ray does not tell."""
    idle_only = [kind for kind in kinds.values() if kind.share.idle_only]
    if waiting.told is None:
        return frozenset(kind.name for kind in idle_only)
    ours = [_asked(run, kinds[run.pool]) for run in waiting.runs if run.pool in kinds]
    others = list(waiting.told - Counter([*waiting.jobs, *ours]))
    return frozenset(
        kind.name for kind in idle_only if any(_could_run(r, kind, nodes) for r in others)
    )


def _asked(run: Run, kind: Kind) -> Request:
    return tuple(sorted(bundle_of(kind.resources(each.amount)) for each in run.bundles()))


def _could_run(request: Request, kind: Kind, nodes: Mapping[str, Node]) -> bool:
    totals = [nodes[name].total for name in kind.nodes if name in nodes]
    return all(
        any(all(total.get(name, 0) >= value for name, value in bundle) for total in totals)
        for bundle in request
    )
