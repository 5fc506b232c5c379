"""What was in use of late, as a simulation goes on."""

from math import exp

import numpy as np
import pytest

from tests.scheduling.builders import pool
from weir.scheduling.columns import PoolColumns
from weir.sim.past import Past

POOLS = [pool("a1", hosts=1, site="a"), pool("a2", hosts=1, site="a"), pool("b", hosts=1, site="b")]
DAY = 86400.0


def past() -> Past:
    return Past.of(PoolColumns.of([(p, False) for p in POOLS]), POOLS, [], memory_s=DAY)


def test_the_first_look_only_sets_the_time() -> None:
    seen = past()
    seen.remember(0.0, np.array([0, 0, 0]))
    assert seen.of_pools.tolist() == [0.0, 0.0, 0.0]


def test_a_site_is_one_and_moves_towards_what_is_in_use() -> None:
    seen = past()
    seen.remember(0.0, np.array([8000, 8000, 8000]))
    seen.remember(DAY, np.array([0, 8000, 8000]))  # half of site a, nothing of b
    assert seen.of_pools == pytest.approx([0.5 * (1 - exp(-1))] * 2 + [0.0])


def test_what_was_long_ago_is_forgotten() -> None:
    seen = past()
    seen.remember(0.0, np.array([0, 0, 0]))
    seen.remember(30 * DAY, np.array([0, 0, 0]))
    assert seen.of_pools == pytest.approx([1.0] * 3)
    seen.remember(60 * DAY, np.array([8000, 8000, 8000]))
    assert seen.of_pools == pytest.approx([0.0] * 3)
