"""How a run ended, from what its driver left and what Ray says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract.bench import order, shell
from weir.core.lifecycle import RunEvent
from weir.executors.local_run import Stop
from weir.executors.ray_records import Job
from weir.executors.ray_runs import Run
from weir.executors.ray_verdict import Trail, claim, end_of, read_trail

NOW = 2000.0
GANG = order("r", shell("true", name="a", count=2, memory="1GiB"))


def _end(
    folder: Path, job: Job | None = None, log: str = "", wanted: Any = GANG, **run: Any
) -> Any:
    known = Run(wanted, "pool", str(folder), 1000.0, **run)
    end = end_of(known, job, read_trail(str(folder)), NOW, log)
    return end.event, end.exit_code, end.reason


def _trail(folder: Path, *records: dict[str, Any]) -> None:
    claim(str(folder))
    lines = [json.dumps({"at": 1500.0 + i, **record}) for i, record in enumerate(records)]
    (folder / "trail").write_text("\n".join([*lines, ""]))


def _job(status: str, error: str = "", message: str = "") -> Job:
    return Job("weir-r", status, message, error, started=1400.0, ended=1600.0)


def test_what_is_left_is_read(tmp_path: Path) -> None:
    _trail(
        tmp_path,
        {"claimed": "host"},
        {"nodes": {"a-0": "n1", "a-1": "n2"}},
        {"started": True},
        {"task": "a-0", "code": 0},
        {"task": "a-1", "code": 0},
        {"end": True},
    )
    with open(tmp_path / "trail", "a") as file:
        file.write('{"half')  # a line that is being written
    trail = read_trail(str(tmp_path))

    assert (trail.claimed, trail.started, trail.ended) == (True, 1502.0, 1505.0)
    assert trail.nodes == {"a-0": "n1", "a-1": "n2"}
    assert _end(tmp_path) == (RunEvent.SUCCEEDED, 0, "")


def test_nothing_is_left_by_a_run_that_did_not_begin(tmp_path: Path) -> None:
    assert read_trail(str(tmp_path)) == Trail()


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"code": 5}, (RunEvent.FAILED, 5, "a-1: exit code 5")),
        ({"code": 139}, (RunEvent.FAILED, 139, "a-1: killed by signal SIGSEGV")),
        (
            {"code": 137, "memory": 2**31},
            (RunEvent.FAILED, None, "a-1: out of memory: used 2 GiB of 1 GiB"),
        ),
        (
            {"code": 143, "stop": "wall", "wall_s": 90},
            (RunEvent.FAILED, None, "wall time of 1m30s exceeded"),
        ),
        (
            {"cannot": "there is no program x"},
            (RunEvent.FAILED, None, "can't start: a-1: there is no program x"),
        ),
        (
            {"lost": "ActorDiedError: node died"},
            (RunEvent.VANISHED, None, "a-1: Ray lost it: ActorDiedError: node died"),
        ),
    ],
)
def test_the_task_that_failed_by_itself_says_why(
    tmp_path: Path, record: dict[str, Any], told: tuple[RunEvent, int | None, str]
) -> None:
    stopped = {"task": "a-0", "code": 143, "stop": "stopped"}
    _trail(tmp_path, {"started": True}, stopped, {"task": "a-1", **record}, {"end": True})

    assert _end(tmp_path) == told


def test_a_run_that_was_canceled_is_canceled(tmp_path: Path) -> None:
    stop = Stop(RunEvent.CANCELED, "canceled", 1700.0)
    _trail(tmp_path, {"task": "a-0", "code": 143, "stop": "stopped"}, {"end": True})

    assert _end(tmp_path, stop=stop) == (RunEvent.CANCELED, None, "canceled")


def test_a_run_that_succeeded_first_has_succeeded(tmp_path: Path) -> None:
    stop = Stop(RunEvent.CANCELED, "canceled", 1700.0)
    done = [{"task": f"a-{i}", "code": 0} for i in range(2)]
    _trail(tmp_path, *done, {"end": True})

    assert _end(tmp_path, stop=stop)[0] is RunEvent.SUCCEEDED


def test_a_gang_of_which_a_task_is_missing_has_not_succeeded(tmp_path: Path) -> None:
    _trail(tmp_path, {"task": "a-0", "code": 0}, {"end": True})

    assert _end(tmp_path, _job("SUCCEEDED"))[0] is RunEvent.VANISHED


@pytest.mark.parametrize(
    ("job", "claimed", "event", "reason"),
    [
        (None, True, RunEvent.VANISHED, "its job is gone from Ray, and left no end"),
        (_job("STOPPED"), True, RunEvent.VANISHED, "stopped at the center"),
        (_job("STOPPED"), False, RunEvent.REFUSED, "stopped at the center"),
        (
            _job("FAILED", "JOB_SUPERVISOR_ACTOR_DIED", "Job supervisor actor died: its node did"),
            True,
            RunEvent.VANISHED,
            "Ray lost what ran it: Job supervisor actor died: its node did",
        ),
        (
            _job("FAILED", "RUNTIME_ENV_SETUP_FAILURE", "runtime_env setup failed: no pip"),
            False,
            RunEvent.REFUSED,
            "Ray could not start it: runtime_env setup failed: no pip",
        ),
        (
            _job("FAILED", "JOB_SUPERVISOR_ACTOR_START_TIMEOUT", "within 900 s"),
            False,
            RunEvent.REFUSED,
            "it did not start in time",
        ),
    ],
)
def test_without_an_end_of_its_own_ray_says_how_it_ended(
    tmp_path: Path, job: Job | None, claimed: bool, event: RunEvent, reason: str
) -> None:
    if claimed:
        _trail(tmp_path, {"claimed": "host"}, {"started": True})

    assert _end(tmp_path, job) == (event, None, reason)


def test_the_end_of_the_log_is_told_where_there_is_nothing_else(tmp_path: Path) -> None:
    job = _job(
        "FAILED", "JOB_ENTRYPOINT_COMMAND_ERROR", "failed with exit code 1, last available logs"
    )
    _trail(tmp_path, {"claimed": "host"})
    event, _, reason = _end(tmp_path, job, "x\nOSError: no space left\n")

    assert event is RunEvent.FAILED
    assert reason.endswith("failed with exit code 1; its log ends: OSError: no space left")


def test_only_one_claims_a_run(tmp_path: Path) -> None:
    assert claim(str(tmp_path))
    assert not claim(str(tmp_path))


def test_an_end_is_not_before_its_start_nor_after_now(tmp_path: Path) -> None:
    _trail(tmp_path, {"started": True}, {"task": "a-0", "code": 1}, {"end": True})
    late = Run(GANG, "pool", str(tmp_path), 1000.0, started=1900.0)

    assert end_of(late, None, read_trail(str(tmp_path)), NOW).at == 1900.0
    assert end_of(late, None, read_trail(str(tmp_path)), 1400.0).at == 1400.0
