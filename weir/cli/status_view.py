"""What a network does, for a terminal: read from its domains, drawn as a tree, or told as lines.

Reading is the only part with outside effects. A domain that does not answer is shown as such, and
never as one that has nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from weir.cli.network_file import DomainEntry, NetworkFile, SiteEntry
from weir.cli.network_join import Server
from weir.cli.values import marked, style_of, where
from weir.core.errors import WeirError
from weir.core.lifecycle import JobState
from weir.core.units import show_cpu_milli, show_devices_milli
from weir.wire.jobs import JobAnswer
from weir.wire.pools import PoolAnswer

LATEST = 200
"""How many of a domain's latest jobs are counted."""

SHOWN = 8
"""How many placements are shown."""

_GROUPS: Mapping[str, tuple[JobState, ...]] = {
    "waiting": (JobState.WAITING,),
    "running": (JobState.PLACED, JobState.RUNNING),
    "finished": (JobState.SUCCEEDED,),
    "failed": (JobState.FAILED,),
    "canceled": (JobState.CANCELED, JobState.REFUSED),
}
_STYLES = {"waiting": "yellow", "running": "cyan", "finished": "green", "failed": "red"}


@dataclass(frozen=True, slots=True)
class DomainStatus:
    """What one domain says; `problem` is why it says nothing."""

    pools: tuple[PoolAnswer, ...] = ()
    jobs: tuple[JobAnswer, ...] = ()
    problem: str = ""

    def counts(self) -> Counter[str]:
        """Its latest jobs by group of states."""
        names = {state: name for name, states in _GROUPS.items() for state in states}
        return Counter(names[job.state] for job in self.jobs)


@dataclass(frozen=True, slots=True)
class Status:
    """What a network's domains say, by name."""

    domains: Mapping[str, DomainStatus] = field(default_factory=dict)

    def pools(self) -> dict[tuple[str, str], PoolAnswer]:
        """Each pool once, by site's and pool's name, as the domain nearest to it sees it."""
        nearest: dict[tuple[str, str], PoolAnswer] = {}
        for pool in (p for d in self.domains.values() for p in d.pools):
            key = (pool.site_name, pool.name)
            if key not in nearest or pool.hops < nearest[key].hops:
                nearest[key] = pool
        return nearest

    def placements(self) -> list[tuple[str, JobAnswer]]:
        """The latest placed jobs, each once, with the domain where it was submitted."""
        seen = [
            (name, job)
            for name, domain in self.domains.items()
            for job in domain.jobs
            if job.site_name and job.id == job.root_job
        ]
        return sorted(seen, key=lambda s: s[1].started_at or s[1].submitted_at, reverse=True)


def read_status(servers: Mapping[str, Server]) -> Status:
    """Ask every domain for its pools and its latest jobs."""
    return Status({name: _read_domain(server) for name, server in servers.items()})


def _read_domain(server: Server) -> DomainStatus:
    try:
        pools, page = server.client.pools(), server.client.jobs(limit=LATEST)
    except WeirError as error:
        return DomainStatus(problem=error.detail)
    return DomainStatus(tuple(pools), page.jobs)


def draw(network: NetworkFile, servers: Mapping[str, Server], status: Status) -> RenderableType:
    """The network as a tree of domains, sites and pools, and below it the last placements."""
    top = next((d for d in network.domains if d.parent is None), network.domains[0])
    tree = Tree(_domain_line(top, servers, status))
    _grow(tree, top, network, servers, status)
    note = "emulated: hosts and devices are made up, the jobs' processes run here; Ctrl-C stops all"
    return Group(tree, "", _placements(status), "", f"[dim]{note}[/dim]")


def _grow(
    tree: Tree,
    domain: DomainEntry,
    network: NetworkFile,
    servers: Mapping[str, Server],
    status: Status,
) -> None:
    pools = status.pools()
    for site in (s for s in network.sites if s.domains[0] == domain.name):
        branch = tree.add(_site_line(site))
        for name in _pool_names(site, pools):
            branch.add(_pool_line(name, pools.get((site.name, name))))
    for child in (d for d in network.domains if d.parent == domain.name):
        _grow(tree.add(_domain_line(child, servers, status)), child, network, servers, status)


def _pool_names(site: SiteEntry, pools: Mapping[tuple[str, str], PoolAnswer]) -> Sequence[str]:
    """The site's pools: those of the file, and those found at its resource managers."""
    named = [pool.name for cluster in site.clusters for pool in cluster.pools]
    if any(cluster.manager for cluster in site.clusters):
        named += sorted(name for at, name in pools if at == site.name and name not in named)
    return named


def _domain_line(domain: DomainEntry, servers: Mapping[str, Server], status: Status) -> str:
    said = status.domains.get(domain.name, DomainStatus(problem="not asked yet"))
    text = f"[bold]{domain.name}[/bold] [dim]{domain.kind} {servers[domain.name].url}[/dim]  "
    if said.problem:
        return f"{text}[red]does not answer: {escape(said.problem)}[/red]"
    return text + _counts(said.counts(), styled=True)


def _site_line(site: SiteEntry) -> str:
    also = f" [dim]also of {', '.join(site.domains[1:])}[/dim]" if len(site.domains) > 1 else ""
    return f"[magenta]{site.name}[/magenta]{also}"


def _pool_line(name: str, pool: PoolAnswer | None) -> str:
    if pool is None:
        return f"{name} [yellow]not reported yet[/yellow]"
    text = f"{name}: {pool_summary(pool)}{' [dim](emulated)[/dim]' if pool.emulated else ''}"
    if pool.silent:
        return f"{text} [red]silent[/red]"
    running = f" [cyan]{pool.runs} running[/cyan]" if pool.runs else ""
    return text + running + ("" if pool.open else " [yellow]closed[/yellow]")


def pool_summary(pool: PoolAnswer) -> str:
    """What a pool has and what of it is free: `4 hosts, 30.5 of 32 nvidia-h20 free`."""
    hosts = f"{pool.hosts} host{'' if pool.hosts == 1 else 's'}"
    if pool.device_model:
        free, total = show_devices_milli(pool.free_devices_milli), pool.hosts * pool.shape.devices
        return f"{hosts}, {free} of {total} {pool.device_model} free"
    free, cores = show_cpu_milli(pool.free_cpu_milli), pool.hosts * pool.shape.cpu_milli
    return f"{hosts}, {free} of {show_cpu_milli(cores)} cores free"


def _placements(status: Status) -> Table:
    table = Table(title="Last placements", title_justify="left", box=None, pad_edge=False)
    for heading in ("submitted at", "job", "state", "pool", "through"):
        table.add_column(heading, no_wrap=True)
    for domain, job in status.placements()[:SHOWN]:
        state = f"[{style_of(job.state)}]{job.state}[/]"
        way = " > ".join(job.place[:-1])
        pool = marked(f"{job.site_name} / {job.pool_name}", job.emulated)
        table.add_row(domain, escape(job_label(job)), state, pool, way)
    return table


def job_label(job: JobAnswer) -> str:
    """`sweep[3]` for the fourth member of an array, else the name."""
    return job.name if job.array_index is None else f"{job.name}[{job.array_index}]"


def _counts(counts: Mapping[str, int], *, styled: bool) -> str:
    shown = [
        f"[{_STYLES[name]}]{counts[name]} {name}[/]"
        if styled and name in _STYLES
        else f"{counts[name]} {name}"
        for name in _GROUPS
        if counts.get(name)
    ]
    return ", ".join(shown) or "no jobs"


def changes(old: Status, new: Status) -> Iterable[str]:
    """What is to be told of `new` after `old`, as plain lines."""
    for name, domain in new.domains.items():
        before = old.domains.get(name, DomainStatus())
        if domain.problem and domain.problem != before.problem:
            yield f"{name} does not answer: {domain.problem}"
        elif not domain.problem:
            if before.problem:
                yield f"{name} answers again"
            yield from _job_changes(name, before.jobs, domain.jobs)
    before_pools, pools = old.pools(), new.pools()
    yield from _pool_changes(before_pools, pools)
    if not any(domain.problem for domain in new.domains.values()):
        for site, pool in sorted(before_pools.keys() - pools.keys()):
            yield f"{site} / {pool} is gone"


def _job_changes(
    domain: str, before: Sequence[JobAnswer], now: Sequence[JobAnswer]
) -> Iterable[str]:
    states = {job.id: job.state for job in before}
    for job in reversed(now):
        if states.get(job.id) == job.state:
            continue
        at = "" if job.pool is None else f" at {where(job)}"
        reason = f": {job.reason}" if job.reason and job.state is JobState.FAILED else ""
        yield f"{domain}: {job_label(job)} {job.id} {job.state}{at}{reason}"


def _pool_changes(
    before: Mapping[tuple[str, str], PoolAnswer], now: Mapping[tuple[str, str], PoolAnswer]
) -> Iterable[str]:
    for (site, name), pool in now.items():
        was = before.get((site, name))
        if was is None:
            yield marked(f"{site} / {name}: {pool_summary(pool)}", pool.emulated)
        elif was.silent != pool.silent:
            yield f"{site} / {name} {'is silent' if pool.silent else 'is heard again'}"


def stamped(line: str, now: float) -> str:
    """A line with the time of day before it."""
    return f"{datetime.fromtimestamp(now):%H:%M:%S} {line}"
