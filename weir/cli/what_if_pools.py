"""Changes of a network that is given as pools: the same texts as `weir.cli.what_if` takes.

Laws: a pool is named `POOL`, `SITE/POOL` or by its identifier, a site by its name or identifier; a
change that changes nothing, or a name that nothing has, is a mistake. Hosts that are added are of
no block; hosts are taken from the last blocks first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from weir.cli.network_join import this_machine
from weir.cli.pool_entries import pool_fields
from weir.cli.what_if import FORMS, meant_by, moved, no_such, plain, read_added, split
from weir.core.errors import BadInput
from weir.core.inventory import MAX_LATENCY_US, Block, Pool, all_free_in
from weir.sim.networks import site_pool

Pools = tuple[Pool, ...]


def changed_pools(pools: Pools, text: str) -> Pools:
    """The pools with the changes of one `--what-if`. Raises `BadInput`."""
    what = f"--what-if {text!r}"
    found = pools
    for part, verb, name, value in split(text, CHANGES, what):
        try:
            found = CHANGES[verb](found, name, value)
        except ValueError as error:
            raise BadInput(f"{what}: {part!r}: {error}") from None
    if found == pools:
        raise BadInput(f"{what} changes nothing; write {FORMS}.")
    if not found:
        raise BadInput(f"{what} leaves no pool.")
    return found


def _add(pools: Pools, _name: str, value: str) -> Pools:
    file, name = read_added(Path(value))
    machine, at = this_machine(), next((p for p in pools if name in (p.site_name, p.site)), None)
    site, shown = (name, name) if at is None else (at.site, at.site_name)
    known = {p.name for p in pools if p.site == site}
    taken = {p.cluster for p in pools}
    cluster = next(
        n for n in (f"{site}/added{i or ''}" for i in range(len(pools) + 1)) if n not in taken
    )
    domains, hops = ((), 0) if at is None else (at.domains, at.hops)
    for entry in file.pools:
        if entry.name in known:
            raise ValueError(f"{name} has a pool {entry.name!r} already; name the new one anew")
        new = site_pool(pool_fields(file, entry, machine), site, cluster, domains, hops)
        pools = (*pools, replace(new, site_name=shown))
    return pools


def _remove(pools: Pools, _name: str, value: str) -> Pools:
    gone = set(_meant(pools, value))
    return tuple(pool for pool in pools if pool.id not in gone)


def _hosts(pools: Pools, name: str, value: str) -> Pools:
    def more(pool: Pool) -> Pool:
        hosts = moved(Fraction(pool.hosts), value, "hosts +4, -4, 12 or x2")
        if hosts.denominator != 1 or hosts < 1:
            raise ValueError(
                f"pool {pool.name!r} would have {plain(hosts)} hosts; use remove={pool.name} to "
                "leave none"
            )
        blocks = _within(pool.blocks, int(hosts))
        free = all_free_in(int(hosts), pool.shape, blocks)
        return replace(pool, hosts=int(hosts), blocks=blocks, free=free)

    return _each(pools, name, more)


def _within(blocks: Sequence[Block], hosts: int) -> tuple[Block, ...]:
    """The blocks with no more hosts than there are."""
    found = []
    for block in blocks:
        here = min(block.hosts, hosts)
        hosts -= here
        if here:
            found.append(Block(block.names, here))
    return tuple(found)


def _price(pools: Pools, name: str, value: str) -> Pools:
    def dearer(pool: Pool) -> Pool:
        field = f"price_micro_per_{'device' if pool.shape.devices else 'core'}_hour"
        old = Fraction(getattr(pool, field), 10**6)
        price = moved(old, value, "price 2.5, +1, -1 or x1.2")
        if price < 0:
            raise ValueError(f"pool {pool.name!r} would cost {plain(price)} an hour")
        named: dict[str, Any] = {field: round(price * 10**6)}
        return replace(pool, **named)

    return _each(pools, name, dearer)


def _link(pools: Pools, name: str, value: str) -> Pools:
    if value == "down":
        behind = {p.id for p in pools if name in p.domains}
        gone = behind or set(_of_site(pools, name))
        return tuple(pool for pool in pools if pool.id not in gone)
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*(us|ms|s)", value)
    if match is None:
        raise ValueError(f"{value!r} is neither a round trip such as 20ms, nor down")
    micro = round(Fraction(match[1]) * {"us": 1, "ms": 1000, "s": 10**6}[match[2]])
    if not 0 < micro <= MAX_LATENCY_US:
        raise ValueError(f"{value!r} is no round trip; write for example 20ms, an hour at most")
    there = set(_of_site(pools, name))
    return tuple(replace(p, latency_us=micro) if p.id in there else p for p in pools)


CHANGES: Mapping[str, Callable[[Pools, str, str], Pools]] = {
    "add": _add,
    "remove": _remove,
    "hosts": _hosts,
    "price": _price,
    "link": _link,
}


def _each(pools: Pools, name: str, change: Callable[[Pool], Pool]) -> Pools:
    meant = set(_meant(pools, name))
    return tuple(change(pool) if pool.id in meant else pool for pool in pools)


def _meant(pools: Pools, name: str) -> list[str]:
    """The identifiers of the pools that a name means. Raises `ValueError`."""
    by_id = [p.id for p in pools if p.id == name or p.site == name]
    return by_id or meant_by(name, [(p.site_name, p.name, p.id) for p in pools])


def _of_site(pools: Pools, name: str) -> list[str]:
    found = [p.id for p in pools if name in (p.site, p.site_name)]
    if not found:
        domains = [domain for p in pools for domain in p.domains]
        raise no_such("site or domain", name, [*(p.site_name for p in pools), *domains])
    return found
