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
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

from weir.cli.network_file import NetworkFile
from weir.cli.pool_entries import PoolsFile
from weir.core import units
from weir.core.errors import BadInput
from weir.wire.jobspec import Name
from weir.wire.mistakes import read_yaml, validated

Data = dict[str, Any]
T = TypeVar("T")

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
    for _, verb, name, value in split(text, CHANGES, what):
        try:
            CHANGES[verb](data, name, value)
        except ValueError as error:
            raise BadInput(f"{what}: {error}") from None
    if data == before:
        raise BadInput(f"{what} changes nothing; write {FORMS}.")
    if not any(True for _ in _pools(data)):
        raise BadInput(f"{what} leaves no pool.")
    return validated(NetworkFile, data, what)


def split(text: str, verbs: Mapping[str, object], what: str) -> Iterator[tuple[str, str, str, str]]:
    """Each change as it is written, its verb, its name (or "") and its value. Raises `BadInput`."""
    for part in filter(None, (p.strip() for p in text.split(";"))):
        match = _CHANGE.fullmatch(part)
        if (
            match is None
            or match["verb"] not in verbs
            or bool(match["name"]) != (match["verb"] in _NAMED)
        ):
            raise BadInput(f"{what}: {part!r} is no change; write {FORMS}.")
        yield part, match["verb"], match["name"] or "", match["value"].strip()


def read_added(path: Path) -> tuple[AddedPools, str]:
    """A file of pools, and the name of its site. Raises `BadInput`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} can't be read: {error}") from None
    loaded, lines = read_yaml(text, str(path))
    file = validated(AddedPools, loaded, str(path), lines)
    return file, file.site or path.stem.lower()


def _add(data: Data, _name: str, value: str) -> None:
    file, name = read_added(Path(value))
    fields = file.model_dump(mode="json", exclude_unset=True)
    fields.pop("site", None)
    pools = fields.pop("pools")
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
        hosts = moved(Fraction(found.pool.get("hosts", 1)), value, "hosts +4, -4, 12 or x2")
        if hosts.denominator != 1 or hosts < 1:
            pool = found.pool["name"]
            raise ValueError(
                f"pool {pool!r} would have {plain(hosts)} hosts; use remove={pool} to leave none"
            )
        found.pool["hosts"] = int(hosts)


def _price(data: Data, name: str, value: str) -> None:
    for found in _meant(data, name):
        key = "price_per_device_hour" if found.pool.get("devices") else "price_per_core_hour"
        old = found.pool.get(key, found.site.get(key)) or "0"
        price = moved(Fraction(old), value, "price 2.5, +1, -1 or x1.2")
        if price < 0:
            raise ValueError(f"pool {found.pool['name']!r} would cost {plain(price)} an hour")
        found.pool[key] = units.show_price_micro(round(price * 10**6))


def moved(old: Fraction, value: str, right: str) -> Fraction:
    """`12` is set, `+4` and `-4` are added, `x2` multiplies."""
    match = re.fullmatch(r"(?P<sign>[-+x]?)\s*(?P<number>[0-9]+(?:\.[0-9]+)?)", value)
    if match is None:
        raise ValueError(f"{value!r} can't be read; write for example {right}")
    number = Fraction(match["number"])
    return {"": number, "+": old + number, "-": old - number, "x": old * number}[match["sign"]]


def plain(value: Fraction) -> str:
    """A number as people write it."""
    return f"{float(value):g}"


def _link(data: Data, name: str, value: str) -> None:
    site = next((s for s in data["sites"] if s["name"] == name), None)
    domains = [d["name"] for d in data["domains"]]
    if value == "down":
        _cut(data, name, site, domains)
        return
    if site is None:
        raise no_such("site", name, [s["name"] for s in data["sites"]])
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
        raise no_such("site or domain", name, [*domains, *(s["name"] for s in data["sites"])])
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
    return meant_by(name, [(f.site["name"], f.pool["name"], f) for f in every])


def meant_by(name: str, every: Sequence[tuple[str, str, T]]) -> list[T]:
    """Those that a name means, of sites, pools and what they stand for. Raises `ValueError`."""
    of_site = [found for site, _, found in every if site == name]
    if of_site:
        return of_site
    place, _, pool = name.rpartition("/")
    named = [(site, found) for site, one, found in every if one == pool and place in ("", site)]
    if len(named) > 1:
        places = " or ".join(f"{site}/{pool}" for site, _ in named)
        raise ValueError(f"several sites have a pool {pool!r}: write {places}")
    if not named:
        names = [f"{site}/{one}" for site, one, _ in every]
        names += [one for _, one, _ in every] + [site for site, _, _ in every]
        raise no_such("site or pool", name, names)
    return [found for _, found in named]


def no_such(noun: str, name: str, names: list[str]) -> ValueError:
    """What to say of a name that nothing has."""
    near = get_close_matches(name, dict.fromkeys(names), n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {_listed(names)}"
    return ValueError(f"there is no {noun} {name!r}; {hint}")


def _listed(names: list[str]) -> str:
    known = list(dict.fromkeys(names))
    return ", ".join(known[:12]) + (" and more" if len(known) > 12 else "")
