"""Which runs share a job: how long they are expected to take, and how they are spread."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.bench import order, shell
from tests.executors.test_slurm_script import make_run
from tests.executors.test_slurm_send import NOW, Sending, Taking
from weir.core.lifecycle import RunEvent
from weir.executors.local_run import End, Stop
from weir.executors.slurm_lengths import LEAST, LEAST_S, SCOUTS_S, SHORT_S, Lengths
from weir.executors.slurm_packed import Next, held_up, judge
from weir.executors.slurm_packs import GRAIN_S, TRIES, driver, packs
from weir.executors.slurm_records import Job
from weir.executors.slurm_runs import Notes, Run
from weir.executors.slurm_scouts import LOOK_S
from weir.executors.slurm_script import CLAIM, SCRIPT
from weir.executors.slurm_verdict import Trail, Trails, claim, read_claim, read_trail


def run_of(id_: str, started: float | None = None, **changes: Any) -> Run:
    run = Run(order(id_, shell("x", cpu=1), **changes), "pool", f"/runs/{id_}", 0.0)
    run.started = started
    return run


def ended(seconds: float, event: RunEvent = RunEvent.SUCCEEDED) -> tuple[Run, End]:
    return run_of("past", 100.0), End(event, 100.0 + seconds, 0, "")


def test_a_kind_is_short_once_enough_of_it_were() -> None:
    lengths, fresh = Lengths(), run_of("fresh")
    for _ in range(LEAST):
        assert lengths.short([fresh], (), NOW) == {}
        lengths.learn(*ended(0.5))

    assert lengths.short([fresh], (), NOW) == {"fresh": 0.5}
    assert lengths.short([run_of("other", name="other")], (), NOW) == {}


def test_the_long_ones_of_a_mixture_count_while_they_still_run() -> None:
    lengths, fresh = Lengths(), run_of("fresh")
    for _ in range(LEAST):
        lengths.learn(*ended(0.5))
    running = [run_of(f"long{n}", NOW - 2 * SHORT_S) for n in range(2)]

    assert lengths.short([fresh], running, NOW) == {}


def test_what_did_not_end_by_itself_teaches_nothing() -> None:
    lengths = Lengths()
    for _ in range(LEAST):
        lengths.learn(*ended(0.5, RunEvent.VANISHED))
        stopped, end = ended(0.5)
        stopped.stop = Stop(RunEvent.CANCELED, "canceled", NOW)
        lengths.learn(stopped, end)

    assert lengths.short([run_of("fresh")], (), NOW) == {}


def test_a_wall_time_is_believed_and_nothing_is_shorter_than_its_shell() -> None:
    lengths = Lengths()
    assert lengths.short([run_of("r", walltime="3s")], (), NOW) == {"r": 3.0}
    for _ in range(LEAST):
        lengths.learn(*ended(0.0))
    assert lengths.short([run_of("r", walltime="1h")], (), NOW) == {"r": LEAST_S}


@given(
    st.lists(st.one_of(st.none(), st.floats(LEAST_S, SHORT_S)), max_size=60),
    st.integers(0, 40),
    st.floats(1, 120),
)
def test_each_is_in_one_pack_which_is_not_too_long_and_leaves_no_place_empty(
    seconds: list[float | None], places: int, pack_s: float
) -> None:
    runs = [run_of(f"r{n}") for n in range(len(seconds))]
    short = {r.id: s for r, s in zip(runs, seconds, strict=True) if s is not None}
    elements = packs(runs, short, places, pack_s)

    assert sorted(r.id for e in elements for r in e) == sorted(r.id for r in runs)
    work = sum(short.values())
    free = max(1, places - (len(runs) - len(short)))
    for element in (e for e in elements if len(e) > 1):
        total = sum(short[r.id] for r in element)
        assert total <= pack_s * 1.001
        assert total <= max(GRAIN_S, work / free) * 1.001
        assert [r.id for r in element] == [r.id for r in runs if r in element], "in order"


def test_runs_of_two_users_share_no_job() -> None:
    runs = [run_of(f"r{n}", submitter=f"user{n % 2}") for n in range(6)]
    elements = packs(runs, {run.id: 0.1 for run in runs}, 1, 60.0)

    assert [[r.id for r in e] for e in elements] == [["r0", "r2", "r4"], ["r1", "r3", "r5"]]


def known(sending: Sending, seconds: float) -> None:
    """Runs like those of `Sending` have taken so long."""
    for number in range(LEAST):
        past = sending.ready(f"past{number}")[0]
        past.started, past.end = NOW - 100, End(RunEvent.SUCCEEDED, NOW - 100 + seconds, 0, "")
        sending.lengths.learn(past, past.end)
    sending.sender.send_some()


def test_short_ones_go_as_packs_with_the_script_of_each_in_its_folder(tmp_path: Path) -> None:
    slurm = Taking()
    sending = Sending(tmp_path, slurm, fold=True)
    known(sending, 0.25)
    runs = sending.ready(*(f"r{n}" for n in range(10)))
    sending.sender.send_some()

    [job] = slurm.taken
    assert job.array == 3
    assert [run.index for run in runs] == [0] * 4 + [1] * 4 + [2] * 2
    assert all(run.packed and run.job == "1" for run in runs)
    assert all((Path(run.folder) / SCRIPT).exists() for run in runs)
    restored = {run.id: run for run in Notes(tmp_path / "notes.db", NOW).runs()}
    assert all(restored[run.id].element == run.element for run in runs)


def test_long_ones_and_those_of_an_operator_who_wants_no_packs_go_by_themselves(
    tmp_path: Path,
) -> None:
    for place, seconds, pack_s in (("long", 60.0, 60.0), ("never", 0.25, 0.0)):
        slurm = Taking()
        sending = Sending(tmp_path / place, slurm, fold=True, pack_s=pack_s)
        known(sending, seconds)
        runs = sending.ready("r0", "r1", "r2")
        sending.sender.send_some()
        assert [run.index for run in runs] == [0, 1, 2]
        assert not any(run.packed for run in runs)


def test_of_a_kind_that_nobody_knows_some_go_first(tmp_path: Path) -> None:
    slurm = Taking()
    sending = Sending(tmp_path, slurm, fold=True)
    runs = sending.ready(*(f"r{n}" for n in range(20)))
    sending.sender.send_some()
    assert [run.sent_at for run in runs] == [NOW] * 8 + [None] * 12, "the node has 8 CPUs"
    assert sending.sender.due_at == NOW + LOOK_S
    sending.sender.release()
    assert not sending.sender.busy

    for run in runs[:LEAST]:
        run.started, run.end = NOW, End(RunEvent.SUCCEEDED, NOW + 0.1, 0, "")
        sending.lengths.learn(run, run.end)
    sending.sender.release()
    sending.sender.send_some()
    assert all(run.packed for run in runs[8:])


def test_nobody_waits_for_long_for_the_first_of_its_kind(tmp_path: Path) -> None:
    sending = Sending(tmp_path, Taking(), fold=True)
    runs = sending.ready(*(f"r{n}" for n in range(20)))
    sending.sender.send_some()
    sending.now += SCOUTS_S
    sending.sender.release()
    sending.sender.send_some()

    assert all(run.sent_at is not None and not run.packed for run in runs)


def test_one_that_runs_for_a_while_tells_that_its_kind_is_not_so_short(tmp_path: Path) -> None:
    sending = Sending(tmp_path, Taking(), fold=True)
    runs = sending.ready(*(f"r{n}" for n in range(20)))
    sending.sender.send_some()
    runs[0].started = NOW
    sending.now += GRAIN_S + 0.1
    sending.sender.release()
    sending.sender.send_some()

    assert all(run.sent_at is not None and not run.packed for run in runs)


RUNNING, OVER = (Job("7", "weir-r", state, nodes=("n1",)) for state in ("RUNNING", "NODE_FAIL"))
CANCELED = Job("7", "weir-r", "CANCELLED")
BEGUN = Trails("7", tasks=(Trail("main", 0, node="n1"),))


@pytest.mark.parametrize(
    ("jobs", "trails", "what"),
    [
        ([RUNNING], Trails(), Next.WAITS),
        ([RUNNING], BEGUN, Next.RUNS),
        ([RUNNING], Trails("7", tasks=(Trail("main", 0, 3),)), Next.OVER),
        ([RUNNING], Trails("7", tasks=(Trail("main", 0, 137),)), Next.RUNS),
        ([OVER], Trails("7", tasks=(Trail("main", 0, 0),)), Next.OVER),
        ([OVER], BEGUN, Next.CUT_OFF),
        ([OVER], Trails(), Next.BACK),
        ([], Trails(), Next.BACK),
        ([RUNNING], Trails(nobody=True), Next.BACK),
        ([CANCELED], Trails(), Next.CUT_OFF),
    ],
)
def test_what_became_of_a_run_in_a_pack(jobs: list[Job], trails: Trails, what: Next) -> None:
    assert judge(run_of("r"), jobs, trails) is what


def test_a_run_is_not_taken_back_for_ever() -> None:
    run = run_of("r")
    run.tries = TRIES
    assert judge(run, [OVER], Trails()) is Next.CUT_OFF


def test_only_those_that_wait_behind_a_long_one_are_held_up() -> None:
    runs = [run_of("done", 0.0), run_of("long", 10.0), run_of("waits"), run_of("elsewhere")]
    for run in runs:
        run.array, run.index, run.packed = "a", 0, True
    runs[0].end, runs[3].index = End(RunEvent.SUCCEEDED, 9.0, 0, ""), 1

    assert held_up(runs, 50.0, 60.0) == []
    assert [run.id for run in held_up(runs, 71.0, 60.0)] == ["waits"]


def test_a_claim_of_nobody_stays_one_and_no_job_s_is_taken(tmp_path: Path) -> None:
    path = str(tmp_path / CLAIM)
    assert claim(path)
    assert claim(path), "it is ours"
    assert read_claim(path).nobody
    (tmp_path / CLAIM).write_text("job 7\n")
    assert not claim(path)


def packed(home: Path, *commands: str) -> list[Run]:
    """Runs in a pack that a shell here has run as job 7."""
    runs = []
    for number, command in enumerate(commands):
        folder = make_run(home, f"r{number}", command, time.time() + 60)
        runs.append(Run(order(folder.name, shell(command)), "pool", str(folder), 0.0))
    return runs


def drive(runs: list[Run]) -> int:
    environment = {"PATH": os.environ["PATH"], "SLURM_JOB_ID": "7", "SLURMD_NODENAME": "n1"}
    text = driver(runs)
    return subprocess.run(["/bin/sh", "-s"], input=text, text=True, env=environment).returncode


def test_the_runs_of_a_pack_go_one_after_the_other(tmp_path: Path) -> None:
    runs = packed(tmp_path, "echo 1; sleep 0.3", "echo 2")
    assert drive(runs) == 0
    first, second = (read_trail(run) for run in runs)

    assert first.done and second.done
    assert (second.claimed_at or 0) - (first.claimed_at or 0) >= 0.25
    assert first.tasks[0].cpu_s is not None


def test_one_that_does_not_end_well_ends_its_pack(tmp_path: Path) -> None:
    runs = packed(tmp_path, "true", "exit 3", "true")
    assert drive(runs) == 3
    assert [read_trail(run).job for run in runs] == ["7", "7", None]


def test_one_that_was_claimed_is_passed_over(tmp_path: Path) -> None:
    runs = packed(tmp_path, "true", "true", "true")
    assert claim(runs[1].claim)
    assert drive(runs) == 0
    assert [read_trail(run).done for run in runs] == [True, False, True]
