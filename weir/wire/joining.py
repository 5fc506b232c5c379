"""Joining a parent: a one-time token becomes an identifier and a lasting token."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from weir.wire.base import Answer, Wire
from weir.wire.jobspec import Name


class JoinTokenRequest(Wire):
    """Ask a parent for a token that one newcomer can join with.

    `identifier` is set for a site or domain that already has one from elsewhere: the newcomer may
    then present that one, and only that one.
    """

    kind: Literal["site", "domain"]
    name: Name
    identifier: str | None = None
    domain_kind: Literal["regional", "industry"] | None = None
    expires_in_s: Annotated[float, Field(gt=0, le=30 * 86400)] = 86400


class JoinTokenAnswer(Answer):
    """The token, shown this once."""

    token: str
    expires_at: float


class JoinRequest(Wire):
    """Join with a one-time token in the Authorization header.

    `cluster` names the cluster behind the agent. `identifier` is presented by a cluster (or domain)
    that has one already. `url` is where the newcomer domain's own server answers, if it has one.
    """

    cluster: Name
    executor: Name
    identifier: str | None = None
    url: str | None = None


class JoinAnswer(Answer):
    """Who the newcomer is from now on, and the token of its agent.

    For a domain, `uplink_cluster` and `uplink_token` do not exist here: the way up is a cluster of
    the child, made at the child. While it is `pending` an operator has to approve it first: its
    calls are answered with "not ready" until then.
    """

    identifier: str
    cluster: str
    token: str
    parent: str
    parent_name: str
    pending: bool = False


class JoinRecord(Answer):
    """One who has joined and waits for approval: `id` is that of its token. `again` says that there
    is such a cluster already, whose agent it would replace.
    """

    id: str
    kind: Literal["site", "domain"]
    name: str
    cluster: str
    executor: str
    url: str | None
    asked_at: float
    again: bool


class JoinsAnswer(Answer):
    """Who waits, the longest first; and whether who joins has to wait here."""

    needed: bool
    joins: tuple[JoinRecord, ...]


class DomainAnswer(Answer):
    """Who this server is."""

    id: str | None
    name: str
    kind: str
    parent: str | None
    version: str


class IdentityRequest(Wire):
    """Tell a domain server the identifier that its parent has issued."""

    identifier: str
    parent: str


class UplinkRequest(Wire):
    """Make, at a child, the cluster that stands for its parent: the way up."""

    parent: str
    parent_name: Name
    url: str | None = None


class UplinkAnswer(Answer):
    """The uplink's cluster at the child, and the token for its agent."""

    cluster: str
    token: str


class TokenRequest(Wire):
    """Make a token for a person."""

    subject: Name
    roles: tuple[Literal["user", "operator", "viewer"], ...] = ("user",)
    expires_in_s: Annotated[float, Field(gt=0)] | None = None


class TokenAnswer(Answer):
    """A person's token, shown this once."""

    id: str
    token: str
