"""Alembic's entry: run the migrations on the connection that `weir.store.migrate` hands over."""

from __future__ import annotations

from alembic import context

from weir.store.tables_monitoring import ALL

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=ALL,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
