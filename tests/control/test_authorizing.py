"""Who may do what: every action and every role, written out once more, so that a slip shows."""

import pytest
from sqlalchemy import select

from tests.builders import Domain, person
from weir.control.authorize import ALLOWED, Action, authenticate, check, check_cluster, hash_of
from weir.core.errors import NotAllowed, NotSignedIn
from weir.store.tables import token

ROLES = ("viewer", "user", "operator", "agent", "node", "join")
TABLE = """
              viewer  user  operator  agent  node  join
    read        x      x       x        .     x     .
    submit      .      x       x        .     x     .
    cancel      .      x       x        .     x     .
    operate     .      .       x        .     .     .
    exchange    .      .       .        x     x     .
    watch       .      .       .        .     x     .
    join        .      .       .        .     .     x
"""
ROWS = {words[0]: words[1:] for words in (line.split() for line in TABLE.splitlines()[2:]) if words}


def test_the_table_is_whole() -> None:
    assert set(ROWS) == {str(a) for a in Action} == {str(a) for a in ALLOWED}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("action", Action)
def test_a_role_may_do_what_the_table_says(action: Action, role: str) -> None:
    who = person("somebody", role)
    if ROWS[action][ROLES.index(role)] == "x":
        check(who, action)
    else:
        with pytest.raises(NotAllowed, match=f"to {action} takes the role .*; somebody has {role}"):
            check(who, action)


def test_one_good_role_is_enough() -> None:
    check(person("li", "viewer", "user"), Action.SUBMIT)


@pytest.mark.parametrize("secret", [None, "", "weir_person_wrong"])
def test_no_token_and_a_wrong_one_are_told_the_way_out(domain: Domain, secret: str | None) -> None:
    with pytest.raises(NotSignedIn, match="token"):
        authenticate(domain.ctx, secret)


def test_only_the_hash_of_a_secret_is_kept(domain: Domain) -> None:
    with domain.ctx.store.read() as tx:
        [row] = tx.execute(select(token)).mappings()
    assert row["secret_hash"] == hash_of(domain.operator_token or "")
    assert str(domain.operator_token) not in map(str, row.values())


def test_a_token_speaks_for_one_cluster() -> None:
    with pytest.raises(NotAllowed, match="speaks for None, not for c"):
        check_cluster(person(), "c")
