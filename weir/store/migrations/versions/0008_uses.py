"""Readings of what runs use, names of domains, indexes by which a pool and its jobs are found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "run_use",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("run", sa.String(length=60), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("cpu_ms", sa.BigInteger(), nullable=True),
        sa.Column("memory_bytes", sa.BigInteger(), nullable=True),
        sa.Column("peak_bytes", sa.BigInteger(), nullable=True),
        sa.Column("device_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_run_use")),
        sa.UniqueConstraint("run", "at", name=op.f("uq_run_use_run_at")),
    )
    op.create_table(
        "domain_name",
        sa.Column("cluster", sa.String(length=120), nullable=False),
        sa.Column("id", sa.String(length=120), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.PrimaryKeyConstraint("cluster", "id", name=op.f("pk_domain_name")),
    )
    op.create_index(op.f("ix_run_use_at"), "run_use", ["at"])
    op.create_index(op.f("ix_job_pool_id"), "job", ["pool", "id"])
    op.create_index(op.f("ix_pool_id"), "pool", ["id"])


def downgrade() -> None:
    """Back."""
    op.drop_index(op.f("ix_pool_id"), "pool")
    op.drop_index(op.f("ix_job_pool_id"), "job")
    op.drop_table("domain_name")
    op.drop_table("run_use")
