from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.bench import KINDS, Bench
from tests.slurm import publish, slurm

__all__ = ["slurm"]

SERVERS = {"slurm": "slurm", "slurm-rest": "slurm"}
"""The fixture that starts the real server of a kind, where it needs one."""


@pytest.fixture(
    params=[pytest.param(k, marks=pytest.mark.real if k in SERVERS else ()) for k in sorted(KINDS)]
)
def kind(request: pytest.FixtureRequest) -> str:
    if request.param in SERVERS:
        publish(request.getfixturevalue(SERVERS[request.param]))
    return str(request.param)


@pytest.fixture
def bench(kind: str, tmp_path: Path) -> Iterator[Bench]:
    with Bench(KINDS[kind], tmp_path) as bench:
        yield bench
