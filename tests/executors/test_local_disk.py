"""What the local executor writes and reads: journals, inputs, ends of forgotten runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.bench import order
from weir.core.lifecycle import RunEvent
from weir.executors import local_run
from weir.executors.local_ended import Ended
from weir.executors.local_hosts import TaskPlace
from weir.executors.local_run import End, Run, Stop, Task, outcome
from weir.executors.local_stage import StageError, stage
from weir.wire.jobspec import Input

DAY_S = 86400


def a_run(folder: Path, *codes: int | None) -> Run:
    """A run with one task per exit code, all ended; None has left none."""
    run = Run(order(folder.name), "pool", str(folder), 5.0)
    run.tasks = [
        Task(
            TaskPlace("main", i, 0, 1000, 2**20, ((i, 1000),)),
            str(folder / f"main-{i}"),
            i,
            done=True,
            code=code,
            lost="gone",
        )
        for i, code in enumerate(codes)
    ]
    return run


def test_a_journal_reads_back(tmp_path: Path) -> None:
    run = a_run(tmp_path / "r", 0, 0)
    run.started, run.stop = 6.0, Stop(RunEvent.FAILED, "because", 7.0, 3)
    run.end = End(RunEvent.FAILED, 8.0, 3, "because")
    local_run.make_folders(run)
    local_run.write_order(run)
    local_run.write_started(run)
    local_run.write_stop(run)
    local_run.write_end(run)

    read = local_run.read_run(run.folder)
    assert read is not None
    assert (read.order, read.pool, read.at, read.places) == (run.order, "pool", 5.0, run.places)
    assert (read.started, read.stop, read.end) == (run.started, run.stop, run.end)
    assert read.adopted


def test_a_record_that_was_cut_off_does_not_count(tmp_path: Path) -> None:
    run = a_run(tmp_path / "r", 0)
    local_run.make_folders(run)
    local_run.write_order(run)
    with open(run.journal, "a") as file:
        file.write('\n{"end": {"event": "suc')

    read = local_run.read_run(run.folder)
    assert read is not None
    assert read.end is None
    run.end = End(RunEvent.FAILED, 8.0)
    local_run.write_end(run)
    assert local_run.read_end(run.journal) == run.end


@pytest.mark.parametrize(
    "journal", [None, "", '{"head": {"at"', "\x00" * 100 + "\n", "[]\n", "1\n"]
)
def test_a_journal_that_was_not_written_whole_is_no_run(
    tmp_path: Path, journal: str | None
) -> None:
    if journal is not None:
        (tmp_path / "journal").write_text(journal)

    assert local_run.read_run(str(tmp_path)) is None


@pytest.mark.parametrize(
    ("codes", "told"),
    [
        ((0,), (RunEvent.SUCCEEDED, 0, "")),
        ((3,), (RunEvent.FAILED, 3, "exit code 3")),
        ((143,), (RunEvent.FAILED, 143, "killed by signal SIGTERM")),
        ((255,), (RunEvent.FAILED, 255, "exit code 255")),
        ((0, 9), (RunEvent.FAILED, 9, "main-1: exit code 9")),
        ((0, None), (RunEvent.FAILED, None, "main-1: gone")),
    ],
)
def test_a_runs_end_follows_from_its_tasks(
    tmp_path: Path, codes: tuple[int | None, ...], told: tuple[RunEvent, int | None, str]
) -> None:
    assert outcome(a_run(tmp_path, *codes)) == told


def test_why_a_run_was_stopped_is_how_it_ended(tmp_path: Path) -> None:
    run = a_run(tmp_path, 0)
    run.stop = Stop(RunEvent.CANCELED, "canceled", 1.0)

    assert outcome(run) == (RunEvent.CANCELED, None, "canceled")


def test_inputs_never_leave_the_working_directory(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "out").symlink_to(tmp_path)
    for path in ("../x", "/etc/x", "out/x", "a/../../x"):
        item = Input.model_construct(path=path, text="x", base64=None, url=None, sha256=None)
        with pytest.raises(StageError, match="leads out"):
            stage([item], str(work))
    assert [p.name for p in tmp_path.iterdir()] == ["work"]


def test_what_was_staged_is_kept(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("changed by the job")
    stage([Input(path="x", text="new"), Input(path="y/z", text="#!/bin/sh\n")], str(tmp_path))

    assert (tmp_path / "x").read_text() == "changed by the job"
    assert (tmp_path / "y" / "z").stat().st_mode & 0o111
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["x", "y", "z"]


def test_ends_of_forgotten_runs_are_kept_for_a_week(tmp_path: Path) -> None:
    today = [100 * DAY_S]
    ended = Ended(str(tmp_path / "ended"), lambda: today[0])
    ended.open()
    for day in (100, 101, 108):
        today[0] = day * DAY_S
        run = a_run(tmp_path / f"r{day}", 0)
        run.end = End(RunEvent.SUCCEEDED, float(today[0]), 0)
        local_run.make_folders(run)
        local_run.write_order(run)
        local_run.write_end(run)
        ended.keep(run)

    assert ended.find("r100") is None
    assert ended.find("r101") == End(RunEvent.SUCCEEDED, 101.0 * DAY_S, 0)
    again = Ended(str(tmp_path / "ended"), lambda: 120 * DAY_S)
    again.open()
    assert again.find("r108") is None
    assert ended.find("../r108") is None
