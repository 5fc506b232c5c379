"""Pools to simulate: of a network file as `weir up` takes it, as its top domain sees them, or as a
server shows them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from weir.cli.network_file import NetworkFile, read_network
from weir.cli.pool_entries import pool_fields
from weir.cli.simulate_inputs import AS_IT_IS
from weir.cli.what_if import changed
from weir.cli.what_if_pools import changed_pools
from weir.core.errors import BadInput
from weir.core.inventory import Pool
from weir.sim.networks import site_pool
from weir.sim.shown_pools import is_shown, read_shown

_FOLDERS = re.compile(r"add\s*=\s*[^;]*/")
"""A file's folders are left out of a network's name."""

Networks = list[tuple[str, tuple[Pool, ...]]]


def read_networks(path: Path, what_ifs: Sequence[str]) -> tuple[Networks, tuple[str, ...]]:
    """The network of a file as it is, and then with each what-if, name and pools; and what to know
    of it. The file is a network file, or what `weir pools --json` shows of a server.

    Raises `BadInput` with the mistakes of the file, or of a what-if.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} can't be read: {error}") from None
    texts = tuple(dict.fromkeys(what_ifs))
    names = [AS_IT_IS, *(_FOLDERS.sub("add=", text) for text in texts)]
    if is_shown(text):
        shown = read_shown(text, str(path))
        found = [shown.pools, *(changed_pools(shown.pools, text) for text in texts)]
        return list(zip(names, found, strict=True)), shown.notes
    file = read_network(text, str(path), path.absolute().parent)
    if not file.sites:
        raise BadInput(f"{path} has no sites, so there is nowhere to run anything; add some.")
    found = [pools_of(file), *(pools_of(changed(file, text)) for text in texts)]
    return list(zip(names, found, strict=True)), ()


def pools_of(network: NetworkFile) -> tuple[Pool, ...]:
    """Every pool once, by the shortest way down from the top domain.

    `hops` are the domains below the top on that way; a site that no way reaches is left out. Pools
    with `detect` are this machine. Raises `BadInput` where the file lacks a cluster's
    pools.
    """
    from weir.cli.network_join import this_machine

    managed = [f"{s.name}/{c.name}" for s in network.sites for c in s.clusters if c.manager]
    if managed:
        raise BadInput(
            f"What {', '.join(managed)} has is known to its resource manager only: take what a "
            "server sees of it by `weir pools --json > pools.json`, and simulate that: "
            "`weir simulate network pools.json`."
        )
    machine = this_machine()
    ways = _ways(network)
    found: list[Pool] = []
    for site in network.sites:
        reached = [ways[name] for name in site.domains if name in ways]
        if not reached:
            continue
        way = min(reached, key=len)
        for cluster in site.clusters:
            several = len(site.clusters) > 1
            named = f"{site.name}/{cluster.name}" if several else site.name
            for pool in cluster.pools:
                fields = pool_fields(site, pool, machine)
                found.append(site_pool(fields, site.name, named, way, len(way)))
    return tuple(found)


def _ways(network: NetworkFile) -> Mapping[str, tuple[str, ...]]:
    """The domains between the top and each domain, itself first and without the top."""
    ways: dict[str, tuple[str, ...]] = {}
    for domain in network.domains_from_the_top():
        if domain.parent is None:
            ways[domain.name] = ()
        elif domain.parent in ways:
            ways[domain.name] = (domain.name, *ways[domain.parent])
    return ways


def notes_of(networks: Networks, homes: Sequence[str]) -> Iterator[str]:
    """What to know of a network and a workload: who has no site, where prices don't compare."""
    pools = networks[0][1]
    sites = {name for pool in pools for name in (pool.site, pool.site_name)}
    strangers = sorted(set(homes) - sites)
    if homes and strangers:
        shown = ", ".join(strangers[:5]) + (" and more" if len(strangers) > 5 else "")
        yield f"Homes of jobs that are no site of the network: {shown}."
    if len({pool.currency for pool in pools}) > 1:
        yield "Pools have prices in several currencies, which are added up as they are."
    if any(not pool.open for pool in pools):
        yield "Closed pools take no jobs, and count as capacity."
