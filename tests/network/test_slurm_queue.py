"""Runs wait in a real Slurm's own queue, where its operator allows it: a story with one node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests import slurm as slurms
from tests.network.harness import Network, job, network_up
from tests.slurm import Server
from weir.core.lifecycle import JobState

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

CPUS, AHEAD = 2, 2

NETWORK = """
network: queue
domains: [{{name: nation, kind: national}}]
sites:
  - name: center
    domains: [nation]
    clusters:
      - name: slurm
        slurm:
          folder: {home}/shared
          config: {config}
          fold: false
          shares: [{{partition: debug, pool: pool, emulated: true, queue_ahead: {ahead}}}]
"""


@pytest.fixture(scope="module")
def one_node() -> Iterator[Server]:
    yield from slurms.started(replace(slurms.make("narrow", cpus=CPUS), nodes=1))


@pytest.fixture(scope="module")
def network(one_node: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    home = tmp_path_factory.mktemp("queue")
    text = NETWORK.format(home=home, config=one_node.config, ahead=AHEAD)
    with network_up(home / "net", text) as up:
        yield up


def test_some_runs_wait_in_slurm_and_the_others_in_the_network(
    network: Network, one_node: Server, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    specs = [job(f"j{n}", f"until [ -e {gate} ]; do sleep 0.1; done", cpu=CPUS) for n in range(4)]
    (first,) = network.submit("nation", specs[0])
    network.in_state("nation", first, JobState.RUNNING)
    behind = network.submit("nation", *specs[1:])
    network.until("two of them wait in Slurm", lambda: _waiting(one_node, behind) == behind[:2])

    assert network["nation"].job(first).state is JobState.RUNNING
    assert [network["nation"].job(j).state for j in behind] == [
        *[JobState.PLACED] * 2,
        JobState.WAITING,
    ]

    network["nation"].cancel(behind[0])
    network.until("the next takes its place", lambda: _waiting(one_node, behind) == behind[1:])
    assert network["nation"].job(first).state is JobState.RUNNING

    gate.touch()
    ends = [network.ended("nation", j).state for j in (first, *behind)]
    assert ends == [JobState.SUCCEEDED, JobState.CANCELED, *[JobState.SUCCEEDED] * 2]
    assert _waiting(one_node, behind) == []


def _waiting(server: Server, jobs: list[str]) -> list[str]:
    """Those of these jobs of which a run waits in Slurm."""
    names = server.run("squeue", "-h", "-r", "-t", "PENDING", "-o", "%j").split()
    return [j for j in jobs if any(name.startswith(f"weir-{j}-") for name in names)]
