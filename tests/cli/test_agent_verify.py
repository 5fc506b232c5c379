from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from tests import slurm as real
from tests.slurm import Server, slurm
from weir.cli.main import main
from weir.probes import measured

__all__ = ["slurm"]

SHAPE = {"cpu_milli": 1000, "memory_bytes": 2**30}
POOLS = [
    {"name": "here", "hosts": 1, "shape": SHAPE},
    {"name": "made-up", "hosts": 1, "shape": SHAPE, "emulated": True},
]


def settings(home: Path, executor: dict[str, Any]) -> str:
    uplink = {"url": "http://127.0.0.1:1", "token_file": "t", "cluster": "c"}
    agent = {"name": "works", "executor": executor, "uplinks": [uplink]}
    (home / "agents.yaml").write_text(yaml.safe_dump(agent))
    return str(home)


def verify(*words: str) -> str:
    done = CliRunner().invoke(main, ["agent", "verify", "--seconds", "0.1", *words])
    assert done.exit_code == 0, done.output
    return done.output


def test_a_pool_is_measured_kept_and_shown_and_an_emulated_one_is_not(tmp_path: Path) -> None:
    said = verify("--home", settings(tmp_path, {"kind": "local", "pools": POOLS}))

    assert "made-up: not measured, it is emulated" in said
    assert "fp64" in said
    kept = measured.read(tmp_path / "works")
    assert set(kept) == {"here"}
    assert kept["here"].of_device == ()


def test_json_and_a_dry_run(tmp_path: Path) -> None:
    home = settings(tmp_path, {"kind": "local", "pools": POOLS})

    assert "here: measured here" in verify("--home", home, "--dry-run")
    assert measured.read(tmp_path / "works") == {}
    asked = ["agent", "verify", "--seconds", "0.1", "--home", home, "--pool", "here", "--json"]
    done = CliRunner().invoke(main, asked)
    assert json.loads(done.stdout)["here"]["gflops"]["fp64"] > 0
    assert "here: measuring" in done.stderr


def test_a_pool_that_is_not_there_is_named(tmp_path: Path) -> None:
    home = settings(tmp_path, {"kind": "local", "pools": POOLS})
    done = CliRunner().invoke(main, ["agent", "verify", "--home", home, "--pool", "gone"])

    assert done.exit_code != 0
    assert "there is no pool gone here; there are here, made-up" in done.output


@pytest.mark.real
@pytest.mark.timeout(120)
def test_a_node_of_a_slurm_is_measured_by_an_ordinary_job(slurm: Server, tmp_path: Path) -> None:
    real.publish(slurm)
    executor = {
        "kind": "slurm",
        "folder": str(tmp_path / "shared"),
        "config": str(slurm.config),
        "shares": [{"partition": "debug", "pool": "pool"}],
    }
    said = verify("--home", settings(tmp_path, executor))

    kept = measured.read(tmp_path / "works")["pool"]
    assert kept.memory_bytes_per_s > 10**8
    assert "pool: on " in said
