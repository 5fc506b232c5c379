from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests import kubernetes as kubernetes_server
from tests import ray_cluster
from tests import slurm as slurm_server
from tests.contract import federated
from tests.contract.bench import KINDS, Bench, data
from tests.network.harness import Network

SERVERS: Mapping[str, tuple[str, Callable[[Any], None]]] = {
    "federated": ("peer", federated.publish),
    "kubernetes": ("kubernetes", kubernetes_server.publish),
    "kubernetes-volume": ("kubernetes", kubernetes_server.publish),
    "ray": ("ray", ray_cluster.publish),
    "slurm": ("slurm", slurm_server.publish),
    "slurm-rest": ("slurm", slurm_server.publish),
}
"""Where a kind needs a real server: the fixture that starts it, and what makes it known."""


SLOW_S = {"ray": 300}
"""Test limits of servers that take seconds to start a job, and a minute to start themselves."""


def _marks(kind: str) -> list[pytest.MarkDecorator]:
    slow = [pytest.mark.timeout(SLOW_S[kind])] if kind in SLOW_S else []
    return [pytest.mark.real, *slow] if kind in SERVERS and kind not in PROCESSES else slow


PROCESSES = {"federated"}
"""Kinds whose server is Weir itself: it is started wherever there is Python."""


@pytest.fixture(scope="package")
def kubernetes() -> Iterator[kubernetes_server.Server]:
    """A Kubernetes for this suite."""
    yield from kubernetes_server.started(kubernetes_server.make())


@pytest.fixture(scope="package")
def ray() -> Iterator[ray_cluster.Cluster]:
    """A Ray for this suite."""
    yield from ray_cluster.started(ray_cluster.make())


@pytest.fixture(scope="package")
def slurm() -> Iterator[slurm_server.Server]:
    """A Slurm for this suite."""
    yield from slurm_server.started(slurm_server.make())


@pytest.fixture(scope="package")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Another Weir server, with a site; jobs there may read and write what the tests make."""
    with federated.peer_up(
        tmp_path_factory.mktemp("peer"), data(tmp_path_factory.getbasetemp())
    ) as network:
        yield network


def params(kinds: Iterable[str]) -> list[Any]:
    return [pytest.param(k, marks=_marks(k)) for k in sorted(kinds)]


def started(request: pytest.FixtureRequest) -> str:
    """The kind that the test is for; its server is up and can be found."""
    if request.param in SERVERS:
        fixture, publish = SERVERS[request.param]
        publish(request.getfixturevalue(fixture))
    return str(request.param)


MODES = {"kubernetes-volume"}
"""Of a kind that is there already: other in where files lie, and tried with what touches files."""


@pytest.fixture(params=params(KINDS.keys() - MODES))
def kind(request: pytest.FixtureRequest) -> str:
    return started(request)


@pytest.fixture
def bench(kind: str, tmp_path: Path) -> Iterator[Bench]:
    with Bench(KINDS[kind], tmp_path) as bench:
        yield bench


@pytest.fixture(params=params(KINDS.keys() - MODES - {"federated"}))
def judge(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """An executor that judges itself what fits; a link leaves that to the server behind it."""
    with Bench(KINDS[started(request)], tmp_path) as bench:
        yield bench
