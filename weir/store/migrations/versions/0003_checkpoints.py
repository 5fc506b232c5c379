"""checkpoints."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "checkpoint",
        sa.Column("job", sa.String(length=40), nullable=False),
        sa.Column("run", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("made_in", sa.Double(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("saved_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("job", "run", "name", name=op.f("pk_checkpoint")),
    )


def downgrade() -> None:
    """Back."""
    op.drop_table("checkpoint")
