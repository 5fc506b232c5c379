"""Everybody joins: domains their parents, sites their domains; then the settings of the agents.

Laws:
- What a server answered is kept, so that each step happens once for a network's folder: coming up
  again uses the identifiers and tokens that were given the first time.
- A token stands in a file that only its owner reads, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil
import yaml
from pydantic import ValidationError

from weir.cli.network_file import ClusterEntry, DomainEntry, Managed, SiteEntry
from weir.cli.pool_entries import pool_fields, site_terms
from weir.client.context import write_private
from weir.client.http import Client
from weir.executors.settings import AgentSettings, FederatedSettings, LocalSettings, Uplink
from weir.wire.joining import (
    IdentityRequest,
    JoinAnswer,
    JoinRequest,
    JoinTokenRequest,
    UplinkAnswer,
    UplinkRequest,
)
from weir.wire.pools import PoolTerms, Shape

A = TypeVar("A", JoinAnswer, UplinkAnswer)


@dataclass(frozen=True, slots=True)
class Server:
    """A domain's server as its operator reaches it."""

    name: str
    url: str
    client: Client
    connect: Callable[[str, str], Client] = Client


@dataclass(frozen=True, slots=True)
class Folder:
    """Where the things of one network are."""

    home: Path

    @property
    def ports(self) -> Path:
        return self.home / "ports.json"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    def domain(self, name: str) -> Path:
        return self.home / "domains" / name

    def link(self, child: str) -> Path:
        return self.home / "links" / child

    def site(self, name: str) -> Path:
        return self.home / "sites" / name


@dataclass(frozen=True, slots=True)
class Joined:
    """What a server answered, and the file that the answer's token alone stands in."""

    token_file: Path
    cluster: str
    identifier: str = ""


def join_parent(
    folder: Folder, domain: DomainEntry, servers: Mapping[str, Server]
) -> list[AgentSettings]:
    """Join a domain to its parent; the two agents of the link between them."""
    kind = domain.kind
    assert domain.parent is not None
    assert kind != "national"
    parent, child, at = servers[domain.parent], servers[domain.name], folder.link(domain.name)

    def join() -> JoinAnswer:
        asked = JoinTokenRequest(kind="domain", name=domain.name, domain_kind=kind)
        request = JoinRequest(cluster=domain.name, executor="federated", url=child.url)
        return _join(parent, asked, request)

    def uplink() -> UplinkAnswer:
        identity = IdentityRequest(identifier=answer.identifier, parent=answer.parent)
        child.client.set_identity(identity)
        return child.client.create_uplink(
            UplinkRequest(parent=answer.parent, parent_name=parent.name, url=parent.url)
        )

    answer, at_parent = _once(at / "parent.json", JoinAnswer, join)
    _, at_child = _once(at / "uplink.json", UplinkAnswer, uplink)
    return [
        link_agent(child, at_child, parent, at_parent),
        link_agent(parent, at_parent, child, at_child),
    ]


def link_agent(drives: Server, enters: Joined, reports: Server, at: Joined) -> AgentSettings:
    """The agent that offers the pools of one server to the other, where it is known as `at`."""
    return AgentSettings(
        name=f"{drives.name}-to-{reports.name}",
        executor=FederatedSettings(url=drives.url, token_file=enters.token_file),
        uplinks=(Uplink(url=reports.url, token_file=at.token_file, cluster=at.cluster),),
    )


def join_site(
    folder: Folder, site: SiteEntry, servers: Mapping[str, Server], path: tuple[str, ...]
) -> list[AgentSettings]:
    """Join a site's clusters to its domains; one agent for each cluster.

    `path` are the folders put first on the PATH of its jobs.
    """
    machine, agents, known = this_machine(), [], None
    for cluster in site.clusters:
        joins = _join_cluster(folder, site, cluster, servers, known)
        known = joins[0].identifier
        agent = AgentSettings(
            name=f"{site.name}-{cluster.name}",
            executor=_executor(site, cluster, machine, path),
            uplinks=tuple(
                Uplink(url=servers[name].url, token_file=j.token_file, cluster=j.cluster)
                for name, j in zip(site.domains, joins, strict=True)
            ),
        )
        if cluster.probes is not None:
            agent = agent.model_copy(update={"probes": cluster.probes})
        agents.append(agent)
    return agents


def _executor(
    site: SiteEntry, cluster: ClusterEntry, machine: Shape, path: tuple[str, ...]
) -> LocalSettings | Managed:
    """What the agent drives. What the site says of places and prices holds for what it shares."""
    if cluster.manager is None:
        pools = tuple(pool_fields(site, pool, machine) for pool in cluster.pools)
        return LocalSettings(pools=pools, path=path, stop_runs_on_exit=True, grace_s=2)
    around = site_terms(site)

    def on_terms(share: PoolTerms) -> PoolTerms:
        said = share.model_fields_set
        return share.model_copy(update={n: v for n, v in around.items() if n not in said})

    shares = tuple(on_terms(share) for share in cluster.manager.shares)
    return cluster.manager.model_copy(update={"shares": shares, "stop_runs_on_exit": True})


def _join_cluster(
    folder: Folder,
    site: SiteEntry,
    cluster: ClusterEntry,
    servers: Mapping[str, Server],
    known_site: str | None,
) -> list[Joined]:
    """Join at each of the site's domains in turn; the first gives the identifiers."""
    joins: list[Joined] = []
    for name in site.domains:
        site_id = joins[0].identifier if joins else known_site
        cluster_id = joins[0].cluster if joins else None

        def join(
            at: Server = servers[name],
            site_id: str | None = site_id,
            cluster_id: str | None = cluster_id,
        ) -> JoinAnswer:
            asked = JoinTokenRequest(kind="site", name=site.name, identifier=site_id)
            request = JoinRequest(
                cluster=cluster.name, executor=cluster.kind, identifier=cluster_id
            )
            return _join(at, asked, request)

        at = folder.site(site.name) / "joins" / f"{cluster.name}.{name}.json"
        joins.append(_once(at, JoinAnswer, join)[1])
    return joins


def _join(at: Server, asked: JoinTokenRequest, request: JoinRequest) -> JoinAnswer:
    token = at.client.create_join_token(asked).token
    with at.connect(at.url, token) as newcomer:
        return newcomer.join(request)


def _once(path: Path, kind: type[A], ask: Callable[[], A]) -> tuple[A, Joined]:
    """The answer kept in `path`; else the one that `ask` gives, kept from now on."""
    token_file = path.with_suffix(".token")
    try:
        answer = kind.model_validate_json(path.read_text())
    except (FileNotFoundError, ValidationError):
        answer = ask()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(token_file, answer.token)
        write_private(path, answer.model_dump_json(indent=1))
    identifier = answer.identifier if isinstance(answer, JoinAnswer) else ""
    return answer, Joined(token_file, answer.cluster, identifier)


def write_agents(path: Path, agents: list[AgentSettings]) -> None:
    """The file that `weir agent run` reads."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    data = {"agents": [agent.model_dump(mode="json") for agent in agents]}
    write_private(path, yaml.safe_dump(data, sort_keys=False))


def this_machine() -> Shape:
    """The CPUs that this process may use, and the memory of this machine."""
    process = psutil.Process()
    usable = len(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else None
    cpus = usable or psutil.cpu_count() or 1
    return Shape(cpu_milli=cpus * 1000, memory_bytes=psutil.virtual_memory().total)
