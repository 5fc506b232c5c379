"""Tomorrow's network: changes of a network file, as people write them after `--what-if`.

One text is one alternative, with one change or several parted by semicolons:

    add=FILE            pools of a file (as `weir agent join --pools` takes, and `site: NAME`)
    remove=NAME         a pool or a whole site
    hosts NAME=+4       more hosts in a pool, or in each pool of a site; also -4, 12, x2
    price NAME=2.5      per device-hour, or per core-hour without devices; also +1, -1, x1.2
    link SITE=20ms      the round trip to a site
    link NAME=down      cut a site, or a domain from its parent: what lies behind it alone is gone
    link SITE=DOMAIN    let a site join another domain too

A pool is named `POOL`, or `SITE/POOL` where several sites have one of that name.

Laws: the file itself is never changed; what comes out is checked like a file; a change that changes
nothing, or a name that nothing has, is a mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path
from typing import Any

from weir.cli.network_file import NetworkFile
from weir.cli.pool_entries import PoolsFile
from weir.core import units
from weir.core.errors import BadInput
from weir.wire.jobspec import Name
from weir.wire.mistakes import read_yaml, validated

Data = dict[str, Any]

FORMS = (
    "add=FILE, remove=NAME, hosts NAME=+4, price NAME=2.5, link SITE=20ms, link NAME=down or "
    "link SITE=DOMAIN, several parted by ;"
)
_CHANGE = re.compile(r"(?P<verb>[a-z]+)\s*(?:\s(?P<name>[^=\s]+))?\s*=\s*(?P<value>\S.*)")


class AddedPools(PoolsFile):
    """The pools of a new cluster; `site` may be there already or be new."""

    site: Name | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A pool of the data: its site, its cluster and itself."""

    site: Data
    cluster: Data
    pool: Data


def changed(network: NetworkFile, text: str) -> NetworkFile:
    """The network with the changes of one `--what-if`. Raises `BadInput`."""
    what = f"--what-if {text!r}"
    data: Data = deepcopy(network.model_dump(mode="json", exclude_unset=True))
    before = deepcopy(data)
    for part in filter(None, (p.strip() for p in text.split(";"))):
        match = _CHANGE.fullmatch(part)
        change = None if match is None else CHANGES.get(match["verb"])
        if match is None or change is None or bool(match["name"]) != (match["verb"] in _NAMED):
            raise BadInput(f"{what}: {part!r} is no change; write {FORMS}.")
        try:
            change(data, match["name"] or "", match["value"].strip())
        except ValueError as error:
            raise BadInput(f"{what}: {error}") from None
    if data == before:
        raise BadInput(f"{what} changes nothing; write {FORMS}.")
    if not any(True for _ in _pools(data)):
        raise BadInput(f"{what} leaves no pool.")
    return validated(NetworkFile, data, what)


def _add(data: Data, _name: str, value: str) -> None:
    path = Path(value)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} can't be read: {error}") from None
    loaded, lines = read_yaml(text, value)
    file = validated(AddedPools, loaded, value, lines)
    fields = file.model_dump(mode="json", exclude_unset=True)
    pools, name = fields.pop("pools"), fields.pop("site", None) or path.stem.lower()
    site = next((s for s in data["sites"] if s["name"] == name), None)
    if site is None:
        site = {"name": name, "domains": [_top(data)], "clusters": [], **fields}
        data["sites"] = [*data["sites"], site]
    else:
        pools = [{**fields, **pool} for pool in pools]
    known = {p["name"] for c in site["clusters"] for p in c["pools"]}
    for pool in pools:
        if pool["name"] in known:
            raise ValueError(f"{name} has a pool {pool['name']!r} already; name the new one anew")
    names = {c["name"] for c in site["clusters"]}
    cluster = next(n for n in ("added", *(f"added-{i}" for i in range(2, 99))) if n not in names)
    site["clusters"] = [*site["clusters"], {"name": cluster, "pools": pools}]


def _top(data: Data) -> str:
    return str(next(d["name"] for d in data["domains"] if d.get("parent") is None))


def _remove(data: Data, _name: str, value: str) -> None:
    gone = [found.pool for found in _meant(data, value)]
    _keep(data, lambda pool: not any(pool is g for g in gone))


def _keep(data: Data, wanted: Callable[[Data], bool]) -> None:
    """Keep only some pools, and what still has any."""
    for site in data["sites"]:
        for cluster in site["clusters"]:
            cluster["pools"] = [pool for pool in cluster["pools"] if wanted(pool)]
        site["clusters"] = [c for c in site["clusters"] if c["pools"]]
    data["sites"] = [site for site in data["sites"] if site["clusters"]]


def _hosts(data: Data, name: str, value: str) -> None:
    for found in _meant(data, name):
        if found.pool.get("detect"):
            raise ValueError(f"pool {found.pool['name']!r} is this machine, which is one host")
        hosts = _moved(Fraction(found.pool.get("hosts", 1)), value, "hosts +4, -4, 12 or x2")
        if hosts.denominator != 1 or hosts < 1:
            pool = found.pool["name"]
            raise ValueError(
                f"pool {pool!r} would have {_plain(hosts)} hosts; use remove={pool} to leave none"
            )
        found.pool["hosts"] = int(hosts)


def _price(data: Data, name: str, value: str) -> None:
    for found in _meant(data, name):
        key = "price_per_device_hour" if found.pool.get("devices") else "price_per_core_hour"
        old = found.pool.get(key, found.site.get(key)) or "0"
        price = _moved(Fraction(old), value, "price 2.5, +1, -1 or x1.2")
        if price < 0:
            raise ValueError(f"pool {found.pool['name']!r} would cost {_plain(price)} an hour")
        found.pool[key] = units.show_price_micro(round(price * 10**6))


def _moved(old: Fraction, value: str, right: str) -> Fraction:
    """`12` is set, `+4` and `-4` are added, `x2` multiplies."""
    match = re.fullmatch(r"(?P<sign>[-+x]?)\s*(?P<number>[0-9]+(?:\.[0-9]+)?)", value)
    if match is None:
        raise ValueError(f"{value!r} can't be read; write for example {right}")
    number = Fraction(match["number"])
    return {"": number, "+": old + number, "-": old - number, "x": old * number}[match["sign"]]


def _plain(value: Fraction) -> str:
    return f"{float(value):g}"


def _link(data: Data, name: str, value: str) -> None:
    site = next((s for s in data["sites"] if s["name"] == name), None)
    domains = [d["name"] for d in data["domains"]]
    if value == "down":
        _cut(data, name, site, domains)
        return
    if site is None:
        raise _no_such("site", name, [s["name"] for s in data["sites"]])
    if value in domains:
        if value in site["domains"]:
            raise ValueError(f"site {name!r} is in {value} already")
        site["domains"] = [*site["domains"], value]
    elif re.fullmatch(r"[0-9.]+\s*(us|ms|s)", value):
        site["latency"] = value
        for cluster in site["clusters"]:
            for pool in cluster["pools"]:
                pool.pop("latency", None)
    else:
        raise ValueError(f"{value!r} is neither a round trip such as 20ms, nor down, nor a domain")


def _cut(data: Data, name: str, site: Data | None, domains: list[str]) -> None:
    if site is not None:
        _keep(data, lambda pool: not any(pool is p for c in site["clusters"] for p in c["pools"]))
        return
    if name not in domains:
        raise _no_such("site or domain", name, [*domains, *(s["name"] for s in data["sites"])])
    if name == _top(data):
        raise ValueError(f"{name} is the top: everything would be cut off")
    gone = {name}
    for _ in domains:
        gone |= {d["name"] for d in data["domains"] if d.get("parent") in gone}
    for each in data["sites"]:
        each["domains"] = [d for d in each["domains"] if d not in gone]
    data["sites"] = [s for s in data["sites"] if s["domains"]]
    data["domains"] = [d for d in data["domains"] if d["name"] not in gone]


CHANGES: Mapping[str, Callable[[Data, str, str], None]] = {
    "add": _add,
    "remove": _remove,
    "hosts": _hosts,
    "price": _price,
    "link": _link,
}
_NAMED = ("hosts", "price", "link")


def _pools(data: Data) -> Iterator[Found]:
    for site in data["sites"]:
        for cluster in site["clusters"]:
            for pool in cluster["pools"]:
                yield Found(site, cluster, pool)


def _meant(data: Data, name: str) -> list[Found]:
    """The pools that a name means: all of a site, or one. Raises `ValueError`."""
    every = list(_pools(data))
    of_site = [f for f in every if f.site["name"] == name]
    if of_site:
        return of_site
    site, _, pool = name.rpartition("/")
    named = [f for f in every if f.pool["name"] == pool and site in ("", f.site["name"])]
    if len(named) > 1:
        places = " or ".join(f"{f.site['name']}/{pool}" for f in named)
        raise ValueError(f"several sites have a pool {pool!r}: write {places}")
    if not named:
        names = [f"{f.site['name']}/{f.pool['name']}" for f in every]
        names += [f.pool["name"] for f in every] + [f.site["name"] for f in every]
        raise _no_such("site or pool", name, names)
    return named


def _no_such(noun: str, name: str, names: list[str]) -> ValueError:
    near = get_close_matches(name, dict.fromkeys(names), n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {_listed(names)}"
    return ValueError(f"there is no {noun} {name!r}; {hint}")


def _listed(names: list[str]) -> str:
    known = list(dict.fromkeys(names))
    return ", ".join(known[:12]) + (" and more" if len(known) > 12 else "")
