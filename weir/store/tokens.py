"""Tokens: only the hash of a secret is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, insert, update

from weir.store.rows import TokenRow, fetch, first, select_as
from weir.store.tables import token

_BY_HASH = select_as(TokenRow, token).where(token.c.secret_hash == bindparam("hash"))


def by_hash(tx: Connection, secret_hash: str) -> TokenRow | None:
    """The token with this hash, whatever its state."""
    return first(tx, TokenRow, _BY_HASH, {"hash": secret_hash})


def get(tx: Connection, token_id: str) -> TokenRow | None:
    """One token by its id, whatever its state."""
    return first(tx, TokenRow, select_as(TokenRow, token).where(token.c.id == token_id))


def page(tx: Connection, kinds: Sequence[str], before: str | None, limit: int) -> list[TokenRow]:
    """Tokens of these kinds, newest first; ids sort by time, so `before` an id is the next page."""
    query = select_as(TokenRow, token).where(token.c.kind.in_(kinds))
    if before:
        query = query.where(token.c.id < before)
    return fetch(tx, TokenRow, query.order_by(token.c.id.desc()).limit(limit))


def add(tx: Connection, row: TokenRow, secret_hash: str) -> None:
    """Write a new token."""
    tx.execute(
        insert(token).values(
            id=row.id,
            secret_hash=secret_hash,
            kind=row.kind,
            subject=row.subject,
            roles=row.roles,
            cluster=row.cluster,
            claims=row.claims,
            created_at=row.created_at,
            expires_at=row.expires_at,
            used_at=row.used_at,
            revoked_at=row.revoked_at,
        )
    )


def use(tx: Connection, token_id: str, now: float) -> bool:
    """Spend a one-time token; False if it was spent already."""
    query = update(token).where(token.c.id == token_id, token.c.used_at.is_(None))
    return tx.execute(query.values(used_at=now)).rowcount == 1


def revoke(tx: Connection, token_id: str, now: float) -> bool:
    """End a token; False if there is none."""
    query = update(token).where(token.c.id == token_id, token.c.revoked_at.is_(None))
    return tx.execute(query.values(revoked_at=now)).rowcount == 1


def revoke_of_cluster(tx: Connection, cluster: str, now: float, keep: str = "") -> None:
    """End all tokens that speak for a cluster, but for `keep`: its agent has joined anew."""
    query = update(token).where(
        token.c.cluster == cluster, token.c.revoked_at.is_(None), token.c.id != keep
    )
    tx.execute(query.values(revoked_at=now))


def pending(tx: Connection) -> list[TokenRow]:
    """The tokens of those who have joined and wait for approval, the oldest first."""
    speaks = token.c.kind.in_(("agent", "node")) & token.c.revoked_at.is_(None)
    rows = fetch(tx, TokenRow, select_as(TokenRow, token).where(speaks).order_by(token.c.id))
    return [row for row in rows if row.claims.get("pending")]


def set_claims(tx: Connection, token_id: str, claims: dict[str, Any]) -> bool:
    """Write what a token may; False if it has ended, or there is none."""
    query = update(token).where(token.c.id == token_id, token.c.revoked_at.is_(None))
    return tx.execute(query.values(claims=claims)).rowcount == 1
