"""A real Ray as a center's: its own people's jobs, nodes that are lost, jobs that are stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any

import httpx
import pytest

from tests import ray_cluster
from tests.contract.bench import Bench, order, shell
from tests.ray_cluster import Cluster, ray, settings, started
from weir.core.lifecycle import RunEvent
from weir.executors.base import Executor
from weir.executors.ray import RayExecutor

__all__ = ["ray"]

WAITS = """
import ray, time
from ray.util.placement_group import placement_group
ray.init()
room = placement_group([{"CPU": 7}])
time.sleep(1000)
"""
"""A driver that wants room, and wants it no more once it is stopped."""

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


@pytest.fixture
def bench(ray: Cluster, tmp_path: Path) -> Iterator[Bench]:
    ray_cluster.publish(ray)
    with Bench(ray_cluster.executor, tmp_path) as bench:
        yield bench


def test_what_others_use_is_not_free(ray: Cluster, bench: Bench) -> None:
    (before,) = bench.executor.pools([])
    with _others(ray, "others", entrypoint_num_cpus=3, entrypoint_num_gpus=1):
        after = bench.until(lambda: _changed(bench, before), "others' use to be seen")
        assert sum(f.hosts * f.cpu_milli for f in after.free) == 32_000 - 3000
        devices = [(milli, f.hosts * n) for f in after.free for milli, n in f.devices]
        assert sum(milli * count for milli, count in devices) == 8000 - 1000


def test_in_idle_only_mode_nothing_is_free_while_others_wait(ray: Cluster, tmp_path: Path) -> None:
    def idle_only(home: Path) -> Executor:
        return RayExecutor(settings(home, share={"idle_only": True}), home / "ray", time.time)

    ray_cluster.publish(ray)
    with Bench(idle_only, tmp_path) as bench:
        bench.until(lambda: _cpu(bench) == 32_000 or None, "all of it free")
        # As many of ours as there is room for, and one that waits: that closes nothing.
        ours = [order(f"r{i}", shell("exec sleep 1000", cpu=8)) for i in range(5)]
        bench.submit(*ours[:4])
        for run in ours[:4]:
            bench.started(run.run)
        bench.submit(ours[4])
        assert bench.executor.pools(ours)[0].free
        with _others(ray, "waits", f"exec {ray.programs}/python -c {quote(WAITS)}"):
            bench.until(lambda: not bench.executor.pools(ours)[0].free or None, "nothing free")
        bench.until(lambda: bench.executor.pools(ours)[0].free or None, "all of it free for us")
        bench.executor.cancel([run.run for run in ours])
        for run in ours:
            bench.end(run.run)


def test_what_a_run_uses_is_told(ray: Cluster, bench: Bench) -> None:
    busy = "import time\nwhile time.process_time() < 1.0: pass"
    bench.run(order("busy", shell(f"python -c '{busy}'", count=2)))
    assert isinstance(bench.executor, RayExecutor)
    (use,) = bench.executor.used(["busy", "unknown"])
    assert use.cpu_ms is not None
    assert 1900 <= use.cpu_ms < 60_000, "of both tasks"


def test_what_is_stopped_at_the_center_is_lost(ray: Cluster, bench: Bench) -> None:
    bench.submit(order("r", shell("exec sleep 1000")))
    bench.started("r")
    (job,) = (j["submission_id"] for j in _jobs(ray) if j["submission_id"].startswith("weir-r-"))
    httpx.post(f"{ray.url}/api/jobs/{job}/stop", timeout=60).raise_for_status()

    end = bench.end("r")
    assert (end.event, end.reason) == (RunEvent.VANISHED, "stopped at the center")


def test_a_forgotten_run_leaves_no_job_at_ray(ray: Cluster, bench: Bench) -> None:
    bench.run(order("forgotten"))
    bench.executor.forget(["forgotten"])

    def gone() -> bool | None:
        return not any("forgotten" in str(j["submission_id"]) for j in _jobs(ray)) or None

    bench.until(gone, "the job to be deleted")


def test_a_task_has_its_devices_and_the_python_that_knows_ray(ray: Cluster, tmp_path: Path) -> None:
    def real(home: Path) -> Executor:
        share = {"emulated": False, "device_models": {"H100": "nvidia-h100-sxm5"}}
        return RayExecutor(settings(home, share=share), home / "ray", time.time)

    ray_cluster.publish(ray)
    script = 'echo "$CUDA_VISIBLE_DEVICES|$WEIR_DEVICES"; python -c "import ray; print(ray)"'
    with Bench(real, tmp_path) as bench:
        bench.run(order("r", shell(script, devices={"count": 2}, memory="1GiB")))
        devices, module = bench.text("r").split("\n")[:2]

    numbers, places = devices.split("|")
    assert numbers == "0,1"
    assert [place.rpartition(".")[2] for place in places.split(",")] == ["0", "1"]
    assert module.startswith("<module 'ray' ")


def test_without_a_python_that_knows_ray_a_gang_is_refused_in_words(
    ray: Cluster, tmp_path: Path
) -> None:
    def wrong(home: Path) -> Executor:
        return RayExecutor(settings(home, python="no-such-python"), home / "ray", time.time)

    ray_cluster.publish(ray)
    with Bench(wrong, tmp_path) as bench:
        end = bench.run(order("r", shell("true", count=2)))

    assert end.event is RunEvent.REFUSED
    assert end.reason.startswith("Ray could not start it: ")
    assert "no-such-python" in end.reason


def test_a_node_that_is_lost_loses_its_run(tmp_path: Path) -> None:
    cluster = ray_cluster.make()
    for _ in started(cluster, nodes=2):
        ray_cluster.publish(cluster)
        with Bench(ray_cluster.executor, tmp_path) as bench:
            # More than one of them fit on no node: one is on the node that goes.
            both = [order(f"r{i}", shell("exec sleep 1000", cpu=5)) for i in range(2)]
            bench.submit(*both)
            for wanted in both:
                bench.started(wanted.run)
            cluster.kill_node()
            lost = bench.until(lambda: _ended(bench), "a run to be lost")
            other = next(wanted.run for wanted in both if wanted.run != lost.run)

            assert lost.event is RunEvent.VANISHED
            assert lost.reason.startswith("Ray lost what ran it: ")
            assert [s.event for s in bench.executor.status([other])] == [RunEvent.STARTED]
            pools = bench.until(lambda: _of(bench, hosts=1), "the pool to be smaller")
            assert sum(f.hosts for f in pools.free) == 1


def _ended(bench: Bench) -> Any:
    return next((s for s in bench.seen if s.event is RunEvent.VANISHED), None)


def _of(bench: Bench, hosts: int) -> Any:
    (pool,) = bench.executor.pools([])
    return pool if pool.hosts == hosts else None


def _cpu(bench: Bench) -> int:
    return sum(f.hosts * f.cpu_milli for f in bench.executor.pools([])[0].free)


def _changed(bench: Bench, before: object) -> Any:
    (pool,) = bench.executor.pools([])
    return pool if pool != before else None


def _jobs(ray: Cluster) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{ray.url}/api/jobs/", timeout=60).json()
    return found


@contextmanager
def _others(
    ray: Cluster, name: str, entrypoint: str = "exec sleep 1000", **amounts: float
) -> Iterator[None]:
    """A job of the center's own people."""
    body = {"submission_id": name, "entrypoint": entrypoint, **amounts}
    httpx.post(f"{ray.url}/api/jobs/", json=body, timeout=60).raise_for_status()
    try:
        yield
    finally:
        httpx.post(f"{ray.url}/api/jobs/{name}/stop", timeout=60)
