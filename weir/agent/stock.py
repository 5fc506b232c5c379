"""What one parent was told of the pools, and what of it has changed since."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from weir.wire.pools import PoolReport


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be told: the whole inventory, or pools of which only `free` has changed."""

    inventory: tuple[PoolReport, ...] | None
    changed: tuple[PoolReport, ...] = ()


@dataclass(slots=True)
class Stock:
    """Digests of what a parent was told, by pool."""

    whole: str = ""
    pools: dict[str, str] = field(default_factory=dict)

    def forget(self) -> None:
        """The parent may not have it any more: everything is to be told again."""
        self.whole = ""

    def change(self, reports: Sequence[PoolReport]) -> Change | None:
        """What to tell for the parent to have these reports; None if it has them."""
        if _whole(reports) != self.whole:
            return Change(tuple(reports))
        digests = _digests(reports)
        changed = tuple(r for r in reports if self.pools.get(_name(r)) != digests[_name(r)])
        return Change(None, changed) if changed else None

    def told(self, reports: Sequence[PoolReport]) -> None:
        """The parent has these now."""
        self.whole, self.pools = _whole(reports), _digests(reports)


def named(reports: Sequence[PoolReport], identifiers: Mapping[str, str]) -> list[PoolReport]:
    """The reports with the identifiers that the first parent has issued, by pool name."""
    return [
        r if r.id or r.name not in identifiers else r.model_copy(update={"id": identifiers[r.name]})
        for r in reports
    ]


def _name(report: PoolReport) -> str:
    return report.id or report.name


def _whole(reports: Sequence[PoolReport]) -> str:
    """All of it but what is free."""
    return _digest([r.model_copy(update={"free": ()}) for r in reports])


def _digests(reports: Sequence[PoolReport]) -> dict[str, str]:
    return {_name(r): _digest([r]) for r in reports}


def _digest(reports: Sequence[PoolReport]) -> str:
    text = "\n".join(r.model_dump_json() for r in reports)
    return hashlib.sha256(text.encode()).hexdigest()
