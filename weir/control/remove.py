"""Remove: a cluster, or a link to another domain, leaves for good. What ran there stays on record.

Its tokens end, its pools are gone (whoever watches hears it), its identifiers are retired. If it
joins again under its name it is the same one, with the identifiers that it had.
"""

from __future__ import annotations

from sqlalchemy import Connection

from weir.control.apply import apply_happenings
from weir.control.context import SCHEDULE, WATCH, Context, again
from weir.control.observe import Happening
from weir.core.errors import ClusterInUse, NotFound
from weir.core.lifecycle import RUN_ACTIVE, RunEvent, RunState
from weir.store import clusters, identifiers, jobs, runs, tokens
from weir.store.domains import raise_count
from weir.store.rows import ClusterRow


def remove_cluster(ctx: Context, cluster_id: str) -> None:
    """Remove a cluster. Raises `NotFound`, and `ClusterInUse` while it has live runs, or jobs here.

    Runs that were lost with it have vanished then: nobody is left who could tell of them.
    """
    for key in again(lambda: _remove(ctx, cluster_id, ctx.now())) | {SCHEDULE, WATCH}:
        ctx.wake(key)


def _remove(ctx: Context, cluster_id: str, now: float) -> set[str]:
    with ctx.store.write() as tx:
        raise_count(tx, "round")  # a round that has planned with it must plan anew
        row = clusters.get(tx, cluster_id)
        if row is None or row.removed_at is not None:
            raise NotFound(f"there is no cluster {cluster_id} here")
        _check_idle(tx, row)
        gone = Happening(RunEvent.VANISHED, now, reason=f"{row.name} was removed")
        lost = runs.live_on(tx, row.id, (RunState.LOST,))
        woken = apply_happenings(ctx, tx, [(run.id, gone) for run in lost])
        pools = clusters.pools_of(tx, row.id)
        clusters.drop_pools(tx, row.id, (), raise_count(tx, "seq"))
        clusters.change(tx, row.id, removed_at=now, silent=True, inventory_digest="")
        tokens.revoke_of_cluster(tx, row.id, now)
        _retire(tx, row, pools, now)
    return woken


def _check_idle(tx: Connection, row: ClusterRow) -> None:
    live = len(runs.live_on(tx, row.id, tuple(RUN_ACTIVE)))
    if live:
        raise ClusterInUse(
            f"{row.name} still has {'a run' if live == 1 else f'{live} runs'}; cancel what runs "
            "there, or wait for its end"
        )
    if jobs.any_active_of(tx, row.id):
        raise ClusterInUse(f"jobs that {row.name} handed over have not ended; cancel them, or wait")


def _retire(tx: Connection, row: ClusterRow, pools: list[str], now: float) -> None:
    """Retire what was issued here: the cluster, its own pools, and what it was the last part of."""
    retired = [row.id]
    if row.peer_domain is None:
        retired += pools
    if row.direction != "up" and all(c.site != row.site for c in clusters.all_clusters(tx)):
        retired.append(row.site)  # of a link: the domain that it led to
    for identifier in retired:
        identifiers.retire(tx, identifier, now)
