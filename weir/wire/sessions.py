"""Signing in to the console, and the tokens that there are."""

from __future__ import annotations

from weir.wire.base import Answer


class SignInLinkAnswer(Answer):
    """A code that signs its maker in to the console once: open `/signin?code=CODE`."""

    code: str
    expires_at: float


class TokenRecord(Answer):
    """A token without its secret, which is not kept."""

    id: str
    kind: str
    subject: str
    roles: tuple[str, ...]
    cluster: str | None
    created_at: float
    expires_at: float | None
    used_at: float | None
    revoked_at: float | None


class TokensAnswer(Answer):
    """A page of tokens, newest first; `next` is the `before` of the next page."""

    tokens: tuple[TokenRecord, ...]
    next: str | None
