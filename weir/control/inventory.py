"""Accept an inventory: check it, give its pools identifiers, swap it in on the generation."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from weir.control.context import Context
from weir.core import devices
from weir.core import identifiers as law
from weir.core.errors import BadInput, InventoryConflict, Mistake, NotReady
from weir.core.inventory import block_paths
from weir.store import clusters, identifiers
from weir.store.domains import raise_count
from weir.store.rows import ClusterRow
from weir.wire.exchange import ExchangeRequest
from weir.wire.mistakes import count_of
from weir.wire.pools import PoolReport, pool_from


def accept_inventory(
    ctx: Context, tx: Connection, row: ClusterRow, request: ExchangeRequest, now: float
) -> dict[str, Any]:
    """Write the reported pools; gives the cluster's columns that change with them.

    Raises `InventoryConflict` where the agent's generation is not the one here, `BadInput` with
    every mistake of the inventory otherwise.
    """
    if request.generation != row.generation:
        raise InventoryConflict(
            f"cluster {row.id} is at generation {row.generation}, not {request.generation}; "
            "send the inventory again with that one"
        )
    reports = request.changed if request.inventory is None else request.inventory
    _check(row, reports)
    complete = [_completed(tx, row, r, now) for r in reports]
    revision = raise_count(tx, "seq")
    clusters.put_pools(tx, row.id, complete, revision)
    if request.inventory is None:
        return {}
    clusters.drop_pools(tx, row.id, [r.id for r in complete], revision)
    return {"generation": row.generation + 1, "inventory_digest": _digest(complete)}


def _check(row: ClusterRow, reports: Sequence[PoolReport]) -> None:
    mistakes: list[Mistake] = []
    for number, report in enumerate(reports):
        where = f"inventory[{number}]"
        mistakes += _check_devices(report, where)
        mistakes += _check_free(report, where)
        mistakes += _check_identifier(row, report, where)
    # A domain passes on pools of many clusters, among which names may repeat.
    names = Counter(r.id if row.peer_domain else r.name for r in reports)
    mistakes += [
        Mistake("inventory", f"pool {name} stands twice")
        for name, times in sorted(names.items())
        if times > 1
    ]
    if mistakes:
        raise BadInput(f"the inventory of {row.id} has {count_of(mistakes)}", mistakes)


def _check_devices(report: PoolReport, where: str) -> list[Mistake]:
    if report.device_model is None:
        if report.shape.devices:
            return [Mistake(f"{where}.device_model", "is missing, though the hosts have devices")]
        return []
    try:
        found = devices.find(report.device_model)
    except devices.UnknownDevice as error:
        return [Mistake(f"{where}.device_model", str(error))]
    if found.name != report.device_model:
        return [Mistake(f"{where}.device_model", f"write {found.name}")]
    return []


def _check_free(report: PoolReport, where: str) -> list[Mistake]:
    if sum(f.hosts for f in report.free) > report.hosts:
        return [Mistake(f"{where}.free", f"has more hosts than the pool ({report.hosts})")]
    shape, paths = report.shape, {(), *block_paths(pool_from(report).blocks)}
    elsewhere = [
        Mistake(f"{where}.free[{n}].block", "is none of the pool's blocks")
        for n, f in enumerate(report.free)
        if f.block not in paths
    ]
    return elsewhere + [
        Mistake(f"{where}.free[{n}]", "has more left than an empty host")
        for n, f in enumerate(report.free)
        if f.cpu_milli > shape.cpu_milli
        or f.memory_bytes > shape.memory_bytes
        or sum(count for _, count in f.devices) > shape.devices
    ]


def _check_identifier(row: ClusterRow, report: PoolReport, where: str) -> list[Mistake]:
    if not report.id:
        if row.peer_domain is None:
            return []
        return [Mistake(f"{where}.id", "is missing; a domain passes on pools that have one")]
    try:
        parsed = law.parse(report.id)
    except law.BadIdentifier as error:
        return [Mistake(f"{where}.id", str(error))]
    if parsed.kind is not law.Kind.POOL:
        return [Mistake(f"{where}.id", f"is the identifier of a {parsed.kind}, not of a pool")]
    if row.peer_domain is None and not parsed.is_under(law.parse(row.id)):
        return [Mistake(f"{where}.id", f"does not lie under this cluster's, {row.id}")]
    return []


def _completed(tx: Connection, row: ClusterRow, report: PoolReport, now: float) -> PoolReport:
    """A pool of one's own cluster gets its identifier and its place in the network."""
    if row.peer_domain is not None:
        return report
    pool_id = report.id or _issue(tx, row, report.name, now)
    own = {
        "id": pool_id,
        "cluster": row.id,
        "site": row.site,
        "site_name": row.site_name,
        "hops": 0,
        "domains": (),
    }
    return report.model_copy(update=own)


def _issue(tx: Connection, row: ClusterRow, name: str, now: float) -> str:
    known = identifiers.find(tx, row.site, law.Kind.CLUSTER, row.name)
    if known is None:
        raise NotReady(
            f"cluster {row.id} has its identifiers from another domain; report there first"
        )
    return identifiers.issue(tx, row.id, law.Kind.POOL, name, now)


def _digest(reports: Sequence[PoolReport]) -> str:
    text = "\n".join(r.model_dump_json(exclude={"free"}) for r in reports)
    return hashlib.sha256(text.encode()).hexdigest()
