"""A center's own doings, on a real Slurm: what its users take, what its operators do, its rules."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests import slurm as real
from tests.contract.bench import Bench, order, shell
from tests.slurm import Server, slurm
from weir.core.lifecycle import RunEvent
from weir.executors.base import Executor
from weir.executors.slurm import SlurmExecutor
from weir.wire.pools import PoolReport

__all__ = ["slurm"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

MIB = 2**20


@pytest.fixture
def run(request: pytest.FixtureRequest) -> str:
    """A run's identifier that no other test of this session has."""
    return re.sub(r"[^a-z]+", "-", request.node.name.removeprefix("test_")).strip("-")


@pytest.fixture
def server(slurm: Server) -> Iterator[Server]:
    real.publish(slurm)
    yield slurm
    slurm.run("scancel", "--user=root")
    slurm.run("scancel", "--user=nobody")
    slurm.until(lambda: not slurm.run("squeue", "-h"), "the end of all jobs")


@pytest.fixture
def bench(server: Server, tmp_path: Path) -> Iterator[Bench]:
    with Bench(real.by_commands, tmp_path) as bench:
        yield bench


def made(**changes: Any) -> Callable[[Path], Executor]:
    """An executor by commands with other settings."""

    def make(home: Path) -> Executor:
        return SlurmExecutor(real.settings(home, **changes), home / "slurm", time.time)

    return make


def test_what_others_take_is_not_free(bench: Bench, server: Server) -> None:
    before = _pool(bench)
    assert (before.hosts, _cpu(before), _devices(before)) == (4, 32_000, 8)
    job = _other(server, "--nodes=1", "--cpus-per-task=3", "--mem=4G", "--gres=gpu:1")

    taken = bench.until(lambda: p if _cpu(p := _pool(bench)) == 29_000 else None, "less CPU")
    assert (_devices(taken), _memory(before) - _memory(taken)) == (7, 4096 * MIB)
    assert (taken.hosts, taken.shape) == (before.hosts, before.shape)
    server.run("scancel", job)
    bench.until(lambda: _pool(bench) == before or None, "all of it free again")


def test_own_runs_are_not_what_others_take(bench: Bench, server: Server, run: str) -> None:
    before = _pool(bench)
    wanted = order(run, shell("exec sleep 1000", cpu=2, devices={"count": 2}, count=3))
    bench.submit(wanted)
    bench.started(run)
    seen = set()
    until = time.monotonic() + 2.5
    while time.monotonic() < until:
        (pool,) = bench.executor.pools([wanted])
        seen.add((_cpu(pool), _devices(pool), _memory(pool)))
        time.sleep(0.05)

    assert seen == {(_cpu(before), _devices(before), _memory(before))}
    assert (_cpu(_pool(bench)), _devices(_pool(bench))) == (26_000, 2)


def test_a_node_that_is_drained_or_reserved_is_not_free(bench: Bench, server: Server) -> None:
    server.run("scontrol", "update", "nodename=c1-n1", "state=drain", "reason=a = bad disk")
    server.run(
        *("scontrol", "create", "reservation=r1", "starttime=now", "duration=5"),
        *("nodes=c1-n2", "users=root", "flags=ignore_jobs"),
    )
    try:
        bench.until(lambda: _cpu(_pool(bench)) == 16_000 or None, "two free hosts")
        assert _pool(bench).hosts == 4
    finally:
        server.run("scontrol", "delete", "reservationname=r1")
        server.run("scontrol", "update", "nodename=c1-n1", "state=resume")
    bench.until(lambda: _cpu(_pool(bench)) == 32_000 or None, "four free hosts")


def test_a_cap_counts_all_that_runs_here(server: Server, tmp_path: Path, run: str) -> None:
    with Bench(made(share={"max_devices": 3}), tmp_path) as bench:
        assert (_pool(bench).hosts, _devices(_pool(bench))) == (2, 3)
        first = order(run, shell("exec sleep 1000", devices={"count": 2}))
        second = order(f"{run}-more", shell("exec sleep 1000", devices={"count": 2}))
        assert bench.executor.admit([first, second], []).keys() == {second.run}
        bench.submit(first)
        bench.started(run)
        assert _devices(_pool(bench)) == 1
        assert bench.executor.admit([second], [first]).keys() == {second.run}


def test_in_idle_only_mode_nothing_is_free_while_others_wait(
    server: Server, tmp_path: Path
) -> None:
    with Bench(made(share={"idle_only": True}), tmp_path) as bench:
        assert _cpu(_pool(bench)) == 32_000
        first = _other(server, "--nodes=3", "--ntasks-per-node=1", "--cpus-per-task=8", "--mem=1G")
        bench.until(lambda: _cpu(_pool(bench)) == 8_000 or None, "one free host")
        waiting = _other(
            server, "--nodes=3", "--ntasks-per-node=1", "--cpus-per-task=8", "--mem=1G"
        )
        bench.until(lambda: _cpu(_pool(bench)) == 0 or None, "nothing free")
        server.run("scancel", waiting, first)
        bench.until(lambda: _cpu(_pool(bench)) == 32_000 or None, "all of it free")


def test_runs_give_way_until_the_centers_own_job_has_its_place(
    server: Server, tmp_path: Path, run: str
) -> None:
    with Bench(made(share={"give_way": True}), tmp_path) as bench:
        names = [f"{run}-{number}" for number in range(4)]
        for name in names:  # each fills a node; the last started goes first
            bench.submit(order(name, shell("exec sleep 1000", cpu=8)))
            bench.started(name)
        theirs = _other(server, "--nodes=2", "--ntasks-per-node=1", "--cpus-per-task=8")
        for name in (names[3], names[2]):
            bench.until(partial(_ended_while_asked, bench, name), f"the end of {name}")
            assert bench.end(name).event is RunEvent.VANISHED
            assert bench.end(name).reason == "it made room for jobs of the center's own"
        bench.until(lambda: server.run("squeue", "-h", "-j", theirs, "-t", "R") or None, "theirs")
        assert [bench.events(name) for name in names[:2]] == [[RunEvent.STARTED]] * 2
        server.run("scancel", theirs)


def _ended_while_asked(bench: Bench, run: str) -> bool | None:
    """Whether a run has ended; asks for the pools, as the agent does with every exchange."""
    bench.executor.pools([])
    return bool(bench.events(run)[1:]) or None


def test_devices_of_any_name_typed_or_not(server: Server, tmp_path: Path, run: str) -> None:
    share = {"gres": "npu", "device_models": {"npu": "ascend-910b3"}}
    with Bench(made(share=share), tmp_path) as bench:
        assert (_pool(bench).shape.devices, _devices(_pool(bench))) == (4, 16)
        bench.submit(
            order(run, shell('echo "$WEIR_DEVICES"; sleep 3', devices={"count": 2}, count=2))
        )
        bench.started(run)
        assert _devices(_pool(bench)) == 12
        bench.until(lambda: "npu:4" in _gres(server) or None, "npus in use")
        assert bench.end(run).event is RunEvent.SUCCEEDED
        places = (bench.text(run) + bench.text(run, "main-1/stdout")).split()
        assert len({d for place in places for d in place.split(",")}) == 4


def test_a_gang_that_does_not_go_evenly_is_one_job_of_several_components(
    bench: Bench, server: Server, run: str
) -> None:
    say = 'echo "$WEIR_TASK_INDEX $WEIR_DEVICES $CUDA_VISIBLE_DEVICES"; sleep 2'
    wanted = order(run, shell(say, devices={"count": 1}, count=5))
    bench.submit(wanted)
    bench.started(run)
    jobs = server.run("squeue", "-h", f"--name=weir-{run}", "-o", "%i %D").splitlines()
    assert len(jobs) == 2
    assert _devices(_pool(bench)) == 3
    assert bench.end(run).event is RunEvent.SUCCEEDED
    names = ["stdout", *(f"main-{i}/stdout" for i in range(1, 5))]
    lines = [bench.text(run, name).split() for name in names]
    assert [line[0] for line in lines] == ["0", "1", "2", "3", "4"]
    assert len({line[1] for line in lines}) == 5


def test_groups_of_different_tasks_start_together(bench: Bench, server: Server, run: str) -> None:
    end = bench.run(
        order(
            run,
            shell('echo "head $WEIR_TASK_COUNT $OMP_NUM_THREADS"', name="head", cpu=1),
            shell("sleep 1; exit 3", name="worker", count=2, cpu=3, devices={"count": 1}),
        )
    )

    assert (end.event, end.exit_code) == (RunEvent.FAILED, 3)
    assert re.fullmatch(r"worker-[01]: exit code 3", end.reason)
    assert bench.text(run) == "head 1 1\n"


def test_preempted_by_the_center(bench: Bench, server: Server, run: str) -> None:
    bench.submit(order(run, shell("exec sleep 1000", cpu=8, count=4)))
    bench.started(run)
    _other(server, "--partition=urgent", "--cpus-per-task=8", "--mem=1G")

    end = bench.end(run)
    assert end.event is RunEvent.VANISHED
    assert end.reason.startswith("preempted by a job of the center's own")


def test_requeued_by_the_center_it_is_lost_and_does_not_run_again(
    bench: Bench, server: Server, tmp_path: Path, run: str
) -> None:
    bench.submit(order(run, shell(f"echo ran >> {tmp_path}/effects; exec sleep 1000")))
    bench.started(run)
    bench.until_file(tmp_path / "effects")
    job = _job(server, run)
    server.run("scontrol", "update", f"jobid={job}", "requeue=1", check=True)
    server.run("scontrol", "requeue", job, check=True)

    end = bench.end(run)
    assert (end.event, end.reason.split(" (")[0]) == (
        RunEvent.VANISHED,
        "requeued at the center",
    )
    server.until(lambda: not server.run("squeue", "-h"), "no job of it")
    assert (tmp_path / "effects").read_text() == "ran\n"


def test_a_node_that_fails(bench: Bench, server: Server, run: str) -> None:
    bench.submit(order(run, shell("exec sleep 1000")))
    bench.started(run)
    node = server.run("squeue", "-h", f"--name=weir-{run}", "-o", "%N")
    server.run("scontrol", "update", f"nodename={node}", "state=down", "reason=x", check=True)
    try:
        end = bench.end(run)
    finally:
        server.run("scontrol", "update", f"nodename={node}", "state=resume")
    assert end.event is RunEvent.VANISHED
    assert end.reason == f"a node of it failed ({node})"


def test_canceled_by_the_center_while_it_ran(bench: Bench, server: Server, run: str) -> None:
    bench.submit(order(run, shell("exec sleep 1000")))
    bench.started(run)
    server.run("scancel", _job(server, run))

    end = bench.end(run)
    assert end.event is RunEvent.VANISHED
    assert end.reason.startswith("canceled at the center")


def test_canceled_by_the_center_before_it_ran(bench: Bench, server: Server, run: str) -> None:
    _other(server, "--nodes=4", "--ntasks-per-node=1", "--cpus-per-task=8", "--mem=1G")
    bench.submit(order(run, shell("true", cpu=8)))
    job = server.until(lambda: _job(server, run), "its job")
    server.run("scancel", job)

    end = bench.end(run)
    assert end.event is RunEvent.REFUSED
    assert end.reason.startswith("canceled at the center")


def test_what_comes_too_late_never_starts(
    bench: Bench, server: Server, tmp_path: Path, run: str
) -> None:
    job = _other(server, "--nodes=4", "--ntasks-per-node=1", "--cpus-per-task=8", "--mem=1G")
    wanted = order(run, shell(f"echo ran > {tmp_path}/effects", cpu=8), start_within_s=1)
    bench.submit(wanted)
    server.until(lambda: _job(server, run), "its job")
    time.sleep(2.5)
    server.run("scancel", job)

    end = bench.end(run)
    assert (end.event, end.reason) == (RunEvent.REFUSED, "it did not start in time")
    assert not (tmp_path / "effects").exists()


def test_what_slurm_refuses_is_refused_in_its_words(
    server: Server, tmp_path: Path, run: str
) -> None:
    with Bench(made(share={"licenses": "nowhere:1"}), tmp_path) as bench:
        end = bench.run(order(run))
        assert end.event is RunEvent.REFUSED
        assert end.reason == "Slurm says: Invalid license specification"


def test_a_share_s_licenses_and_constraint_are_asked_for(
    server: Server, tmp_path: Path, run: str
) -> None:
    share = {"licenses": "solver:1", "constraint": "rack1", "features": ["ib"], "nice": 7}
    with Bench(made(share=share), tmp_path) as bench:
        bench.submit(order(run, shell("exec sleep 1000"), walltime="90s"))
        bench.started(run)
        said = server.run("scontrol", "show", "job", "-o", _job(server, run))
        for word in ("Licenses=solver:1", "Features=ib&rack1", "Nice=7", "TimeLimit=00:03:00"):
            assert word in said
        assert "Requeue=0" in said


@pytest.mark.parametrize("make", [real.by_commands, real.by_rest])
def test_equal_runs_are_one_array_and_end_one_by_one(
    server: Server, tmp_path: Path, run: str, make: Callable[[Path], Executor]
) -> None:
    with Bench(make, tmp_path) as bench:
        orders = [
            order(f"{run}-{i}", shell(f"sleep 3; exit {i % 3}", memory="8MiB"), array_index=i)
            for i in range(12)
        ]
        bench.submit(*orders)
        for i in (4, 11):  # the last element of an array has the array's own id
            bench.started(orders[i].run)
        bench.executor.cancel([orders[4].run, orders[11].run])
        ends = [bench.end(o.run) for o in orders]

        assert [e.event for e in (ends[4], ends[11])] == [RunEvent.CANCELED] * 2
        codes = [e.exit_code for i, e in enumerate(ends) if i not in (4, 11)]
        assert codes == [i % 3 for i in range(12) if i not in (4, 11)]
        _are_few_arrays(bench, server, run, [o.run for o in orders])


def _are_few_arrays(bench: Bench, server: Server, run: str, runs: list[str]) -> None:
    jobs = server.run("squeue", "-h", "-t", "all", "-o", "%F %j").splitlines()
    arrays = {line.split()[0] for line in jobs if f"weir-{run}-" in line}
    assert len(arrays) <= 3
    bench.executor.forget(runs)
    assert list((tmp := bench.home / "shared" / "arrays").iterdir()) == [], tmp


def test_equal_runs_of_which_an_array_is_refused_are_submitted_one_by_one(
    server: Server, tmp_path: Path, run: str
) -> None:
    wrapper = tmp_path / "bin" / "sbatch"
    wrapper.parent.mkdir()
    said = "sbatch: error: Batch job submission failed: Invalid job array specification"
    wrapper.write_text(
        f"#!/bin/sh\ncase $* in *--array*) echo '{said}' >&2; exit 1 ;; esac\n"
        'exec /usr/bin/sbatch "$@"\n'
    )
    wrapper.chmod(0o755)
    for name in ("squeue", "scontrol", "scancel", "sacct"):
        (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
    with Bench(made(commands=tmp_path / "bin"), tmp_path) as bench:
        orders = [order(f"{run}-{i}", shell("true", memory="8MiB")) for i in range(4)]
        bench.submit(*orders)
        assert {bench.end(o.run).event for o in orders} == {RunEvent.SUCCEEDED}


def test_what_a_killed_process_left_of_forgotten_runs_is_deleted(bench: Bench, run: str) -> None:
    bench.run(order(run))
    folder = bench.home / "shared" / "runs" / run
    bench.executor.forget([run])
    assert not folder.exists()
    folder.mkdir()
    (folder.parent / "of-somebody-else").mkdir()
    bench.restart()

    bench.until(lambda: True if not folder.exists() else None, "no folder")
    assert (folder.parent / "of-somebody-else").exists()


def test_usage_is_read_from_the_completion_file(bench: Bench, server: Server, run: str) -> None:
    assert isinstance(bench.executor, SlurmExecutor)
    bench.run(order(run, shell("sleep 2", cpu=3)))
    usage = server.until(lambda: _usage(bench, run), "usage on record")

    assert usage.cpus == 3
    assert 2 <= usage.elapsed_s <= 4
    assert usage.allocated_cpu_s == 3 * usage.elapsed_s


def test_runs_stop_on_exit_where_that_is_wanted(server: Server, tmp_path: Path, run: str) -> None:
    bench = Bench(made(stop_runs_on_exit=True), tmp_path)
    bench.__enter__()
    bench.submit(order(run, shell("exec sleep 1000")))
    bench.started(run)
    bench.executor.close()

    server.until(lambda: not server.run("squeue", "-h", f"--name=weir-{run}"), "no job of it")
    with Bench(real.by_commands, tmp_path) as after:
        assert after.end(run).reason == "stopped: the agent that ran it was shut down"


def test_memory_is_one_limit_for_the_tasks_of_a_node(
    bench: Bench, server: Server, run: str
) -> None:
    bench.submit(order(run, shell("exec sleep 1000", memory="100MiB", count=2)))
    bench.started(run)

    assert "MinMemoryNode=200M" in server.run("scontrol", "show", "job", "-o", _job(server, run))


def _other(server: Server, *options: str) -> str:
    """A job of somebody else's, running or waiting."""
    said = server.run(
        *("sbatch", "--parsable", "--uid=65534", "--output=/dev/null", "--chdir=/"),
        *("--job-name=other", *options, "--wrap=sleep 1000"),
        check=True,
    )
    return said.partition(";")[0]


def _job(server: Server, run: str) -> str:
    return server.run("squeue", "-h", f"--name=weir-{run}", "-o", "%A").partition("\n")[0]


def _gres(server: Server) -> str:
    return server.run("scontrol", "show", "node", "-d", "-o")


def _usage(bench: Bench, run: str) -> Any:
    assert isinstance(bench.executor, SlurmExecutor)
    return bench.executor.usage([run]).get(run)


def _pool(bench: Bench) -> PoolReport:
    (pool,) = bench.executor.pools([])
    return pool


def _cpu(pool: PoolReport) -> int:
    return sum(f.hosts * f.cpu_milli for f in pool.free)


def _memory(pool: PoolReport) -> int:
    return sum(f.hosts * f.memory_bytes for f in pool.free)


def _devices(pool: PoolReport) -> int:
    return sum(f.hosts * count for f in pool.free for _, count in f.devices)


def test_the_end_of_a_run_is_known_at_once_however_seldom_slurm_is_asked(
    server: Server, tmp_path: Path, run: str
) -> None:
    with Bench(made(poll_s=600, look_s=600), tmp_path) as bench:
        for tasks in (shell("sleep 1"), shell("sleep 1", count=3, cpu=4)):
            name = f"{run}-{tasks.get('count', 1)}"
            end = bench.run(order(name, tasks))
            assert (end.event, bench.events(name)[-2:]) == (
                RunEvent.SUCCEEDED,
                [RunEvent.STARTED, RunEvent.SUCCEEDED],
            )
