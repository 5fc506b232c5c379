"""The migrations make the tables that the code speaks of, no more and no less."""

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from tests.databases import NewStore
from weir.store.engine import open_store
from weir.store.migrate import migrate
from weir.store.tables_monitoring import ALL


def test_a_migrated_database_has_the_tables_of_the_code(new_store: NewStore) -> None:
    store = new_store()
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, ALL) == []
        found = inspect(connection)
        for name, table in ALL.tables.items():
            assert {i["name"] for i in found.get_indexes(name)} >= {i.name for i in table.indexes}


def test_migrating_again_changes_nothing(new_store: NewStore) -> None:
    store = new_store()
    migrate(store)
    migrate(store)


def test_a_new_file_is_migrated_from_nothing(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'new.db'}")
    migrate(store)
    with store.read() as tx:
        assert set(inspect(tx).get_table_names()) == {*ALL.tables, "alembic_version"}
    store.close()
