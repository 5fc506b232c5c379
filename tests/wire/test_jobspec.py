"""The job file: quantities stay as they were written, and mean what the scheduler is told."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from weir.core.demand import Apart, DeviceRequest, TaskGroup, Topology
from weir.core.devices import Precision
from weir.wire.jobdemand import demand_of
from weir.wire.jobspec import (
    MAX_INPUT_BYTES,
    Devices,
    Input,
    JobSpec,
    Tasks,
    deadline_s,
    start_after_s,
    walltime_s,
)

GIB = 2**30


def spec(*tasks: dict[str, Any], **fields: Any) -> JobSpec:
    groups = tasks or ({"command": ["true"]},)
    return JobSpec.model_validate({"name": "job", "tasks": groups, **fields})


def test_the_smallest_job_asks_for_one_small_task_anywhere() -> None:
    demand = demand_of(spec())
    assert demand.groups == (TaskGroup("main", 1, 1000, 256 * 2**20),)
    assert demand.allow_emulated
    assert (demand.regions, demand.max_latency_us, demand.walltime_s) == ((), None, None)


def test_quantities_mean_what_people_mean() -> None:
    job = spec(
        {
            "name": "workers",
            "count": 4,
            "cpu": "500m",
            "memory": "80GiB",
            "fabric": ["ib"],
            "devices": {
                "count": 2,
                "models": ["H100"],
                "min_memory": "64GiB",
                "min_performance": {"precision": "fp16", "value": "300 TFLOPS"},
            },
            "variants": [{"stack": "cuda", "command": ["a"]}, {"stack": "cann", "command": ["b"]}],
        },
        walltime="1h30m",
        deadline="2d",
        constraints={"max_latency": "20ms", "max_price_per_hour": "2.50", "regions": ["north"]},
    )
    demand = demand_of(job, excluded_domains=("b", "a"), pinned_pool="p")
    device = DeviceRequest(2000, ("nvidia-h100-sxm5",), 64 * GIB, Precision.FP16, 300_000)
    stacks = ("cuda", "cann")
    assert demand.groups == (TaskGroup("workers", 4, 500, 80 * GIB, device, stacks, ("ib",)),)
    assert (demand.max_latency_us, demand.max_price_micro_per_hour) == (20_000, 2_500_000)
    assert (walltime_s(job), deadline_s(job), demand.walltime_s) == (5400, 172_800, 5400)
    assert (demand.excluded_domains, demand.pinned_pool) == (("a", "b"), "p")
    assert demand.regions == ("north",)


def test_tasks_are_spread_over_hosts_and_have_them_for_themselves() -> None:
    job = spec({"command": ["a"], "count": 4, "max_per_host": 1, "exclusive": True})
    (group,) = demand_of(job).groups
    assert (group.count, group.max_per_host, group.exclusive) == (4, 1, True)
    assert JobSpec.model_validate_json(job.model_dump_json(exclude_defaults=True)) == job
    (plain,) = demand_of(spec()).groups
    assert (plain.max_per_host, plain.exclusive) == (None, False)


@pytest.mark.parametrize("required", [True, False])
def test_tasks_lie_in_one_block_of_a_level(required: bool) -> None:
    wish = {"required" if required else "preferred": "rack"}
    tasks = {"command": ["x"], "topology": wish}
    (group,) = demand_of(JobSpec.model_validate({"name": "j", "tasks": [tasks]})).groups
    assert group.topology == Topology("rack", required)


@pytest.mark.parametrize("wish", [{}, {"required": "rack", "preferred": "zone"}])
def test_a_block_is_of_one_level(wish: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="one level: required, or preferred"):
        JobSpec.model_validate({"name": "j", "tasks": [{"command": ["x"], "topology": wish}]})


@pytest.mark.parametrize("required", [True, False])
def test_a_job_keeps_apart_from_others_of_its_name(required: bool) -> None:
    wish = {"name": "web", "required" if required else "preferred": "site"}
    job = spec(apart=wish)
    assert demand_of(job).apart == Apart("web", "site", required)
    assert JobSpec.model_validate_json(job.model_dump_json(exclude_defaults=True)) == job
    assert demand_of(spec()).apart is None


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"name": "web"}, "one level: required, or preferred"),
        ({"name": "web", "required": "site", "preferred": "pool"}, "one level"),
        ({"name": "web", "required": "host"}, "'pool', 'cluster', 'site' or 'region'"),
        ({"required": "site"}, "name"),
    ],
)
def test_a_wish_to_be_apart_has_a_name_and_one_level(wish: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        spec(apart=wish)


def test_no_task_at_all_on_a_host_is_refused() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        spec({"command": ["a"], "max_per_host": 0})


def test_a_file_reads_back_as_it_was_written() -> None:
    written = spec({"command": ["a"], "cpu": 2, "memory": "1.5 GiB"}, walltime="90m")
    assert (written.tasks[0].cpu, written.tasks[0].memory) == ("2", "1.5 GiB")
    assert JobSpec.model_validate_json(written.model_dump_json(exclude_defaults=True)) == written


def test_total_performance_leaves_the_number_of_tasks_to_the_model() -> None:
    total = {"precision": "bf16", "value": "2 PFLOPS"}
    [group] = demand_of(spec({"command": ["a"], "devices": {"total_performance": total}})).groups
    assert group.count == 0
    assert group.device == DeviceRequest(precision=Precision.BF16, total_gflops=2_000_000)


@pytest.mark.parametrize(
    ("wish", "milli"), [({}, 1000), ({"count": 8}, 8000), ({"share": 0.3}, 300)]
)
def test_devices_come_whole_or_as_a_share_of_one(wish: dict[str, Any], milli: int) -> None:
    assert Devices.model_validate(wish).milli == milli


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tasks": [{}]}, "needs a command, or variants"),
        ({"tasks": []}, "at least 1"),
        ({"walltime": "0s"}, "must be more than 0"),
        ({"priority": 101}, "less than or equal to 100"),
        ({"array": {"count": 0}}, "greater than or equal to 1"),
        ({"constraints": {"max_latency": "20"}}, "is not a latency"),
        ({"constraints": {"max_latency": "0ms"}}, "is not a latency"),
        ({"constraints": {"max_latency": "many ms"}}, "is not a latency"),
        ({"walltime": True}, "is neither text nor a number"),
        ({"outputs": [{"path": "../up"}]}, "should match pattern"),
        ({"outputs": [{"path": "/abs"}]}, "should match pattern"),
        ({"outputs": [{"path": "a"}, {"path": "a"}]}, "two outputs have one name: a"),
        ({"inputs": [{"path": "a", "text": ""}] * 2}, "two inputs have one name: a"),
        ({"tasks": [{"command": ["x"]}] * 2}, "two task groups have one name: main"),
        ({"environment": {"1A": "b"}}, "should match pattern"),
    ],
)
def test_what_can_not_be_is_refused_with_a_reason(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        JobSpec.model_validate({"name": "job", "tasks": [{"command": ["x"]}], **fields})


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ({"command": ["a"], "variants": [{"stack": "x", "command": ["b"]}]}, "not both"),
        ({"variants": [{"stack": "x", "command": ["b"]}] * 2}, "two variants for one stack: x"),
        ({"command": ["a"], "devices": {"count": 1, "share": 0.5}}, "not both"),
        ({"command": ["a"], "devices": {"models": ["h1000"]}}, "near it: nvidia-h100"),
        (
            {
                "command": ["a"],
                "count": 2,
                "devices": {"total_performance": {"precision": "fp16", "value": "1 PFLOPS"}},
            },
            "either count or devices.total_performance",
        ),
        (
            {
                "command": ["a"],
                "devices": {
                    "min_performance": {"precision": "fp32", "value": "1 TFLOPS"},
                    "total_performance": {"precision": "fp16", "value": "1 PFLOPS"},
                },
            },
            "must be of one precision",
        ),
    ],
)
def test_a_task_group_says_one_thing(tasks: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Tasks.model_validate(tasks)


def test_an_input_has_one_source() -> None:
    assert Input(path="a", text="é").content() == "é".encode()
    assert Input(path="a", base64="AAE=").content() == b"\x00\x01"
    assert Input(path="a", url="https://example.org/a").content() is None
    for wrong in ({}, {"text": "a", "base64": "AAE="}, {"base64": "!"}, {"url": "ftp://x/a"}):
        with pytest.raises(ValidationError):
            Input.model_validate({"path": "a", **wrong})


def test_inline_inputs_are_small_together() -> None:
    half = "x" * (MAX_INPUT_BYTES // 2)
    spec(inputs=[{"path": "a", "text": half}, {"path": "b", "text": half}])
    with pytest.raises(ValidationError, match="4 MiB; give large ones by url"):
        spec(inputs=[{"path": "a", "text": half}, {"path": "b", "text": half + "x"}])


def test_the_schema_names_every_field_and_describes_quantities() -> None:
    schema = json.loads(json.dumps(JobSpec.model_json_schema()))
    assert set(schema["properties"]) == set(JobSpec.model_fields)
    assert schema["$defs"]["Tasks"]["properties"]["memory"]["description"].startswith("bytes, as")


def test_what_is_preemptible_must_be_restartable() -> None:
    job = {"name": "a", "tasks": [{"command": ["true"]}], "preemptible": True}
    assert JobSpec.model_validate(job).preemptible
    with pytest.raises(ValidationError, match="starts anew"):
        JobSpec.model_validate(job | {"restartable": False})


def test_a_job_starts_before_its_deadline() -> None:
    job = {"name": "a", "tasks": [{"command": ["true"]}], "start_after": "2h"}
    assert start_after_s(JobSpec.model_validate(job | {"deadline": "3h"})) == 7200
    with pytest.raises(ValidationError, match="not before the deadline"):
        JobSpec.model_validate(job | {"deadline": "2h"})
