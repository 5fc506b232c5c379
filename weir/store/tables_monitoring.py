"""The tables of what is measured and watched: samples, totals, alerts, downtimes.

They belong to the same database as those of `weir.store.tables`.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from weir.store.tables import metadata

series = Table(
    "series",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("subject", String(240), nullable=False),  # an identifier, ID/host, or FROM>TO
    Column("metric", String(63), nullable=False),
    Column("part", String(63), nullable=False),
    Column("cluster", String(120), nullable=False, index=True),  # heard by it first; "": own
    UniqueConstraint("subject", "metric", "part"),
)

sample = Table(
    "sample",
    metadata,
    # By time first: what is written together lies together, and so does what is thrown away.
    Column("width", Integer, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("series", Integer, primary_key=True),
    Column("n", BigInteger, nullable=False),
    Column("total", Double, nullable=False),
    Column("least", Double, nullable=False),
    Column("most", Double, nullable=False),
    Column("last", Double, nullable=False),
    Column("covered_s", Integer),  # seconds for which its samples stand; null: all of the width
    sqlite_with_rowid=False,
)

indicator_total = Table(
    "indicator_total",
    metadata,
    Column("width", Integer, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("indicator", String(63), primary_key=True),
    Column("part", String(120), primary_key=True),  # "": the whole
    Column("value", Double, nullable=False),
    Column("covered_s", Integer),  # how much of the time it is known of; null: all of the width
    sqlite_with_rowid=False,
)

pool_past = Table(
    "pool_past",
    metadata,
    # A row where a pool was another than before: what it was from `at` on, a quarter of an hour's
    # begin. Inventory is not measured, so it has no samples.
    Column("pool", String(120), primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("hosts", BigInteger, nullable=False),  # 0: it was gone
    Column("record", JSON, nullable=False),  # a core.inventory_past record
)

rollup_due = Table(
    "rollup_due",
    metadata,
    Column("width", Integer, primary_key=True),
    Column("at", BigInteger, primary_key=True),
)

sample_news = Table(
    "sample_news",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("width", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("cluster", String(120), nullable=False),  # by which it came; "": rolled up here
)

sample_gap = Table(
    "sample_gap",
    metadata,
    Column("cluster", String(120), primary_key=True),
    Column("begin", Double, primary_key=True),
    Column("end", Double, nullable=False),
    Column("reason", Text, nullable=False),
)

alert = Table(
    "alert",
    metadata,
    Column("rule", String(63), primary_key=True),
    Column("subject", String(240), primary_key=True),  # an identifier, ID/host, or FROM>TO
    Column("state", String(12), nullable=False),
    Column("since", Double),  # when its condition last turned
    Column("fired_at", Double),
    Column("value", Double),
    Column("resolved", JSON, nullable=False),  # times of its last resolutions
    Column("flapping", Boolean, nullable=False),
    Column("told", Boolean, nullable=False),  # that it fires
)

silence = Table(
    "silence",
    metadata,
    Column("rule", String(63), primary_key=True),  # "": any
    Column("subject", String(240), primary_key=True),  # "": any
    Column("acknowledged", Boolean, primary_key=True),
    Column("until", Double, nullable=False),
    Column("by", String(120), nullable=False),
    Column("why", Text, nullable=False),
)

notice = Table(
    "notice",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False, index=True),
    Column("record", JSON, nullable=False),  # a NoticeAnswer
)

downtime = Table(
    "downtime",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("site", String(120), nullable=False),
    Column("begins_at", Double, nullable=False),  # not before it was declared
    Column("ends_at", Double, nullable=False, index=True),  # when it ended, if it was ended early
    Column("reason", Text, nullable=False),
    Column("declared_by", String(120), nullable=False),
    Column("declared_at", Double, nullable=False),
)

ALL = metadata
"""The tables of a domain's database, those of both files."""
