"""What Ray tells of what waits for room, and the idle-only pools that are closed by it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from weir.executors.ray_inventory import kinds_of
from weir.executors.ray_records import Job, Node
from weir.executors.ray_settings import RayShare
from weir.executors.ray_waiting import (
    REQUEST,
    Request,
    Waiting,
    crowded,
    request_of,
    waiting_of,
)

GIB = 2**30
NODES = [Node(name, name, {"CPU": 8000, "GPU": 2000, "memory": 16 * GIB}) for name in "ab"]
SMALL: Request = ((("CPU", 6000), ("GPU", 1000)),)
PAIR: Request = ((("CPU", 7000),), (("CPU", 7000),))
LARGE: Request = ((("CPU", 100_000),),)

# As Ray 2.60 answered, less what is not read: 5 tasks, a job with memory, a placement group, an
# actor inside a group that is there already, and one that asks for nothing.
ANSWER = {
    "data": {
        "clusterStatus": {
            "loadMetricsReport": {
                "resourceDemand": [
                    [{"GPU": 1.0, "CPU": 6.0}, 5],
                    [{"CPU": 6.0, "memory": 1073741824.0}, 1],
                    [{"CPU_group_0_6a1f": 1.0}, 2],
                    [{}, 3],
                ],
                "pgDemand": [[{"bundles": [[{"GPU": 0.0, "CPU": 7.0}, 2]], "strategy": "PACK"}, 1]],
                "requestDemand": [],
            }
        }
    }
}


def _pools(
    waiting: Counter[Request] | None, *ours: Request, **share: Any
) -> list[tuple[str, bool]]:
    said = RayShare.model_validate({"pool": "pool", "idle_only": True, **share})
    kinds = {kind.name: kind for kind in kinds_of((said,), NODES)}
    found = crowded(Waiting(waiting, ours), kinds, {node.id: node for node in NODES})
    return [(name, name in found) for name in kinds]


def test_what_waits_is_counted_by_what_it_asks_for() -> None:
    memory: Request = ((("CPU", 6000), ("memory", GIB)),)
    assert waiting_of(ANSWER) == {SMALL: 5, memory: 1, PAIR: 1}


@pytest.mark.parametrize("answer", [None, [], {}, {"data": None}, {"data": {"clusterStatus": {}}}])
def test_an_answer_that_does_not_tell_is_not_no_demand(answer: Any) -> None:
    assert waiting_of(answer) is None
    assert _pools(None) == [("pool", True)], "it is the center's devices that are at stake"


def test_others_that_wait_close_an_idle_only_pool_and_no_other() -> None:
    waiting = Counter({SMALL: 1})
    assert _pools(waiting) == [("pool", True)]
    assert _pools(waiting, idle_only=False) == [("pool", False)]
    assert _pools(Counter()) == [("pool", False)]


def test_as_many_as_ours_are_taken_to_be_ours() -> None:
    waiting = Counter({SMALL: 2, PAIR: 1})
    assert _pools(waiting, SMALL, SMALL, PAIR) == [("pool", False)]
    assert _pools(waiting, SMALL, PAIR) == [("pool", True)]


def test_what_could_never_run_there_does_not_close_it() -> None:
    assert _pools(Counter({LARGE: 1})) == [("pool", False)]
    assert _pools(Counter({LARGE: 1, PAIR: 1})) == [("pool", True)]


def test_a_job_of_ours_that_was_stopped_before_it_had_room_is_known_by_its_metadata() -> None:
    metadata = {REQUEST: '{"CPU": 6.0, "memory": 0, "GPU": 1.0}'}
    assert request_of(Job("j", "PENDING", metadata=metadata)) == SMALL
    assert request_of(Job("j", "RUNNING", metadata=metadata)) is None
    assert request_of(Job("a gang's driver", "PENDING")) is None
    assert request_of(Job("j", "PENDING", metadata={REQUEST: "[1"})) is None
