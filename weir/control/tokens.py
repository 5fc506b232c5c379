"""Tokens: which there are, without their secrets, for an operator to look through and to end."""

from __future__ import annotations

from weir.control.context import Context
from weir.store import tokens
from weir.wire.sessions import TokenRecord, TokensAnswer

KINDS = ("person", "agent", "node", "join")
"""What is listed: sessions and sign-in links end by themselves, and with the token behind them."""


def list_tokens(ctx: Context, before: str | None = None, limit: int = 100) -> TokensAnswer:
    """A page of tokens, newest first, ended ones too."""
    with ctx.store.read() as tx:
        rows = tokens.page(tx, KINDS, before, limit + 1)
    records = tuple(
        TokenRecord(
            id=r.id,
            kind=r.kind,
            subject=r.subject,
            roles=tuple(r.roles),
            cluster=r.cluster,
            created_at=r.created_at,
            expires_at=r.expires_at,
            used_at=r.used_at,
            revoked_at=r.revoked_at,
        )
        for r in rows[:limit]
    )
    return TokensAnswer(tokens=records, next=records[-1].id if len(rows) > limit else None)
