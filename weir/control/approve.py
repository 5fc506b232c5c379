"""Approve: who has joined is let in by an operator, where the domain wants that.

A join token says who was invited; whether it is they who came is for an operator to say. Until then
the newcomer has an identifier and a token that is good for nothing: no cluster is there, no earlier
agent's token has ended. Its agent tries again until it is approved, or refused for good.
"""

from __future__ import annotations

from typing import Any

from weir.control.context import SCHEDULE, WATCH, Context
from weir.control.join import take_in
from weir.core.errors import NotFound
from weir.store import clusters, tokens
from weir.store.rows import ClusterRow, TokenRow
from weir.wire.joining import JoinRecord, JoinsAnswer


def list_joins(ctx: Context) -> JoinsAnswer:
    """Who waits for approval, the longest first."""
    with ctx.store.read() as tx:
        rows = tokens.pending(tx)
        known = {row.id for row in clusters.all_clusters(tx)} if rows else set[str]()
    found = tuple(_record(row, row.cluster in known) for row in rows)
    return JoinsAnswer(needed=ctx.settings.approve_joins, joins=found)


def approve_join(ctx: Context, token_id: str) -> JoinRecord:
    """Let one in; an earlier agent of its cluster speaks for it no more. Raises `NotFound`."""
    now = ctx.now()
    with ctx.store.write() as tx:
        row = _waiting(tokens.get(tx, token_id), token_id)
        wanted = _cluster(row.claims["pending"])
        before = clusters.get(tx, wanted.id)
        take_in(tx, wanted, now, keep=row.id)
        tokens.set_claims(tx, row.id, {})
    for key in (SCHEDULE, WATCH):
        ctx.wake(key)
    return _record(row, before is not None and before.removed_at is None)


def reject_join(ctx: Context, token_id: str) -> None:
    """Refuse one for good: its token ends. Its identifier stays kept for its name. Raises
    `NotFound`.
    """
    with ctx.store.write() as tx:
        row = _waiting(tokens.get(tx, token_id), token_id)
        tokens.revoke(tx, row.id, ctx.now())


def _waiting(row: TokenRow | None, token_id: str) -> TokenRow:
    if row is None or row.revoked_at is not None or not row.claims.get("pending"):
        raise NotFound(f"nobody waits for approval as {token_id}; `weir joins` lists who does")
    return row


def _cluster(record: dict[str, Any]) -> ClusterRow:
    return ClusterRow(**record)


def _record(row: TokenRow, again: bool) -> JoinRecord:
    wanted = _cluster(row.claims["pending"])
    is_link = wanted.peer_domain is not None
    return JoinRecord(
        id=row.id,
        kind="domain" if is_link else "site",
        name=wanted.name if is_link else f"{wanted.site_name} / {wanted.name}",
        cluster=wanted.peer_domain or wanted.id,
        executor=wanted.executor,
        url=wanted.peer_url,
        asked_at=row.created_at,
        again=again,
    )
