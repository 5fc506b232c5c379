"""Bring a database to the schema of this version, at a server's start."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

from weir.store.engine import Store

FOLDER = Path(__file__).parent / "migrations"


def migrate(store: Store) -> None:
    """Run the migrations that are missing. Several servers may start at once on PostgreSQL."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    with store.engine.connect() as connection:
        if store.is_sqlite:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7305)")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
