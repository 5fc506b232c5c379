"""The README's section "Join your Slurm", typed as it is written, beside a real Slurm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests import slurm as real
from tests.slurm import Server, slurm
from tests.typed import commands, folder, free_ports, run, script
from weir.cli.agent_checks import Check
from weir.cli.agent_checks_slurm import slurm_checks

__all__ = ["folder", "slurm"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

REGION = [
    "weir serve --home east --name east --kind national --port 7501",
    "weir server add east http://127.0.0.1:7501 --token-file east/operator.token",
]
"""The region that the section speaks of, with nothing above it."""

JOB = [
    "JOB=$(weir submit examples/jobs/hello.yaml)",
    "weir wait $JOB",
    "weir fetch $JOB hello.txt",
    "weir pools --json >pools.json",
    "weir agent doctor --home hpc --json --probe >doctor.json",
]


def test_the_readmes_commands_join_a_slurm_that_runs_a_job(slurm: Server, folder: Path) -> None:
    shared = folder / "shared"
    typed = script([*REGION, *commands("Join your Slurm"), *JOB])
    (port,) = free_ports(1)
    typed = typed.replace("7501", str(port)).replace("/shared/weir", str(shared))
    said = run(folder, typed, 120, SLURM_CONF=str(slurm.config))

    (result,) = folder.glob("j*/output/hello.txt")
    assert result.read_text() == "hello from debug-h100x2\n"
    assert "a dry run: nothing is joined, and the token is not spent" in said
    assert said.count("joined east as cluster") == 1
    assert f"sees {shared}" in said
    assert "weir hello job" in slurm.run("squeue", "-h", "-t", "all", "-o", "%k")
    pools = json.loads((folder / "pools.json").read_text())
    assert [(p["name"], p["hosts"], p["device_model"]) for p in pools] == [
        ("debug-h100x2", 4, "nvidia-h100-sxm5")
    ]
    doctor = json.loads((folder / "doctor.json").read_text())
    assert doctor["ok"]
    assert {check["state"] for check in doctor["checks"]} == {"ok"}


def test_the_proposal_of_a_real_slurm_and_what_the_doctor_sees_of_its_troubles(
    slurm: Server, tmp_path: Path
) -> None:
    """A partition that is shut, a node that is drained, an unknown QoS: said before it joins."""
    environment = {**os.environ, "SLURM_CONF": str(slurm.config), "WEIR_JOIN_TOKEN": "weir_join_x"}

    def dry(*options: str) -> str:
        words = ("agent", "join", "http://127.0.0.1:9", "--home", "hpc", "--dry-run", *options)
        done = subprocess.run(
            [sys.executable, "-m", "weir", *words, "--folder", str(tmp_path / "shared")],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 1, "nobody is at that address"
        return done.stdout

    said = dry()
    assert "found Slurm 22.05" in said
    text = said.partition("\n\n")[2].partition("\n\n")[0]
    (agent,) = yaml.safe_load(text)["agents"]
    assert agent["name"] == "c1"
    assert [s["partition"] for s in agent["executor"]["shares"]] == ["debug"]
    assert "ok           submit to debug    a job could start at" in said
    assert "no slurmdbd: usage is read from" in said
    try:
        slurm.run("scontrol", "update", "PartitionName=debug", "State=DOWN", check=True)
        assert "# not debug: takes no jobs now" in dry()
        assert "wrong        partition debug    it takes no jobs" in dry("--partition", "debug")
        slurm.run("scontrol", "update", "PartitionName=debug", "State=UP", check=True)
        drain = ("NodeName=c1-n[1-4]", "State=DRAIN", "Reason=test")
        slurm.run("scontrol", "update", *drain, check=True)
        assert "wrong        partition debug    none of its nodes is up" in dry()
    finally:
        slurm.run("scontrol", "update", "PartitionName=debug", "State=UP")
        slurm.run("scontrol", "update", "NodeName=c1-n[1-4]", "State=RESUME")
    slurm.until(lambda: slurm.run("sinfo", "-h", "-o", "%T").split() == ["idle"], "idle nodes")


def test_by_slurmrestd_what_can_be_checked_is(slurm: Server, tmp_path: Path) -> None:
    real.publish(slurm)
    settings = real.rest_settings(tmp_path)
    found = list(slurm_checks(settings, probe=True, make=True))
    assert [(check.what, check.state) for check in found] == [
        ("slurm", "ok"),
        ("partition debug", "ok"),
        ("folder", "ok"),
        ("submit", "not checked"),
        ("accounts", "not checked"),
        ("probe of debug", "ok"),
    ]
    slurm.stop_rest()
    first: Check = next(slurm_checks(settings, probe=False, make=False))
    assert (first.what, first.state) == ("slurm", "wrong")
