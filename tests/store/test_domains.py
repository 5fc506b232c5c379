"""Counters: each value once, whoever raises; swapped only by who saw the last one."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from tests.databases import NewStore
from weir.core.errors import Conflict
from weir.store.domains import (
    count,
    make_domain,
    raise_count,
    set_identity,
    swap_count,
    this_domain,
)
from weir.store.rows import DomainRow


@pytest.fixture
def tx(new_store: NewStore) -> Iterator[Connection]:
    with new_store().write() as tx:
        yield tx


def test_a_counter_begins_at_nothing_and_only_rises(tx: Connection) -> None:
    assert count(tx, "seq") == 0
    assert [raise_count(tx, "seq"), raise_count(tx, "seq", 10), raise_count(tx, "seq")] == [
        *(1, 11, 12)
    ]
    assert (count(tx, "seq"), count(tx, "other")) == (12, 0)


def test_a_swap_succeeds_for_who_saw_the_last_value(tx: Connection) -> None:
    swap_count(tx, "round", 0)
    swap_count(tx, "round", 1)
    assert count(tx, "round") == 2
    for stale in (0, 1, 3):
        with pytest.raises(Conflict, match=f"round has moved on since {stale}"):
            swap_count(tx, "round", stale)


def test_the_longest_names_have_room(tx: Connection) -> None:
    assert raise_count(tx, f"identifier {'x' * 120} industry") == 1


def test_a_domain_is_one_row(tx: Connection) -> None:
    assert this_domain(tx) is None
    make_domain(tx, DomainRow(None, "north", "regional", None, 1.5, "d1"))
    set_identity(tx, "CN.R1-K", "CN-F")
    assert this_domain(tx) == DomainRow("CN.R1-K", "north", "regional", "CN-F", 1.5, "d1")
