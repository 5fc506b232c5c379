"""What goes wrong between the executor and a real Slurm: nothing is lost, nothing runs twice."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import slurm as real
from tests import slurm_faults
from tests.contract.bench import Bench, order, shell
from tests.executors.conftest import patience_s
from tests.slurm import Server, slurm
from tests.slurm_faults import Faults
from weir.core.lifecycle import RunEvent
from weir.executors.base import Executor

__all__ = ["slurm"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


@pytest.fixture
def server(slurm: Server) -> Server:
    real.publish(slurm)
    return slurm


@pytest.fixture
def run(request: pytest.FixtureRequest) -> str:
    """A run's identifier that no other test of this session has."""
    return re.sub(r"[^a-z]+", "-", request.node.name.removeprefix("test_")).strip("-")


@pytest.fixture(params=["commands", "rest"])
def faults(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Iterator[Faults]:
    way = slurm_faults.commands if request.param == "commands" else slurm_faults.rest
    with way(tmp_path / "faults", timeout_s=patience_s(request)) as made:
        yield made


@pytest.fixture
def bench(faults: Faults, tmp_path: Path) -> Iterator[Bench]:
    with Bench(faults.make, tmp_path) as bench:
        yield bench
        faults.fault = ""


@pytest.mark.fault("server away at submit")
def test_a_run_submitted_while_slurm_is_away_runs_once_it_is_back(
    bench: Bench, server: Server, tmp_path: Path, run: str
) -> None:
    server.stop_controller()
    bench.submit(order(run, shell(f"echo ran >> {tmp_path}/effects")))
    time.sleep(1.5)
    assert bench.events(run) == []
    server.start_controller()

    assert bench.end(run).event is RunEvent.SUCCEEDED
    assert (tmp_path / "effects").read_text() == "ran\n"
    assert _jobs(server, run) == 1


@pytest.mark.fault("answer lost after the submit")
def test_a_lost_answer_makes_no_second_job(
    bench: Bench, faults: Faults, server: Server, tmp_path: Path, run: str
) -> None:
    faults.fault = slurm_faults.LOST
    end = bench.run(order(run, shell(f"echo ran >> {tmp_path}/effects; sleep 3")))

    assert end.event is RunEvent.SUCCEEDED
    assert (tmp_path / "effects").read_text() == "ran\n"
    assert _jobs(server, run) == 1


@pytest.mark.fault("answer lost after the submit")
def test_a_run_canceled_after_a_lost_answer_leaves_no_job(
    bench: Bench, faults: Faults, server: Server, run: str
) -> None:
    faults.fault = slurm_faults.LOST
    bench.submit(order(run, shell("exec sleep 1000")))
    _until(lambda: _jobs(server, run))
    bench.executor.cancel([run])

    assert bench.end(run).event is RunEvent.CANCELED
    _until(lambda: not server.run("squeue", "-h", f"--name=weir-{run}"))


@pytest.mark.fault("answer lost after the submit")
def test_a_submission_that_never_arrived_is_made_again(
    bench: Bench, faults: Faults, server: Server, tmp_path: Path, run: str
) -> None:
    faults.fault = slurm_faults.DROPPED
    end = bench.run(order(run, shell(f"echo ran >> {tmp_path}/effects")))

    assert end.event is RunEvent.SUCCEEDED
    assert (tmp_path / "effects").read_text() == "ran\n"
    assert _jobs(server, run) == 1


def test_a_second_job_of_a_run_does_nothing(
    bench: Bench, server: Server, tmp_path: Path, run: str
) -> None:
    bench.submit(order(run, shell(f"echo ran >> {tmp_path}/effects; sleep 2")))
    bench.started(run)
    job = server.run("squeue", "-h", f"--name=weir-{run}", "-o", "%A")
    script = tmp_path / "again.sh"
    server.run("scontrol", "write", "batch_script", job, str(script), check=True)
    server.run("sbatch", "--mem=10", "-o", "/dev/null", str(script), check=True)

    assert bench.end(run).event is RunEvent.SUCCEEDED
    _until(lambda: not server.run("squeue", "-h"))
    assert (tmp_path / "effects").read_text() == "ran\n"


@pytest.mark.fault("restarted between")
def test_a_controller_restarted_between_loses_nothing(
    bench: Bench, server: Server, run: str
) -> None:
    bench.submit(order(run, shell("sleep 3; exit 5")))
    bench.started(run)
    server.stop_controller()
    time.sleep(1.0)
    server.start_controller()

    assert bench.end(run).exit_code == 5
    assert bench.events(run) == [RunEvent.STARTED, RunEvent.FAILED]


@pytest.mark.fault("job gone from its memory")
def test_a_job_gone_from_memory_is_told_by_what_is_left(
    bench: Bench, faults: Faults, run: str
) -> None:
    bench.submit(order(run, shell("exit 9")))
    claim = bench.home / f"shared/runs/{run}/claim"
    _until(lambda: claim.exists() and "exit 9" in claim.read_text())
    faults.fault = slurm_faults.FORGETFUL

    assert bench.end(run).reason == "exit code 9"


@pytest.mark.fault("job gone from its memory")
def test_a_job_gone_from_memory_with_all_of_it_has_vanished(
    bench: Bench, faults: Faults, run: str
) -> None:
    bench.submit(order(run, shell("exec sleep 20")))
    bench.started(run)
    faults.fault = slurm_faults.FORGETFUL

    end = bench.end(run)
    assert end.event is RunEvent.VANISHED
    assert "gone from Slurm" in end.reason
    faults.fault = ""


@pytest.mark.fault("garbage in its output")
def test_nothing_is_concluded_from_garbage(bench: Bench, faults: Faults, run: str) -> None:
    bench.submit(order(run, shell("exec sleep 4")))
    bench.started(run)
    faults.fault = slurm_faults.GARBAGE
    time.sleep(2.0)
    bench.seen += bench.executor.observe()
    assert bench.events(run) == [RunEvent.STARTED]
    assert len(bench.executor.pools([])) == 1
    faults.fault = ""

    assert bench.end(run).event is RunEvent.SUCCEEDED


def test_a_slow_slurm_keeps_nobody_waiting(bench: Bench, faults: Faults, run: str) -> None:
    faults.fault = slurm_faults.SLOW
    begun = time.monotonic()
    bench.submit(order(run, shell("true")))
    bench.executor.pools([])
    bench.executor.cancel(["unknown"])
    assert time.monotonic() - begun < 1.0

    assert bench.end(run).event is RunEvent.SUCCEEDED


@pytest.mark.fault("slow by 30 s")
def test_a_submission_that_takes_half_a_minute_is_one_job(
    bench: Bench, faults: Faults, server: Server, tmp_path: Path, run: str
) -> None:
    faults.fault = slurm_faults.LATE
    begun = time.monotonic()
    bench.submit(order(run, shell(f"echo ran >> {tmp_path}/effects")))
    bench.until(lambda: not faults.fault or None, "the submission")
    bench.executor.pools([])
    assert bench.events(run) == []
    assert time.monotonic() - begun < slurm_faults.LATE_S / 2

    late_s = slurm_faults.LATE_S
    ended = bench.until(lambda: bench.events(run)[1:] or None, "its end", 2 * late_s)
    assert ended == [RunEvent.SUCCEEDED]
    assert time.monotonic() - begun > late_s
    assert (tmp_path / "effects").read_text() == "ran\n"
    assert _jobs(server, run) == 1


@pytest.mark.fault("a version never seen")
def test_a_version_never_seen_is_understood_as_far_as_it_goes(
    faults: Faults, tmp_path: Path, run: str
) -> None:
    faults.fault = slurm_faults.STRANGE
    with Bench(faults.make, tmp_path) as bench:
        (pool,) = bench.executor.pools([])
        assert (pool.hosts, sum(f.hosts for f in pool.free), pool.shape.devices) == (4, 4, 2)
        end = bench.run(order(run, shell("exit 4")))
        assert (end.exit_code, bench.events(run)) == (4, [RunEvent.STARTED, RunEvent.FAILED])
        faults.fault = ""


def test_asking_is_one_call_a_round(bench: Bench, faults: Faults) -> None:
    runs = [f"many-{i}" for i in range(12)]
    task = shell("exec sleep 3", memory="8MiB")
    bench.submit(*(order(run, task) for run in runs))
    for run in runs:
        bench.started(run)
    before, asked = time.monotonic(), _asked(faults)
    for run in runs:
        bench.end(run)

    rounds = (time.monotonic() - before) / 0.2
    assert _asked(faults) - asked <= 2 * rounds + 4


def test_slurm_away_for_long_closes_the_pools(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Bench(real.by_commands, tmp_path) as bench, monkeypatch.context() as impatient:
        assert bench.executor.pools([])[0].open
        impatient.setattr("weir.executors.slurm_hand.OUT_OF_TOUCH_S", 0.5)
        server.stop_controller()
        try:
            closed = bench.until(lambda: _closed(bench.executor), "closed pools")
            refused = bench.executor.admit([order("late")], [])
        finally:
            server.start_controller()
            impatient.undo()  # a server that has just started may be slower than that
        assert closed
        assert "not answered" in refused["late"]
        bench.until(lambda: True if bench.executor.pools([])[0].open else None, "open pools")


def _closed(executor: Executor) -> bool | None:
    return None if executor.pools([])[0].open else True


def _jobs(server: Server, run: str) -> int:
    """How many jobs of a run Slurm has, ended ones too."""
    return len(server.run("squeue", "-h", "-t", "all", f"--name=weir-{run}", "-o", "%i").split())


def _calls(faults: Faults) -> str:
    return (faults.home / "calls").read_text()


def _asked(faults: Faults) -> int:
    return faults.calls("squeue") + sum(
        line.endswith("/jobs") for line in _calls(faults).splitlines()
    )


def _until(found: Callable[[], object], limit_s: float = 20.0) -> None:
    until = time.monotonic() + limit_s
    while not found():
        assert time.monotonic() < until
        os.sched_yield()
        time.sleep(0.05)
