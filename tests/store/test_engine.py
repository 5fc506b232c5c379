"""Transactions: whole or not at all, a view that stands still, and who came second decides anew."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import insert

from tests.databases import NewStore, Server
from weir.core.errors import Conflict, NotReady
from weir.store.domains import count, raise_count
from weir.store.engine import Store, open_store
from weir.store.tables import counter


@pytest.fixture
def store(new_store: NewStore) -> Iterator[Store]:
    store = new_store()
    yield store
    store.close()


def test_what_fails_leaves_nothing_behind(store: Store) -> None:
    def fail() -> None:
        with store.write() as tx:
            raise_count(tx, "seq")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.read() as tx:
        assert count(tx, "seq") == 0


def test_a_view_does_not_move_while_others_write(store: Store) -> None:
    with store.read() as seen:
        assert count(seen, "seq") == 0
        with store.write() as tx:
            raise_count(tx, "seq")
        assert count(seen, "seq") == 0
    with store.read() as tx:
        assert count(tx, "seq") == 1


def test_writers_wait_for_one_another_and_none_is_lost(store: Store) -> None:
    def write() -> None:
        for _ in range(20):
            with store.write() as tx:
                raise_count(tx, "seq")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as tx:
        assert count(tx, "seq") == 80


@pytest.mark.real
def test_two_writers_of_one_key_meet_in_a_conflict(postgres: Server) -> None:
    store = open_store(postgres.new_database())

    def meet() -> None:
        with store.write() as second:
            assert count(second, "a") == 0
            with store.write() as first:
                first.execute(insert(counter).values(name="a", value=1))
            second.execute(insert(counter).values(name="a", value=1))

    with pytest.raises(Conflict, match="another writer was faster"):
        meet()
    store.close()


def test_a_database_that_is_away_is_said_to_be() -> None:
    away = open_store("postgresql://weir@127.0.0.1:1/weir?connect_timeout=2")
    with pytest.raises(NotReady, match="the database does not answer"), away.read():
        pass
