from __future__ import annotations

import threading
from pathlib import Path
from typing import cast

from tests.contract.bench import order, shell
from weir.core.lifecycle import RunEvent
from weir.executors.base import Seen
from weir.executors.slurm_bells import Bells, bell_of
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
        path = Path(f"{self.run.base('main', 0)}.task")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in ("on n1", *lines)))

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


def test_a_bell_is_heard_once(tmp_path: Path) -> None:
    bells = Bells(tmp_path)
    assert bells.rung() == []
    bell = Path(bell_of(str(tmp_path / "runs" / "r")))
    bell.parent.mkdir()
    bell.touch()

    assert bells.rung() == ["r"]
    assert bells.rung() == []
