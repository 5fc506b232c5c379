"""Sessions: a person who has shown a token once is known for some hours by a secret of its own.

A session ends with the token that it came from: revoked or expired, it takes its sessions along. A
link signs its maker in once, elsewhere, without the token being shown: it is made for a few minutes
and spent by the first who opens it. Accounts and single sign-on will begin sessions here too.
"""

from __future__ import annotations

from dataclasses import dataclass

from weir.control.authorize import Principal, hash_of
from weir.control.context import Context
from weir.core.errors import NotAllowed, NotSignedIn
from weir.store import tokens
from weir.store.rows import TokenRow
from weir.wire.sessions import SignInLinkAnswer

SESSION_S = 12 * 3600.0
"""How long a session lasts at most."""

LINK_S = 900.0
"""How long a sign-in link is good for."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session that has just begun: its secret, shown this once."""

    secret: str
    expires_at: float
    who: Principal


def make_link(ctx: Context, who: Principal) -> SignInLinkAnswer:
    """A code that signs the caller in once. Raises `NotAllowed` for who is no person."""
    if who.kind != "person":
        raise NotAllowed("only a person signs in; an agent's token stays with the agent")
    now = ctx.now()
    secret = _add(ctx, "signin", who.subject, who.token, [], now, now + LINK_S)
    return SignInLinkAnswer(code=secret, expires_at=now + LINK_S)


def whose_link(ctx: Context, code: str) -> str:
    """Who a link would sign in, without spending it. Raises `NotSignedIn`."""
    row = _current(ctx, code, "signin")
    if row.used_at is not None:
        raise NotSignedIn("this link has been used; make another one, or sign in with a token")
    return row.subject


def sign_in(ctx: Context, secret: str) -> Session:
    """Begin a session from a person's token, or from a link's code. Raises `NotSignedIn`."""
    now = ctx.now()
    row = _current(ctx, secret, "person", "signin")
    if row.kind == "signin":
        person = _parent(ctx, row)
        with ctx.store.write() as tx:
            if not tokens.use(tx, row.id, now):
                raise NotSignedIn(
                    "this link has been used; make another one, or sign in with a token"
                )
    else:
        person = row
    until = min(now + SESSION_S, person.expires_at or now + SESSION_S)
    made = _add(ctx, "session", person.subject, person.id, person.roles, now, until)
    return Session(made, until, _principal(person))


def signed_in(ctx: Context, secret: str) -> Principal:
    """The person behind a session. Raises `NotSignedIn` when it, or its token, has ended."""
    return _principal(_parent(ctx, _current(ctx, secret, "session")))


def sign_out(ctx: Context, secret: str) -> None:
    """End a session; one that has ended already is no error."""
    with ctx.store.write() as tx:
        row = tokens.by_hash(tx, hash_of(secret))
        if row is not None and row.kind == "session":
            tokens.revoke(tx, row.id, ctx.now())


def _current(ctx: Context, secret: str, *kinds: str) -> TokenRow:
    with ctx.store.read() as tx:
        row = tokens.by_hash(tx, hash_of(secret))
    if row is None:
        raise NotSignedIn("this token is not known here; ask this domain's operator for one")
    if row.kind not in kinds:
        raise NotSignedIn("this is no person's token; ask this domain's operator for one")
    return _checked(ctx, row)


def _parent(ctx: Context, row: TokenRow) -> TokenRow:
    with ctx.store.read() as tx:
        parent = tokens.get(tx, str(row.claims["of"]))
    if parent is None:
        raise NotSignedIn("the token behind this is gone; sign in again")
    return _checked(ctx, parent)


def _checked(ctx: Context, row: TokenRow) -> TokenRow:
    if row.revoked_at is not None:
        raise NotSignedIn("this has been ended; sign in again")
    if row.expires_at is not None and row.expires_at < ctx.now():
        raise NotSignedIn("this has expired; sign in again")
    return row


def _principal(row: TokenRow) -> Principal:
    return Principal(row.id, row.kind, row.subject, frozenset(row.roles), None, row.claims)


def _add(
    ctx: Context, kind: str, subject: str, of: str, roles: list[str], now: float, until: float
) -> str:
    secret = f"weir_{kind}_{ctx.new_secret()}"
    row = TokenRow(
        id=ctx.new_id("t"),
        kind=kind,
        subject=subject,
        roles=roles,
        cluster=None,
        claims={"of": of},
        created_at=now,
        expires_at=until,
        used_at=None,
        revoked_at=None,
    )
    with ctx.store.write() as tx:
        tokens.add(tx, row, hash_of(secret))
    return secret
