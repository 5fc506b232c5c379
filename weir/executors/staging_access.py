"""Which URLs a job may name, by the operator's patterns, and which addresses it may reach.

Pure, but for `real_path`. Laws:
- Scheme, host and path of a pattern are matched each by itself: no part of a URL can pass for
  another.
- A host's address is judged when it is connected to, and each time: a name that stands for a
  public address now and for an inner one later gains nothing.
- Nothing that may be secret (a query, a user, a password) is in what is shown of a URL.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Protocol
from urllib.parse import unquote, urlsplit

from weir.wire.exchange import RunOrder

SCHEMES = ("file", "http", "https", "s3")


class StageError(Exception):
    """Something of a run's data can't be had; the text is for the person whose job it is."""


class Abandoned(Exception):
    """The caller no longer wants it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern: scheme, host (bucket, for S3) and path, the last two with `*`."""

    scheme: str
    host: str
    path: str


class Patterns(Protocol):
    """The part of the settings that is looked at here."""

    @property
    def read(self) -> tuple[str, ...]: ...
    @property
    def write(self) -> tuple[str, ...]: ...
    @property
    def inside(self) -> tuple[str, ...]: ...


def rule_of(pattern: str) -> Rule:
    """A pattern's parts. Raises ValueError if it is none."""
    scheme, mark, rest = pattern.partition("://")
    if not mark or scheme not in SCHEMES:
        raise ValueError(f"{pattern!r} begins with none of {', '.join(s + '://' for s in SCHEMES)}")
    host, _, path = rest.partition("/")
    if scheme == "file" and (host or not path):
        raise ValueError(f"{pattern!r} names no folder; write file:///data/*")
    if scheme != "file" and not host:
        raise ValueError(f"{pattern!r} names no host or bucket; a * stands for any")
    return Rule(scheme, host.lower() if scheme != "s3" else host, f"/{path}" if path else "/*")


def shown(url: str) -> str:
    """A URL for people and logs: without user, password, query and fragment."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def expanded(url: str, order: RunOrder) -> str:
    """The URL with `{job}` (its id where it was submitted) and `{index}` (in its array) set."""
    index = "0" if order.array_index is None else str(order.array_index)
    return url.replace("{job}", order.root_job).replace("{index}", index)


@dataclass(frozen=True, slots=True)
class Access:
    """The operator's table."""

    read: tuple[Rule, ...]
    write: tuple[Rule, ...]
    inside: tuple[str, ...]

    @classmethod
    def of(cls, settings: Patterns) -> Access:
        """From the settings, whose patterns were checked there."""
        read, write = (tuple(map(rule_of, p)) for p in (settings.read, settings.write))
        return cls(read, write, settings.inside)

    def check(self, url: str, write: bool = False) -> None:
        """Raises StageError unless the operator lets jobs read (or `write`) this URL."""
        parts = urlsplit(url)
        if parts.username is not None or parts.password is not None:
            raise StageError(
                f"{shown(url)}: a user or password in a URL is not taken; use a presigned URL"
            )
        path = unquote(parts.path) or "/"
        if ".." in path.split("/"):
            raise StageError(f"{shown(url)}: '..' in a path is not taken")
        host = parts.netloc if parts.scheme == "s3" else (parts.hostname or "")
        if parts.scheme == "file":
            host, path = "", real_path(url)
        rules = self.write if write else self.read
        if not any(_fits(rule, parts.scheme, host, path) for rule in rules):
            what = "write" if write else "read"
            raise StageError(f"{shown(url)}: this center's operator does not let jobs {what} there")

    def check_address(self, host: str, address: str) -> None:
        """Raises StageError for an address that is not public, unless the host or it is listed."""
        found = _real(ip_address(address.partition("%")[0]))
        if found.is_global and not found.is_multicast:
            return
        if not _listed(host, found, self.inside):
            raise StageError(
                f"{host} is at {found}, which is not a public address; this center's operator can "
                "list it as one that jobs may reach"
            )


def real_path(url: str) -> str:
    """The path of a file: URL, links followed."""
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise StageError(f"{shown(url)}: a file of another machine; write file:///path")
    return os.path.realpath(unquote(parts.path))


def _fits(rule: Rule, scheme: str, host: str, path: str) -> bool:
    if rule.scheme != scheme or not fnmatchcase(host, rule.host):
        return False
    if scheme == "file":  # the rule's folder may be a link itself
        folder, star = rule.path.removesuffix("*"), rule.path.endswith("*")
        real = os.path.realpath(folder)
        return path.startswith(real.rstrip("/") + "/") if star else path == real
    return fnmatchcase(path, rule.path)


def _real(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one stands for, if it does."""
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address.sixtofour or address
    return address


def _listed(host: str, address: IPv4Address | IPv6Address, inside: Iterable[str]) -> bool:
    for entry in inside:
        try:
            if address in ip_network(entry, strict=False):
                return True
        except ValueError:
            if fnmatchcase(host.lower(), entry.lower()):
                return True
    return False
