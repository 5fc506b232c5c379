"""The errors that people meet: each has an HTTP status and a stable code, and says a way out.

They are rendered in one place (`weir.api.problems`, RFC 9457 problem details) and raised anywhere.
An impossible state is not one of these: it raises `AssertionError` and crashes loudly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in an input: the field (such as `tasks[0].cpu`), what, and the line."""

    field: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}, {self.field}" if self.line else self.field
        return f"{where}: {self.message}"


class WeirError(Exception):
    """An expected failure. `status` is HTTP's, `code` never changes once published."""

    status = 500
    code = "weir.internal"
    title = "Something went wrong"

    def __init__(self, detail: str, mistakes: Sequence[Mistake] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.mistakes = tuple(mistakes)

    def __str__(self) -> str:
        return "\n  ".join([self.detail, *map(str, self.mistakes)])


class BadInput(WeirError):
    """The request can't be understood; `mistakes` names every one that was found."""

    status, code, title = 422, "weir.input.invalid", "The input has mistakes"


class NotSignedIn(WeirError):
    """No token, or one that is unknown, expired, used or revoked."""

    status, code, title = 401, "weir.auth.required", "A valid token is needed"


class NotAllowed(WeirError):
    """The token is good, but its holder may not do this."""

    status, code, title = 403, "weir.auth.forbidden", "Not allowed"


class NotFound(WeirError):
    """There is no such thing here."""

    status, code, title = 404, "weir.not_found", "Not found"


class Conflict(WeirError):
    """What the caller last saw has changed since: read again, then decide again."""

    status, code, title = 409, "weir.conflict", "Conflict"


class InventoryConflict(Conflict):
    """Compare-and-swap on a cluster's generation failed."""

    code, title = "weir.inventory.conflict", "The inventory has changed since"


class Superseded(Conflict):
    """Another process of the same agent has registered later; this one must stop."""

    code, title = "weir.agent.superseded", "Another agent speaks for this cluster"


class ClusterInUse(Conflict):
    """A cluster that is to be removed still has work."""

    code, title = "weir.cluster.in_use", "The cluster is in use"


class JoinTokenUsed(Conflict):
    """A join token works once."""

    code, title = "weir.join.used", "The join token has been used"


class NotReady(WeirError):
    """The server can't serve yet, or its store is away; trying again is right."""

    status, code, title = 503, "weir.not_ready", "Not ready"


class TooLarge(WeirError):
    """The thing sent is over a stated limit."""

    status, code, title = 413, "weir.too_large", "Too large"
