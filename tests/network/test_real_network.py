"""examples/real-network.yaml with real servers: two Slurms, a Kubernetes, a Ray and this machine.

Jobs of examples/ run at each of them; and one goes on at the second Slurm, from its checkpoint,
when all of the first is gone in the middle of it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import slurm as slurms
from tests.kubernetes import NAMESPACE, kubernetes
from tests.kubernetes import Server as Kubernetes
from tests.network.harness import Network, job, more, network_up
from tests.ray_cluster import Cluster, ray
from tests.slurm import Server as Slurm
from weir.core.lifecycle import JobState
from weir.wire.checkpoint import parse
from weir.wire.jobs import Submission, SubmitRequest
from weir.wire.jobspec import JobSpec
from weir.wire.specfile import read_job_file

__all__ = ["kubernetes", "ray"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[2]
POOLS = ("hpc-east", "hpc-west", "cloud-west", "lab-east", "workstation")
OPTIONS = ("--lease", "3", "--lost-after", "6", "--start-within", "60")

COUNTING = """
n=$(cat ckpt/n 2>/dev/null || echo 0)
echo "from $n"
until [ -e {gate} ]; do
    n=$((n + 1)); echo $n > ckpt/n; touch ckpt/whole; sleep 0.3
done
echo "to $n"
"""
CHECKPOINT = {"path": "ckpt", "marker": "whole", "every": "1s"}


@pytest.fixture(scope="module")
def east() -> Iterator[Slurm]:
    yield from slurms.started(slurms.make("east"))


@pytest.fixture(scope="module")
def west() -> Iterator[Slurm]:
    yield from slurms.started(slurms.make("west"))


@pytest.fixture(scope="module")
def network(
    east: Slurm,
    west: Slurm,
    kubernetes: Kubernetes,
    ray: Cluster,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Network]:
    home = tmp_path_factory.mktemp("real")
    text = (ROOT / "examples" / "real-network.yaml").read_text()
    for written, here in {
        "/etc/slurm/hpc-east.conf": east.config,
        "/etc/slurm/hpc-west.conf": west.config,
        "/shared/": f"{home}/shared-",
        "/etc/weir/cloud-west.yaml": kubernetes.agent,
        "namespace: weir": f"namespace: {NAMESPACE}",
        "http://127.0.0.1:8265": ray.url,
    }.items():
        assert written in text
        text = text.replace(written, str(here))
    with network_up(home / "net", text, *OPTIONS) as up:
        yield up


def test_jobs_of_the_examples_run_at_every_one_of_them(
    network: Network, record_property: Callable[[str, object], None]
) -> None:
    sites = {p.name: p.site_name for p in network["nation"].pools()}
    assert sorted(sites) == sorted(POOLS)
    wanted: dict[tuple[str, str], JobSpec] = {}
    for pool in POOLS:
        for file in ("hello", "sweep", "heat"):
            spec = read_job_file(ROOT / "examples" / "jobs" / f"{file}.yaml")
            here = {"sites": [sites[pool]], "emulated": False}
            changes: dict[str, object] = {"constraints": here, "tasks": _by_this_python(spec)}
            if file == "heat":
                changes["environment"] = {"HEAT_STEPS": "200"}
            if file == "sweep":
                changes["array"] = {"count": 2}
            wanted[pool, file] = more(spec, **changes)
    answers = [network["nation"].submit(_asked(spec)).ids[0] for spec in wanted.values()]

    for (pool, file), members in zip(wanted, answers, strict=True):
        for name in members:
            done = network.ended("nation", name, within=180)
            assert (done.state, done.reason) == (JobState.SUCCEEDED, ""), (pool, file)
            assert done.place[-1] == sites[pool]
            if file == "hello":
                assert network.read("nation", name, "output/hello.txt") == f"hello from {pool}\n"
            else:
                assert json.loads(network.read("nation", name, "output/result.json"))
        record_property("story", f"{file}.yaml ran at {pool}: {len(members)} run(s)")


def _by_this_python(spec: JobSpec) -> list[dict[str, object]]:
    """The tasks with the Python of the tests, which has what the examples import."""
    tasks = [task.model_dump(exclude_unset=True) for task in spec.tasks]
    for task in tasks:
        if task["command"][0] == "python":
            task["command"] = [sys.executable, *task["command"][1:]]
    return tasks


def _asked(spec: JobSpec) -> SubmitRequest:
    return SubmitRequest(jobs=(Submission(spec=spec),))


def test_a_job_goes_on_at_the_other_slurm_when_the_first_is_gone(
    network: Network,
    east: Slurm,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    gate = tmp_path / "gate"
    counting = job("counting", COUNTING.format(gate=gate), sites=["hpc-east", "hpc-west"])
    first = more(counting, checkpoint=CHECKPOINT)
    log = [f"{time.strftime('%X')} submitted at the nation"]
    west_busy = _fill(network, tmp_path)
    [name] = network.submit("nation", first)

    def carried() -> int:
        saved = [parse(file.name) for file in network["nation"].files(name).files]
        return max((s.number for s in saved if s is not None), default=0)

    network.until("the third checkpoint has come", lambda: carried() >= 3, 90)
    assert network["nation"].job(name).place[-1] == "hpc-east"
    log.append(f"{time.strftime('%X')} checkpoint {carried()} is at the nation; hpc-east is gone")
    network["nation"].cancel(west_busy)
    network.kill("site-hpc-east")
    east.stop()

    def elsewhere() -> bool:
        now = network["nation"].job(name)
        return now.state is JobState.RUNNING and now.place[-1:] == ("hpc-west",)

    network.until("it runs at the other", elsewhere, 90)
    log.append(f"{time.strftime('%X')} it runs at hpc-west")
    gate.touch()
    done = network.ended("nation", name)
    begun, ended = network.read("nation", name).splitlines()
    log.append(f"{time.strftime('%X')} {done.state}: it went on {begun} {ended}")
    for line in log:
        record_property("story", line)
    assert done.state is JobState.SUCCEEDED
    assert int(begun.removeprefix("from ")) >= 3
    assert int(ended.removeprefix("to ")) > int(begun.removeprefix("from "))


def _fill(network: Network, folder: Path) -> str:
    """Keep the western Slurm full until the job that this gives is canceled."""
    full = job("full", "sleep 600", sites=["hpc-west"], count=4, cpu="8")
    [name] = network.submit("nation", full)
    network.until(
        "the western Slurm is full",
        lambda: network["nation"].job(name).state is JobState.RUNNING,
        60,
    )
    return name
