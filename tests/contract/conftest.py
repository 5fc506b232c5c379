from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests import kubernetes as kubernetes_server
from tests import ray_cluster
from tests import slurm as slurm_server
from tests.contract import table
from tests.contract.bench import KINDS, Bench
from tests.kubernetes import kubernetes
from tests.ray_cluster import ray
from tests.slurm import slurm

__all__ = ["kubernetes", "ray", "slurm"]

SERVERS: Mapping[str, tuple[str, Callable[[Any], None]]] = {
    "kubernetes": ("kubernetes", kubernetes_server.publish),
    "ray": ("ray", ray_cluster.publish),
    "slurm": ("slurm", slurm_server.publish),
    "slurm-rest": ("slurm", slurm_server.publish),
}
"""Where a kind needs a real server: the fixture that starts it, and what makes it known."""


SLOW_S = {"ray": 300}
"""Test limits of servers that take seconds to start a job, and a minute to start themselves."""


def _marks(kind: str) -> list[pytest.MarkDecorator]:
    slow = [pytest.mark.timeout(SLOW_S[kind])] if kind in SLOW_S else []
    return [pytest.mark.real, *slow] if kind in SERVERS else slow


@pytest.fixture(params=[pytest.param(k, marks=_marks(k)) for k in sorted(KINDS)])
def kind(request: pytest.FixtureRequest) -> str:
    if request.param in SERVERS:
        fixture, publish = SERVERS[request.param]
        publish(request.getfixturevalue(fixture))
    return str(request.param)


@pytest.fixture
def bench(kind: str, tmp_path: Path) -> Iterator[Bench]:
    with Bench(KINDS[kind], tmp_path) as bench:
        yield bench


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """At the end: executor by case."""
    if found := table.outcomes(terminalreporter.stats):
        terminalreporter.section("the executors' contract")
        for line in table.lines(found):
            terminalreporter.line(line)
