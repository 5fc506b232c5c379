"""A center is lost with a job on it: a Kubernetes, from where its state had come by its pod's log,
and it goes on at a machine; and the other way round, into a pod.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.kubernetes import NAMESPACE, Server, kubernetes
from tests.network.harness import Network, job, more, network_up
from weir.core.lifecycle import JobState
from weir.wire.checkpoint import parse

__all__ = ["kubernetes"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

OPTIONS = ("--lease", "3", "--lost-after", "6", "--start-within", "60")
NETWORK = """
network: pair
domains: [{{name: nation, kind: national}}]
sites:
  - name: cloud
    domains: [nation]
    clusters:
      - name: kubernetes
        kubernetes:
          kubeconfig: {kubeconfig}
          namespace: {namespace}
          image: none.example/none
          shares: [{{pool: cloud, emulated: true}}]
  - name: office
    domains: [nation]
    clusters:
      - name: main
        pools: [{{name: desk, emulated: true, hosts: 1, cpu: 2, memory: 2GiB}}]
"""
COUNTING = """
n=$(cat ckpt/n 2>/dev/null || echo 0)
echo "from $n"
echo $$ >{folder}/pid-$WEIR_POOL
until [ -e {folder}/gate ]; do
    n=$((n + 1)); echo $n > ckpt/n; touch ckpt/whole; sleep 0.3
done
echo "to $n"
"""
CHECKPOINT = {"path": "ckpt", "marker": "whole", "every": "1s"}


@pytest.mark.parametrize(("first", "then"), [("cloud", "office"), ("office", "cloud")])
def test_a_job_goes_on_at_the_other_from_the_state_that_it_had(
    kubernetes: Server, tmp_path: Path, first: str, then: str
) -> None:
    text = NETWORK.format(kubeconfig=kubernetes.agent, namespace=NAMESPACE)
    with network_up(tmp_path / "net", text, *OPTIONS) as network:
        filler = _fill(network, then)
        counting = job("counting", COUNTING.format(folder=tmp_path))
        [name] = network.submit("nation", more(counting, checkpoint=CHECKPOINT))
        _until_at(network, name, first)
        _until_carried(network, name, 2)

        network["nation"].cancel(filler)
        network.kill(f"site-{first}")
        _lose(first, kubernetes, tmp_path)
        _until_at(network, name, then)
        (tmp_path / "gate").touch()
        done = network.ended("nation", name)
        assert (done.state, done.attempts) == (JobState.SUCCEEDED, 2)
        begun, ended = network.read("nation", name).splitlines()
        assert int(ended.removeprefix("to ")) > int(begun.removeprefix("from ")) >= 2


def _lose(site: str, kubernetes: Server, folder: Path) -> None:
    """Have nothing of the job left there."""
    if site == "office":
        os.killpg(os.getpgid(int((folder / "pid-desk").read_text())), signal.SIGKILL)
        return
    jobs = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
    for item in kubernetes.get(jobs)["items"]:
        kubernetes.delete(f"{jobs}/{item['metadata']['name']}")


def _until_carried(network: Network, name: str, count: int) -> None:
    def carried() -> bool:
        saved = [parse(file.name) for file in network["nation"].files(name).files]
        return max((s.number for s in saved if s is not None), default=0) >= count

    network.until(f"checkpoint {count} has come", carried, 90)


def _until_at(network: Network, name: str, site: str) -> None:
    def there() -> bool:
        now = network["nation"].job(name)
        return now.state is JobState.RUNNING and (now.place or (now.site_name,))[-1] == site

    network.until(f"it runs at {site}", there, 90)


def _fill(network: Network, site: str) -> str:
    """Keep a site full until the job that this gives is canceled."""
    hosts, cpu = {"office": (1, "2"), "cloud": (4, "8")}[site]
    [name] = network.submit(
        "nation", job("full", "exec sleep 600", sites=[site], count=hosts, cpu=cpu)
    )
    _until_at(network, name, site)
    return name
