"""Pools of a running server as a network: read, and what is wrong told by its place."""

from __future__ import annotations

import json

import pytest
from pydantic import TypeAdapter

from tests.cli.builders import a_pool
from weir.core.errors import BadInput
from weir.core.inventory import empty_hosts
from weir.sim.shown_pools import is_shown, read_shown
from weir.wire.pools import PoolAnswer


def shown(*pools: PoolAnswer) -> str:
    return TypeAdapter(list[PoolAnswer]).dump_json(list(pools)).decode()


def test_every_pool_once_and_empty() -> None:
    text = shown(a_pool(), a_pool(), a_pool(id="CN.S1.C1.P2-X", silent=True))
    assert is_shown(text) and not is_shown("network: trial\n")
    found = read_shown(text, "pools.json")
    assert [p.id for p in found.pools] == [a_pool().id, "CN.S1.C1.P2-X"]
    one = found.pools[0]
    assert sum(free.hosts for free in empty_hosts(one)) == one.hosts
    assert not one.emulated
    assert len(found.notes) == 1 and "silent" in found.notes[0]


def test_what_is_wrong_is_told_with_its_place() -> None:
    entries = json.loads(shown(a_pool(), a_pool()))
    entries[0]["hosts"] = 0
    del entries[1]["shape"]
    with pytest.raises(BadInput) as caught:
        read_shown(json.dumps([*entries, 5]), "pools.json")
    assert [m.field for m in caught.value.mistakes] == ["[0].hosts", "[1].shape", "[2].(file)"]
    for text, said in (("[", "no JSON"), ("[]", "no pools")):
        with pytest.raises(BadInput, match=said):
            read_shown(text, "pools.json")
