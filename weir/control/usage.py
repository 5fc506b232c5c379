"""Usage: what each queue held on the average of late, fading exponentially (`MEMORY_S`).

The integral of what a queue's ended runs held is kept as one row a queue, and grows in the
transaction in which a run ends; what runs now is added when somebody looks. So it costs the same
after a million runs as after ten.

A run counts from its start to the end that its center told. One whose center was lost does not
count: the queue has nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import exp

from sqlalchemy import Connection

from weir.core.lifecycle import RUN_FINAL, RunEvent
from weir.scheduling.normal import speeds
from weir.scheduling.packing import MOST, Claim
from weir.scheduling.policy import Policy
from weir.scheduling.queues import MEMORY_S, Amounts, amounts
from weir.scheduling.snapshot import Snapshot
from weir.store import usage
from weir.store.rows import RunRow, UsageRow

Averages = tuple[float, float, float]
"""CPU in thousandths, memory in bytes, devices in thousandths."""

TOLD = frozenset({RunEvent.SUCCEEDED, RunEvent.FAILED, RunEvent.CANCELED})


def counts(before: RunRow, after: RunRow, event: RunEvent) -> bool:
    """Whether this event ends a run that has used something."""
    return event in TOLD and after.state in RUN_FINAL and after is not before


def note_ended(tx: Connection, ended: Iterable[tuple[str, RunRow]], now: float) -> None:
    """Add runs that have just ended, each with its queue, to what is kept of the queues."""
    listed = [(queue, run) for queue, run in ended if queue and run.started_at is not None]
    if not listed:
        return
    kept = usage.of_queues(tx)
    changed: dict[str, UsageRow] = {}
    for queue, run in listed:
        row = changed.get(queue) or kept.get(queue) or UsageRow(queue, 0.0, 0.0, 0.0, now)
        changed[queue] = _plus(_faded(row, now), run, now)
    usage.put(tx, changed.values())


def _plus(row: UsageRow, run: RunRow, now: float) -> UsageRow:
    began, ended = run.started_at or now, run.ended_at if run.ended_at is not None else now
    seconds = MEMORY_S * _weight(began, ended, now)
    cpu, memory, milli = counted(run.claims, run.counted_milli)
    return replace(
        row,
        cpu_milli_s=row.cpu_milli_s + seconds * cpu,
        memory_bytes_s=row.memory_bytes_s + seconds * memory,
        device_milli_s=row.device_milli_s + seconds * milli,
    )


def _faded(row: UsageRow, now: float) -> UsageRow:
    left = exp(-max(0.0, now - row.at) / MEMORY_S)
    return UsageRow(
        row.queue,
        row.cpu_milli_s * left,
        row.memory_bytes_s * left,
        row.device_milli_s * left,
        max(now, row.at),
    )


def _weight(began: float, ended: float, now: float) -> float:
    """What the time between counts in the average at `now`: 1 would be all of the past."""
    began, ended = min(began, ended, now), min(ended, now)
    return exp(-(now - ended) / MEMORY_S) - exp(-(now - began) / MEMORY_S)


def average_past(
    tx: Connection, running: Iterable[tuple[str, float, Amounts]], now: float
) -> Mapping[str, Averages]:
    """What each queue held on the average; `running` are (queue, start, amounts) of what runs."""
    found: dict[str, list[float]] = {}
    for row in (_faded(r, now) for r in usage.of_queues(tx).values()):
        sums = row.cpu_milli_s, row.memory_bytes_s, row.device_milli_s
        found[row.queue] = [value / MEMORY_S for value in sums]
    for queue, began, holds in running:
        share = _weight(began, now, now)
        held = found.setdefault(queue, [0.0, 0.0, 0.0])
        for i, amount in enumerate(holds):
            held[i] += share * amount
    return {queue: (held[0], held[1], held[2]) for queue, held in found.items()}


def claim_record(c: Claim) -> list[int]:
    """A claim as it is kept: [cpu_milli, memory_bytes, device_milli, tasks or whole hosts], and
    where it matters how many a host has at most, and the level whose block they lie in.
    """
    amounts = [c.cpu_milli, c.memory_bytes, c.device_milli, c.count]
    if not c.placed_as_one:
        return amounts
    return [*amounts, c.per_host, *([c.within] if c.within else [])]


def claims_from(record: Iterable[list[int]]) -> tuple[Claim, ...]:
    """A run's claims of their records."""
    return tuple(_claim(*c) for c in record)


def _claim(
    cpu: int, memory: int, milli: int, count: int, per_host: int = MOST, within: int = 0
) -> Claim:
    return Claim(cpu, memory, milli, count, None, per_host, within)


def counted(record: Iterable[list[int]], counted_milli: int | None) -> Amounts:
    """What a run holds as shares count it: devices perhaps by what they do."""
    cpu, memory, milli = amounts(claims_from(record))
    return cpu, memory, milli if counted_milli is None else counted_milli


def speed_of_pools(snapshot: Snapshot, policy: Policy) -> Mapping[str, int]:
    """What a device of each pool counts in shares, in thousandths; empty where all count alike."""
    if not policy.normalized:
        return {}
    ids = (state.pool.id for state in snapshot.routes)
    return {i: int(v) for i, v in zip(ids, speeds(snapshot.columns), strict=True)}
