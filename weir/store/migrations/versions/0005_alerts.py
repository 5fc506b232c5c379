"""alerts, silences, and notices that wait to be sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "alert",
        sa.Column("rule", sa.String(length=63), nullable=False),
        sa.Column("subject", sa.String(length=240), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("since", sa.Double(), nullable=True),
        sa.Column("fired_at", sa.Double(), nullable=True),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("resolved", sa.JSON(), nullable=False),
        sa.Column("flapping", sa.Boolean(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("rule", "subject", name=op.f("pk_alert")),
    )
    op.create_table(
        "silence",
        sa.Column("rule", sa.String(length=63), nullable=False),
        sa.Column("subject", sa.String(length=240), nullable=False),
        sa.Column("acknowledged", sa.Boolean(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("rule", "subject", "acknowledged", name=op.f("pk_silence")),
    )
    op.create_table(
        "notice",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_notice")),
    )
    op.create_index(op.f("ix_notice_at"), "notice", ["at"])


def downgrade() -> None:
    """Back."""
    op.drop_index(op.f("ix_notice_at"), "notice")
    op.drop_table("notice")
    op.drop_table("silence")
    op.drop_table("alert")
