"""Jobs that may be put off until energy is cheaper or cleaner, and what was decided of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "deferral",
        sa.Column("job", sa.String(length=40), nullable=False),
        sa.Column("latest_at", sa.Double(), nullable=False),
        sa.Column("decided_at", sa.Double(), nullable=True),
        sa.Column("policy", sa.String(length=40), nullable=True),
        sa.Column("start_at", sa.Double(), nullable=True),
        sa.Column("ends_at", sa.Double(), nullable=True),
        sa.Column("pool", sa.String(length=120), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("saves", sa.Double(), nullable=True),
        sa.Column("what", sa.String(length=12), nullable=True),
        sa.ForeignKeyConstraint(["job"], ["job.id"], name=op.f("fk_deferral_job_job")),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_deferral")),
    )
    op.create_index(
        op.f("ix_deferral_decided_at_latest_at"), "deferral", ["decided_at", "latest_at"]
    )
    op.create_index(op.f("ix_deferral_start_at"), "deferral", ["start_at"])


def downgrade() -> None:
    """Back."""
    op.drop_index(op.f("ix_deferral_start_at"), "deferral")
    op.drop_index(op.f("ix_deferral_decided_at_latest_at"), "deferral")
    op.drop_table("deferral")
