"""When a center shares, and how much of a month: the hours and the budget of device-hours.

Laws:
- Outside its hours a share takes nothing new; what runs goes on, unless it was only taken because
  it would end in time.
- A month's budget counts every run for the network in the pool, whoever sent it, from its start to
  its end; once it is used up nothing new is taken until the next month begins.
- Hours and months are those of a clock that is `utc_offset` whole hours ahead of UTC.
- What has been used is kept by run, so that counting a run twice changes nothing.
"""

from __future__ import annotations

import re
import time
from calendar import timegm
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Annotated, Protocol

from pydantic import Field, field_validator

from weir.core.inventory import DEVICE_MILLI
from weir.executors.durable import open_durable, transaction
from weir.executors.local_hosts import needs_of
from weir.executors.local_run import End
from weir.wire.exchange import RunOrder
from weir.wire.jobspec import walltime_s
from weir.wire.pools import PoolReport, PoolTerms

DAY_S, HOUR_S = 86_400, 3_600
STEP_S = 300
"""What is left of the hours is told in steps: else a report would change with every second."""

_SPAN = re.compile(r"(\d{1,2})(?::(\d\d))?\s*-\s*(\d{1,2})(?::(\d\d))?")
_SCHEMA = """
create table if not exists used (
    run text not null, month text not null, pool text not null, device_s real not null,
    primary key (run, month)
);
"""


class ShareTerms(PoolTerms):
    """What a center says of when it shares and how much, beside what it says of its pools."""

    hours: str | None = Field(
        None, description="when new runs are taken, as in 20-8 or 12:30-13:30,20-8; always without"
    )
    utc_offset: Annotated[int, Field(ge=-12, le=14)] = Field(
        0, description="whole hours that the clock of `hours` and of the months is ahead of UTC"
    )
    end_in_hours: bool = Field(
        False, description="only runs whose wall time ends before the hours do are taken"
    )
    device_hours: Annotated[int, Field(ge=0)] | None = Field(
        None, description="of its devices in a month, for the whole network; without limit else"
    )

    @field_validator("hours")
    @classmethod
    def _readable(cls, hours: str | None) -> str | None:
        if hours is not None:
            spans_of(hours)
        return hours


def spans_of(hours: str) -> tuple[tuple[int, int], ...]:
    """Spans of a day in seconds since its midnight, none of which passes midnight. Raises
    ValueError.
    """
    spans: list[tuple[int, int]] = []
    for part in hours.split(","):
        match = _SPAN.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"{part.strip()!r} is no span of hours; write 20-8, or 12:30-13:30")
        begin, end = _second(match[1], match[2]), _second(match[3], match[4])
        if begin == end % DAY_S:
            raise ValueError(f"{part.strip()!r} is empty, or all day: leave `hours` out for that")
        spans += [(begin, end)] if begin < end else [(begin, DAY_S), (0, end)]
    return tuple(span for span in spans if span[0] < span[1])


def _second(hour: str, minute: str | None) -> int:
    found = int(hour) * HOUR_S + int(minute or 0) * 60
    if int(minute or 0) > 59 or found > DAY_S:
        raise ValueError(f"there is no time {hour}:{minute or '00'}")
    return found


def left_s(hours: str, utc_offset: int, now: float) -> float:
    """Seconds until the hours end; 0 outside of them."""
    spans = spans_of(hours)
    second = (now + utc_offset * HOUR_S) % DAY_S
    left = 0.0
    while left < DAY_S:  # one span may go on in the next, and over midnight
        at = (second + left) % DAY_S
        end = max((end for begin, end in spans if begin <= at < end), default=None)
        if end is None:
            return left
        left += end - at
    return left


def closed_text(share: ShareTerms, used_s: float, now: float) -> str:
    """Why a share takes nothing new now; empty if it does."""
    if share.hours is not None and not left_s(share.hours, share.utc_offset, now):
        return f"open {share.hours} ({_zone(share.utc_offset)})"
    if share.device_hours is not None and used_s >= share.device_hours * HOUR_S:
        month = month_of(now, share.utc_offset)
        return f"the {share.device_hours} device-hours of {month} are used up"
    return ""


def _zone(utc_offset: int) -> str:
    return f"UTC{utc_offset:+d}" if utc_offset else "UTC"


def month_of(now: float, utc_offset: int) -> str:
    """The month of a moment, as in `2026-11`."""
    return time.strftime("%Y-%m", time.gmtime(now + utc_offset * HOUR_S))


def _months(begin: float, end: float, utc_offset: int) -> Iterator[tuple[str, float]]:
    """The months that lie between two moments, each with its seconds between them."""
    while begin < end:
        month = month_of(begin, utc_offset)
        year, number = map(int, month.split("-"))
        following = (year + number // 12, number % 12 + 1, 1, 0, 0, 0)
        until = min(end, timegm(following) - utc_offset * HOUR_S)
        yield month, until - begin
        begin = until


class Run(Protocol):
    """A run, of whichever executor."""

    @property
    def id(self) -> str: ...
    @property
    def order(self) -> RunOrder: ...
    @property
    def pool(self) -> str: ...
    @property
    def started(self) -> float | None: ...
    @property
    def end(self) -> End | None: ...


class Gate:
    """Whether shares take anything new now. `runs` are those in memory, ended ones too; what others
    have used is kept in the file, if a share has a budget. Called with the executor's lock held.
    """

    def __init__(
        self,
        path: Path,
        shares: Sequence[ShareTerms],
        runs: Callable[[], Iterable[Run]],
        now: Callable[[], float],
    ) -> None:
        self._path, self._runs, self._now = path, runs, now
        self._kept: dict[
            tuple[str, str], dict[str, float]
        ] = {}  # device-seconds, by pool and month
        self._budgets = any(share.device_hours is not None for share in shares)
        if self._budgets:
            with closing(open_durable(path, _SCHEMA)) as db:
                for run, month, pool, device_s in db.execute("select * from used"):
                    self._kept.setdefault((pool, month), {})[run] = device_s

    def charge(self, runs: Iterable[Run], shares: Mapping[str, ShareTerms]) -> None:
        """Keep what these runs have used, which are about to be forgotten; `shares` by pool."""
        if not self._budgets:
            return
        rows = [
            (run.id, month, run.pool, device_s)
            for run in runs
            if run.pool in shares
            for month, device_s in _used(run, shares[run.pool].utc_offset, self._now())
        ]
        with closing(open_durable(self._path, _SCHEMA)) as db, transaction(db):
            db.executemany("insert or replace into used values (?, ?, ?, ?)", rows)
        for name, month, pool, device_s in rows:
            self._kept.setdefault((pool, month), {})[name] = device_s

    def closed(self, pool: str, share: ShareTerms) -> str:
        """Why a pool takes nothing new now; empty if it does."""
        now, used_s = self._now(), 0.0
        if share.device_hours is not None:
            this = month_of(now, share.utc_offset)
            by_run = dict(self._kept.get((pool, this), {}))
            for run in self._runs():
                uses = dict(_used(run, share.utc_offset, now)) if run.pool == pool else {}
                if this in uses:
                    by_run[run.id] = uses[this]
            used_s = sum(by_run.values())
        return closed_text(share, used_s, now)

    def told(self, report: PoolReport, share: ShareTerms) -> PoolReport:
        """A pool's report with what the hours and the budget make of it."""
        if share.hours is None and share.device_hours is None:
            return report
        changes: dict[str, object] = {}
        closed = self.closed(report.name, share)
        if closed:
            changes |= {"open": False, "closed": closed}
        elif share.hours is not None and share.end_in_hours:
            left = int(left_s(share.hours, share.utc_offset, self._now())) // STEP_S * STEP_S
            limits = [limit for limit in (report.max_walltime_s, max(left, 1)) if limit is not None]
            changes["max_walltime_s"] = min(limits)
        return report.model_copy(update=changes)

    def refusal(self, order: RunOrder, pool: str, share: ShareTerms) -> str:
        """Why an order is not taken in a pool now; empty if it may be."""
        closed = self.closed(pool, share)
        if closed:
            return f"pool {pool} takes nothing new now: {closed}"
        if share.hours is not None and share.end_in_hours:
            longest = walltime_s(order.spec)
            if longest is None:
                return f"in pool {pool} a run needs a wall time: it has to end within {share.hours}"
            if longest > left_s(share.hours, share.utc_offset, self._now()):
                return f"in pool {pool} a run has to end within {share.hours}, and it would not"
        return ""


def _used(run: Run, utc_offset: int, now: float) -> Iterator[tuple[str, float]]:
    """The device-seconds that a run has used in each month."""
    if run.started is None:
        return
    devices = 0.0
    with suppress(ValueError):  # groups that are not its job's: it was refused, and used nothing
        devices = sum(n.claim.device_milli * n.claim.count for n in needs_of(run.order))
    end = now if run.end is None else run.end.at
    for month, span_s in _months(run.started, end, utc_offset) if devices else ():
        yield month, span_s * devices / DEVICE_MILLI
