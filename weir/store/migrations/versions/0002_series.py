"""samples over time: series, their buckets, totals, what is to be rolled up, and gaps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:  # a list of tables: there is nothing in it to give a name to
    """Forward."""
    op.create_index(op.f("ix_job_started_at"), "job", ["started_at"])
    op.create_index(op.f("ix_job_ended_at"), "job", ["ended_at"])
    op.create_table(
        "series",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(length=240), nullable=False),
        sa.Column("metric", sa.String(length=63), nullable=False),
        sa.Column("part", sa.String(length=63), nullable=False),
        sa.Column("cluster", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint(
            "subject", "metric", "part", name=op.f("uq_series_subject_metric_part")
        ),
    )
    op.create_index(op.f("ix_series_cluster"), "series", ["cluster"])
    op.create_table(
        "sample",
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("series", sa.Integer(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.Double(), nullable=False),
        sa.Column("least", sa.Double(), nullable=False),
        sa.Column("most", sa.Double(), nullable=False),
        sa.Column("last", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("width", "at", "series", name=op.f("pk_sample")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "indicator_total",
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("indicator", sa.String(length=63), nullable=False),
        sa.Column("part", sa.String(length=120), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint(
            "width", "at", "indicator", "part", name=op.f("pk_indicator_total")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rollup_due",
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("width", "at", name=op.f("pk_rollup_due")),
    )
    op.create_table(
        "sample_news",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("cluster", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_sample_news")),
    )
    op.create_table(
        "sample_gap",
        sa.Column("cluster", sa.String(length=120), nullable=False),
        sa.Column("begin", sa.Double(), nullable=False),
        sa.Column("end", sa.Double(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("cluster", "begin", name=op.f("pk_sample_gap")),
    )


def downgrade() -> None:
    """Back."""
    for name in ("sample_gap", "sample_news", "rollup_due", "indicator_total", "sample"):
        op.drop_table(name)
    op.drop_index(op.f("ix_series_cluster"), table_name="series")
    op.drop_table("series")
    op.drop_index(op.f("ix_job_ended_at"), table_name="job")
    op.drop_index(op.f("ix_job_started_at"), table_name="job")
