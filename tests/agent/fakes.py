"""A scripted executor and a scripted parent, so that an agent can be tested without either."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from weir.agent.agent import Agent
from weir.agent.pace import Pace
from weir.client.http import Client
from weir.client.problems import Unreachable
from weir.core.errors import BadInput, Superseded
from weir.core.lifecycle import RunEvent
from weir.executors.base import RunFile, Seen
from weir.executors.settings import AgentSettings, LocalSettings, Uplink
from weir.wire.exchange import (
    ExchangeAnswer,
    ExchangeRequest,
    GroupPlace,
    RunOrder,
    UnreadOrder,
)
from weir.wire.jobspec import JobSpec, Tasks
from weir.wire.pools import Free, PoolFields, PoolReport, Shape

SHAPE = Shape(cpu_milli=4000, memory_bytes=2**33)
SPEC = JobSpec(name="job", tasks=(Tasks(command=("true",)),))


def an_order(run: str, revision: int = 1, start_within_s: float = 60.0) -> RunOrder:
    """An order for one task on the only pool."""
    return RunOrder(
        run=run,
        revision=revision,
        job=f"j-{run}",
        root_job=f"j-{run}",
        submitter="ann",
        pool="CN.R1.S1.C1.P1-T",
        groups=(GroupPlace(group="main", count=1),),
        spec=SPEC,
        start_within_s=start_within_s,
    )


class ScriptedExecutor:
    """Does what it is told, remembers what it was asked; its runs outlive the agent."""

    kind = "scripted"

    def __init__(self) -> None:
        self.submitted: list[str] = []
        self.canceled: list[str] = []
        self.forgotten: list[str] = []
        self.refuse: dict[str, str] = {}
        self.unreadable: set[str] = set()
        self.contents: dict[tuple[str, str], bytes] = {}
        self.states: dict[str, Seen] = {}
        self._seen: list[Seen] = []
        self._wake: Callable[[], None] = lambda: None

    def happen(self, run: str, event: RunEvent, **more: int | str) -> None:
        """The resource manager has news of a run."""
        seen = Seen(run, event, 1000.0, **more)  # type: ignore[arg-type]
        self.states[run] = seen
        self._seen.append(seen)
        self._wake()

    def open(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def close(self) -> None:
        pass

    def name_pools(self, identifiers: Mapping[str, str]) -> None:
        self.names = dict(identifiers)

    def pools(self, without: Iterable[RunOrder]) -> Sequence[PoolReport]:
        free = (Free(hosts=1, cpu_milli=4000, memory_bytes=2**33),)
        return [PoolReport(name="cpu", hosts=1, shape=SHAPE, free=free)]

    def admit(self, orders: Sequence[RunOrder], active: Iterable[RunOrder]) -> Mapping[str, str]:
        return {o.run: self.refuse[o.run] for o in orders if o.run in self.refuse}

    def submit(self, orders: Sequence[RunOrder]) -> None:
        self.submitted += [o.run for o in orders]

    def cancel(self, runs: Sequence[str]) -> None:
        self.canceled += runs

    def observe(self) -> Sequence[Seen]:
        seen, self._seen = self._seen, []
        return seen

    def status(self, runs: Sequence[str]) -> Sequence[Seen]:
        gone = RunEvent.VANISHED
        return [self.states.get(r) or Seen(r, gone, 1000.0, reason="unknown") for r in runs]

    def files(self, run: str) -> Sequence[RunFile]:
        if run in self.unreadable:
            raise Unreachable("its server is away")
        return [RunFile(n, len(d)) for (r, n), d in self.contents.items() if r == run]

    def read(self, run: str, name: str, offset: int, limit: int) -> bytes:
        return self.contents[(run, name)][offset : offset + limit]

    def forget(self, runs: Sequence[str]) -> None:
        self.forgotten += runs


class ScriptedParent(Client):
    """A parent that hands out orders and keeps what it is told. `away` makes it unreachable."""

    def __init__(self) -> None:
        self.orders: list[RunOrder] = []
        self.cancels: list[str] = []
        self.recheck: list[str] = []
        self.unread: list[UnreadOrder] = []
        self.reasons: dict[str, str] = {}
        self.heard: list[tuple[int, str, RunEvent]] = []
        self.files: dict[tuple[str, str], int] = {}  # type: ignore[assignment]
        self.requests: list[ExchangeRequest] = []
        self.away = False
        self.lose_answers = 0
        self.refuse_inventory = False
        self.superseded = False
        self.observed = 0
        self._guard = threading.Lock()

    def close(self) -> None:
        pass

    def alive(self) -> None:
        if self.away:
            raise Unreachable("away")

    def exchange(self, request: ExchangeRequest) -> ExchangeAnswer:
        if self.away:
            raise Unreachable("the parent is away")
        if self.superseded and not request.hello:
            raise Superseded("another agent has taken over")
        if self.refuse_inventory and (request.inventory is not None or request.changed):
            raise BadInput("a pool has a mistake")
        with self._guard:
            self.requests.append(request)
            for c in request.chunks:
                assert c.offset <= self.files.get((c.run, c.name), 0), "a gap in a file"
                self.files[(c.run, c.name)] = c.offset + len(base64.b64decode(c.data))
            for o in request.observations:
                if o.seq > self.observed:
                    self.heard.append((o.seq, o.run, o.event))
                    self.reasons[o.run] = o.reason
                    self.observed = o.seq
            if self.lose_answers and request.observations:
                self.lose_answers -= 1
                raise Unreachable("the answer was lost")
            orders: tuple[RunOrder, ...] = ()
            cancels: tuple[str, ...] = ()
            recheck: tuple[str, ...] = ()
            unread: tuple[UnreadOrder, ...] = ()
            if request.want:
                orders = tuple(o for o in self.orders if o.revision > request.after)
                cancels, self.cancels = tuple(self.cancels), []
                recheck, self.recheck = tuple(self.recheck), []
                unread, self.unread = tuple(self.unread), []
            revision = max([request.after, *(o.revision for o in orders)])
        if request.wait_s and not (orders or unread or cancels or recheck):
            time.sleep(0.01)
        return ExchangeAnswer(
            domain="CN.R1-K",
            generation=1,
            acknowledged=self.observed,
            identifiers={"cpu": "CN.R1.S1.C1.P1-T"},
            orders=orders,
            unread=unread,
            cancels=cancels,
            recheck=recheck,
            revision=revision,
            lease_s=1.0,
            server_time=0.0,
        )

    def events(self, run: str) -> list[RunEvent]:
        """What was heard of a run, in order."""
        return [event for _, r, event in self.heard if r == run]


class Running:
    """An agent at work in a thread, over a home folder; `kill` leaves as kill -9 does."""

    def __init__(
        self, home: Path, executor: ScriptedExecutor, parent: ScriptedParent, now: float = 1000.0
    ) -> None:
        token = home / "token"
        home.mkdir(exist_ok=True)
        token.write_text("weir_agent_x\n")
        settings = AgentSettings(
            name="a",
            executor=LocalSettings(pools=(PoolFields(name="cpu", hosts=1, shape=SHAPE),)),
            uplinks=(Uplink(url="http://parent", token_file=token, cluster="CN.R1.S1.C1-9"),),
        )
        self.now = now
        self.agent = Agent(
            settings,
            executor,
            home,
            lambda: self.now,
            lambda kind: kind + "0123456789",
            pace=Pace(look_s=0.02, ping_s=30.0),
            connect=lambda _url, _token: parent,
        )
        self.error: object = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self.error = self.agent.run()

    def stop(self) -> None:
        """As SIGTERM does."""
        self.agent.stop()
        self._thread.join(timeout=20)
        assert not self._thread.is_alive()

    def ended(self) -> bool:
        """Whether it has stopped by itself."""
        return not self._thread.is_alive()


def until(true: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.005)
