"""The tables of a domain's database. Times are seconds since 1970-01-01 UTC; amounts are integers.

The migrations under `migrations/` make these tables; a test holds the two equal.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

domain = Table(
    "domain",
    metadata,
    Column("one", Integer, primary_key=True),  # a single row: who this server is
    Column("id", String(120)),  # null until the parent has issued it
    Column("name", String(63), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("parent", String(120)),
    Column("created_at", Double, nullable=False),
    Column("data_id", String(40), nullable=False),  # of this data: another one counts anew
)

counter = Table(
    "counter",
    metadata,
    Column("name", String(160), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

identifier = Table(
    "identifier",
    metadata,
    Column("id", String(120), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("parent", String(120), nullable=False),
    Column("name", String(120), nullable=False),
    Column("issued_at", Double, nullable=False),
    Column("retired_at", Double),
    UniqueConstraint("parent", "kind", "name"),
)

token = Table(
    "token",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("secret_hash", String(64), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),  # person, agent, node, join
    Column("subject", String(120), nullable=False),
    Column("roles", JSON, nullable=False),
    Column("cluster", String(120)),  # agent and node tokens speak for this cluster
    Column("claims", JSON, nullable=False),  # join tokens: what may be joined
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("used_at", Double),
    Column("revoked_at", Double),
)

cluster = Table(
    "cluster",
    metadata,
    Column("id", String(120), primary_key=True),
    Column("name", String(63), nullable=False),
    Column("site", String(120), nullable=False),
    Column("site_name", String(120), nullable=False),
    Column("executor", String(32), nullable=False),
    Column("direction", String(8), nullable=False),  # own, down (a child domain), up (the parent)
    Column("peer_domain", String(120)),
    Column("peer_url", Text),
    Column("joined_at", Double, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("inventory_digest", String(64), nullable=False),
    Column("incarnation", String(64), nullable=False),
    Column("journal", String(64), nullable=False),
    Column("observed", BigInteger, nullable=False),  # highest observation applied
    Column("heard_at", Double),
    Column("silent", Boolean, nullable=False),  # as last told to those who watch
    Column("clock_skew_s", Double, nullable=False),
    Column("rtt_us", BigInteger),
    Column("version", String(40), nullable=False),
    Column("removed_at", Double),  # it has left; its pools and runs are kept as history
)

pool = Table(
    "pool",
    metadata,
    Column("cluster", String(120), ForeignKey("cluster.id"), primary_key=True),
    Column("id", String(120), primary_key=True, index=True),
    Column("record", JSON, nullable=False),  # a PoolReport
    Column("version", BigInteger, nullable=False),  # of the record
    Column("revision", BigInteger, nullable=False, index=True),  # of it and of what is booked on it
    Column("gone", Boolean, nullable=False),
)

shape = Table(
    "shape",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("demand", JSON, nullable=False),  # a core Demand
)

spec = Table(
    "spec",
    metadata,
    Column("key", String(64), primary_key=True),  # a hash of the text: an array has one spec
    Column("text", Text, nullable=False),  # a JobSpec
    Column("size", Integer, nullable=False),  # bytes of the text
)

job = Table(
    "job",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(63), nullable=False),
    Column("submitter", String(120), nullable=False),
    Column("state", String(12), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("queue", String(63), nullable=False),  # whose share it counts for; "": nobody's
    Column("preemptible", Boolean, nullable=False),  # another job may push it out here
    Column("apart", JSON(none_as_null=True)),  # the name that it carries, and the level: core Apart
    Column("submitted_at", Double, nullable=False),
    Column("start_after", Double),  # it is not to start before
    Column("started_at", Double),
    Column("ended_at", Double),
    Column("expires_at", Double),  # the deadline; of a pinned job, the last moment to be placed
    Column("exit_code", Integer),
    Column("reason", Text, nullable=False),
    Column("spec", String(64), ForeignKey("spec.key"), nullable=False),
    Column("shape", String(64), ForeignKey("shape.key"), nullable=False),
    Column("submission", String(240), unique=True),  # idempotency: a person's key, an origin's run
    Column("array", String(40), index=True),
    Column("array_index", Integer),
    Column("root_job", String(40), nullable=False),
    Column("path", JSON, nullable=False),
    Column("origin_cluster", String(120)),  # the link that handed it over; null: submitted here
    Column("origin_run", String(60)),
    Column("run", String(60)),  # the run that counts now
    Column("pool", String(120)),
    Column("attempts", Integer, nullable=False),  # runs made
    Column("failures", Integer, nullable=False),
    Column("losses", Integer, nullable=False),
    Column("cancel_at", Double),
    Column("seq", BigInteger, nullable=False),  # number of its last change
    Column("decision", JSON),  # the terms of its last placement
    Column("place", JSON, nullable=False),  # names on the way to where it runs
    Index(None, "state", "priority", "submitted_at"),
    Index(None, "origin_cluster", "seq"),
    Index(None, "submitted_at"),
    Index(None, "started_at"),
    Index(None, "ended_at"),
    Index(None, "expires_at"),
    Index(None, "pool", "id"),
)

deferral = Table(
    "deferral",  # jobs that may be put off, and what was decided
    metadata,
    Column("job", String(40), ForeignKey("job.id"), primary_key=True),
    Column("latest_at", Double, nullable=False),  # it may be put off until then
    Column("decided_at", Double),  # null: not decided yet
    Column("policy", String(40)),  # the one under which that was
    Column("start_at", Double),  # it is put off until then; null: it is not
    Column("ends_at", Double),  # until when it is booked from then on,
    Column("pool", String(120)),  # where,
    Column("amount", BigInteger),  # and how much of it: milli-devices, or milli-CPUs
    Column("saves", Double),  # the share that is saved; null: none
    Column("what", String(12)),  # of what: price, carbon
    Index(None, "decided_at", "latest_at"),
    Index(None, "start_at"),
)

run = Table(
    "run",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("job", String(40), ForeignKey("job.id"), nullable=False, index=True),
    Column("cluster", String(120), nullable=False),
    Column("pool", String(120), nullable=False),
    Column("state", String(12), nullable=False),
    Column("groups", JSON, nullable=False),  # [[group, count, stack], ...]
    Column("claims", JSON, nullable=False),  # [[cpu_milli, memory_bytes, device_milli, count], ...]
    Column("revision", BigInteger, nullable=False),
    Column("start_within_s", Double, nullable=False),
    Column("assigned_at", Double, nullable=False),
    Column("started_at", Double),
    Column("ends_at", Double),  # start and wall time, where there is one
    Column("ended_at", Double),
    Column("exit_code", Integer),
    Column("reason", Text, nullable=False),
    Column("place", JSON, nullable=False),
    Column("cancel", Boolean, nullable=False),
    Column("counted_milli", BigInteger),  # what its devices count in shares; null: as they are
    Column("preempted_for", String(40)),  # the job that it has to make room for
    Column("preempted_at", Double),  # when it was told so
    Index(None, "cluster", "revision"),
    Index(None, "state", "cluster"),
)

usage = Table(
    "usage",
    metadata,
    Column("queue", String(63), primary_key=True),
    # Integrals over time of what its jobs of the past held, faded until `at` (control.usage).
    Column("cpu_milli_s", Double, nullable=False),
    Column("memory_bytes_s", Double, nullable=False),
    Column("device_milli_s", Double, nullable=False),
    Column("at", Double, nullable=False),
)

scheduling = Table(
    "scheduling",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),  # the last one counts
    Column("set_at", Double, nullable=False),
    Column("set_by", String(120), nullable=False),  # "": a start of the server
    Column("what", String(16), nullable=False),
    Column("policy", String(63), nullable=False),
    Column("queues", JSON, nullable=False),
    Column("started_with", String(64), nullable=False),  # a digest of what that start said
)

replay = Table(
    "replay",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("asked_by", String(120), nullable=False),
    Column("asked_at", Double, nullable=False),
    Column("days", Double, nullable=False),
    Column("policies", JSON, nullable=False),
    Column("state", String(12), nullable=False),
    Column("share", Double, nullable=False),  # how much of it is done
    Column("heard_at", Double, nullable=False),  # when whoever works on it last said so
    Column("detail", Text, nullable=False),  # where it is, or why it failed
    Column("result", JSON),
)

domain_name = Table(
    "domain_name",
    metadata,
    Column("cluster", String(120), primary_key=True),  # the link that tells it
    Column("id", String(120), primary_key=True),
    Column("name", String(63), nullable=False),
)

run_use = Table(
    "run_use",
    metadata,
    # What a run has used, as its agent read it; the number tells a link what is new.
    Column(
        "number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    Column("run", String(60), nullable=False),
    Column("at", Double, nullable=False, index=True),
    Column("cpu_ms", BigInteger),  # totals since its start, of one core and of one device
    Column("memory_bytes", BigInteger),
    Column("peak_bytes", BigInteger),
    Column("device_ms", BigInteger),
    Column("elapsed_ms", BigInteger),  # as the center's accounts have it: its time, CPU time given
    Column("given_cpu_ms", BigInteger),
    UniqueConstraint("run", "at"),
)

speed = Table(
    "speed",
    metadata,
    Column("submitter", String(120), primary_key=True),
    Column("name", String(63), primary_key=True),
    Column("shape", String(64), primary_key=True),
    Column("model", String(63), primary_key=True),
    Column("jobs", Integer, nullable=False),  # that ran there
    Column("mean_s", Double, nullable=False),  # how long they took (control.speeds)
    Column("at", Double, nullable=False, index=True),  # when the last of them ended
)

lease = Table(
    "lease",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("pool", String(120), nullable=False),
    Column("hosts", Integer, nullable=False),  # whole ones
    Column("queue", String(63), nullable=False),  # whose jobs may fill them; one of the two is ""
    Column("holder", String(120), nullable=False),
    Column("starts_at", Double, nullable=False),
    Column("ends_at", Double, nullable=False, index=True),
    Column("made_by", String(120), nullable=False),
    Column("made_at", Double, nullable=False),
)

avoid = Table(
    "avoid",
    metadata,
    Column("job", String(40), primary_key=True),
    Column("pool", String(120), primary_key=True),
    Column("until_at", Double, nullable=False),
    Column("tries", Integer, nullable=False),  # how often the pool has refused the job
    Column("reason", Text, nullable=False),
)

history = Table(
    "history",
    metadata,
    Column(
        "number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    Column("job", String(40), nullable=False, index=True),
    Column("at", Double, nullable=False),
    Column("what", String(24), nullable=False),
    Column("detail", Text, nullable=False),
)

file = Table(
    "file",
    metadata,
    Column("run", String(60), primary_key=True),
    Column("name", String(300), primary_key=True),
    Column("size", BigInteger, nullable=False),
)

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("job", String(40), primary_key=True),
    Column("run", String(60), primary_key=True),  # whose file it is; see control.checkpoints
    Column("name", String(300), primary_key=True),
    Column("made_in", Double, nullable=False),  # when its run was assigned; 0: brought along
    Column("number", Integer, nullable=False),  # its number in that run
    Column("saved_at", Double, nullable=False),
)
