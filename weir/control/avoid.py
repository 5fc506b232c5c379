"""Avoid: when a job that a pool has refused may be tried there again, and what may be forgotten.

How long it is kept off doubles with each refusal (`weir.control.observe`), which takes remembering
refusals for a while after their time is over.
"""

from __future__ import annotations

from weir.control.context import Context
from weir.control.observe import MAX_AVOID_S
from weir.store import jobs

REMEMBER_S = 4 * MAX_AVOID_S
"""A pool that has not refused a job for this long counts as never having done so."""


def next_try_s(ctx: Context) -> float | None:
    """Seconds until some job may be tried again on a pool that has refused it; None: no such."""
    now = ctx.now()
    with ctx.store.read() as tx:
        ends = jobs.next_avoid_end(tx, now)
    return None if ends is None else ends - now


def forget(ctx: Context, now: float) -> None:
    """Forget refusals of jobs that have ended, and those that are long over."""
    with ctx.store.read() as tx:
        stale = jobs.stale_avoids(tx, now - REMEMBER_S)
    if stale:
        with ctx.store.write() as tx:
            jobs.forget_avoids(tx, stale)
