"""The Python SDK: what `weir` does on the command line, for scripts and notebooks.

>>> from weir.client import Weir
>>> with Weir() as weir:  # WEIR_URL and WEIR_TOKEN_FILE, or the context file  # doctest: +SKIP
...     job = weir.submit("train.yaml")
...     for text in job.logs(follow=True):
...         print(text, end="")
...     print(job.wait().state)
"""

from __future__ import annotations

import codecs
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from weir.client.context import resolve
from weir.client.files import pieces
from weir.client.http import Client
from weir.client.patience import NONE, Patience
from weir.core.errors import BadInput
from weir.core.lifecycle import JOB_FINAL, JobState
from weir.wire.jobs import (
    MAX_BATCH,
    FindAnswer,
    FindRequest,
    IndicatorAnswer,
    JobAnswer,
    JobDetailAnswer,
    Scope,
    Submission,
    SubmitAnswer,
    SubmitRequest,
    WhyAnswer,
)
from weir.wire.jobspec import JobSpec
from weir.wire.mistakes import validated
from weir.wire.pools import PoolAnswer
from weir.wire.queues import QueueAnswer
from weir.wire.specfile import read_job_file

JobLike = JobSpec | Mapping[str, Any] | str | Path
"""A job: a `JobSpec`, a dict of the same fields, or the path of a job file."""

_POLL_S = (0.2, 0.5, 1.0, 2.0, 5.0)


class Weir:
    """A network, as one server shows it. Close it, or use it in a `with`.

    `url` and `token` default to WEIR_URL with WEIR_TOKEN_FILE (or WEIR_TOKEN), and else to the
    default server of the context file; `url` may be a name of that file too.

    >>> weir = Weir("http://127.0.0.1:7500")  # doctest: +SKIP
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout_s: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        if url is None or token is None:
            target = resolve(url)
            url, token = target.url, token or target.token
        self.client = Client(url, token, timeout_s, transport=transport)

    @classmethod
    def over(cls, client: Client) -> Self:
        """The SDK over a client that is there already."""
        weir = cls.__new__(cls)
        weir.client = client
        return weir

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.close()

    def find(self, job: JobLike, policy: str | None = None) -> FindAnswer:
        """Where a job could run: ranked candidates, and why not for every other pool.

        >>> best = weir.find("train.yaml").candidates[0]  # doctest: +SKIP
        >>> best.site_name, best.price_micro_per_hour  # doctest: +SKIP
        """
        return self.client.find(FindRequest(spec=spec_of(job), policy=policy))

    def submit(self, job: JobLike, key: str | None = None) -> Job:
        """Submit one job. The same `key` again gives the same job; an array goes by `submit_all`.

        >>> job = weir.submit({  # doctest: +SKIP
        ...     "name": "hello",
        ...     "tasks": [{"command": ["echo", "hello"]}],
        ... })
        """
        spec = spec_of(job)
        if spec.array is not None:
            raise BadInput(f"{spec.name} is an array of jobs; submit it with submit_all([...])")
        return self._submit([Submission(spec=spec, key=key)])[0]

    def submit_all(self, jobs: Sequence[JobLike]) -> list[Job]:
        """Submit some jobs, all or none, at most 1000; an array gives each of its members.

        >>> jobs = weir.submit_all(["a.yaml", "b.yaml"])  # doctest: +SKIP
        """
        return self._submit([Submission(spec=spec_of(job)) for job in jobs])

    def _submit(self, submissions: Sequence[Submission]) -> list[Job]:
        answer = submit_batch(self.client, submissions)
        return [Job(self, job) for ids in answer.ids for job in ids]

    def jobs(
        self,
        *,
        state: JobState | str | None = None,
        submitter: str | None = None,
        name: str | None = None,
        array: str | None = None,
        limit: int | None = None,
    ) -> Iterator[JobAnswer]:
        """Jobs, newest first, at most `limit`; pages are fetched as they are needed.

        >>> [j.id for j in weir.jobs(state="running", limit=10)]  # doctest: +SKIP
        """
        wanted = None if state is None else JobState(state)
        left, before = limit, None
        while left is None or left > 0:
            page = self.client.jobs(
                state=wanted,
                submitter=submitter,
                name=name,
                array=array,
                before=before,
                limit=None if left is None else min(left, MAX_BATCH),
            )
            yield from page.jobs if left is None else page.jobs[:left]
            left = None if left is None else left - len(page.jobs)
            before = page.next
            if before is None or not page.jobs:
                return

    def show(self, job: Job | str) -> JobDetailAnswer:
        """All that is known of a job: its runs, its path and its history.

        >>> weir.show(job).runs[-1].site_name  # doctest: +SKIP
        """
        return self.client.job(_id(job))

    def why(self, job: Job | str) -> WhyAnswer:
        """Why a job stands where it stands.

        >>> print(weir.why(job).text)  # doctest: +SKIP
        """
        return self.client.why(_id(job))

    def cancel(self, job: Job | str) -> JobAnswer:
        """Cancel a job.

        >>> weir.cancel(job).state  # doctest: +SKIP
        """
        return self.client.cancel(_id(job))

    def logs(
        self,
        job: Job | str,
        file: str = "stdout",
        *,
        follow: bool = False,
        sleep: Callable[[float], None] = time.sleep,
        patience: Patience = NONE,
    ) -> Iterator[str]:
        """The text of a job's file as it comes; with `follow` until the file can't grow any more.

        With `patience` a server that gives no answer for a while is asked again.

        >>> for text in weir.logs(job, follow=True):  # doctest: +SKIP
        ...     print(text, end="")
        """
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        read = pieces(self.client, _id(job), file, follow=follow, sleep=sleep, patience=patience)
        for piece in read:
            if text := decoder.decode(piece):
                yield text
        if text := decoder.decode(b"", final=True):
            yield text

    def fetch(self, job: Job | str, file: str) -> bytes:
        """The content of a job's file, as far as it is there; results are in `output/`, which may
        be left out.

        >>> model = weir.fetch(job, "model.json")  # doctest: +SKIP
        """
        return b"".join(pieces(self.client, _id(job), file))

    def wait(
        self,
        job: Job | str,
        timeout_s: float | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        patience: Patience = NONE,
    ) -> JobDetailAnswer:
        """Wait until a job has ended, well or not. Raises `TimeoutError` after `timeout_s` seconds.

        With `patience` a server that gives no answer for a while is asked again.

        >>> weir.wait(job, timeout_s=3600).exit_code  # doctest: +SKIP
        """
        until = None if timeout_s is None else clock() + timeout_s
        for pause in _pauses():
            found = patience.ask(lambda: self.client.job(_id(job)))
            if found.state in JOB_FINAL:
                return found
            left = pause if until is None else until - clock()
            if left <= 0:
                raise TimeoutError(f"{_id(job)} is still {found.state} after {timeout_s:g} s")
            sleep(min(pause, left))
        raise AssertionError("the pauses never end")

    def pools(self) -> list[PoolAnswer]:
        """Every pool of the network.

        >>> sum(p.free_devices_milli for p in weir.pools()) // 1000  # doctest: +SKIP
        """
        return self.client.pools()

    def queues(self) -> list[QueueAnswer]:
        """The domain's queues: weight, quota, what each holds and has held of late.

        >>> {q.name: q.waiting for q in weir.queues()}  # doctest: +SKIP
        """
        return self.client.queues()

    def indicators(self, scope: Scope = "domain") -> list[IndicatorAnswer]:
        """The network's defined quantities.

        >>> {i.name: (i.value, i.unit) for i in weir.indicators()}  # doctest: +SKIP
        """
        return self.client.indicators(scope)


@dataclass(frozen=True, slots=True)
class Job:
    """A submitted job: its id, and the verbs of `Weir` for it."""

    weir: Weir
    id: str

    def __str__(self) -> str:
        return self.id

    def show(self) -> JobDetailAnswer:
        """See `Weir.show`."""
        return self.weir.show(self)

    def why(self) -> WhyAnswer:
        """See `Weir.why`."""
        return self.weir.why(self)

    def logs(self, file: str = "stdout", *, follow: bool = False) -> Iterator[str]:
        """See `Weir.logs`."""
        return self.weir.logs(self, file, follow=follow)

    def fetch(self, file: str) -> bytes:
        """See `Weir.fetch`."""
        return self.weir.fetch(self, file)

    def cancel(self) -> JobAnswer:
        """See `Weir.cancel`."""
        return self.weir.cancel(self)

    def wait(self, timeout_s: float | None = None) -> JobDetailAnswer:
        """See `Weir.wait`."""
        return self.weir.wait(self, timeout_s)


def spec_of(job: JobLike) -> JobSpec:
    """The job that was meant. Raises `BadInput` with every mistake."""
    if isinstance(job, JobSpec):
        return job
    if isinstance(job, str | Path):
        return read_job_file(Path(job))
    return validated(JobSpec, job, "the job")


def submit_batch(client: Client, submissions: Sequence[Submission]) -> SubmitAnswer:
    """Submit in one call. Raises `BadInput` for none, or more than `MAX_BATCH`."""
    if not 1 <= len(submissions) <= MAX_BATCH:
        raise BadInput(f"one call takes 1 to {MAX_BATCH} jobs, not {len(submissions)}")
    return client.submit(SubmitRequest(jobs=tuple(submissions)))


def _pauses() -> Iterator[float]:
    """Seconds between two looks: soon at first, then patiently."""
    yield from _POLL_S
    while True:
        yield _POLL_S[-1]


def _id(job: Job | str) -> str:
    return job.id if isinstance(job, Job) else job
