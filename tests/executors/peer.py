"""A peer that is a table: the calls that a link's executor makes, answered without a server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.builders import NOW, foreign
from weir.client.http import Client, FilePiece
from weir.client.problems import Unreachable
from weir.core.errors import NotFound, WeirError
from weir.core.lifecycle import JOB_FINAL, JobState
from weir.executors.base import Seen
from weir.executors.federated import FederatedExecutor
from weir.executors.settings import FederatedSettings
from weir.wire.exchange import GroupPlace, RunOrder
from weir.wire.jobs import (
    FileAnswer,
    FilesAnswer,
    JobAnswer,
    JobChange,
    JobDetailAnswer,
    SubmitAnswer,
    SubmitRequest,
    WatchAnswer,
)
from weir.wire.jobspec import JobSpec
from weir.wire.pools import PoolReport

POOL = foreign("gpu", of="CN.R1-K")


def order(run: str, **changes: Any) -> RunOrder:
    spec = JobSpec.model_validate({"name": "job", "tasks": [{"command": ["true"]}]})
    fields = {
        "run": run,
        "revision": 1,
        "job": f"job-{run}",
        "root_job": f"root-{run}",
        "submitter": "li",
        "pool": POOL.id,
        "groups": (GroupPlace(group="main", count=2),),
        "spec": spec,
        "path": ("CN-F",),
        "start_within_s": 60,
    }
    return RunOrder(**{**fields, **changes})


class Peer(Client):
    """The other server. `lose` answers, `away` altogether, `refuse` runs with an error."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.jobs_by_run: dict[str, str] = {}
        self.changes: list[JobChange] = []
        self.files_of: dict[str, dict[str, bytes]] = {}
        self.offers: dict[str, PoolReport] = {POOL.id: POOL}
        self.requests: list[SubmitRequest] = []
        self.canceled: list[str] = []
        self.asked_from: list[int] = []
        self.refuse: dict[str, WeirError] = {}
        self.lose, self.away = 0, False
        self.offer_revision, self.ahead_s = 1, 0.0
        self.before_submit: Callable[[], object] = lambda: None
        self._open = True

    def close(self) -> None:
        with self.changed:
            self._open = False
            self.changed.notify_all()

    def submit(self, request: SubmitRequest) -> SubmitAnswer:
        self.before_submit()
        runs = [s.origin.run for s in request.jobs if s.origin]
        with self.changed:
            self._reached()
            self.requests.append(request)
            for run in runs:
                if run in self.refuse:
                    raise self.refuse[run]
            for run in runs:
                self.jobs_by_run.setdefault(run, f"peer-{run}")
            self.changed.notify_all()
            if self.lose:
                self.lose -= 1
                raise Unreachable("the answer was lost")
        return SubmitAnswer(ids=tuple((self.jobs_by_run[r],) for r in runs))

    def cancel(self, job: str) -> JobAnswer:
        with self.changed:
            self._reached()
            self.canceled.append(job)
            self.changed.notify_all()
        return self.job(job)

    def job(self, job: str) -> JobDetailAnswer:
        self._reached()
        runs = {j: r for r, j in self.jobs_by_run.items()}
        if job not in runs:
            raise NotFound(f"there is no job {job} here")
        last = [c for c in self.changes if c.job == job]
        return _job(job, last[-1] if last else None)

    def watch(
        self, *, jobs_after: int = 0, offers_after: int = 0, wait_s: float = 0
    ) -> WatchAnswer:
        with self.changed:
            self.asked_from.append(jobs_after)
            self.changed.wait_for(lambda: self._news(jobs_after, offers_after), wait_s)
            self._reached()
            jobs = tuple(c for c in self.changes if c.seq > jobs_after)
            fresh = offers_after < self.offer_revision
            return WatchAnswer(
                job_seq=max((c.seq for c in self.changes), default=0),
                jobs=jobs,
                offer_revision=self.offer_revision,
                offers=tuple(self.offers.values()) if fresh else (),
                complete=offers_after == 0,
                server_time=NOW + self.ahead_s,
            )

    def files(self, job: str) -> FilesAnswer:
        found = self.files_of.get(job, {})
        sizes = tuple(FileAnswer(name=n, size=len(d)) for n, d in found.items())
        return FilesAnswer(run=None, files=sizes)

    def read_file(
        self, job: str, name: str, offset: int = 0, limit: int | None = None, wait_s: float = 0
    ) -> FilePiece:
        data = self.files_of[job][name]
        end = None if limit is None else offset + limit
        return FilePiece(data[offset:end], len(data), False)

    def tell(self, run: str, state: str, **fields: Any) -> None:
        """A job has changed, once it was handed over."""
        self.wait(lambda: run in self.jobs_by_run)
        with self.changed:
            made = {
                "seq": len(self.changes) + 1,
                "job": self.jobs_by_run[run],
                "run": run,
                "state": JobState(state),
                "pool": POOL.id,
                "started_at": NOW + self.ahead_s if state in ("running", "succeeded") else None,
                "ended_at": NOW + self.ahead_s if state in JOB_FINAL else None,
                "exit_code": None,
                "reason": "",
                "place": ("north",),
            }
            self.changes.append(JobChange(**{**made, **fields}))
            self.changed.notify_all()

    def wait(self, true: Callable[[], bool]) -> None:
        """Until something is true of what was asked here."""
        with self.changed:
            assert self.changed.wait_for(true, 10)

    def offer(self, *pools: PoolReport) -> None:
        with self.changed:
            self.offers = {p.id: p for p in pools}
            self.offer_revision += 1
            self.changed.notify_all()

    def replaced(self) -> None:
        """Its data is gone, and it counts from the beginning."""
        with self.changed:
            self.jobs_by_run, self.changes, self.offer_revision = {}, [], 1
            self.changed.notify_all()

    def _reached(self) -> None:
        if self.away or not self._open:
            raise Unreachable("the peer is away")

    def _news(self, jobs_after: int, offers_after: int) -> bool:
        seq = max((c.seq for c in self.changes), default=0)
        jobs = seq != jobs_after
        offers = self.offer_revision != offers_after
        return not self._open or jobs or offers


class Link:
    """An open executor over a peer, and what it has seen."""

    def __init__(self, home: Path, peer: Peer) -> None:
        home.mkdir(exist_ok=True)
        (home / "token").write_text("weir_node_x\n")
        self.peer, self.woken = peer, threading.Event()
        settings = FederatedSettings(url="http://peer", token_file=home / "token")
        self.executor = FederatedExecutor(
            settings, home, lambda: NOW, connect=lambda _url, _token: peer
        )
        self.all: list[Seen] = []

    def __enter__(self) -> Link:
        self.peer._open = True
        self.executor.open(self.woken.set)
        return self

    def __exit__(self, *_: object) -> None:
        self.executor.close()

    def see(self, count: int) -> list[tuple[str, str]]:
        """(run, event) of the next `count` things that are seen."""
        return [(s.run, str(s.event)) for s in self.seen(count)]

    def seen(self, count: int) -> list[Seen]:
        found: list[Seen] = []
        while True:
            self.woken.clear()
            found += self.executor.observe()
            if len(found) >= count:
                self.all += found
                return found
            assert self.woken.wait(10), f"only saw {found}"

    def wait_for_offers(self) -> None:
        while not self.executor._complete:
            assert self.woken.wait(10)
            self.woken.clear()


def _job(job: str, change: JobChange | None) -> JobDetailAnswer:
    fields: dict[str, Any] = {
        "id": job,
        "name": "job",
        "state": change.state if change else JobState.WAITING,
        "submitter": "li",
        "priority": 50,
        "submitted_at": NOW,
        "started_at": None,
        "ended_at": None,
        "exit_code": change.exit_code if change else None,
        "reason": change.reason if change else "",
        "pool": None,
        "pool_name": None,
        "site_name": None,
        "emulated": None,
        "place": change.place if change else (),
        "array": None,
        "array_index": None,
        "root_job": "root",
        "attempts": 0,
        "spec": order("x").spec,
        "path": (),
        "runs": (),
        "history": (),
    }
    return JobDetailAnswer(**fields)
