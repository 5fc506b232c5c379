"""examples/real-network.yaml with real servers: two Slurms, a Kubernetes, a Ray and this machine.

A job runs at each of them; and one goes on at the second Slurm, from its checkpoint, when all of
the first is gone in the middle of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
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


def test_a_job_of_the_examples_runs_at_every_one_of_them(network: Network) -> None:
    hello = read_job_file(ROOT / "examples" / "jobs" / "hello.yaml")
    sites = {p.name: p.site_name for p in network["nation"].pools()}
    assert sorted(sites) == sorted(POOLS)
    wanted = {
        pool: more(hello, constraints={"sites": [sites[pool]]})
        for pool in POOLS
        if pool != "workstation"  # its site has a Ray too: either will do
    }
    jobs = dict(zip(wanted, network.submit("nation", *wanted.values()), strict=True))

    for pool, name in jobs.items():
        done = network.ended("nation", name)
        assert (done.state, done.reason) == (JobState.SUCCEEDED, "")
        said = network.read("nation", name, "output/hello.txt")
        ran_at = said.removeprefix("hello from ").strip()
        assert ran_at == pool or (pool == "lab-east" and ran_at == "workstation")


def test_a_job_goes_on_at_the_other_slurm_when_the_first_is_gone(
    network: Network, east: Slurm, tmp_path: Path
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
    print("\n".join(log))
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
