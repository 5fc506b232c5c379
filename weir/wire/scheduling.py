"""What a domain schedules by, as it is asked for, told and changed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from weir.wire.base import Answer, Wire
from weir.wire.queues import QueueEntry

Seen = Annotated[int, Field(ge=0)]
"""The number of the last change that the asker knows of: with another one since, nothing is done.
"""


class QueuesRequest(Wire):
    """These queues instead of those that there are; none: the domain has no queues any more."""

    queues: tuple[QueueEntry, ...]
    seen: Seen | None = None


class PolicyRequest(Wire):
    """The name of the policy to schedule by."""

    policy: str
    seen: Seen | None = None


class SchedulingChange(Answer):
    """A change of `what`: policy, queues, or start (both, by a start of the server that says
    something else than the start before). `set_by` is empty then.
    """

    number: int
    set_at: float
    set_by: str
    what: str
    policy: str
    queues: tuple[str, ...]


class SchedulingAnswer(Answer):
    """What counts now. `number` is that of the last change, 0 if nothing was changed since the
    first start; `changes` are the last ones, newest first.
    """

    number: int
    policy: str
    queues: tuple[QueueEntry, ...]
    changes: tuple[SchedulingChange, ...]
