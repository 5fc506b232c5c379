"""The register: an identifier is stable by name, and none is ever given twice."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from tests.databases import NewStore, sqlite_copy
from weir.core.identifiers import Kind
from weir.store.identifiers import find, get, issue, retire


@pytest.fixture
def tx(new_store: NewStore) -> Iterator[Connection]:
    with new_store().write() as tx:
        yield tx


def test_a_name_keeps_its_identifier(tx: Connection) -> None:
    north = issue(tx, "CN-F", Kind.SITE, "north", 1.0)
    south = issue(tx, "CN-F", Kind.SITE, "south", 2.0)
    assert issue(tx, "CN-F", Kind.SITE, "north", 3.0) == north != south
    found = get(tx, north)
    assert found is not None
    assert (found.name, found.kind, found.parent, found.issued_at) == ("north", "site", "CN-F", 1.0)


def test_one_name_under_two_parents_or_of_two_kinds_is_two_things(tx: Connection) -> None:
    one = issue(tx, "CN-F", Kind.SITE, "north", 1.0)
    two = issue(tx, "CN-F", Kind.REGIONAL, "north", 1.0)
    three = issue(tx, two, Kind.SITE, "north", 1.0)
    assert len({one, two, three}) == 3


def test_a_retired_identifier_stays_in_the_register_and_is_not_given_again(tx: Connection) -> None:
    old = issue(tx, "CN-F", Kind.SITE, "north", 1.0)
    retire(tx, old, 2.0)
    row = get(tx, old)
    assert row is not None
    assert row.retired_at == 2.0
    assert issue(tx, "CN-F", Kind.SITE, "another", 3.0) != old
    assert find(tx, "CN-F", Kind.SITE, "north") == row


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([Kind.SITE, Kind.REGIONAL]))))
def test_names_and_identifiers_are_one_to_one(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, wanted: list[tuple[str, Kind]]
) -> None:
    path = tmp_path_factory.mktemp("register") / "weir.db"
    store = sqlite_copy(sqlite_template, path)
    with store.write() as tx:
        given_ = [(name, kind, issue(tx, "CN-F", kind, name, 1.0)) for name, kind in wanted]
    store.close()
    assert len({(n, k) for n, k, _ in given_}) == len({i for _, _, i in given_})
