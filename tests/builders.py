"""Small builders for stories about domains: a hand-turned clock, scripted agents, no sockets.

`Domain` is one server's use cases; `Cluster` is the agent of a cluster of it, which says what the
story has it say. Both are plain values over `weir.control`; nothing here decides anything.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from weir.control.authorize import Principal, authenticate
from weir.control.begin import begin
from weir.control.cancel import cancel
from weir.control.context import Context, DomainSettings
from weir.control.exchange import exchange
from weir.control.expire import expire
from weir.control.find import find_places, why
from weir.control.join import join, make_join_token, make_uplink, set_identity
from weir.control.schedule import schedule_round
from weir.control.show import list_pools, read_file, show_job
from weir.control.submit import submit
from weir.control.watch import watch
from weir.core import identifiers
from weir.core.lifecycle import JobState, RunEvent
from weir.store.engine import Store
from weir.store.files import Files
from weir.wire.exchange import ExchangeAnswer, ExchangeRequest, FileChunk, Observation, RunOrder
from weir.wire.jobs import (
    FindAnswer,
    FindRequest,
    JobDetailAnswer,
    Origin,
    Submission,
    SubmitRequest,
    WatchAnswer,
    WhyAnswer,
)
from weir.wire.jobspec import JobSpec
from weir.wire.joining import (
    IdentityRequest,
    JoinAnswer,
    JoinRequest,
    JoinTokenRequest,
    UplinkRequest,
)
from weir.wire.pools import Free, PoolAnswer, PoolReport, Shape

GIB = 2**30
H100 = "nvidia-h100-sxm5"
ASCEND = "huawei-ascend-910b"
NOW = 1_700_000_000.0


class Clock:
    """The time, turned by hand."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def turn(self, seconds: float) -> None:
        self.now += seconds


def person(subject: str = "li", *roles: str) -> Principal:
    return Principal("t", "person", subject, frozenset(roles or ("user",)), None, {})


LI = person("li")
OPERATOR = person("operator", "operator")


def pool(
    name: str = "gpu",
    hosts: int = 2,
    devices: int = 8,
    cpu: int = 64,
    memory: int = 512,
    model: str = H100,
    id: str = "",
    **fields: Any,
) -> PoolReport:
    """A pool as an agent reports it, all free; CPU in cores, memory in GiB."""
    whole = ((1000, devices),) if devices else ()
    free = Free(hosts=hosts, cpu_milli=cpu * 1000, memory_bytes=memory * GIB, devices=whole)
    return PoolReport(
        **{
            "id": id,
            "name": name,
            "hosts": hosts,
            "shape": Shape(cpu_milli=cpu * 1000, memory_bytes=memory * GIB, devices=devices),
            "free": (free,),
            "device_model": model if devices else None,
            **fields,
        }
    )


def foreign(name: str, of: str = "CN-F", site: int = 1, **fields: Any) -> PoolReport:
    """A pool of the `site`th site of another domain, as a link passes it on."""
    place = identifiers.issue(of, identifiers.Kind.SITE, site)
    cluster = identifiers.issue(place, identifiers.Kind.CLUSTER, 1)
    fields |= {"site": place, "site_name": f"site {site}", "cluster": cluster}
    return pool(name, id=identifiers.issue(cluster, identifiers.Kind.POOL, 1), **fields)


def spec(name: str = "job", devices: int = 8, count: int = 1, **fields: Any) -> JobSpec:
    """A job of `count` tasks with so many devices each; `fields` are of the job."""
    tasks: dict[str, Any] = {"count": count, "cpu": "1", "memory": "1GiB", "command": ["true"]}
    if devices:
        tasks["devices"] = {"count": devices}
    return JobSpec.model_validate({"name": name, "tasks": [tasks], **fields})


def origin(run: str, pool: str, *path: str, **fields: Any) -> Origin:
    return Origin(
        **{
            "run": run,
            "root_job": "root",
            "submitter": "wang",
            "path": path or ("CN-F",),
            "pool": pool,
            "start_within_s": 60,
            **fields,
        }
    )


class Domain:
    """One domain server without its HTTP: a clock, ids that count, and what it woke."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        name: str = "nation",
        kind: str = "national",
        clock: Clock | None = None,
        wake: Callable[[str], None] | None = None,
        **settings: Any,
    ) -> None:
        self.clock = clock or Clock()
        self.woken: list[str] = []
        numbers = itertools.count(1)
        self.ctx = Context(
            store=store,
            files=Files(str(folder)),
            now=self.clock,
            new_id=lambda kind: f"{kind}{next(numbers):08}",
            new_secret=lambda: f"secret-{next(numbers)}",
            wake=wake or self.woken.append,
            settings=DomainSettings(**settings),
            version="test",
        )
        self.operator_token = begin(self.ctx, name, kind, "CN")

    # Who is in it.

    @property
    def id(self) -> str:
        found = self.ctx.domain().id
        assert found is not None
        return found

    def let_in(self, name: str, cluster: str = "main", **request: Any) -> JoinAnswer:
        """A join token made here and spent at once."""
        brought = {k: request.pop(k) for k in ("as_identifier", "url") if k in request}
        token = make_join_token(
            self.ctx, JoinTokenRequest(**{"kind": "site", "name": name, **request})
        )
        return join(
            self.ctx,
            authenticate(self.ctx, token.token),
            JoinRequest(
                cluster=cluster,
                executor="federated" if request.get("kind") == "domain" else "local",
                identifier=brought.get("as_identifier"),
                url=brought.get("url"),
            ),
        )

    def site(self, name: str, *pools: PoolReport) -> Cluster:
        """A site whose one cluster has said hello and has these pools."""
        cluster = Cluster(self, self.let_in(name))
        cluster.hello()
        if pools:
            cluster.report(*pools)
        return cluster

    def below(self, name: str, *pools: PoolReport, kind: str = "regional") -> Cluster:
        """The link to a child domain, which offers these pools."""
        answer = self.let_in(name, kind="domain", domain_kind=kind, url=f"http://{name}")
        link = Cluster(self, answer)
        link.hello()
        if pools:
            link.report(*pools)
        return link

    def above(self, parent: str = "CN-F", identifier: str = "CN.R1-K") -> Cluster:
        """The way up, at a child that takes on an identifier first."""
        set_identity(self.ctx, IdentityRequest(identifier=identifier, parent=parent))
        made = make_uplink(
            self.ctx, UplinkRequest(parent=parent, parent_name="nation", url="http://nation")
        )
        return Cluster(
            self,
            JoinAnswer(
                identifier=identifier,
                cluster=made.cluster,
                token=made.token,
                parent=parent,
                parent_name="nation",
            ),
        )

    # What people and time do.

    def submit(self, job: JobSpec | None = None, who: Principal = LI, **fields: Any) -> str:
        """One job's id."""
        return self.submit_all(Submission(spec=job or spec(), **fields), who=who)[0]

    def submit_all(self, *jobs: Submission, who: Principal = LI) -> list[str]:
        """The ids of all jobs, members of arrays one by one."""
        answer = submit(self.ctx, who, SubmitRequest(jobs=jobs))
        return [i for ids in answer.ids for i in ids]

    def cancel(self, job: str, who: Principal = LI) -> None:
        cancel(self.ctx, who, job)

    def round(self) -> int:
        return schedule_round(self.ctx)

    def expire(self) -> int:
        return expire(self.ctx)

    # What there is to see.

    def job(self, job: str, who: Principal = OPERATOR) -> JobDetailAnswer:
        return show_job(self.ctx, who, job)

    def state(self, job: str) -> JobState:
        return self.job(job).state

    def runs(self, job: str) -> list[tuple[str, str]]:
        """(state, reason) of each run, oldest first."""
        return [(str(r.state), r.reason) for r in self.job(job).runs]

    def story(self, job: str) -> list[str]:
        return [h.what for h in self.job(job).history]

    def why(self, job: str) -> WhyAnswer:
        return why(self.ctx, job)

    def find(self, job: JobSpec | None = None, policy: str | None = None) -> FindAnswer:
        return find_places(self.ctx, FindRequest(spec=job or spec(), policy=policy))

    def pools(self) -> dict[str, PoolAnswer]:
        """Every pool by its name."""
        return {p.name: p for p in list_pools(self.ctx)}

    def read(self, job: str, name: str = "stdout", who: Principal = LI) -> bytes:
        return read_file(self.ctx, who, job, name, 0, 2**20)[0]


class Cluster:
    """The agent of a cluster (or a link's), by script. It numbers what it says, and keeps count."""

    def __init__(self, domain: Domain, joined: JoinAnswer) -> None:
        self.domain, self.id = domain, joined.cluster
        self.identifier = joined.identifier
        self.who = authenticate(domain.ctx, joined.token)
        self.token = joined.token
        self.incarnation, self.journal = "incarnation-1", "journal-1"
        self.generation = self.seq = self.after = 0
        self.clock_off_s = 0.0
        self.named: dict[str, str] = {}

    def exchange(self, **fields: Any) -> ExchangeAnswer:
        """One call, with what every call says filled in."""
        request = ExchangeRequest(
            **{
                "cluster": self.id,
                "incarnation": self.incarnation,
                "journal": self.journal,
                "sent_at": self.domain.clock() + self.clock_off_s,
                "generation": self.generation,
                "after": self.after,
                **fields,
            }
        )
        answer = exchange(self.domain.ctx, self.who, request)
        self.generation = answer.generation
        self.named.update(answer.identifiers)
        return answer

    def hello(self, restarted: int = 0) -> ExchangeAnswer:
        """The first call of a process; it asks for all that stands."""
        if restarted:
            self.incarnation = f"incarnation-{restarted + 1}"
        self.after = 0
        answer = self.exchange(hello=True)
        self.after = answer.revision
        return answer

    def report(self, *pools: PoolReport) -> ExchangeAnswer:
        return self.exchange(inventory=pools, want=False)

    def hear(self) -> ExchangeAnswer:
        """Listen once."""
        answer = self.exchange()
        self.after = answer.revision
        return answer

    def orders(self) -> list[RunOrder]:
        return list(self.hear().orders)

    def order(self) -> RunOrder:
        """The one order that there is."""
        [order] = self.orders()
        return order

    def say(self, run: str, *events: RunEvent | str, **fields: Any) -> ExchangeAnswer:
        """These things happened to a run, now by the agent's clock."""
        return self.exchange(observations=self.seen(run, *events, **fields), want=False)

    def seen(self, run: str, *events: RunEvent | str, **fields: Any) -> tuple[Observation, ...]:
        """Observations with the next numbers, not told yet."""
        told = []
        for event in events:
            self.seq += 1
            at = fields.get("at", self.domain.clock() + self.clock_off_s)
            told.append(
                Observation(**{**fields, "seq": self.seq, "run": run, "event": event, "at": at})
            )
        return tuple(told)

    def run(self, *events: RunEvent | str) -> str:
        """Hear of the one order and say these things of it; its run."""
        run = self.order().run
        self.say(run, *(events or ("accepted", "started")))
        return run

    def send(self, run: str, name: str, offset: int, data: bytes) -> ExchangeAnswer:
        chunk = FileChunk(run=run, name=name, offset=offset, data=base64.b64encode(data).decode())
        return self.exchange(chunks=(chunk,), want=False)

    def watch(self, jobs_after: int = 0, offers_after: int = 0) -> WatchAnswer:
        """What a link's other end is told."""
        return watch(self.domain.ctx, self.who, jobs_after, offers_after)


MakeDomain = Callable[..., Domain]


def names(pools: Iterable[PoolReport]) -> list[str]:
    return sorted(p.name for p in pools)
