"""Short runs that share a job, on a real Slurm: each runs once, and ends as it would by itself."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import slurm as real
from tests.contract.bench import Bench, order, shell
from tests.contract.test_executors import HOG
from tests.slurm import Server, slurm
from weir.core.lifecycle import RunEvent
from weir.executors.base import Executor
from weir.executors.slurm import SlurmExecutor
from weir.wire.exchange import RunOrder

__all__ = ["slurm"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

STARTED, SUCCEEDED, FAILED = RunEvent.STARTED, RunEvent.SUCCEEDED, RunEvent.FAILED
ONE_PLACE = {"max_hosts": 1}
"""With runs of a whole node: so all that are ready go one after the other."""


@pytest.fixture
def server(slurm: Server) -> Iterator[Server]:
    real.publish(slurm)
    yield slurm
    slurm.run("scancel", "--user=root")
    slurm.until(lambda: not slurm.run("squeue", "-h"), "the end of all jobs")


@pytest.fixture(params=["commands", "rest"])
def make(request: pytest.FixtureRequest, server: Server) -> Callable[[Path], Executor]:
    settings = real.settings if request.param == "commands" else real.rest_settings

    def made(home: Path) -> Executor:
        return SlurmExecutor(settings(home, share=ONE_PLACE), home / "slurm", time.time)

    return made


@pytest.fixture
def bench(make: Callable[[Path], Executor], tmp_path: Path) -> Iterator[Bench]:
    with Bench(make, tmp_path) as bench:
        yield bench


class Pack:
    """Runs of one test that are submitted together; each notes that it runs."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self._name = re.sub(r"[^a-z]+", "-", request.node.name.removeprefix("test_")).strip("-")
        self._effects = folder / "effects"
        self._effects.mkdir()

    def name(self, number: int) -> str:
        return f"{self._name}-{number}"

    def order(self, number: int, script: str = "true", **changes: Any) -> RunOrder:
        """A run of a node that says it takes 4 s at most."""
        task = shell(f"echo ran >> {self._effects}/{number}; {script}", cpu=8)
        return order(
            self.name(number), task | changes.pop("task", {}), **{"walltime": "4s"} | changes
        )

    def effects(self) -> dict[str, str]:
        return {file.name: file.read_text() for file in self._effects.iterdir()}

    def once(self, *numbers: int) -> bool:
        """Whether exactly these have run, and once."""
        return self.effects() == {str(number): "ran\n" for number in numbers}

    def jobs(self, server: Server) -> int:
        """How many jobs Slurm has had of these runs."""
        said = server.run("squeue", "-h", "-r", "-t", "all", "-o", "%j")
        return sum(name.startswith(f"weir-{self._name}-") for name in said.split())


@pytest.fixture
def pack(request: pytest.FixtureRequest, tmp_path: Path) -> Pack:
    return Pack(request, tmp_path)


def test_short_runs_are_one_job_and_each_has_its_own_end(
    bench: Bench, pack: Pack, server: Server
) -> None:
    scripts = [f"echo out {n}; sleep 0.3; echo err >&2" for n in range(4)]
    bench.submit(*(pack.order(n, script) for n, script in enumerate(scripts)))
    ends = [bench.end(pack.name(n)) for n in range(4)]

    assert [(end.event, end.exit_code) for end in ends] == [(SUCCEEDED, 0)] * 4
    assert [bench.text(pack.name(n)) for n in range(4)] == [f"out {n}\n" for n in range(4)]
    for n in range(3):
        assert bench.started(pack.name(n + 1)).at >= ends[n].at - 0.05, "one after the other"
    assert pack.jobs(server) == 1
    assert pack.once(0, 1, 2, 3)


def test_what_each_has_used_is_told(bench: Bench, pack: Pack) -> None:
    spin = "i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done"
    bench.submit(pack.order(0, "sleep 1"), pack.order(1, spin))
    for number in (0, 1):
        bench.end(pack.name(number))
    assert isinstance(bench.executor, SlurmExecutor)
    uses = bench.executor.usage([pack.name(0), pack.name(1)])

    idle, busy = (uses[pack.name(number)] for number in (0, 1))
    assert idle.used_cpu_s is not None and busy.used_cpu_s is not None
    assert idle.used_cpu_s < 0.1 < busy.used_cpu_s
    assert idle.elapsed_s == 1
    assert (idle.cpus, idle.allocated_cpu_s) == (8, 8)


def test_one_that_fails_tells_its_code_and_the_others_run(bench: Bench, pack: Pack) -> None:
    bench.submit(pack.order(0), pack.order(1, "exit 3"), pack.order(2), pack.order(3))

    assert bench.end(pack.name(1)).exit_code == 3
    assert {bench.end(pack.name(n)).event for n in (0, 2, 3)} == {SUCCEEDED}
    assert bench.events(pack.name(1)) == [STARTED, FAILED]
    assert pack.once(0, 1, 2, 3)


def test_one_that_is_canceled_before_it_begins_never_does(bench: Bench, pack: Pack) -> None:
    bench.submit(pack.order(0, "sleep 2"), pack.order(1), pack.order(2))
    bench.started(pack.name(0))
    bench.executor.cancel([pack.name(1)])

    assert bench.end(pack.name(1)).event is RunEvent.CANCELED
    assert bench.end(pack.name(2)).event is SUCCEEDED
    assert bench.end(pack.name(0)).event is SUCCEEDED
    assert pack.once(0, 2)


def test_one_that_is_canceled_while_it_runs_takes_nobody_with_it(bench: Bench, pack: Pack) -> None:
    bench.submit(pack.order(0), pack.order(1, "exec sleep 1000"), pack.order(2))
    bench.started(pack.name(1))
    bench.executor.cancel([pack.name(1)])

    assert bench.end(pack.name(1)).event is RunEvent.CANCELED
    assert {bench.end(pack.name(n)).event for n in (0, 2)} == {SUCCEEDED}
    assert pack.once(0, 1, 2)


def test_all_of_a_pack_are_canceled_and_leave_no_job(
    bench: Bench, pack: Pack, server: Server
) -> None:
    bench.submit(*(pack.order(n, "exec sleep 1000") for n in range(4)))
    bench.started(pack.name(0))
    bench.executor.cancel([pack.name(n) for n in range(4)])

    assert {bench.end(pack.name(n)).event for n in range(4)} == {RunEvent.CANCELED}
    server.until(lambda: not server.run("squeue", "-h"), "no job of it")
    assert pack.once(0)


def test_each_has_a_wall_time_of_its_own(bench: Bench, pack: Pack) -> None:
    bench.submit(pack.order(0, "sleep 2"), pack.order(1, "exec sleep 1000"), pack.order(2))

    end = bench.end(pack.name(1))
    assert (end.event, end.reason) == (FAILED, "wall time of 4s exceeded")
    assert {bench.end(pack.name(n)).event for n in (0, 2)} == {SUCCEEDED}
    assert pack.once(0, 1, 2)


def test_one_that_takes_too_much_memory_is_told_so_and_no_other(bench: Bench, pack: Pack) -> None:
    hog = {"command": ["/usr/bin/env", "python3", "-c", HOG]}
    small = {"memory": "32MiB"}
    bench.submit(
        pack.order(0, task=small), pack.order(1, task=hog | small), pack.order(2, task=small)
    )

    end = bench.end(pack.name(1))
    assert end.event is FAILED
    assert end.reason.startswith("out of memory: used ")
    assert {bench.end(pack.name(n)).event for n in (0, 2)} == {SUCCEEDED}
    assert pack.once(0, 2)


def test_what_a_run_leaves_behind_ends_before_the_next_begins(
    bench: Bench, pack: Pack, tmp_path: Path
) -> None:
    leave = f"(trap '' HUP TERM; while :; do echo x; sleep 0.1; done) > {tmp_path}/left &"
    look = f"s=$(wc -c < {tmp_path}/left); sleep 0.5; [ $s = $(wc -c < {tmp_path}/left) ]"
    bench.submit(pack.order(0, f"{leave} sleep 0.3"), pack.order(1, look))

    assert {bench.end(pack.name(n)).event for n in (0, 1)} == {SUCCEEDED}
    assert (tmp_path / "left").stat().st_size > 0


def test_an_agent_that_starts_again_amid_a_pack_finds_all_of_it(
    bench: Bench, pack: Pack, server: Server
) -> None:
    bench.submit(*(pack.order(n, "sleep 1") for n in range(4)))
    bench.started(pack.name(1))
    bench.restart()

    assert {bench.end(pack.name(n)).event for n in range(4)} == {SUCCEEDED}
    assert pack.once(0, 1, 2, 3)
    assert pack.jobs(server) == 1


def test_a_pack_goes_on_while_slurm_is_away(bench: Bench, pack: Pack, server: Server) -> None:
    bench.submit(*(pack.order(n, "sleep 1") for n in range(3)))
    bench.started(pack.name(0))
    server.stop_controller()
    bench.end(pack.name(1))
    server.start_controller()

    assert {bench.end(pack.name(n)).event for n in range(3)} == {SUCCEEDED}
    assert pack.once(0, 1, 2)


def test_when_the_center_cancels_the_job_the_one_that_ran_is_lost_and_the_rest_refused(
    bench: Bench, pack: Pack, server: Server
) -> None:
    bench.submit(pack.order(0), pack.order(1, "exec sleep 1000"), pack.order(2))
    bench.started(pack.name(1))
    server.run("scancel", f"--name=weir-{pack.name(0)}")

    assert bench.end(pack.name(1)).event is RunEvent.VANISHED
    assert bench.end(pack.name(2)).event is RunEvent.REFUSED
    assert bench.end(pack.name(0)).event is SUCCEEDED
    assert pack.once(0, 1)


def test_when_the_node_fails_the_rest_runs_elsewhere(
    bench: Bench, pack: Pack, server: Server
) -> None:
    bench.submit(pack.order(0), pack.order(1, "exec sleep 1000"), pack.order(2))
    bench.started(pack.name(1))
    node = server.run("squeue", "-h", f"--name=weir-{pack.name(0)}", "-o", "%N")
    server.run("scontrol", "update", f"nodename={node}", "state=down", "reason=x", check=True)
    try:
        lost = bench.end(pack.name(1))
        assert bench.end(pack.name(2)).event is SUCCEEDED
    finally:
        server.run("scontrol", "update", f"nodename={node}", "state=resume")

    assert (lost.event, lost.reason) == (RunEvent.VANISHED, f"a node of it failed ({node})")
    assert pack.once(0, 1, 2)
