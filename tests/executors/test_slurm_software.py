"""Software that the center does not have, on a real Slurm: made ready once, used on the nodes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import slurm as server
from tests.contract.bench import Bench, order, shell
from tests.executors.test_staging_software import calls, needing, sites_software
from tests.slurm import publish, slurm
from weir.core.lifecycle import RunEvent
from weir.executors.slurm import SlurmExecutor

__all__ = ["slurm"]

pytestmark = pytest.mark.real


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    publish(request.getfixturevalue("slurm"))
    settings = server.settings(tmp_path, software=sites_software(tmp_path))
    with Bench(lambda home: SlurmExecutor(settings, home / "slurm", time.time), tmp_path) as bench:
        yield bench


def test_an_environment_is_first_on_the_path_of_the_tasks(bench: Bench) -> None:
    assert bench.run(needing("weirtestpkg==1.5\n")).event is RunEvent.SUCCEEDED
    assert bench.text("r").startswith(f"1.5 {bench.home}/shared/cache/environments/")


def test_every_task_of_a_gang_runs_in_the_image_that_was_pulled_once(bench: Bench) -> None:
    image = "docker://good.example/tool:1"
    wanted = order("r", shell("echo inside $WEIR_TASK_INDEX", count=2), image=image)
    assert bench.run(wanted).event is RunEvent.SUCCEEDED
    assert [bench.text("r"), bench.text("r", "main-1/stdout")] == ["inside 0\n", "inside 1\n"]
    assert sorted(call.split()[0] for call in calls(bench)) == ["exec", "exec", "pull"]


def test_its_pools_say_so(bench: Bench) -> None:
    [pool] = bench.executor.pools([])
    assert {"container", "environments"} <= set(pool.traits)
