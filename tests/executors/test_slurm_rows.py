from __future__ import annotations

from typing import Any

from tests.contract.bench import order, shell
from weir.executors.slurm_commands import Commands
from weir.executors.slurm_records import Job
from weir.executors.slurm_rows import Rows
from weir.executors.slurm_runs import Run

USAGE = """\
1|4|2|8|00:02.216||1
1.batch|4|2|8|00:02.216|72756K|1.batch
5|1|1|1|00:00.006||3_0
5.batch|1|1|1|00:00.006|4820K|3_0.batch
3|1|1|1|00:00.005||3_2
7|2|4|8|00:00.039||7+0
7.batch|2|2|4|00:00.023|12368K|7+0.batch
7.0|2|4|8|00:00.016|4964K|7+0.0
8|2|1|2|00:00.004||7+1
8.0|1|1|1|00:00.004|4760K|7+1.0
"""
"""sacct of Slurm 22.05.8 with slurmdbd."""


def run(name: str, **changes: Any) -> Run:
    made = Run(order(name, shell("true")), "pool", f"/runs/{name}", 0.0, sent_at=1.0)
    for field, value in changes.items():
        setattr(made, field, value)
    return made


def job(id_: str, name: str, state: str = "RUNNING", **changes: Any) -> Job:
    return Job(id_, name, state, **changes)


def ids(rows: Rows, of: Run) -> list[str]:
    return [found.id for found in rows.of(of)]


def test_a_job_and_the_components_of_one() -> None:
    rows = Rows([job("8", "weir-h", leader="7"), job("7", "weir-h", leader="7"), job("9", "x")])

    assert ids(rows, run("h", job="7")) == ["7", "8"]
    assert ids(rows, run("h")) == ["7", "8"]
    assert ids(rows, run("other", job="10")) == []


def test_elements_of_an_array_by_number_and_by_their_own_id() -> None:
    array = {"array": "/arrays/r0", "job": "3"}
    waiting = Job("3", "weir-r0", "PENDING", array="3")
    rows = Rows([job("5", "weir-r0", array="3", index=0), waiting])

    assert ids(rows, run("r0", index=0, **array)) == ["5"]
    assert ids(rows, run("r0", index=0, own="5", **array)) == ["5"]
    assert ids(rows, run("r1", index=1, **array)) == ["3"]
    assert ids(rows, run("r0", index=0, array="/arrays/r0")) == ["5"]


def test_another_element_is_not_taken_for_a_missing_one() -> None:
    # Of an array's elements a completion file tells only the ids of their own; the last has the
    # array's.
    rows = Rows([job("3", "weir-r0", "FAILED")])

    assert ids(rows, run("r0", job="3", array="/arrays/r0", index=0)) == []
    assert ids(rows, run("r2", job="3", array="/arrays/r0", index=2, own="3")) == ["3"]


def test_what_is_alive_is_told_but_for_arrays_and_what_completes() -> None:
    rows = Rows(
        [
            job("1", "weir-a"),
            job("2", "weir-b", "COMPLETING"),
            job("3", "weir-c", "FAILED"),
            job("4", "weir-d", "PENDING", array="4"),
            job("5", "somebody-else"),
        ]
    )

    assert [(run_id, found.id) for run_id, found in rows.alive()] == [("a", "1")]


def test_what_holds_something_and_what_has_lately() -> None:
    rows = Rows([job("1", "weir-a", "COMPLETED", ended=90.0)])

    assert not rows.holds(run("a", job="1"))
    assert rows.holds(run("a", job="1"), since=80.0)
    assert not rows.holds(run("a", job="1"), since=95.0)


def test_usage_of_jobs_of_elements_and_of_all_components(monkeypatch: Any) -> None:
    commands = Commands()
    monkeypatch.setattr(commands, "_accounting", lambda *_, **__: USAGE)
    found = commands.usage(["1", "5", "7"])

    assert (found["1"].elapsed_s, found["1"].cpus, found["1"].used_cpu_s) == (4, 2, 2.216)
    assert found["1"].peak_memory_bytes == 71 * 2**20
    assert found["5"].allocated_cpu_s == 1
    assert (found["7"].cpus, found["7"].allocated_cpu_s, found["7"].elapsed_s) == (5, 10, 2)
    assert found["7"].peak_memory_bytes == 12 * 2**20
