"""What a center's accounts say of a run beside what was measured: how long, and CPU time given."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.add_column("run_use", sa.Column("elapsed_ms", sa.BigInteger(), nullable=True))
    op.add_column("run_use", sa.Column("given_cpu_ms", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Back."""
    op.drop_column("run_use", "given_cpu_ms")
    op.drop_column("run_use", "elapsed_ms")
