"""Runs on their way to Slurm: several submissions at once, and each run in one of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import pytest

from tests.contract.bench import order, shell
from weir.core.lifecycle import RunEvent
from weir.executors.local_run import End, Stop
from weir.executors.slurm_calls import Away, Rejected, Slurm, Submission
from weir.executors.slurm_lengths import Lengths
from weir.executors.slurm_pools import Pools
from weir.executors.slurm_records import Node, Partition
from weir.executors.slurm_runs import Notes, Run
from weir.executors.slurm_script import SCRIPT, TEMPORARY
from weir.executors.slurm_send import AT_ONCE, UNDER_WAY, Sender
from weir.executors.slurm_settings import SlurmSettings, SlurmShare

NOW = 1000.0


class Taking:
    """A Slurm that does with submissions what a test says; it remembers those that it took."""

    def __init__(self, act: Callable[[Submission], None] = lambda job: None) -> None:
        self.act, self.taken = act, list[Submission]()

    def submit(self, job: Submission) -> str:
        self.act(job)
        self.taken.append(job)
        return str(len(self.taken))

    def names(self) -> list[str]:
        return sorted(job.name for job in self.taken)


class Sending:
    """A sender to such a Slurm, of a pool of one node of 8 CPUs."""

    def __init__(
        self, folder: Path, slurm: Taking, fold: bool = False, pack_s: float = 60.0
    ) -> None:
        share = SlurmShare(partition="p", pool="pool")
        settings = SlurmSettings(folder=folder, shares=(share,), fold=fold, pack_s=pack_s)
        folder.mkdir(exist_ok=True)
        self.now, self.lengths = NOW, Lengths()
        pools = Pools([share], {})
        node = Node("n1", 8, 16384, frozenset({"IDLE"}), partitions=("p",))
        pools.take([node], [Partition("p", ("n1",))], (), lambda kind: {})
        self.folder, self.runs, self.lock = folder, dict[str, Run](), threading.RLock()
        self.notes = Notes(folder / "notes.db", NOW)
        self.sender = Sender(
            *(settings, cast(Slurm, slurm), pools, self.notes, self.runs, self.lock),
            *(lambda: self.now, self.end, self.lengths),
        )

    def end(self, run: Run, end: End) -> None:
        run.end = end

    def ready(self, *names: str, command: str = "x") -> list[Run]:
        """Runs of one task each, ready to be sent."""
        made = []
        for name in names:
            folder = self.folder / "runs" / name
            (folder / TEMPORARY).mkdir(parents=True)
            run = Run(order(name, shell(command, cpu=1)), "pool", str(folder), NOW)
            self.runs[name] = run
            self.sender.add(run)
            made.append(run)
        return made


def weir(names: Sequence[str]) -> list[str]:
    return [f"weir-{name}" for name in names]


def test_several_are_under_way_at_the_same_time(tmp_path: Path) -> None:
    together = threading.Barrier(UNDER_WAY)
    slurm = Taking(lambda job: cast(None, together.wait(20)))
    sending = Sending(tmp_path, slurm)
    names = [f"r{n}" for n in range(2 * UNDER_WAY)]
    runs = sending.ready(*names)
    sending.sender.send_some()

    assert slurm.names() == weir(names)
    assert sorted(run.job or "" for run in runs) == [str(n + 1) for n in range(len(runs))]


def test_while_many_are_ready_they_go_on_without_a_pause(tmp_path: Path) -> None:
    slurm = Taking()
    sending = Sending(tmp_path, slurm)
    names = [f"r{n}" for n in range(3 * AT_ONCE)]
    runs = sending.ready(*names)
    sending.sender.send_some()

    assert slurm.names() == sorted(weir(names))
    assert all(run.job is not None for run in runs)
    noted = Notes(tmp_path / "notes.db", NOW).runs()
    assert {run.id: run.job for run in noted} == {run.id: run.job for run in runs}


def test_equal_runs_are_one_array_with_the_script_of_each(tmp_path: Path) -> None:
    slurm = Taking()
    sending = Sending(tmp_path, slurm, fold=True)
    runs = sending.ready("r0", "r1", "r2")
    sending.sender.send_some()

    [job] = slurm.taken
    assert job.array == 3
    assert [(run.job, run.index) for run in runs] == [("1", 0), ("1", 1), ("1", 2)]
    for run in runs:
        script = Path(run.array or "") / str(run.index)
        assert f"run={run.folder}\n" in script.read_text()


def test_a_run_by_itself_needs_no_file_for_its_script(tmp_path: Path) -> None:
    slurm = Taking()
    sending = Sending(tmp_path, slurm)
    [run] = sending.ready("r0")
    sending.sender.send_some()

    assert f"run={run.folder}\n" in slurm.taken[0].script
    assert not (Path(run.folder) / SCRIPT).exists()
    assert (Path(run.folder) / TEMPORARY).stat().st_mtime == run.start_by


def test_a_script_that_slurm_would_misread_stays_in_the_runs_folder(tmp_path: Path) -> None:
    slurm = Taking()
    sending = Sending(tmp_path, slurm, fold=True)
    runs = sending.ready("r0", "r1", command="echo '\n#SBATCH --hold'")
    sending.sender.send_some()
    [alone] = sending.ready("r2", command="echo '\n#SBATCH --hold'")
    sending.sender.send_some()

    assert [job.array for job in slurm.taken] == [2, 0]
    assert not any("SBATCH" in job.script for job in slurm.taken)
    assert f"{alone.folder}/{SCRIPT}" in slurm.taken[1].script
    for run in runs:
        link = Path(run.array or "") / str(run.index)
        assert link.resolve() == (Path(run.folder) / SCRIPT).resolve()
        assert "#SBATCH" in link.read_text()


def test_when_slurm_is_away_the_rest_waits_and_each_is_sent_once(tmp_path: Path) -> None:
    away = {"weir-r0"}

    def act(job: Submission) -> None:
        if job.name in away:
            away.remove(job.name)
            raise Away("connection refused")

    slurm = Taking(act)
    sending = Sending(tmp_path, slurm)
    names = [f"r{n}" for n in range(9)]
    runs = sending.ready(*names)
    with pytest.raises(Away):
        sending.sender.send_some()
    assert runs[0].sent_at is None, "nothing of it is there"
    assert len(slurm.taken) < len(names)
    sending.sender.send_some()

    assert slurm.names() == weir(names)
    assert not sending.sender.busy


def test_what_slurm_does_not_take_ends_and_keeps_no_other_from_being_sent(tmp_path: Path) -> None:
    def act(job: Submission) -> None:
        if job.name == "weir-r1":
            raise Rejected("Invalid account")

    slurm = Taking(act)
    runs = (sending := Sending(tmp_path, slurm)).ready("r0", "r1", "r2")
    sending.sender.send_some()

    assert slurm.names() == weir(["r0", "r2"])
    ends = [run.end and (run.end.event, run.end.reason) for run in runs]
    assert ends == [None, (RunEvent.REFUSED, "Slurm says: Invalid account"), None]


def test_one_that_rings_before_slurm_has_answered_stays_ended_and_forgotten(
    tmp_path: Path,
) -> None:
    ended = End(RunEvent.SUCCEEDED, NOW, 0, "")

    def act(job: Submission) -> None:
        with sending.lock:
            runs[0].end = ended
            sending.notes.keep(runs)
            sending.notes.forget(runs, NOW)

    sending = Sending(tmp_path, Taking(act))
    runs = sending.ready("r0")
    sending.sender.send_some()

    assert runs[0].job == "1"
    assert sending.notes.forgotten("r0") == ended
    assert sending.notes.runs() == []


def test_equal_runs_go_as_one_array_without_those_that_are_stopped(tmp_path: Path) -> None:
    slurm = Taking()
    sending = Sending(tmp_path, slurm, fold=True)
    runs = sending.ready("r0", "r1", "r2")
    runs[1].stop = Stop(RunEvent.CANCELED, "canceled", NOW)
    sending.sender.send_some()

    assert [job.array for job in slurm.taken] == [2]
    assert [(run.job, run.index) for run in runs] == [("1", 0), (None, None), ("1", 1)]
