"""A sweep through a real Ray gives the numbers that the cores of this machine give."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ray_cluster import installed

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

HOSTS = "sn,cpu_milli,memory_mib,gpu,model\n" + "".join(
    f"h{n},64000,262144,4,A10\n" for n in range(3)
)
PODS = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n" + "".join(
    f"p{n},{4000 * (1 + n % 3)},8192,1,{(300, 500, 1000)[n % 3]},\n" for n in range(20)
)


@pytest.fixture
def ray_python(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Ray's own Python, which finds Weir and what it needs, and a folder of its own for Ray."""
    programs = installed()
    if programs is None:
        # For `pytest -m real` elsewhere; `make test-real` installs it and takes a skip for a
        # failure.
        pytest.skip("Ray is not installed: scripts/install-ray puts it there")
    mine = [str(Path(__file__).parents[2]), sysconfig.get_paths()["purelib"]]
    found = [*mine, *(p for p in sys.path if p.endswith("site-packages"))]
    short = Path("/tmp") / f"weir-ray-{os.getpid()}"  # sockets have short names
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(found)),
        "RAY_TMPDIR": str(short),
        "HOME": str(short),  # Ray leaves a token there, which every later Ray of that home asks for
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    environment.pop("RAY_ADDRESS", None)
    short.mkdir()
    try:
        yield programs / "python", environment
    finally:
        subprocess.run(["rm", "-rf", str(short)], check=True)


def runs(python: Path, environment: dict[str, str], *call: str) -> list[dict[str, Any]]:
    code = "from weir.cli.main import main; main()"
    done = subprocess.run(
        [str(python), "-c", code, "simulate", *call, "--json"],
        env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["runs"]
    return [{name: value for name, value in run.items() if name != "wall_s"} for run in found]


def test_a_sweep_gives_the_same_through_ray(
    ray_python: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    hosts, pods = tmp_path / "hosts.csv", tmp_path / "pods.csv"
    hosts.write_text(HOSTS)
    pods.write_text(PODS)
    sweep = "openb", "--hosts", str(hosts), "--pods", str(pods), "--resample", "130"
    call = (*sweep, "--sweep", "1-4", "--policy", "best-fit")
    here = runs(Path(sys.executable), ray_python[1], *call, "--processes", "1")
    there = runs(*ray_python, *call, "--ray")
    assert there == here
    assert len({run["unallocated_gpu_percent"] for run in here}) > 1
