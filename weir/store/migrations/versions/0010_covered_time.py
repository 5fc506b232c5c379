"""How much of its time a bucket covers, and what pools were before.

Buckets from before cover their widths, as they were taken to.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.add_column("sample", sa.Column("covered_s", sa.Integer(), nullable=True))
    op.add_column("indicator_total", sa.Column("covered_s", sa.Integer(), nullable=True))
    op.create_table(
        "pool_past",
        sa.Column("pool", sa.String(length=120), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("hosts", sa.BigInteger(), nullable=False),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("pool", "at", name=op.f("pk_pool_past")),
    )


def downgrade() -> None:
    """Back."""
    op.drop_table("pool_past")
    op.drop_column("indicator_total", "covered_s")
    op.drop_column("sample", "covered_s")
