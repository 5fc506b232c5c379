"""Speeds: how long kinds of jobs ran on device models; and leases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "speed",
        sa.Column("submitter", sa.String(length=120), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("shape", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=63), nullable=False),
        sa.Column("jobs", sa.Integer(), nullable=False),
        sa.Column("mean_s", sa.Double(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("submitter", "name", "shape", "model", name=op.f("pk_speed")),
    )
    op.create_index(op.f("ix_speed_at"), "speed", ["at"])
    op.create_table(
        "lease",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("pool", sa.String(length=120), nullable=False),
        sa.Column("hosts", sa.Integer(), nullable=False),
        sa.Column("queue", sa.String(length=63), nullable=False),
        sa.Column("holder", sa.String(length=120), nullable=False),
        sa.Column("starts_at", sa.Double(), nullable=False),
        sa.Column("ends_at", sa.Double(), nullable=False),
        sa.Column("made_by", sa.String(length=120), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lease")),
    )
    op.create_index(op.f("ix_lease_ends_at"), "lease", ["ends_at"])


def downgrade() -> None:
    """Back."""
    op.drop_index(op.f("ix_lease_ends_at"), table_name="lease")
    op.drop_table("lease")
    op.drop_index(op.f("ix_speed_at"), table_name="speed")
    op.drop_table("speed")
