"""What goes wrong between the executor and a real Kubernetes: nothing lost, nothing runs twice."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import kubernetes as real
from tests import kubernetes_faults
from tests.contract.bench import Bench, order, shell
from tests.executors.conftest import patience_s
from tests.kubernetes import Server, kubernetes
from tests.kubernetes_faults import Faults
from weir.core.lifecycle import RunEvent
from weir.executors.base import Executor

__all__ = ["kubernetes"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

STARTED, SUCCEEDED, VANISHED = RunEvent.STARTED, RunEvent.SUCCEEDED, RunEvent.VANISHED


@pytest.fixture
def server(kubernetes: Server) -> Server:
    real.publish(kubernetes)
    return kubernetes


@pytest.fixture
def run(request: pytest.FixtureRequest) -> str:
    """A run's identifier that no other test of this session has."""
    return re.sub(r"[^a-z]+", "-", request.node.name.removeprefix("test_")).strip("-")


@pytest.fixture
def faults(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Iterator[Faults]:
    patience = patience_s(request)
    with kubernetes_faults.between(server, tmp_path / "faults", timeout_s=patience) as made:
        yield made


@pytest.fixture
def bench(faults: Faults, tmp_path: Path) -> Iterator[Bench]:
    with Bench(faults.make, tmp_path) as bench:
        yield bench
        faults.fault = ""


@pytest.mark.fault("server away at submit")
def test_a_run_submitted_while_it_is_away_runs_once_it_is_back(
    bench: Bench, faults: Faults, server: Server, tmp_path: Path, run: str
) -> None:
    faults.fault = kubernetes_faults.AWAY
    bench.submit(order(run, shell(f"echo ran >> {tmp_path}/effects")))
    time.sleep(1.5)
    assert bench.events(run) == []
    faults.fault = ""

    assert bench.end(run).event is SUCCEEDED
    assert (tmp_path / "effects").read_text() == "ran\n"
    assert len(server.jobs(run)) == 1


@pytest.mark.fault("answer lost after the submit")
def test_a_lost_answer_makes_no_second_job(
    bench: Bench, faults: Faults, server: Server, tmp_path: Path, run: str
) -> None:
    faults.fault = kubernetes_faults.LOST
    end = bench.run(order(run, shell(f"echo ran >> {tmp_path}/effects")))

    assert end.event is SUCCEEDED
    assert (tmp_path / "effects").read_text() == "ran\n"
    assert len(server.jobs(run)) == 1


@pytest.mark.fault("answer lost after the submit")
def test_a_run_canceled_after_a_lost_answer_leaves_no_job(
    bench: Bench, faults: Faults, server: Server, run: str
) -> None:
    faults.fault = kubernetes_faults.LOST
    bench.submit(order(run, shell("exec sleep 1000")))
    server.until(lambda: server.jobs(run), "a job")
    bench.executor.cancel([run])

    assert bench.end(run).event is RunEvent.CANCELED
    server.until(lambda: not server.jobs(run), "no job")


@pytest.mark.fault("answer lost after the submit")
def test_a_submission_that_never_arrived_is_made_again(
    bench: Bench, faults: Faults, server: Server, tmp_path: Path, run: str
) -> None:
    faults.fault = kubernetes_faults.DROPPED
    end = bench.run(order(run, shell(f"echo ran >> {tmp_path}/effects")))

    assert end.event is SUCCEEDED
    assert (tmp_path / "effects").read_text() == "ran\n"
    assert len(server.jobs(run)) == 1


@pytest.mark.fault("restarted between")
def test_a_server_restarted_between_loses_nothing(bench: Bench, server: Server, run: str) -> None:
    bench.submit(order(run, shell("sleep 4; exit 5")))
    bench.started(run)
    server.stop_api()
    time.sleep(1.0)
    server.start_api()

    assert bench.end(run).exit_code == 5
    assert bench.events(run) == [STARTED, RunEvent.FAILED]


@pytest.mark.fault("job gone from its memory")
def test_a_job_that_is_gone_has_vanished(bench: Bench, faults: Faults, run: str) -> None:
    bench.submit(order(run, shell("exec sleep 1000")))
    bench.started(run)
    faults.fault = kubernetes_faults.FORGETFUL
    end = bench.end(run)
    faults.fault = ""

    assert (end.event, end.reason) == (VANISHED, "its pod was deleted at the center")


@pytest.mark.fault("garbage in its output")
def test_nothing_is_concluded_from_garbage(bench: Bench, faults: Faults, run: str) -> None:
    bench.submit(order(run, shell("exec sleep 4")))
    bench.started(run)
    faults.fault = kubernetes_faults.GARBAGE
    time.sleep(2.0)
    bench.seen += bench.executor.observe()
    assert bench.events(run) == [STARTED]
    assert len(bench.executor.pools([])) == 1
    faults.fault = ""

    assert bench.end(run).event is SUCCEEDED


def test_a_slow_server_keeps_nobody_waiting(bench: Bench, faults: Faults, run: str) -> None:
    faults.fault = kubernetes_faults.SLOW
    begun = time.monotonic()
    bench.submit(order(run, shell("true")))
    bench.executor.pools([])
    bench.executor.cancel(["unknown"])
    assert time.monotonic() - begun < 1.0
    faults.fault = ""

    assert bench.end(run).event is SUCCEEDED


@pytest.mark.fault("slow by 30 s")
def test_a_submission_that_takes_half_a_minute_is_one_job(
    bench: Bench, faults: Faults, server: Server, tmp_path: Path, run: str
) -> None:
    faults.fault = kubernetes_faults.LATE
    begun = time.monotonic()
    bench.submit(order(run, shell(f"echo ran >> {tmp_path}/effects")))
    bench.until(lambda: not faults.fault or None, "the submission")
    bench.executor.pools([])
    assert bench.events(run) == []
    assert time.monotonic() - begun < kubernetes_faults.LATE_S / 2

    late_s = kubernetes_faults.LATE_S
    ended = bench.until(lambda: bench.events(run)[1:] or None, "its end", 2 * late_s)
    assert ended == [RunEvent.SUCCEEDED]
    assert time.monotonic() - begun > late_s
    assert (tmp_path / "effects").read_text() == "ran\n"
    assert len(server.jobs(run)) == 1


@pytest.mark.fault("a version never seen")
def test_a_version_never_seen_is_understood_as_far_as_it_goes(
    faults: Faults, tmp_path: Path, run: str
) -> None:
    faults.fault = kubernetes_faults.STRANGE
    with Bench(faults.make, tmp_path) as bench:
        (pool,) = bench.executor.pools([])
        assert (pool.hosts, sum(f.hosts for f in pool.free), pool.shape.devices) == (4, 4, 2)
        end = bench.run(order(run, shell("exit 4")))
        assert (end.exit_code, bench.events(run)) == (4, [STARTED, RunEvent.FAILED])
        faults.fault = ""


def test_a_server_that_numbers_pods_gets_one_job_for_a_gang(
    bench: Bench, faults: Faults, server: Server, run: str
) -> None:
    assert server.kubelet is not None
    server.kubelet.indexed = True
    faults.fault = kubernetes_faults.STRANGE
    try:
        with Bench(faults.make, bench.home / "newer") as newer:
            say = 'echo "$WEIR_TASK_INDEX of $WEIR_TASK_COUNT"'
            end = newer.run(order(run, shell(say, count=3), shell(say, name="head")))
            texts = [newer.text(run, f"main-{i}/stdout") for i in (1, 2)]
            texts += [newer.text(run), newer.text(run, "head-0/stdout")]
            faults.fault = ""
    finally:
        server.kubelet.indexed = False

    assert end.event is SUCCEEDED
    assert texts == ["1 of 3\n", "2 of 3\n", "0 of 3\n", "0 of 1\n"]
    assert len(server.jobs(run)) == 2


def test_asking_is_one_call_a_round(bench: Bench, faults: Faults) -> None:
    runs = [f"many-{i}" for i in range(8)]
    bench.submit(*(order(run, shell("exec sleep 3", memory="8MiB")) for run in runs))
    for run in runs:
        bench.started(run)
    before, asked = time.monotonic(), faults.count("GET", "weir/pods?")
    for run in runs:
        bench.end(run)

    rounds = (time.monotonic() - before) / 0.2
    assert faults.count("GET", "weir/pods?") - asked <= rounds + 3


def test_a_server_away_for_long_closes_the_pools(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Bench(real.executor, tmp_path) as bench, monkeypatch.context() as impatient:
        assert bench.executor.pools([])[0].open
        impatient.setattr("weir.executors.kubernetes_hand.OUT_OF_TOUCH_S", 1.5)
        server.stop_api()
        try:
            closed = bench.until(lambda: _closed(bench.executor), "closed pools")
            refused = bench.executor.admit([order("late")], [])
        finally:
            server.start_api()
            impatient.undo()  # a server that has just started may be slower than that
        assert closed
        assert "not answered" in refused["late"]
        bench.until(_opened(bench), "open pools")


def _closed(executor: Executor) -> bool | None:
    return None if executor.pools([])[0].open else True


def _opened(bench: Bench) -> Callable[[], bool | None]:
    return lambda: True if bench.executor.pools([])[0].open else None
