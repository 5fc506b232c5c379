"""The one call between an agent and its parent: `exchange(inventory, observations) -> assignments`.

Laws:
- The agent numbers its observations; the parent applies each number once and answers the highest it
  has. A lost answer costs a repeat, never a second effect.
- The agent sends its inventory with the generation it last heard; the parent swaps it in only if
  that is still the one it has.
- Assignments are numbered by `revision`; asking again from revision 0 gives all that still stand.
- Both sides may be of other versions, as they belong to others (`read_request`, `read_answer`):
  what a newer agent tells beyond this is not heard; an order with anything in it that the agent
  does not know is sent back with the reason, alone. What has its default value is not sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import pydantic_core
from pydantic import Field, ValidationError

from weir.core.inventory import MAX_LATENCY_US
from weir.core.lifecycle import RunEvent
from weir.wire.base import Answer, Wire
from weir.wire.jobspec import JobSpec
from weir.wire.mistakes import mistakes_of
from weir.wire.pools import PoolReport
from weir.wire.samples import Gap, SampleBlock
from weir.wire.usage import MAX_USES, RunUse

MAX_WAIT_S = 60.0
"""Longest that a call waits for orders, in seconds."""

MAX_CHUNK_BYTES = 256 * 2**10
"""Largest piece of a file in one exchange."""

MAX_DOMAINS = 5000
"""Most domains whose names one call tells."""

Number = Annotated[int, Field(ge=0, le=2**62)]
"""A number that only ever goes up, and fits a column."""


class Observation(Wire):
    """Something that happened to a run, by the agent's clock."""

    seq: Annotated[Number, Field(ge=1)]
    run: str
    event: RunEvent
    at: float
    exit_code: Annotated[int, Field(ge=-(2**31), lt=2**31)] | None = None
    reason: str = Field("", max_length=2000)
    place: tuple[str, ...] = Field((), description="names passed on the way, nearest first")


class FileChunk(Wire):
    """A piece of one of a run's files (`stdout`, `stderr`, or an output), base64."""

    run: str
    name: Annotated[str, Field(min_length=1, max_length=300)]
    offset: Annotated[int, Field(ge=0)]
    data: str


class ExchangeRequest(Wire):
    """What the agent says. `sent_at` is its own clock, so that a wrong clock can be told."""

    cluster: str
    incarnation: Annotated[str, Field(min_length=8, max_length=64)]
    hello: bool = Field(False, description="first call of this process: it takes over")
    journal: Annotated[str, Field(min_length=8, max_length=64)]
    sent_at: float
    version: str = ""
    rtt_us: Annotated[int, Field(ge=0, le=MAX_LATENCY_US)] | None = None
    generation: Number = 0
    inventory: tuple[PoolReport, ...] | None = None
    changed: tuple[PoolReport, ...] = Field((), description="pools of which only `free` changed")
    observations: Annotated[tuple[Observation, ...], Field(max_length=5000)] = ()
    chunks: Annotated[tuple[FileChunk, ...], Field(max_length=5000)] = ()
    samples: Annotated[tuple[SampleBlock, ...], Field(max_length=50)] = ()
    gaps: Annotated[tuple[Gap, ...], Field(max_length=1000)] = ()
    uses: Annotated[tuple[RunUse, ...], Field(max_length=MAX_USES)] = ()
    domains: Annotated[dict[str, str], Field(max_length=MAX_DOMAINS)] | None = Field(
        None, description="names of the domains behind a link, by identifier"
    )
    after: Number = 0
    wait_s: Annotated[float, Field(ge=0, le=MAX_WAIT_S)] = 0
    want: bool = Field(True, description="answer with assignments; false when only reporting")


class GroupPlace(Wire):
    """How many tasks of a group to run, and which stack's variant."""

    group: str
    count: Annotated[int, Field(ge=1)]
    stack: str | None = None


class RunOrder(Wire):
    """An assignment: run this job here. `start_within_s` counts from when the agent hears of it."""

    run: str
    revision: int
    job: str
    root_job: str
    submitter: str
    pool: str
    groups: tuple[GroupPlace, ...]
    spec: JobSpec
    array_index: int | None = None
    path: tuple[str, ...] = ()
    start_within_s: float
    cancel: bool = False
    restore: str | None = Field(None, description="a checkpoint to go on from; see wire.checkpoint")


class UnreadOrder(Answer):
    """An order that the agent does not understand, and what of it."""

    run: str
    why: str


class ExchangeAnswer(Answer):
    """What the parent says back. `domain` is the parent's identifier."""

    domain: str
    generation: int
    acknowledged: int
    identifiers: dict[str, str] = {}
    orders: tuple[RunOrder, ...] = ()
    cancels: tuple[str, ...] = ()
    recheck: tuple[str, ...] = Field((), description="runs to report the state of")
    resend: bool = Field(False, description="the whole inventory is needed")
    revision: int = 0
    refused: tuple[str, ...] = Field((), description="samples that were not taken, and why")
    lease_s: float
    server_time: float
    unread: tuple[UnreadOrder, ...] = Field((), description="found on reading; never sent")


def read_request(content: bytes) -> ExchangeRequest:
    """What an agent says, without what only a newer version knows. Raises pydantic's error."""
    return ExchangeRequest.model_validate_json(content, extra="ignore")


def read_answer(content: bytes) -> ExchangeAnswer:
    """What a parent says; its orders are understood wholly or are `unread`.

    Raises pydantic's `ValidationError` where it is not an answer at all.
    """
    try:
        return ExchangeAnswer.model_validate_json(content)
    except ValidationError as error:
        if any(e["loc"][0] != "orders" for e in error.errors(include_url=False) if e["loc"]):
            raise
        said = _with_orders(content)
        if said is None:
            raise
    read = list(_read_orders(said.pop("orders")))
    answer = ExchangeAnswer.model_validate(said)
    orders = tuple(o for o in read if isinstance(o, RunOrder))
    unread = tuple(o for o in read if isinstance(o, UnreadOrder))
    return answer.model_copy(update={"orders": orders, "unread": unread})


def _with_orders(content: bytes) -> dict[str, Any] | None:
    """The answer's parts, if each of its orders says at least which run it is about."""
    try:
        said = pydantic_core.from_json(content)
        runs = [order["run"] for order in said["orders"]]
    except (ValueError, TypeError, KeyError):
        return None
    return said if all(isinstance(run, str) for run in runs) else None


def _read_orders(orders: Any) -> Iterator[RunOrder | UnreadOrder]:
    for order in orders:
        try:
            yield RunOrder.model_validate(order)
        except ValidationError as error:
            mistakes = mistakes_of(error.errors(include_url=False), {}, RunOrder)
            yield UnreadOrder(run=order["run"], why="; ".join(str(m) for m in mistakes))
