from __future__ import annotations

from typing import Any

import pytest

from tests.contract.bench import order, shell
from weir.core.lifecycle import RunEvent
from weir.executors.local_run import End, Stop
from weir.executors.slurm_records import Job
from weir.executors.slurm_runs import Run
from weir.executors.slurm_verdict import Trail, Trails, end_of, started_at

FAILED, VANISHED, REFUSED = RunEvent.FAILED, RunEvent.VANISHED, RunEvent.REFUSED
NOW = 1000.0


def job(state: str, **changes: Any) -> Job:
    values: dict[str, Any] = {
        **{"id": "7", "name": "weir-r", "state": state, "nodes": ("n1",)},
        **{"started": 900.0, "ended": 950.0, "exit_code": 0, **changes},
    }
    return Job(**values)


def done(code: int | None = 0, index: int = 0, **changes: Any) -> Trail:
    return Trail("main", index, code, node="n1", at=950.5 + index, **changes)


def ended(
    jobs: list[Job], *tasks: Trail, stop: Stop | None = None, count: int = 1, **trails: Any
) -> End:
    run = Run(order("r", shell("x", count=count, memory="32MiB")), "pool", "/runs/r", 890.0)
    run.stop, run.started = stop, 900.2
    return end_of(run, jobs, Trails(**{"job": "7", "tasks": tasks, **trails}), NOW)


@pytest.mark.parametrize(
    ("state", "event", "reason"),
    [
        ("NODE_FAIL", VANISHED, "a node of it failed (n1)"),
        ("BOOT_FAIL", VANISHED, "its nodes did not boot (n1)"),
        ("PREEMPTED", VANISHED, "preempted by a job of the center's own (n1)"),
        ("REVOKED", VANISHED, "revoked at the center (n1)"),
        ("TIMEOUT", FAILED, "wall time of 50s exceeded"),
        ("DEADLINE", FAILED, "wall time of 50s exceeded"),
        ("OUT_OF_MEMORY", FAILED, "out of memory: used 32 MiB of 32 MiB"),
        ("CANCELLED", VANISHED, "canceled at the center"),
    ],
)
def test_what_slurm_says_is_told_apart(state: str, event: RunEvent, reason: str) -> None:
    end = ended([job(state)], Trail("main", 0, node="n1", at=901.0))

    assert (end.event, end.reason, end.exit_code) == (event, reason, None)


def test_a_job_that_could_not_be_launched_is_the_center_s_loss() -> None:
    end = ended([job("FAILED", reason="JobLaunchFailure")], Trail("main", 0), job=None)

    assert (end.event, end.reason) == (VANISHED, "Slurm could not launch it (JobLaunchFailure)")


def test_a_requeue_is_the_center_s_loss() -> None:
    end = ended([job("PENDING", restarts=1, reason="BeginTime")], Trail("main", 0, node="n1"))

    assert (end.event, end.reason) == (VANISHED, "requeued at the center (BeginTime)")


def test_canceled_at_the_center_before_it_ran_it_is_refused() -> None:
    assert ended([job("CANCELLED")], Trail("main", 0), job=None).event is REFUSED


@pytest.mark.parametrize("code", [137, 143])
def test_canceled_at_the_center_before_its_shell_could_note_it_it_is_lost(code: int) -> None:
    end = ended([job("CANCELLED")], done(code))
    assert (end.event, end.reason) == (VANISHED, "canceled at the center")
    assert ended([job("CANCELLED")], done(9)).reason == "exit code 9"


def test_too_late_it_is_refused() -> None:
    assert ended([job("COMPLETED")], Trail("main", 0), late=True).event is REFUSED


def test_exit_codes_and_signals_of_tasks() -> None:
    assert ended([job("COMPLETED")], done()).event is RunEvent.SUCCEEDED
    assert ended([job("FAILED", exit_code=7)], done(7)).reason == "exit code 7"
    assert ended([job("FAILED")], done(139)).reason == "killed by signal SIGSEGV"
    no_program = Trail("main", 0, None, "there is no program x", at=901.0)
    assert ended([job("FAILED")], no_program).reason == "can't start: there is no program x"


def test_the_task_for_which_a_gang_failed_is_the_first_that_was_not_stopped() -> None:
    tasks = (done(143, 0, stopped=True), done(5, 1), done(9, 2))
    end = ended([job("FAILED", exit_code=5)], *tasks, count=3)

    assert (end.exit_code, end.reason) == (5, "main-1: exit code 5")


def test_killed_without_an_exit_code() -> None:
    end = ended([job("FAILED", signal=9, exit_code=None)], Trail("main", 0, node="n1", at=901.0))

    assert end.event is FAILED
    assert end.reason == "ended without an exit code of its own: Slurm says FAILED, signal 9"


def test_what_srun_said_is_told_where_no_task_came_to_run() -> None:
    log = "srun: error: Unable to create step: invalid node count\n"
    end = ended([job("FAILED", exit_code=1)], Trail("main", 0), log=log)

    assert end.reason.endswith("exit code 1; its log ends: " + log.strip())


def test_memory_as_slurm_s_own_watch_tells_it() -> None:
    log = "slurmstepd: error: StepId=3.batch exceeded memory limit (216616960 > 33554432), being"
    end = ended([job("FAILED", signal=9)], Trail("main", 0, node="n1"), log=log)

    assert end.reason == "out of memory: used 206.58 MiB of 32 MiB"


def test_why_a_run_was_stopped_counts_unless_it_had_finished() -> None:
    stop = Stop(RunEvent.CANCELED, "canceled", 960.0)
    assert ended([job("CANCELLED")], done(143, stopped=True), stop=stop).event is RunEvent.CANCELED
    assert ended([job("COMPLETED")], done(), stop=stop).event is RunEvent.SUCCEEDED


def test_of_a_job_that_is_gone_what_it_left_is_told() -> None:
    assert ended([], done()).event is RunEvent.SUCCEEDED
    assert ended([], done(9)).reason == "exit code 9"
    gone = ended([], Trail("main", 0, node="n1"))
    assert (gone.event, gone.reason) == (VANISHED, "its job is gone from Slurm, and left no end")


def test_times_are_slurm_s_and_finer_where_the_tasks_tell_them() -> None:
    assert ended([job("COMPLETED")], done()).at == 950.5
    assert ended([job("TIMEOUT")], Trail("main", 0)).at == 950.0
    assert ended([], Trail("main", 0)).at == NOW
    assert started_at([job("RUNNING")], Trails(claimed_at=900.4), NOW) == 900.4
    assert started_at([job("RUNNING")], Trails(claimed_at=100.0), NOW) == 900.0
    assert started_at([], Trails(), NOW) == NOW
