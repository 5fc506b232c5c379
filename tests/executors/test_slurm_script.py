"""What a job's script does where it runs: a shell here is enough to see it."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from tests.contract.bench import order, shell
from weir.executors.slurm_bells import FOLDER as BELLS
from weir.executors.slurm_layout import Layout, Part, Span
from weir.executors.slurm_script import (
    CLAIM,
    SCRIPT,
    Place,
    batch,
    batch_of_array,
    script_of,
    write_script,
)

ONE_TASK = Layout((Part(1, 1, 1, 2**24, 0),), (Span(0, 1, "main"),))


def make_run(home: Path, name: str, command: str, start_by: float) -> Path:
    """A run's folder with its script."""
    folder = home / "runs" / name
    (folder / "work").mkdir(parents=True)
    (home / BELLS).mkdir(exist_ok=True)
    text = script_of(order(name, shell(command)), str(folder), ONE_TASK, Place("pool", None, True))
    write_script(str(folder / SCRIPT), text, start_by)
    return folder


def run_batch(text: str, **variables: str) -> int:
    """Run what Slurm would be given, as job 7; its exit code."""
    environment = {"PATH": os.environ["PATH"], "SLURM_JOB_ID": "7", **variables}
    done = subprocess.run(["/bin/sh", "-s"], input=text, text=True, env=environment, check=False)
    return done.returncode


def test_a_run_in_time_claims_itself_and_leaves_its_end(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "r1", "echo hello; exit 3", time.time() + 60)
    assert run_batch(batch(str(folder / SCRIPT))) == 3
    assert (folder / CLAIM).read_text() == "job 7\n"
    assert (folder / "main-0.stdout").read_text() == "hello\n"
    assert (folder / "main-0.task").read_text().endswith("exit 3\n")
    assert os.listdir(tmp_path / BELLS) == ["r1"]


def test_a_second_job_of_a_run_does_nothing(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "r1", "echo hello >> said", time.time() + 60)
    run_batch(batch(str(folder / SCRIPT)))
    assert run_batch(batch(str(folder / SCRIPT))) == 0
    assert (folder / "work" / "said").read_text() == "hello\n"


def test_a_run_that_comes_too_late_does_nothing_and_says_so(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "r1", "echo hello > said", time.time() - 1)
    assert run_batch(batch(str(folder / SCRIPT))) == 0
    assert (folder / CLAIM).read_text() == "job 7\nlate\n"
    assert not (folder / "work" / "said").exists()


def test_each_element_of_an_array_is_the_run_that_its_link_leads_to(tmp_path: Path) -> None:
    array = tmp_path / "arrays" / "an array of 'runs'"
    array.mkdir(parents=True)
    for index in range(3):
        folder = make_run(tmp_path, f"r{index}", f"exit {index + 4}", time.time() + 60)
        os.symlink(folder / SCRIPT, array / str(index))
    for index in range(3):
        code = run_batch(batch_of_array(str(array)), SLURM_ARRAY_TASK_ID=str(index))
        assert code == index + 4
        assert (tmp_path / "runs" / f"r{index}" / CLAIM).exists()


def test_a_script_is_written_whole_and_can_be_written_again(tmp_path: Path) -> None:
    path = tmp_path / SCRIPT
    for text, start_by in (("one\n", 2_000_000_000.25), ("two\n", 2_000_000_100.0)):
        write_script(str(path), text, start_by)
        assert (path.read_text(), path.stat().st_mtime) == (text, start_by)
        assert path.stat().st_mode & 0o777 == 0o700
    assert os.listdir(tmp_path) == [SCRIPT]
