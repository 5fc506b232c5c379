"""Alerts, silences and notices in the domain's database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from weir.core.alerts import Alert, Silence, State
from weir.store.domains import raise_count, swap_count
from weir.store.rows import upsert
from weir.store.tables import identifier
from weir.store.tables_monitoring import alert, notice, silence

COUNTER = "alerts"
"""Counts the changes of alerts and silences: who looks again after another starts anew."""

Key = tuple[str, str]
"""rule, subject"""


def read_alerts(tx: Connection) -> dict[Key, Alert]:
    """Every alert that is kept, by rule and subject."""
    c = alert.c
    query = select(
        c.rule, c.subject, c.state, c.since, c.fired_at, c.value, c.resolved, c.flapping, c.told
    )
    found = (
        Alert(
            rule=str(r[0]),
            subject=str(r[1]),
            state=State(r[2]),
            since=r[3],
            fired_at=r[4],
            value=r[5],
            resolved=tuple(r[6]),
            flapping=bool(r[7]),
            told=bool(r[8]),
        )
        for r in tx.execute(query.order_by(c.rule, c.subject))
    )
    return {(a.rule, a.subject): a for a in found}


def put_alerts(tx: Connection, alerts: Iterable[Alert]) -> None:
    """Write alerts in place of what stands there."""
    rows = [_row(found) for found in alerts]
    if rows:
        query = upsert(tx, alert)
        values = {name: query.excluded[name] for name in rows[0] if name not in ("rule", "subject")}
        tx.execute(
            query.on_conflict_do_update(index_elements=["rule", "subject"], set_=values), rows
        )


def _row(found: Alert) -> dict[str, Any]:
    return {
        "rule": found.rule,
        "subject": found.subject,
        "state": found.state.value,
        "since": found.since,
        "fired_at": found.fired_at,
        "value": found.value,
        "resolved": list(found.resolved),
        "flapping": found.flapping,
        "told": found.told,
    }


def retired(tx: Connection) -> set[str]:
    """The identifiers that this domain has taken out of use."""
    query = select(identifier.c.id).where(identifier.c.retired_at.is_not(None))
    return {str(found) for found in tx.execute(query).scalars()}


def drop_alerts(tx: Connection, keys: Iterable[Key]) -> None:
    """Forget alerts."""
    for rule, subject in keys:
        tx.execute(delete(alert).where(alert.c.rule == rule, alert.c.subject == subject))


def read_silences(tx: Connection) -> list[Silence]:
    """Silences and acknowledgements that were not taken away, those that are over too."""
    c = silence.c
    query = select(c.rule, c.subject, c.until, c.by, c.why, c.acknowledged)
    rows = tx.execute(query.order_by(c.rule, c.subject, c.acknowledged))
    return [Silence(str(r[0]), str(r[1]), float(r[2]), r[3], r[4], bool(r[5])) for r in rows]


def put_silence(tx: Connection, found: Silence) -> None:
    """Write a silence in place of one of the same rule and subject; who looks now starts anew."""
    raise_count(tx, COUNTER)
    rest = {"until": found.until, "by": found.by, "why": found.why}
    key = {"rule": found.rule, "subject": found.subject, "acknowledged": found.acknowledged}
    query = upsert(tx, silence).values(**key, **rest)
    tx.execute(query.on_conflict_do_update(index_elements=list(key), set_=rest))


def drop_silences(tx: Connection, some: Sequence[Silence]) -> None:
    """Forget silences. That one is over by itself changes nothing for who looks now."""
    c = silence.c
    for found in some:
        here = (c.rule == found.rule) & (c.subject == found.subject)
        # Only as it was seen: meanwhile it may have been made longer.
        same = (c.acknowledged == found.acknowledged) & (c.until == found.until)
        tx.execute(delete(silence).where(here & same))


def remove_silence(tx: Connection, rule: str, subject: str) -> bool:
    """Take a silence or an acknowledgement away; False if there is none."""
    raise_count(tx, COUNTER)
    c = silence.c
    return bool(tx.execute(delete(silence).where(c.rule == rule, c.subject == subject)).rowcount)


def moved_on(tx: Connection, seen: int) -> None:
    """Raise the count of changes; `Conflict` if somebody has since it was `seen`."""
    swap_count(tx, COUNTER, seen)


def add_notices(tx: Connection, records: Sequence[tuple[float, Mapping[str, Any]]]) -> None:
    """Put (time, record) into the outbox, numbered in the order given."""
    if records:
        first = raise_count(tx, "notices", len(records)) - len(records) + 1
        rows = [
            {"number": number, "at": at, "record": {**record, "number": number}}
            for number, (at, record) in enumerate(records, first)
        ]
        tx.execute(insert(notice), rows)


def notices_after(tx: Connection, number: int, limit: int) -> list[dict[str, Any]]:
    """The records of the notices after a number, in order."""
    c = notice.c
    query = select(c.record).where(c.number > number).order_by(c.number).limit(limit)
    return [dict(record) for record in tx.execute(query).scalars()]


def any_notice_before(tx: Connection, at: float) -> bool:
    """Whether there are notices older than a time."""
    query = select(notice.c.number).where(notice.c.at < at).limit(1)
    return tx.execute(query).first() is not None


def forget_notices(tx: Connection, at: float) -> None:
    """Throw away notices older than a time."""
    tx.execute(delete(notice).where(notice.c.at < at))
