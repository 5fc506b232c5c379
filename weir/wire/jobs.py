"""Submitting jobs and reading them back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from weir.core.lifecycle import JobState, RunState
from weir.wire.base import Answer, Wire
from weir.wire.jobspec import JobSpec
from weir.wire.pools import PoolReport

MAX_BATCH = 1000
"""Most jobs in one submission; an array counts its members."""


class Origin(Wire):
    """Set by a parent that hands a run down (or a child that hands one up): where it comes from.

    `run` makes the submission idempotent; `path` are the domains the job has been through, this
    caller's included; `pool` is the pool that the caller has chosen. What is not placed within
    `start_within_s` is refused.
    """

    run: str
    root_job: str
    submitter: str
    path: tuple[str, ...]
    pool: str
    groups: tuple[tuple[str, int], ...] = ()
    array_index: int | None = None
    start_within_s: Annotated[float, Field(ge=0)]
    restore: str | None = Field(None, description="a checkpoint left for this run to go on from")


class Submission(Wire):
    """One job. `key` makes a person's submission idempotent: the same key gives the same job."""

    spec: JobSpec
    key: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    origin: Origin | None = None


class SubmitRequest(Wire):
    """Some jobs, all or none."""

    jobs: Annotated[tuple[Submission, ...], Field(min_length=1, max_length=MAX_BATCH)]


class SubmitAnswer(Answer):
    """The jobs' ids, in the order of the request, and array ids where they are arrays."""

    ids: tuple[tuple[str, ...], ...]
    arrays: tuple[str | None, ...] = ()


class TermAnswer(Answer):
    """One term of a score in its own unit, and its share of the sum (lower is better)."""

    name: str
    value: float | None
    unit: str
    cost: float


class CandidateAnswer(Answer):
    """A pool that can take the job."""

    pool: str
    pool_name: str
    site_name: str
    cluster: str
    device_model: str | None
    emulated: bool
    groups: tuple[tuple[str, int, str | None], ...]
    price_micro_per_hour: int
    currency: str
    now: bool
    start_in_s: float | None
    terms: tuple[TermAnswer, ...]
    cost: float


class ReasonAnswer(Answer):
    """One reason, over many pools."""

    reason: str
    pools: int
    needed: str
    best: str
    text: str


class ChangeAnswer(Answer):
    """A single change of the job that would admit more pools; with `now`, it starts at once."""

    reason: str
    wanted: str
    instead: str
    pools: int
    now: bool = False


class RejectionAnswer(Answer):
    """Why one pool said no: every reason it has."""

    pool: str
    pool_name: str
    site_name: str
    reasons: tuple[str, ...]


class FindRequest(Wire):
    """Ask where a job could run, without submitting it."""

    spec: JobSpec
    policy: str | None = None


class FindAnswer(Answer):
    """Every pool of the network: ranked yes, or no with reasons.

    `said` is when a job that can wait would start instead, if that is better. `suited` counts the
    pools that can take the job, now or later, and `unsuited` the others.

    `starts` is whether the next round would place it if it were submitted now, with those who wait
    ahead of it; if not, `start` is when it would start, as `weir why` would say it then. Null and
    empty where that is not worked out: in a network of more than 1,000 pools and waiting jobs.
    """

    policy: str
    candidates: tuple[CandidateAnswer, ...]
    rejections: tuple[RejectionAnswer, ...]
    reasons: tuple[ReasonAnswer, ...]
    changes: tuple[ChangeAnswer, ...]
    suited: int | None = None
    unsuited: int | None = None
    said: tuple[SayingAnswer, ...] = ()
    starts: bool | None = None
    start: tuple[SayingAnswer, ...] = ()


class SayingAnswer(Answer):
    """One sentence of an answer as a code with its values, for who says it in another language.

    The codes are those of `weir.scheduling.explain_words`; names ending in `_s` are seconds.
    """

    code: str
    values: dict[str, str | int | float] = {}


class WhyAnswer(Answer):
    """Why a job stands where it stands: reasons of a waiting job, terms of a placed one.

    `text` is in English; `said` is the same as codes.

    `start_s` is when a waiting one should start, in seconds from now: at the soonest and at the
    latest, null where that is not known. `room_made_by` are jobs that are stopping for it.
    """

    job: str
    state: JobState
    text: str
    ahead: int = 0
    held_pool: str | None = None
    hopeless: bool = False
    start_s: tuple[float | None, float | None] = (None, None)
    room_made_by: tuple[str, ...] = ()
    said: tuple[SayingAnswer, ...] = ()
    reasons: tuple[ReasonAnswer, ...] = ()
    changes: tuple[ChangeAnswer, ...] = ()
    chosen: CandidateAnswer | None = None
    runner_up: CandidateAnswer | None = None


class RunAnswer(Answer):
    """One attempt."""

    id: str
    cluster: str
    pool: str
    pool_name: str
    site_name: str
    device_model: str | None
    emulated: bool
    state: RunState
    assigned_at: float
    started_at: float | None
    ended_at: float | None
    exit_code: int | None
    reason: str
    place: tuple[str, ...]


class HistoryAnswer(Answer):
    """One entry of a job's history."""

    at: float
    what: str
    detail: str


class JobAnswer(Answer):
    """A job in a list."""

    id: str
    name: str
    state: JobState
    submitter: str
    priority: int
    queue: str = ""
    preemptible: bool = False
    start_after: float | None = None
    submitted_at: float
    started_at: float | None
    ended_at: float | None
    exit_code: int | None
    reason: str
    pool: str | None
    pool_name: str | None
    site_name: str | None
    emulated: bool | None
    place: tuple[str, ...]
    array: str | None
    array_index: int | None
    root_job: str
    attempts: int


class JobDetailAnswer(JobAnswer):
    """A job with all that is known of it; `spec` is null for who neither owns nor operates it."""

    spec: JobSpec | None
    path: tuple[str, ...]
    runs: tuple[RunAnswer, ...]
    history: tuple[HistoryAnswer, ...]


class JobsAnswer(Answer):
    """A page of jobs, newest first; `next` is the `before` of the next page."""

    jobs: tuple[JobAnswer, ...]
    next: str | None


class FileAnswer(Answer):
    """A file of a job that can be read here."""

    name: str
    size: int


class FilesAnswer(Answer):
    """The files of a job's latest run."""

    run: str | None
    files: tuple[FileAnswer, ...]


class JobChange(Answer):
    """What a parent or child needs to know of a job that it handed over.

    `run` is the caller's own run id; `lost`: the job ended because its center was lost.
    """

    seq: int
    job: str
    run: str
    state: JobState
    pool: str | None
    started_at: float | None
    ended_at: float | None
    exit_code: int | None
    reason: str
    place: tuple[str, ...]
    lost: bool = False


class WatchAnswer(Answer):
    """What has changed: jobs that the caller handed over, and pools as they look to the caller.

    `domains` are the names of the domains that are known there, by identifier.

    `data_id` is the domain's data's own: with another one, all numbers begin anew.
    """

    data_id: str = ""
    job_seq: int
    jobs: tuple[JobChange, ...]
    offer_revision: int
    offers: tuple[PoolReport, ...]
    gone: tuple[str, ...] = ()
    complete: bool = False
    domains: dict[str, str] = {}
    server_time: float


Scope = Literal["domain", "network"]
"""What indicators cover: a domain with all that is under it, or the whole network that it sees."""


class IndicatorAnswer(Answer):
    """A defined quantity: value (null: unknown), unit, and how it adds up. `why` says what the
    value leaves out, or why there is none.
    """

    name: str
    label: str
    label_zh: str
    unit: str
    kind: str = ""
    why: str = ""
    source: str = ""
    law: str
    value: float | int | None
    by: dict[str, float | int | None]
    definition: str


class ClusterAnswer(Answer):
    """A cluster as its domain sees it."""

    id: str
    name: str
    site: str
    site_name: str
    executor: str
    direction: str
    peer_domain: str | None
    generation: int
    silent: bool
    heard_at: float | None
    clock_skew_s: float
    rtt_us: int | None
    pools: int
    version: str


class IdentifierAnswer(Answer):
    """What an identifier stands for; `referral` is where to ask if this server does not know."""

    id: str
    kind: str
    name: str | None
    parent: str | None
    known: bool
    retired: bool
    source: str
    referral: str | None
    facts: dict[str, Any]
