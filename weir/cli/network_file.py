"""The network file of `weir up`: domains, sites, clusters and pools, as people write them.

Quantities are written with their units (`256GiB`, `12ms`, `2.50`). What a site says of prices,
latency, location and industries holds for its pools unless a pool says otherwise. A file is read
as a whole: every mistake in it is told at once, with its field and line.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from weir.cli.policies import no_queues, policy_for
from weir.cli.pool_entries import OfferEntry, PoolEntry, Some
from weir.core.errors import BadInput, Mistake
from weir.executors.settings import KubernetesSettings, RaySettings, SlurmSettings
from weir.probes.checks import wrong_of
from weir.scheduling.policies import policy
from weir.wire.alerts import read_rules_file
from weir.wire.base import Wire
from weir.wire.jobspec import Name
from weir.wire.mistakes import Path as FieldPath
from weir.wire.mistakes import line_of, read_yaml, show_path, validated
from weir.wire.probes import ProbeSettings
from weir.wire.queues import QueueEntry, cross_checked
from weir.wire.retention import kept_for

Port = Annotated[int, Field(ge=1024, le=65535)]
DomainKind = Literal["national", "regional", "industry"]

PARENTS: Mapping[str, tuple[str, ...]] = {
    "national": (),
    "regional": ("national", "regional"),
    "industry": ("regional",),
}
"""What may stand above each kind of domain."""


Managed = SlurmSettings | KubernetesSettings | RaySettings
"""Settings of a resource manager that is there already."""

MANAGERS = ("slurm", "kubernetes", "ray")
"""Resource managers that a cluster may be, as its fields are called."""


def _known_policy(name: str) -> str:
    try:
        return policy(name).name
    except BadInput as error:
        raise ValueError(error.detail) from None


def _can_be_kept(said: dict[str, str]) -> dict[str, str]:
    try:
        kept_for(said)
    except BadInput as error:
        told = (f"{m.field.removeprefix('keep.')} {m.message}" for m in error.mistakes)
        raise ValueError("; ".join(told)) from None
    return said


class DomainEntry(Wire):
    """One Weir server."""

    name: Name
    kind: DomainKind
    parent: Name | None = None
    port: Port | None = Field(None, description="left out: a free one is found and kept")
    queues: tuple[QueueEntry, ...] = ()
    policy: Annotated[str, AfterValidator(_known_policy)] | None = None
    alerts: Path | None = Field(None, description="a file of rules, beside the network file")
    rack_kw: Annotated[float, Field(ge=0.1, le=1000)] | None = Field(
        None, description="IT power of what counts as one standard rack; 2.5 without it"
    )
    keep: Annotated[dict[str, str], AfterValidator(_can_be_kept)] = Field(
        default_factory=dict, description="how long samples are kept, by the width of buckets"
    )

    @model_validator(mode="after")
    def _shared(self) -> Self:
        chosen = policy_for(self.policy, bool(self.queues))
        if self.queues and not chosen.fair:
            raise ValueError(no_queues(chosen))
        return self


class ClusterEntry(Wire):
    """One resource manager at a site: this machine with `pools`, or one that is there already.

    What stands under the manager's name is what its agent's settings say; its pools are found.
    """

    name: Name
    executor: Literal["local"] = "local"
    pools: tuple[PoolEntry, ...] = ()
    slurm: SlurmSettings | None = None
    kubernetes: KubernetesSettings | None = None
    ray: RaySettings | None = None
    probes: tuple[ProbeSettings, ...] | None = Field(
        None, description="where its agent's samples come from; left out: what an agent does alone"
    )

    @property
    def manager(self) -> Managed | None:
        """The settings of the resource manager; null for this machine."""
        return self.slurm or self.kubernetes or self.ray

    @property
    def kind(self) -> str:
        """The kind of its executor."""
        return self.executor if self.manager is None else self.manager.kind

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        given = [name for name in MANAGERS if getattr(self, name) is not None]
        given += ["pools"] if self.pools else []
        if len(given) != 1:
            found = f"both {' and '.join(given)}" if given else "none"
            raise ValueError(f"needs one of pools, {', '.join(MANAGERS)}; there is {found}")
        return self

    @model_validator(mode="after")
    def _probed(self) -> Self:
        wrong = wrong_of(self.probes or (), [pool.name for pool in self.pools])
        if wrong:
            raise ValueError("; ".join(wrong))
        return self


class SiteEntry(OfferEntry):
    """A computing center; the first of its `domains` issues its identifiers."""

    name: Name
    domains: Some[Name]
    clusters: Some[ClusterEntry]


class NetworkFile(Wire):
    """A whole network; `code` begins every identifier in it."""

    network: Name
    code: Annotated[str, Field(pattern=r"^[A-Z]{2,4}$")] = "CN"
    domains: Some[DomainEntry]
    sites: tuple[SiteEntry, ...] = ()

    def domains_from_the_top(self) -> tuple[DomainEntry, ...]:
        """The domains in an order in which each comes after its parent."""
        ordered: dict[str, DomainEntry] = {}
        for _ in self.domains:
            for domain in self.domains:
                if domain.parent is None or domain.parent in ordered:
                    ordered.setdefault(domain.name, domain)
        return tuple(ordered.values())

    def first_domain(self, kind: DomainKind) -> DomainEntry | None:
        """The first domain of a kind in the file's order."""
        return next((d for d in self.domains if d.kind == kind), None)

    def clusters_of_domains(self) -> dict[str, set[tuple[str, str]]]:
        """The clusters that talk to each domain, by site's and cluster's name; peers are both."""
        found: dict[str, set[tuple[str, str]]] = {d.name: set() for d in self.domains}
        for site in self.sites:
            for domain in site.domains:
                found[domain] |= {(site.name, cluster.name) for cluster in site.clusters}
        for child in self.domains:
            if child.parent is not None:
                found[child.name].add((child.parent, child.parent))
                found[child.parent].add((child.name, child.name))
        return found


def read_network_file(path: Path) -> NetworkFile:
    """The network in a file. Raises `BadInput` with every mistake, its field and line."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} can't be read: {error}") from None
    return read_network(text, str(path), path.absolute().parent)


def read_network(text: str, what: str, folder: Path | None = None) -> NetworkFile:
    """The network in a YAML or JSON text. Raises `BadInput` with every mistake.

    Files that it names lie in `folder`, or in the working directory; what is given has them whole.
    """
    folder = folder or Path.cwd()
    data, lines = read_yaml(text, what)
    found = [
        Mistake(show_path(path), message, line_of(path, lines))
        for path, message in (*_cross_checked(data), *_wrong_rules(data, folder))
    ]
    try:
        network = validated(NetworkFile, data, what, lines)
    except BadInput as error:
        found.extend(error.mistakes)
    else:
        if not found:
            return _with_files_of(network, folder)
    found = sorted(dict.fromkeys(found), key=lambda m: (m.line or 0, m.field))
    count = "one mistake" if len(found) == 1 else f"{len(found)} mistakes"
    raise BadInput(f"{what} has {count}", found)


def _with_files_of(network: NetworkFile, folder: Path) -> NetworkFile:
    domains = (
        d if d.alerts is None else d.model_copy(update={"alerts": folder / d.alerts})
        for d in network.domains
    )
    return network.model_copy(update={"domains": tuple(domains)})


# What one entry says of another is checked on the plain data, so that it is told together with
# the mistakes inside the entries. Anything of a wrong shape is left to the models.

Found = Iterator[tuple[FieldPath, str]]
Entry = tuple[FieldPath, dict[str, Any]]


def _cross_checked(data: Any) -> Found:
    domains, sites = _entries(data, "domains"), _entries(data, "sites")
    yield from _twice(domains, "domain")
    yield from _twice(sites, "site")
    yield from _ports_twice(domains)
    yield from _parents(domains)
    yield from _circles(domains)
    for path, domain in domains:
        yield from cross_checked(domain.get("queues"), (*path, "queues"))
    names = _by_name(domains)
    for path, site in sites:
        yield from _domains_of_site(path, site, names)
        clusters = _entries(site, "clusters", path)
        yield from _twice(clusters, "cluster")
        for inner, cluster in clusters:
            yield from _twice(_entries(cluster, "pools", inner), "pool")


def _wrong_rules(data: Any, folder: Path) -> Found:
    """What is wrong in the files of rules that domains name, each mistake with its line there."""
    for path, domain in _entries(data, "domains"):
        named = domain.get("alerts")
        if not isinstance(named, str):
            continue
        try:
            from weir.control.alerts import shipped_rules  # with it comes all that a server needs

            read_rules_file(folder / named, shipped_rules())
        except BadInput as error:
            if not error.mistakes:
                yield (*path, "alerts"), error.detail
            for mistake in error.mistakes:
                line = f":{mistake.line}" if mistake.line else ""
                field = f" {mistake.field}" if mistake.field else ""
                yield (*path, "alerts"), f"{named}{line}{field}: {mistake.message}"


def _parents(domains: list[Entry]) -> Found:
    names, national = _by_name(domains), ""
    for path, domain in domains:
        kind, parent = str(domain.get("kind")), domain.get("parent")
        if kind == "national":
            if national:
                yield (*path, "kind"), f"there is one national domain already, {national!r}"
            if parent is not None:
                yield (*path, "parent"), "the national domain has no parent"
            national = national or str(domain.get("name"))
        elif kind not in PARENTS:
            continue
        elif parent is None:
            yield path, "needs a parent: its identifier is issued from above"
        elif parent not in names:
            yield (*path, "parent"), _unknown(parent, names)
        elif names[parent].get("kind") not in (*PARENTS[kind], None):
            above = " or ".join(f"a {k}" for k in PARENTS[kind])
            is_kind = names[parent]["kind"]
            yield (
                (*path, "parent"),
                f"the parent of a domain of kind {kind} is {above} one; {parent!r} is {is_kind}",
            )


def _circles(domains: list[Entry]) -> Found:
    names = _by_name(domains)
    for path, domain in domains:
        start = str(domain.get("name"))
        way, parent = [start], domain.get("parent")
        while isinstance(parent, str) and parent in names and parent not in way:
            way.append(parent)
            parent = names[parent].get("parent")
        if parent == start:
            yield (*path, "parent"), f"the parents lead in a circle: {' -> '.join([*way, start])}"


def _domains_of_site(
    path: FieldPath, site: dict[str, Any], names: Mapping[str, dict[str, Any]]
) -> Found:
    listed = site.get("domains")
    seen: list[Any] = []
    for index, name in enumerate(listed if isinstance(listed, list) else []):
        where = (*path, "domains", index)
        if isinstance(name, str) and name not in names:
            yield where, _unknown(name, names)
        if name in seen:
            yield where, f"{name!r} stands twice"
        seen.append(name)


def _twice(entries: list[Entry], noun: str) -> Found:
    seen: list[Any] = []
    for path, entry in entries:
        name = entry.get("name")
        if name is not None and name in seen:
            yield (*path, "name"), f"there is another {noun} named {name!r}"
        seen.append(name)


def _ports_twice(domains: list[Entry]) -> Found:
    seen: list[Any] = []
    for path, domain in domains:
        port = domain.get("port")
        if port is not None and port in seen:
            yield (*path, "port"), f"another domain has port {port} already"
        seen.append(port)


def _unknown(name: object, names: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(str(name), names, n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else f"; there are {', '.join(names)}"
    return f"there is no domain {name!r}{hint if names else ''}"


def _by_name(entries: list[Entry]) -> dict[str, dict[str, Any]]:
    return {e["name"]: e for _, e in reversed(entries) if isinstance(e.get("name"), str)}


def _entries(data: Any, key: str, path: FieldPath = ()) -> list[Entry]:
    listed = data.get(key) if isinstance(data, dict) else None
    items = enumerate(listed if isinstance(listed, list) else [])
    return [((*path, key, i), item) for i, item in items if isinstance(item, dict)]
