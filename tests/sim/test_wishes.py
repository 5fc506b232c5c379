"""What simulated jobs wish as a job file does: read line by line, and kept to by the clock."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.scheduling.builders import A100, H100, pool, racks
from weir.core.errors import BadInput
from weir.scheduling.policies import policy
from weir.sim.engine import simulate
from weir.sim.loaders.formats import format_of
from weir.sim.loaders.own import load_own, save_own
from weir.sim.outcome import Outcome
from weir.sim.results import measures_of
from weir.sim.workload import Workload

pytestmark = pytest.mark.timeout(300)


def load(tmp_path: Path, *rows: dict[str, Any]) -> Workload:
    """Rows as JSON lines; what is not said comes at once and takes 60 s."""
    path = tmp_path / "jobs.jsonl"
    lines = [json.dumps({"submit_s": 0, "duration_s": 60, **row}) for row in rows]
    path.write_text("# name: told\n\n" + "\n".join(lines) + "\n")
    return load_own(path)


def wishing(count: int = 1, **job: Any) -> dict[str, Any]:
    """A row with tasks of 8 devices."""
    tasks = {"count": count, "cpu": 8, "devices": {"count": 8}, **job.pop("tasks", {})}
    return {"user": "li", "job": {"tasks": [tasks], **job}}


def run(jobs: Workload, *pools: Any, name: str = "easy") -> Outcome:
    return simulate(jobs, pools, policy(name))


def test_lines_and_cells_say_the_same(tmp_path: Path) -> None:
    wish = {
        "tasks": [{"count": 2, "devices": {"count": 4}}],
        "apart": {"name": "a", "required": "site"},
    }
    by_line = load(tmp_path, {"id": "x", "job": wish, "model": None}, {"device_milli": 500})
    cell = json.dumps(wish).replace('"', '""')
    table = tmp_path / "jobs.csv"
    table.write_text(
        f'# name: told\nsubmit_s,duration_s,id,device_milli,job\n0,60,x,,"{cell}"\n0,60,,500,\n'
    )
    by_cell = load_own(table)
    for jobs in (by_line, by_cell):
        assert jobs.name == "told"
        assert jobs.ids == ("x", "1")
        assert jobs.tasks.tolist() == [1, 1]
        assert jobs.device_milli.tolist() == [8000, 500]
        assert jobs.wish.codes.tolist() == [0, -1]
        assert jobs.demands[0].groups[0].count == 2
    assert by_line.demands == by_cell.demands
    assert format_of(tmp_path / "jobs.jsonl") == "own"


def test_what_a_job_file_says_of_time_and_turn_are_columns(tmp_path: Path) -> None:
    job = {
        "walltime": "2h", "priority": 70, "patience": "3h", "start_after": "10m",
        "deadline": "4h", "preemptible": True, "queue": "physics",
    }  # fmt: skip
    jobs = load(tmp_path, {"device_milli": 1000, "job": job}, {"device_milli": 1000})
    assert jobs.estimate_s[0] == 7200
    assert jobs.priority.tolist() == [70, 0]
    assert jobs.patience_s.tolist() == [3 * 3600, 0]
    assert jobs.start_after_s.tolist() == [600, 0]
    assert jobs.deadline_s.tolist() == [4 * 3600, np.inf]
    assert jobs.preemptible.tolist() == [True, False]
    assert jobs.queue.of_row(0) == "physics"
    assert jobs.wish.codes.tolist() == [-1, -1]


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    jobs = load(
        tmp_path,
        wishing(2, deadline="1h", priority=9, tasks={"topology": {"required": "rack"}}),
        {"device_milli": 500, "job": {"apart": {"name": "web", "preferred": "pool"}}},
        {"cpu_milli": 5},
    )
    save_own(jobs, tmp_path / "again.csv")
    again = load_own(tmp_path / "again.csv")
    assert again.demands == jobs.demands
    assert again.wish.names == jobs.wish.names
    for name in ("tasks", "device_milli", "cpu_milli", "deadline_s", "priority", "preemptible"):
        assert getattr(again, name).tolist() == getattr(jobs, name).tolist()


def test_every_mistake_has_its_line_and_field(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(
        '{"submit_s": 0, "duration_s": 5, "job": {"tasks": [{"devices": {"count": 0}}]}}\n'
        '{"submit_s": 0, "duration_s": "x", "usr": "wang"}\n'
        '{"submit_s": 0,\n'
        "[1]\n"
        '{"submit_s": 0, "submit_s": 1, "duration_s": 5}\n'
        '{"duration_s": 5, "job": {"aprt": 1}}\n'
        '{"submit_s": 0, "duration_s": 5, "job": {"array": {"count": 4}}}\n'
        '{"submit_s": 0, "duration_s": 5, "job": [1], "user": {"a": 1}}\n'
        '{"submit_s": 0, "duration_s": 5, "tasks": 2, "estimate_s": 5,'
        ' "job": {"walltime": "2h", "tasks": [{"cpu": 1}]}}\n'
    )
    with pytest.raises(BadInput) as caught:
        load_own(path)
    assert sorted((m.line, m.field) for m in caught.value.mistakes) == [
        (1, "job.tasks[0].devices.count"),
        (2, "duration_s"),
        (2, "usr"),
        (3, "(line)"),
        (4, "(line)"),
        (5, "(line)"),
        (6, "job.aprt"),
        (6, "submit_s"),
        (7, "job.array"),
        (8, "job"),
        (8, "user"),
        (9, "estimate_s"),
        (9, "tasks"),
    ]


def test_a_file_without_lines_says_so(tmp_path: Path) -> None:
    path = tmp_path / "none.jsonl"
    path.write_text("# name: nobody\n")
    with pytest.raises(BadInput):
        load_own(path)


def test_jobs_of_one_name_keep_apart(tmp_path: Path) -> None:
    web = {
        "device_milli": 1000,
        "user": "li",
        "job": {"apart": {"name": "web", "required": "site"}},
    }
    done = run(load(tmp_path, web, web, web), pool("a"), pool("b"))
    assert done.start_s.tolist() == [0, 0, 60]
    assert {done.pools[p].id for p in done.pool[:2]} == {"a", "b"}


def test_tasks_are_spread_over_hosts(tmp_path: Path) -> None:
    small = {"devices": {"count": 1}, "max_per_host": 1}
    jobs = load(tmp_path, wishing(2, tasks=small), wishing(3, tasks=small))
    done = run(jobs, pool("a", hosts=2))
    assert done.start_s[0] == 0
    assert np.isnan(done.start_s[1])


def test_a_gang_that_requires_a_rack_waits_for_one(tmp_path: Path) -> None:
    rack = {"topology": {"required": "rack"}}
    jobs = load(tmp_path, {**wishing(1), "duration_s": 90}, wishing(2, tasks=rack))
    assert run(jobs, pool("a", **racks(2, 2))).start_s.tolist() == [0, 0]
    assert run(jobs, pool("a", **racks(2))).start_s.tolist() == [0, 90]
    assert np.isnan(run(jobs, pool("a", **racks(1, 1, 1))).start_s[1])


def test_the_nearest_deadline_goes_first_and_who_is_late_is_counted(tmp_path: Path) -> None:
    jobs = load(tmp_path, wishing(), wishing(), wishing(deadline="5m"), wishing(deadline="2m"))
    done = run(jobs, pool("a", hosts=1), name="deadline")
    assert done.start_s.tolist() == [120, 180, 60, 0]
    assert measures_of(done)["late"] == 0
    assert measures_of(run(jobs, pool("a", hosts=1), name="fifo"))["late"] == 1
    assert measures_of(run(load(tmp_path, wishing()), pool("a")))["late"] is None


def test_a_job_starts_not_before_it_wants_to(tmp_path: Path) -> None:
    jobs = load(tmp_path, wishing(start_after="30s"), wishing())
    assert run(jobs, pool("a", hosts=1)).start_s.tolist() == [60, 0]


def test_only_who_may_be_is_pushed_out(tmp_path: Path) -> None:
    low = wishing(preemptible=True, priority=1)
    high = {**wishing(priority=90), "submit_s": 10, "id": "high"}
    done = run(load(tmp_path, low, high), pool("a", hosts=1), name="balanced")
    assert done.end_s.tolist() == [130, 70]
    low["job"]["preemptible"] = False
    done = run(load(tmp_path, low, high), pool("a", hosts=1), name="balanced")
    assert done.end_s.tolist() == [60, 120]


def test_what_a_total_performance_held_depends_on_the_model(tmp_path: Path) -> None:
    total = {"precision": "fp16", "value": "1500 TFLOPS"}
    row = {"job": {"tasks": [{"cpu": 1, "devices": {"total_performance": total}}]}}
    held = [
        run(load(tmp_path, row), pool("a", model=model)).workload.device_milli.tolist()
        for model in (H100, A100)
    ]
    assert held == [[2000], [5000]]


def test_queues_share_where_jobs_name_them(tmp_path: Path) -> None:
    rows = [{**wishing(queue="a"), "home": "x"} for _ in range(3)]
    rows.append({**wishing(queue="b"), "home": "x"})
    done = run(load(tmp_path, *rows), pool("a", hosts=1), name="fair")
    assert done.start_s[3] <= 60
