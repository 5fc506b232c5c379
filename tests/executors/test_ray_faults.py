"""A Ray that is away, slow, forgetful or strange: nothing is lost, nothing runs twice."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ray_cluster
from tests.contract.bench import Bench, order, shell
from tests.ray_cluster import Cluster, ray
from tests.ray_faults import (
    AWAY,
    DROPPED,
    FORGETFUL,
    GARBAGE,
    LATE,
    LATE_S,
    LOST,
    OLD,
    SLOW,
    STRANGE,
    Faults,
    faulty,
)
from weir.core.lifecycle import RunEvent

__all__ = ["ray"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


@pytest.fixture
def faults(ray: Cluster, tmp_path: Path) -> Iterator[Faults]:
    ray_cluster.publish(ray)
    with faulty(tmp_path) as made:
        yield made


@pytest.mark.fault("answer lost after the submit")
def test_an_answer_that_is_lost_makes_no_second_job(faults: Faults, tmp_path: Path) -> None:
    with Bench(faults.make, tmp_path) as bench:
        faults.fault = LOST
        end = bench.run(order("r", shell(f"echo ran >>{tmp_path}/effects")))

        assert end.event is RunEvent.SUCCEEDED
        assert (tmp_path / "effects").read_text() == "ran\n"
        assert faults.count("POST /api/jobs/") == 2  # the second one was told that it is there


@pytest.mark.fault("answer lost after the submit")
def test_a_submission_that_is_lost_is_made_again(faults: Faults, tmp_path: Path) -> None:
    with Bench(faults.make, tmp_path) as bench:
        faults.fault = DROPPED
        end = bench.run(order("r", shell(f"echo ran >>{tmp_path}/effects")))

        assert end.event is RunEvent.SUCCEEDED
        assert (tmp_path / "effects").read_text() == "ran\n"


@pytest.mark.fault("server away at submit")
def test_a_run_that_was_never_answered_is_canceled_all_the_same(
    faults: Faults, tmp_path: Path
) -> None:
    with Bench(faults.make, tmp_path) as bench:
        faults.fault = AWAY
        bench.submit(order("r", shell(f"echo ran >>{tmp_path}/effects")))
        bench.executor.cancel(["r"])

        assert bench.end("r").event is RunEvent.CANCELED
        faults.fault = ""
        assert bench.run(order("other")).event is RunEvent.SUCCEEDED
    assert not (tmp_path / "effects").exists()


def test_away_while_a_run_ends_its_end_is_seen(faults: Faults, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    with Bench(faults.make, tmp_path) as bench:
        bench.submit(order("r", shell(f"read line <{tmp_path}/gate; exit 4")))
        bench.started("r")
        faults.fault = AWAY
        (tmp_path / "gate").write_text("go\n")
        assert bench.end("r").exit_code == 4
        faults.fault = ""


@pytest.mark.fault("restarted between")
def test_restarted_while_ray_is_away(faults: Faults, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    wanted = order("r", shell(f"echo ran >>{tmp_path}/effects; read line <{tmp_path}/gate"))
    with Bench(faults.make, tmp_path) as bench:
        bench.submit(wanted)
        bench.started("r")
        bench.until_file(tmp_path / "effects")
        bench.restart()
        faults.fault = AWAY
        bench.submit(wanted)
        (tmp_path / "gate").write_text("go\n")
        assert bench.end("r").event is RunEvent.SUCCEEDED
        faults.fault = ""
    assert (tmp_path / "effects").read_text() == "ran\n"


@pytest.mark.fault("garbage in its output")
def test_garbage_is_no_answer(faults: Faults, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    with Bench(faults.make, tmp_path) as bench:
        bench.submit(order("r", shell(f"read line <{tmp_path}/gate")))
        bench.started("r")
        faults.fault = GARBAGE
        asked = faults.count("GET /api/jobs/")
        bench.until(lambda: faults.count("GET /api/jobs/") > asked + 2 or None, "more questions")
        assert [s.event for s in bench.executor.status(["r"])] == [RunEvent.STARTED]
        faults.fault = ""
        (tmp_path / "gate").write_text("go\n")
        assert bench.end("r").event is RunEvent.SUCCEEDED


@pytest.mark.fault("job gone from its memory")
def test_a_job_that_ray_has_forgotten_before_it_began_is_sent_again_and_runs_once(
    faults: Faults, tmp_path: Path
) -> None:
    with Bench(faults.make, tmp_path) as bench:
        faults.fault = FORGETFUL
        bench.submit(order("r", shell(f"echo ran >>{tmp_path}/effects")))
        assert bench.end("r").event is RunEvent.SUCCEEDED
        assert (tmp_path / "effects").read_text() == "ran\n"
        faults.fault = ""


@pytest.mark.fault("job gone from its memory")
def test_a_job_that_ray_has_forgotten_while_it_ran_is_lost(faults: Faults, tmp_path: Path) -> None:
    with Bench(faults.make, tmp_path) as bench:
        bench.submit(order("r", shell("exec sleep 1000")))
        bench.started("r")
        faults.fault = FORGETFUL
        end = bench.end("r")
        assert end.event is RunEvent.VANISHED
        assert end.reason == "its job is gone from Ray, and left no end"
        faults.fault = ""
        # Here Ray has it after all: it is stopped, as one that nobody wants.
        bench.until(lambda: faults.count("POST /api/jobs/weir-r") or None, "its job to be stopped")


@pytest.mark.fault("server away at submit")
def test_a_run_submitted_while_ray_is_away_runs_once_it_is_back(
    faults: Faults, tmp_path: Path
) -> None:
    with Bench(faults.make, tmp_path) as bench:
        faults.fault = AWAY
        asked = len(faults.calls)
        bench.submit(order("r", shell(f"echo ran >>{tmp_path}/effects")))
        bench.until(lambda: len(faults.calls) > asked + 1 or None, "a call that fails")
        assert bench.events("r") == []
        faults.fault = ""
        assert bench.end("r").event is RunEvent.SUCCEEDED
    assert (tmp_path / "effects").read_text() == "ran\n"


@pytest.mark.fault("slow by 30 s")
def test_a_submission_that_takes_half_a_minute_is_one_job(faults: Faults, tmp_path: Path) -> None:
    with Bench(faults.make, tmp_path) as bench:
        bench.until(lambda: bench.executor.pools([]) or None, "pools")
        faults.fault = LATE
        begun = time.monotonic()
        bench.submit(order("r", shell(f"echo ran >>{tmp_path}/effects")))
        bench.until(lambda: not faults.fault or None, "the submission")
        bench.executor.pools([])
        assert bench.events("r") == []
        assert time.monotonic() - begun < LATE_S / 2

        ended = bench.until(lambda: bench.events("r")[1:] or None, "its end", 3 * LATE_S)
        assert ended == [RunEvent.SUCCEEDED]
        assert time.monotonic() - begun > LATE_S
    assert (tmp_path / "effects").read_text() == "ran\n"
    assert faults.count("POST /api/jobs/") == 1


@pytest.mark.fault("a version never seen")
@pytest.mark.parametrize("fault", [STRANGE, OLD, SLOW])
def test_what_is_strange_old_or_slow_is_understood(
    faults: Faults, tmp_path: Path, fault: str
) -> None:
    faults.fault = fault
    with Bench(faults.make, tmp_path) as bench:
        bench.until(lambda: bench.executor.pools([]) or None, "pools")
        (pool,) = bench.executor.pools([])
        assert (pool.hosts, pool.shape.cpu_milli, pool.shape.devices) == (4, 8000, 2)
        end = bench.run(order("r", shell("exit 3")))
        assert (end.event, end.exit_code) == (RunEvent.FAILED, 3)
        faults.fault = ""
