"""Alembic migrations; `weir.store.migrate` runs them at a server's start."""
