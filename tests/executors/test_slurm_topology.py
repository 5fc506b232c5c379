"""Tasks in one rack, on a real Slurm whose nodes have their rack as a feature."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import slurm as real
from tests.contract.bench import Bench, order, shell
from tests.slurm import Server, slurm
from weir.executors.base import Executor
from weir.executors.slurm import SlurmExecutor

__all__ = ["slurm"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


@pytest.fixture
def racks(slurm: Server) -> Iterator[Server]:
    """Two nodes in each of two racks."""
    real.publish(slurm)
    for number, rack in ((1, 1), (2, 1), (3, 2), (4, 2)):
        said = f"ib,rack-{rack}"
        node = f"nodename={slurm.name}-n{number}"
        both = f"availablefeatures={said}", f"activefeatures={said}"
        slurm.run("scontrol", "update", node, *both, check=True)
    yield slurm
    slurm.run("scancel", "--user=root")
    slurm.until(lambda: not slurm.run("squeue", "-h"), "the end of all jobs")


def made(home: Path) -> Executor:
    share = {"features": ["ib"], "topology": {"rack": "rack-*"}}
    return SlurmExecutor(real.settings(home, share=share), home / "slurm", time.time)


def test_a_gang_lies_in_one_rack(racks: Server, tmp_path: Path) -> None:
    """One node of the first rack is taken: a gang of two goes to the second, one of three nowhere,
    though three nodes are free.
    """
    with Bench(made, tmp_path) as bench:
        (pool,) = bench.executor.pools([])
        assert pool.levels == ("rack",)
        assert [(b.names, b.hosts) for b in pool.blocks] == [(("rack-1",), 2), (("rack-2",), 2)]
        batch = ("sbatch", "--parsable", "-w", f"{racks.name}-n1", "--cpus-per-task=8")
        racks.run(*batch, "--wrap", "sleep 1000", "-o", "/dev/null", check=True)
        bench.until(lambda: _free_blocks(bench) == {(0,): 1, (1,): 2} or None, "one less")
        wish = {"topology": {"required": "rack"}, "cpu": 8, "max_per_host": 1}
        three = order("three", shell("exec sleep 1000", count=3, **wish))
        two = order("two", shell("exec sleep 1000", count=2, **wish))
        assert bench.executor.admit([three], []).keys() == {"three"}
        assert not bench.executor.admit([two], [])
        bench.submit(two)
        bench.started("two")
        nodes = racks.run("squeue", "-h", "-n", "two", "-o", "%N") or racks.run(
            "squeue", "-h", "-o", "%N"
        )
        assert f"{racks.name}-n[3-4]" in nodes
        assert "&[rack-1|rack-2]" in racks.run("squeue", "-h", "-o", "%f")


def _free_blocks(bench: Bench) -> dict[tuple[int, ...], int]:
    (pool,) = bench.executor.pools([])
    found: dict[tuple[int, ...], int] = {}
    for free in pool.free:
        if free.cpu_milli:
            found[free.block] = found.get(free.block, 0) + free.hosts
    return found
