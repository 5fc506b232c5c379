"""Leases on the wire: who may have which hosts, and when."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from weir.core import units
from weir.wire.base import Answer, Wire
from weir.wire.jobspec import Duration, Name
from weir.wire.pools import MAX_HOSTS


class LeaseRequest(Wire):
    """Whole hosts of a pool for a queue or a user; times are durations from now on."""

    pool: str
    hosts: Annotated[int, Field(ge=1, le=MAX_HOSTS)]
    queue: Name | None = None
    user: Annotated[str, Field(min_length=1, max_length=120)] | None = None
    starts_in: Duration | None = Field(None, description="from now on; left out: at once")
    lasts: Duration

    @model_validator(mode="after")
    def _one_holder(self) -> Self:
        if (self.queue is None) == (self.user is None):
            raise ValueError("give either queue or user: whose jobs may fill it")
        return self

    @property
    def starts_in_s(self) -> int:
        """Seconds until it begins."""
        return 0 if self.starts_in is None else units.parse_duration_s(self.starts_in)

    @property
    def lasts_s(self) -> int:
        """Seconds from its begin to its end."""
        return units.parse_duration_s(self.lasts)


class LeaseAnswer(Answer):
    """A lease as a server tells of it; times are seconds since 1970, `state` coming, now or over.

    `filled` is how many of its hosts its holder's jobs have taken anything of.
    """

    id: str
    pool: str
    pool_name: str
    site_name: str
    hosts: int
    filled: int
    queue: str | None
    user: str | None
    starts_at: float
    ends_at: float
    state: str
    made_by: str
