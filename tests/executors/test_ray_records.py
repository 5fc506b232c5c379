"""What Ray's dashboard says, in answers as Ray 2.60 gave them (shortened), and in odd ones."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.executors.ray_records import Garbled, jobs_of, nodes_of, usage_of

USAGE = (
    "2.5/16.0 CPU (1.0 used of 3.5 reserved in placement groups)\n"
    "0.75/2.0 GPU (0.5 used of 0.5 reserved in placement groups)\n"
    "0.0/4.0 my_npu (0.0 used of 1.0 reserved in placement groups)\n"
    "0.0/1.0 accelerator_type:H100\n"
    "1.28GiB/32.00GiB memory (1.00GiB used of 1.00GiB reserved in placement groups)\n"
    "0B/76.29MiB object_store_memory"
)

NODE: dict[str, Any] = {
    "hostname": "gpu1",
    "ip": "192.0.2.2",
    "raylet": {
        "nodeId": "dfef509c",
        "state": "ALIVE",
        "resourcesTotal": {
            **{"CPU": 16.0, "GPU": 2.0, "myNpu": 4.0, "memory": 34359738368.0},
            **{"acceleratorType:H100": 1.0, "node:192.0.2.2": 1.0, "objectStoreMemory": 8e7},
        },
        "labels": {"ray.io/node-id": "dfef509c", "rack": "a"},
    },
}

JOB: dict[str, Any] = {
    "type": "SUBMISSION",
    "job_id": None,
    "submission_id": "weir-r",
    "status": "FAILED",
    "message": "Job entrypoint command failed with exit code 7, last available logs ...",
    "error_type": "JOB_ENTRYPOINT_COMMAND_ERROR",
    "start_time": 1795328399395,
    "end_time": 1795328409395,
    "metadata": {"weir_run": "r"},
    "driver_node_id": "dfef509c",
    "driver_exit_code": 7,
}


def _answer(*rows: Any, usage: Any = None) -> dict[str, Any]:
    return {"result": True, "data": {"summary": list(rows), "nodeLogicalResources": usage}}


def test_usage_counts_all_that_placement_groups_reserve() -> None:
    assert usage_of(USAGE) == {
        "CPU": (5000, 16000),
        "GPU": (750, 2000),
        "my_npu": (1000, 4000),
        "accelerator_type:H100": (0, 1000),
        "memory": (round(1.28 * 2**30), 32 * 2**30),
        "object_store_memory": (0, round(76.29 * 2**20)),
    }


def test_a_node_has_its_resources_under_their_own_names() -> None:
    (node,) = nodes_of(_answer(NODE, usage={"dfef509c": USAGE}))

    assert (node.id, node.host, node.accelerator) == ("dfef509c", "gpu1", "H100")
    assert node.total["memory"] == 32 * 2**30
    assert node.device_names() == ("GPU", "my_npu")
    assert node.used is not None
    assert node.used["CPU"] == 5000
    assert node.labels["rack"] == "a"


def test_where_nothing_is_told_of_use_the_node_is_there_all_the_same() -> None:
    (node,) = nodes_of(_answer(NODE))

    assert node.used is None
    assert (node.total["CPU"], node.accelerator) == (16000, "H100")


def test_dead_and_strange_nodes_are_left_out() -> None:
    dead = {"hostname": "x", "raylet": {**NODE["raylet"], "state": "DEAD"}}
    strange: list[Any] = [{"hostname": "y", "raylet": {"nodeId": 7}}, {"raylet": {}}]

    assert [n.host for n in nodes_of(_answer(dead, *strange, NODE))] == ["gpu1"]


def test_a_job_is_read() -> None:
    (job,) = jobs_of([JOB, {"type": "DRIVER", "job_id": "01000000", "submission_id": None}, 7])

    assert (job.id, job.over, job.error) == ("weir-r", True, "JOB_ENTRYPOINT_COMMAND_ERROR")
    assert job.ended == 1795328409.395
    assert job.metadata == {"weir_run": "r"}


def test_a_status_that_is_not_known_is_of_a_job_that_goes_on() -> None:
    (job,) = jobs_of([{**JOB, "status": "DREAMING", "end_time": None}])

    assert not job.over


@pytest.mark.parametrize("answer", [None, [], 7, {}, {"data": 7}, {"data": {"summary": 7}}])
def test_what_is_no_answer_is_garbled(answer: Any) -> None:
    with pytest.raises(Garbled):
        nodes_of(answer)


def test_jobs_that_are_no_list_are_garbled() -> None:
    with pytest.raises(Garbled):
        jobs_of({"detail": "no"})


@given(st.text())
def test_usage_never_fails_on_text(text: str) -> None:
    for used, total in usage_of(text).values():
        assert used >= 0
        assert total >= 0
