"""The examples read as what they say they are, and their scripts run anywhere."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from weir.cli.demo import ASKED, PARTS, find_examples
from weir.cli.network_file import read_network_file
from weir.wire.jobdemand import demand_of
from weir.wire.specfile import read_job_file

EXAMPLES = Path(__file__).parents[2] / "examples"
JOBS = sorted((EXAMPLES / "jobs").glob("*.yaml"))
NETWORK = read_network_file(EXAMPLES / "network.yaml")
POOLS = [p for s in NETWORK.sites for c in s.clusters for p in c.pools]


def test_the_network_has_every_tier_and_six_centers() -> None:
    kinds = sorted(d.kind for d in NETWORK.domains)
    assert kinds == ["industry", "national", "regional", "regional"]
    assert len(NETWORK.sites) == 6
    assert any(len(s.domains) > 1 for s in NETWORK.sites)


def test_every_accelerator_is_emulated_and_one_pool_is_this_machine() -> None:
    assert all(p.emulated for p in POOLS if p.devices)
    assert [p.name for p in POOLS if not p.emulated] == ["line-cpu"]
    assert len({p.device_model for p in POOLS if p.device_model}) >= 7


@pytest.mark.parametrize("file", JOBS, ids=lambda file: file.stem)
def test_a_job_file_is_valid_and_brings_its_inputs(file: Path) -> None:
    spec = read_job_file(file)
    assert demand_of(spec).groups
    assert all(i.content() for i in spec.inputs)


def test_the_demonstration_names_files_and_domains_that_there_are() -> None:
    assert find_examples() == EXAMPLES
    names = {d.name for d in NETWORK.domains}
    for part in (*PARTS, ASKED):
        assert part.domain in names
        assert (EXAMPLES / "jobs" / part.file) in JOBS


def run(script: str, folder: Path, *arguments: str, **variables: str) -> dict[str, object]:
    """Run an example's script as a job would be, and read its result."""
    subprocess.run(
        [sys.executable, str(EXAMPLES / "jobs" / script), *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", **variables},
        check=True,
        capture_output=True,
        timeout=50,
    )
    result = json.loads((folder / "result.json").read_text())
    assert isinstance(result, dict)
    return result


def test_each_member_of_the_sweep_has_its_own_point(tmp_path: Path) -> None:
    first = run("sweep.py", tmp_path, WEIR_ARRAY_INDEX="0")
    third = run("sweep.py", tmp_path, WEIR_ARRAY_INDEX="2", WEIR_POOL="cpu", WEIR_EMULATED="1")
    assert (first["C"], third["C"]) == (0.01, 1.0)
    assert third["accuracy"] > 0.95 > 0.5 > first["accuracy"]  # type: ignore[operator]
    assert (third["pool"], third["emulated"], first["emulated"]) == ("cpu", True, False)


def test_the_shards_together_are_all_the_pictures(tmp_path: Path) -> None:
    shards = [
        run("inference.py", tmp_path, "--shards", "2", WEIR_ARRAY_INDEX=index) for index in "01"
    ]
    assert sum(int(str(s["pictures"])) for s in shards) == 797
    assert all(float(str(s["accuracy"])) > 0.85 for s in shards)


def test_the_simulation_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    at_once = run("heat.py", whole, HEAT_STEPS="2000")
    assert run("heat.py", parts, HEAT_STEPS="1000")["resumed_from_step"] == 0
    resumed = run("heat.py", parts, HEAT_STEPS="2000")
    assert resumed["resumed_from_step"] == 1000
    assert resumed["hottest_c"] == at_once["hottest_c"]
    assert "@" in (whole / "field.txt").read_text()
