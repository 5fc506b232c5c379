"""The compiled kernel checks no index, so it is played here interpreted, over arrays that do.

Rounds of a kept board must read and write within its columns only: beyond them, and before their
start, lies memory that belongs to somebody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.scheduling.builders import claim, demand, group, jobs, pool, snapshot, snapshots, state
from tests.scheduling.test_planner import KEPT, QUEUES, by_two_ways, planner, same, surroundings
from weir.scheduling import machine
from weir.scheduling.board import Board
from weir.scheduling.compiled import plain_kernel
from weir.scheduling.machine import Machine
from weir.scheduling.planner import Change
from weir.scheduling.policies import policy
from weir.scheduling.schedule import schedule

# The fixture is the same for every example, as it should be.
PLAYED = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Checked(np.ndarray[Any, Any]):
    """A column that refuses every index outside of it, a negative one too."""

    def __getitem__(self, key: Any) -> Any:
        self._check(key)
        return super().__getitem__(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._check(key)
        super().__setitem__(key, value)

    def _check(self, key: Any) -> None:
        if isinstance(key, int | np.integer) and not 0 <= key < len(self):
            raise IndexError(f"{key} of {len(self)}")


def checked(columns: Any) -> Any:
    """The same memory, seen through columns that check."""
    if isinstance(columns, tuple):
        return type(columns)(*(checked(part) for part in columns))
    return columns.view(Checked)


def _set(self: Machine, board: Board) -> None:
    self._board = board
    self._handle = checked(board) if self._compiled else board


@pytest.fixture(autouse=True)
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every large round is played by the interpreted kernel over checked columns."""
    monkeypatch.setattr(machine, "compiled_kernel", plain_kernel)
    monkeypatch.setattr(Machine, "board", property(lambda self: self._board, _set))


def test_the_columns_of_these_tests_check() -> None:
    column = checked(np.zeros(2))
    column[1] = 1.0
    for index in (-1, 2):
        with pytest.raises(IndexError):
            column[index] = 1.0


@PLAYED
@given(st.data(), st.sampled_from(KEPT), st.lists(st.booleans(), min_size=2, max_size=4))
def test_rounds_stay_within_the_board(data: st.DataObject, name: str, told: Sequence[bool]) -> None:
    seen = replace(data.draw(snapshots()), queues=data.draw(st.sampled_from(QUEUES)))
    by_two_ways(name, seen, told, data)


@PLAYED
@given(st.data(), surroundings(), st.sampled_from(("balanced", "easy", "even", "greenest")))
def test_and_so_with_leases_and_energy(
    data: st.DataObject, around: dict[str, Any], name: str
) -> None:
    by_two_ways(name, replace(data.draw(snapshots()), **around), (True, False, True), data)


def test_a_device_is_shared_that_came_free_after_the_board_was_made() -> None:
    shares = demand(group(devices=0.5))
    full = state(pool("a", hosts=1, devices=2), claim(2))
    seen = replace(snapshot(jobs=jobs(2, shares)), pools=(full,))
    rules = planner("balanced")
    same(rules.plan(seen), schedule(seen, policy("balanced")))
    change = Change(seen.now, pools=[replace(full, claims=())])
    after = change.made_to(seen)
    plan = rules.go_on(change)
    same(plan, schedule(after, policy("balanced")))
    assert len(plan.placements) == 2
