from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path
from typing import cast

from tests.contract.bench import order, shell
from weir.core.lifecycle import RunEvent
from weir.executors.base import Seen
from weir.executors.slurm_bells import FILES, FOLDER, LARGEST, Bells, bell_of
from weir.executors.slurm_calls import Slurm
from weir.executors.slurm_pools import Pools
from weir.executors.slurm_records import COMPLETING, Job
from weir.executors.slurm_runs import Notes, Run
from weir.executors.slurm_script import CLAIM
from weir.executors.slurm_settings import SlurmSettings
from weir.executors.slurm_watch import Watch


class Looked:
    """A run of one task whose job is looked at, state by state."""

    def __init__(self, folder: Path) -> None:
        made = Run(order("r", shell("x")), "pool", str(folder / "r"), 890.0, sent_at=890.0)
        self.run, self.seen = made, list[Seen]()
        settings = SlurmSettings.model_validate({"folder": str(folder)})
        self.watch = Watch(
            settings,
            cast(Slurm, None),
            Pools([], {}),
            Notes(folder / "notes.sqlite", 890.0),
            {"r": made},
            threading.RLock(),
            lambda: 1000.0,
            self.seen.append,
        )
        Path(made.folder).mkdir()
        (Path(made.folder) / CLAIM).write_text("job 7\n")

    def task_left(self, *lines: str) -> None:
        with (Path(self.run.folder) / CLAIM).open("a") as file:
            file.writelines(f"{line}\n" for line in ("on n1", *lines))

    def slurm_says(self, state: str) -> list[RunEvent]:
        over = None if state in ("RUNNING", COMPLETING) else 950.0
        job = Job("7", "weir-r", state, nodes=("n1",), started=900.0, ended=over)
        self.watch.take([job], 1000.0, None)
        return [seen.event for seen in self.seen]


def test_a_signal_while_the_job_completes_waits_for_slurm_to_say_why(tmp_path: Path) -> None:
    looked = Looked(tmp_path)
    assert looked.slurm_says("RUNNING") == [RunEvent.STARTED]
    looked.task_left("exit 143")

    assert looked.slurm_says(COMPLETING) == [RunEvent.STARTED]
    assert looked.slurm_says("PREEMPTED") == [RunEvent.STARTED, RunEvent.VANISHED]


def test_an_exit_of_its_own_is_told_while_the_job_completes(tmp_path: Path) -> None:
    looked = Looked(tmp_path)
    looked.slurm_says("RUNNING")
    looked.task_left("exit 3")

    assert looked.slurm_says(COMPLETING) == [RunEvent.STARTED, RunEvent.FAILED]
    assert looked.seen[-1].exit_code == 3


def test_a_run_that_rings_is_seen_to_start_and_to_end_without_asking_slurm(tmp_path: Path) -> None:
    looked = Looked(tmp_path)
    looked.watch.hear(["unknown", "r"])
    assert [seen.event for seen in looked.seen] == [RunEvent.STARTED]
    looked.task_left("exit 0")
    looked.watch.hear(["r"])

    assert [seen.event for seen in looked.seen] == [RunEvent.STARTED, RunEvent.SUCCEEDED]
    assert looked.slurm_says(COMPLETING)[2:] == []
    assert looked.watch.work.leftovers == []


def test_what_only_slurm_can_tell_waits_for_slurm_also_when_it_rings(tmp_path: Path) -> None:
    looked = Looked(tmp_path)
    looked.task_left("exit 137")
    looked.watch.hear(["r"])
    assert [seen.event for seen in looked.seen] == [RunEvent.STARTED]

    assert looked.slurm_says("OUT_OF_MEMORY")[1:] == [RunEvent.FAILED]
    assert looked.seen[-1].reason.startswith("out of memory")


def test_a_job_that_an_answer_lacks_is_asked_about_again_soon(tmp_path: Path) -> None:
    looked = Looked(tmp_path)
    looked.slurm_says("RUNNING")
    assert not looked.watch.work.doubt

    looked.watch.take([], 1000.0, None)
    assert looked.watch.work.doubt
    assert [seen.event for seen in looked.seen] == [RunEvent.STARTED], "one answer proves nothing"


def ring(home: Path, run: str, job: int = 7) -> None:
    """Ring as the shell of a job does."""
    line = f"printf '%s\\n' {run} >>{bell_of(str(home / 'runs' / run))}"
    environment = {"PATH": os.environ["PATH"], "SLURM_JOB_ID": str(job)}
    subprocess.run(["/bin/sh", "-c", line], env=environment, check=True)


def test_a_bell_is_heard_once(tmp_path: Path) -> None:
    bells = Bells(tmp_path)
    assert bells.rung() == [], "nobody has made the folder yet"
    (tmp_path / FOLDER).mkdir()
    for job, run in enumerate(("r1", "r2", "r1")):
        ring(tmp_path, run, job)
    ring(tmp_path, "r1", FILES)

    assert sorted(bells.rung()) == ["r1", "r2"]
    assert bells.rung() == []
    ring(tmp_path, "r2", 1)
    assert bells.rung() == ["r2"]


def test_bells_go_on_after_a_file_was_begun_anew_and_half_a_line_waits(tmp_path: Path) -> None:
    bells = Bells(tmp_path)
    file = tmp_path / FOLDER / "3"
    file.parent.mkdir()
    file.write_text("r\n" * LARGEST)
    assert bells.rung() == ["r"]
    assert file.stat().st_size == 0
    file.write_text("r1\nr")
    assert bells.rung() == ["r1"]
    with file.open("a") as more:
        more.write("2\n")
    assert bells.rung() == ["r2"]
    file.write_text("r3\n")
    assert bells.rung() == ["r3"], "it is shorter than what was heard"
