"""Who may do what: one table, one check.

A caller is a person, an agent (of one cluster), a node (a link between two domains, which speaks
for the cluster that stands for its domain here), or a newcomer with a join token. Certificates,
accounts and single sign-on will end in the same `Principal`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from weir.control.context import Context
from weir.core.errors import NotAllowed, NotReady, NotSignedIn
from weir.store import tokens
from weir.store.rows import JobRow, TokenRow


class Action(StrEnum):
    """What a call does, as far as permission goes."""

    READ = "read"
    SUBMIT = "submit"
    CANCEL = "cancel"
    OPERATE = "operate"  # tokens, joining, identity
    EXCHANGE = "exchange"
    WATCH = "watch"
    JOIN = "join"


ALLOWED: Mapping[Action, frozenset[str]] = {
    Action.READ: frozenset({"viewer", "user", "operator", "node"}),
    Action.SUBMIT: frozenset({"user", "operator", "node"}),
    Action.CANCEL: frozenset({"user", "operator", "node"}),
    Action.OPERATE: frozenset({"operator"}),
    Action.EXCHANGE: frozenset({"agent", "node"}),
    Action.WATCH: frozenset({"node"}),
    Action.JOIN: frozenset({"join"}),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose token is good."""

    token: str
    kind: str
    subject: str
    roles: frozenset[str]
    cluster: str | None
    claims: Mapping[str, Any]


def hash_of(secret: str) -> str:
    """What is kept of a secret. Secrets are 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def authenticate(ctx: Context, secret: str | None) -> Principal:
    """The caller behind a secret. Raises `NotSignedIn` with the reason and the way out, and
    `NotReady` for one who has joined and is not approved yet.
    """
    if not secret:
        raise NotSignedIn("send a token in the Authorization header: Bearer TOKEN")
    with ctx.store.read() as tx:
        row = tokens.by_hash(tx, hash_of(secret))
    if row is None:
        raise NotSignedIn("this token is not known here; ask this domain's operator for one")
    _check_current(row, ctx.now())
    waits = row.claims.get("pending")
    if waits:
        raise NotReady(
            f"{waits['site_name']} has joined, and waits for an operator here to approve it: "
            f"`weir joins approve {row.id}`, or in the console under Operations"
        )
    return Principal(row.id, row.kind, row.subject, frozenset(row.roles), row.cluster, row.claims)


def _check_current(row: TokenRow, now: float) -> None:
    if row.revoked_at is not None:
        raise NotSignedIn("this token was revoked; ask this domain's operator for a new one")
    if row.expires_at is not None and row.expires_at < now:
        raise NotSignedIn("this token has expired; ask this domain's operator for a new one")


def check(who: Principal, action: Action) -> None:
    """Raise `NotAllowed` unless one of the caller's roles may do this."""
    if not who.roles & ALLOWED[action]:
        wanted = " or ".join(sorted(ALLOWED[action]))
        held = ", ".join(sorted(who.roles)) or "none"
        raise NotAllowed(f"to {action} takes the role {wanted}; {who.subject} has {held}")


def owns(who: Principal, job: JobRow) -> bool:
    """Whether a job is the caller's to read whole and to cancel.

    An operator's are all; a link's those that it handed over. A person's are those submitted here
    in their name: a name says who somebody is in one domain only, so what came over a link is
    nobody's here, whatever name it bears.
    """
    if who.kind == "node":
        return job.origin_cluster is not None and job.origin_cluster == who.cluster
    if "operator" in who.roles:
        return True
    return who.kind == "person" and job.origin_cluster is None and job.submitter == who.subject


def check_cluster(who: Principal, cluster: str) -> None:
    """Raise `NotAllowed` unless the caller speaks for this cluster."""
    if who.cluster != cluster:
        raise NotAllowed(f"this token speaks for {who.cluster}, not for {cluster}")
