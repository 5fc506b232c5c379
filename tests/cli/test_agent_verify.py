from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from tests import kubernetes as real_kubernetes
from tests import ray_cluster as real_ray
from tests import slurm as real
from tests.kubernetes import kubernetes
from tests.ray_cluster import ray
from tests.slurm import Server, slurm
from weir.cli.main import main
from weir.cli.verify_by_job import Asked, order_of
from weir.probes import measured
from weir.probes.measured import Measurement
from weir.wire.pools import Free, PoolReport, Shape

__all__ = ["kubernetes", "ray", "slurm"]

SHAPE = {"cpu_milli": 1000, "memory_bytes": 2**30}
POOLS = [
    {"name": "here", "hosts": 1, "shape": SHAPE},
    {"name": "made-up", "hosts": 1, "shape": SHAPE, "emulated": True},
]


def settings(home: Path, executor: dict[str, Any]) -> str:
    uplink = {"url": "http://127.0.0.1:1", "token_file": "t", "cluster": "c"}
    agent = {"name": "works", "executor": executor, "uplinks": [uplink]}
    (home / "agents.yaml").write_text(yaml.safe_dump(agent))
    return str(home)


def verify(*words: str) -> str:
    done = CliRunner().invoke(main, ["agent", "verify", "--seconds", "0.1", *words])
    assert done.exit_code == 0, done.output
    return done.output


def test_a_pool_is_measured_kept_and_shown_and_an_emulated_one_is_not(tmp_path: Path) -> None:
    said = verify("--home", settings(tmp_path, {"kind": "local", "pools": POOLS}))

    assert "made-up: not measured, it is emulated" in said
    assert "fp64" in said
    kept = measured.read(tmp_path / "works")
    assert set(kept) == {"here"}
    assert kept["here"].by_cpu


def test_json_and_a_dry_run(tmp_path: Path) -> None:
    home = settings(tmp_path, {"kind": "local", "pools": POOLS})

    assert "here: measured here" in verify("--home", home, "--dry-run")
    assert measured.read(tmp_path / "works") == {}
    asked = ["agent", "verify", "--seconds", "0.1", "--home", home, "--pool", "here", "--json"]
    done = CliRunner().invoke(main, asked)
    assert json.loads(done.stdout)["here"]["gflops"]["fp64"] > 0
    assert "here: measuring" in done.stderr


def test_a_pool_that_is_not_there_is_named(tmp_path: Path) -> None:
    home = settings(tmp_path, {"kind": "local", "pools": POOLS})
    done = CliRunner().invoke(main, ["agent", "verify", "--home", home, "--pool", "gone"])

    assert done.exit_code != 0
    assert "there is no pool gone here; there are here, made-up" in done.output


def test_a_link_is_measured_behind_it(tmp_path: Path) -> None:
    executor = {"kind": "federated", "url": "http://127.0.0.1:1", "token_file": "t"}
    home = settings(tmp_path, executor)
    assert "by the agents of the domain behind it" in verify("--home", home, "--dry-run")


def test_the_job_that_measures_takes_what_one_host_has_free() -> None:
    free = Free(hosts=1, cpu_milli=3500, memory_bytes=2**40, devices=((1000, 2),))
    shape = Shape(cpu_milli=64_000, memory_bytes=2**41, devices=8)
    taken = Free(hosts=1, cpu_milli=64_000, memory_bytes=2**41)
    report = PoolReport(name="p", hosts=9, shape=shape, device_model="nvidia-h200-sxm",
                        free=(taken, free))  # fmt: skip
    asked = Asked(2.0, "/scratch", image="docker://a/torch")
    order = order_of("r", report, asked, "python3")
    [task] = order.spec.tasks
    assert (task.cpu, task.memory, task.devices and task.devices.count) == ("3", "8192MiB", 1)
    assert task.command == ("python3", "measure.py", "--seconds", "2", "--folder", "/scratch")
    assert order.spec.image == "docker://a/torch"
    full = order_of("r", report.model_copy(update={"free": (), "shape": SHAPE_1}), asked, "python")
    assert (full.spec.tasks[0].cpu, full.spec.tasks[0].devices) == ("1", None)


SHAPE_1 = Shape(cpu_milli=1500, memory_bytes=2**30)


def measured_by_a_job(tmp_path: Path, executor: dict[str, Any]) -> Measurement:
    home = settings(tmp_path, json.loads(json.dumps(executor, default=str)))
    python = ("--python", sys.executable)
    assert "pool: by a job" in verify("--home", home, "--dry-run")
    said = verify("--home", home, "--pool", "pool", *python)
    assert "pool: on " in said
    found = measured.read(tmp_path / "works")["pool"]
    assert found.gflops["fp64"] > 0
    assert found.memory_bytes_per_s > 10**8
    return found


def plain(value: dict[str, Any]) -> dict[str, Any]:
    """An executor's settings, whose pool is a real one."""
    share = {**value["shares"][0], "emulated": False}
    return {**value, "shares": [share]}


@pytest.mark.real
@pytest.mark.timeout(240)
def test_a_node_of_a_kubernetes_is_measured_by_a_pod(
    kubernetes: real_kubernetes.Server, tmp_path: Path
) -> None:
    real_kubernetes.publish(kubernetes)
    of = real_kubernetes.settings().model_dump(mode="json", exclude_unset=True)
    measured_by_a_job(tmp_path, {**plain(of), "kind": "kubernetes"})


@pytest.mark.real
@pytest.mark.timeout(240)
def test_a_node_of_a_ray_is_measured_by_a_job(ray: real_ray.Cluster, tmp_path: Path) -> None:
    real_ray.publish(ray)
    of = real_ray.settings(tmp_path).model_dump(mode="json", exclude_unset=True)
    measured_by_a_job(tmp_path, {**plain(of), "kind": "ray"})


@pytest.mark.real
@pytest.mark.timeout(240)
def test_a_node_of_a_slurm_behind_slurmrestd_is_measured(slurm: Server, tmp_path: Path) -> None:
    real.publish(slurm)
    of = real.rest_settings(tmp_path).model_dump(mode="json", exclude_unset=True)
    measured_by_a_job(tmp_path, {**plain(of), "kind": "slurm"})


@pytest.mark.real
@pytest.mark.timeout(240)
def test_a_host_that_lacks_python_is_said_to(slurm: Server, tmp_path: Path) -> None:
    real.publish(slurm)
    of = plain(real.rest_settings(tmp_path).model_dump(mode="json", exclude_unset=True))
    home = settings(tmp_path, {**of, "kind": "slurm"})
    asked = ["agent", "verify", "--home", home, "--python", "/no/python3"]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code != 0
    assert "the measurement failed: " in done.stderr
    assert measured.read(tmp_path / "works") == {}


@pytest.mark.real
@pytest.mark.timeout(120)
def test_a_node_of_a_slurm_is_measured_by_an_ordinary_job(slurm: Server, tmp_path: Path) -> None:
    real.publish(slurm)
    executor = {
        "kind": "slurm",
        "folder": str(tmp_path / "shared"),
        "config": str(slurm.config),
        "shares": [{"partition": "debug", "pool": "pool"}],
    }
    said = verify("--home", settings(tmp_path, executor))

    kept = measured.read(tmp_path / "works")["pool"]
    assert kept.memory_bytes_per_s > 10**8
    assert "pool: on " in said
