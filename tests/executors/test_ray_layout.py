"""How runs lie on Ray's nodes, and what Ray is asked for."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.bench import order, shell
from weir.core.inventory import HostShape
from weir.executors.local_hosts import needs_of
from weir.executors.ray_inventory import Amount, Kind
from weir.executors.ray_layout import APART, Layout, layout_of, task_amount
from weir.executors.ray_plan import plan_of, submission_of
from weir.executors.ray_runs import Run
from weir.executors.ray_settings import RaySettings, RayShare

GIB = 2**30
SHAPE = HostShape(8000, 16 * GIB, 2)
EMPTY = Amount()
SETTINGS = RaySettings.model_validate({"folder": "/shared/weir"})


def _layout(*tasks: dict[str, Any], used: tuple[Amount, ...] = (EMPTY,) * 4) -> Layout:
    return layout_of(needs_of(order("r", *tasks)), SHAPE, used)


def test_a_plain_gang_is_packed_by_ray_task_by_task() -> None:
    layout = _layout(shell("true", count=3, cpu=2), shell("true", name="b"))

    assert [bundle.tasks for bundle in layout.bundles] == [
        ("main-0",), ("main-1",), ("main-2",), ("b-0",)
    ]  # fmt: skip
    assert layout.strategy == ""


def test_spread_tasks_share_a_bundle_as_far_as_they_may() -> None:
    layout = _layout(shell("true", count=7, max_per_host=2, devices={"count": 1}))

    assert [len(bundle.tasks) for bundle in layout.bundles] == [2, 2, 2, 1]
    assert [bundle.amount.device_milli for bundle in layout.bundles] == [2000, 2000, 2000, 1000]
    assert layout.strategy == APART


def test_hosts_of_their_own_are_held_whole() -> None:
    whole = Amount(8000, 16 * GIB, 2000)
    gang = _layout(shell("true", count=3, cpu=4, exclusive=True))
    alone = _layout(shell("true", exclusive=True))

    assert [(len(b.tasks), b.amount) for b in gang.bundles] == [(2, whole), (1, whole)]
    assert [b.amount for b in alone.bundles] == [whole]


def test_where_there_is_no_room_now_it_waits_for_empty_nodes() -> None:
    layout = _layout(shell("true", count=4, max_per_host=1), used=(Amount(8000),) * 4)

    assert len(layout.bundles) == 4


def test_what_fits_on_no_empty_nodes_is_no_layout() -> None:
    with pytest.raises(ValueError, match="no room"):
        _layout(shell("true", count=5, max_per_host=1))


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "count": st.integers(1, 4),
                "cpu": st.integers(1, 8),
                "max_per_host": st.sampled_from([None, 1, 2]),
                "exclusive": st.booleans(),
            }
        ),
        min_size=1,
        max_size=3,
    ),
    st.lists(st.integers(0, 8), min_size=4, max_size=8),
)
def test_each_task_is_in_one_bundle_that_holds_it(
    groups: list[dict[str, Any]], used: list[int]
) -> None:
    tasks = [shell("true", name=f"g{i}", **group) for i, group in enumerate(groups)]
    needs = needs_of(order("r", *tasks))
    try:
        layout = layout_of(needs, SHAPE, [Amount(1000 * cpu) for cpu in used])
    except ValueError:
        return
    claims = {need.group: need for need in needs}
    names = [name for bundle in layout.bundles for name in bundle.tasks]
    assert Counter(names) == Counter(f"{n.group}-{i}" for n in needs for i in range(n.claim.count))
    for bundle in layout.bundles:
        inside = Counter(name.rpartition("-")[0] for name in bundle.tasks)
        wanted = sum(
            count * task_amount(claims[group].claim).cpu_milli for group, count in inside.items()
        )
        assert wanted <= bundle.amount.cpu_milli <= SHAPE.cpu_milli
        for group, count in inside.items():
            assert count <= claims[group].claim.per_host
            if claims[group].exclusive:
                assert set(inside) == {group}
                assert bundle.amount.cpu_milli == SHAPE.cpu_milli


# -- what is sent ----------------------------------------------------------------------------------


def _sent(*tasks: dict[str, Any], selective: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
    run = Run(order("r", *tasks), "pool", "/shared/weir/runs/r", 1000.0)
    run.layout = layout_of(needs_of(run.order), SHAPE, [EMPTY] * 4)
    share = RayShare.model_validate({"runtime_env": {"env_vars": {"A": "b"}}})
    kind = Kind("pool", share, ("n1", "n2"), SHAPE, resource="GPU", selective=selective)
    job = submission_of(run, kind, SETTINGS, "/shared/weir/driver.py")
    return job, plan_of(run, kind, SETTINGS)


def test_one_task_asks_for_its_amounts_with_the_job() -> None:
    job, plan = _sent(shell("true", cpu="500m", memory="1GiB", devices={"share": 0.25}))

    assert job["entrypoint_num_cpus"] == 0.5
    assert job["entrypoint_memory"] == GIB
    assert job["entrypoint_num_gpus"] == 0.25
    assert job["runtime_env"] == {"env_vars": {"A": "b"}}
    assert job["entrypoint"] == "exec python /shared/weir/driver.py /shared/weir/runs/r/plan.json"
    assert "entrypoint_label_selector" not in job
    assert plan["tasks"][0]["devices"] == 1


def test_a_gang_asks_by_its_driver() -> None:
    job, plan = _sent(shell("true", count=2), selective=True)

    assert not [name for name in job if name.startswith("entrypoint_")]
    assert plan["selector"] == {"ray.io/node-id": "in(n1,n2)"}
    assert plan["bundles"] == [{"CPU": 1.0, "memory": 256 * 2**20}] * 2
    assert [task["bundle"] for task in plan["tasks"]] == [0, 1]


def test_a_run_has_the_same_job_each_time_and_no_other_has_it() -> None:
    first = Run(order("r"), "pool", "/shared/weir/runs/r", 1.0)
    again = Run(order("r"), "pool", "/shared/weir/runs/r", 9.0)
    elsewhere = Run(order("r"), "pool", "/other/weir/runs/r", 1.0)

    assert first.job == again.job != elsewhere.job
