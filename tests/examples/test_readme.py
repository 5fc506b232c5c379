"""What the README says to type, typed in its order, makes a network of three tiers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.typed import README, ROOT, commands, folder, free_ports, run, script

__all__ = ["folder"]

pytestmark = pytest.mark.timeout(200)


def test_the_operators_commands_make_a_network_that_runs_a_job(folder: Path) -> None:
    typed = script(commands("You run a part of the network"))
    # What measures a machine for a minute has tests of its own (tests/cli/test_agent_verify.py).
    figures = [c for c in commands("You answer for the figures") if "agent verify" not in c]
    typed = "\n".join([typed, *figures])
    for written, port in zip(("7500", "7501"), free_ports(2), strict=True):
        typed = typed.replace(written, str(port))
    said = run(folder, typed, 170)
    (result,) = folder.glob("j*/output/hello.txt")
    assert result.read_text() == "hello from cpu\n"
    assert "hello succeeded" in said
    assert "CN.R1-K is the regional domain east" in said
    assert "Monthly sheet 2026-10" in (folder / "october.html").read_text("utf-8")


@pytest.mark.timeout(420)  # on a new machine the clock is compiled first
def test_the_planners_commands_replay_a_log_and_say_what_the_page_says(folder: Path) -> None:
    ran = subprocess.run(
        ["sh", "-c", script(commands("You plan for next month"))],
        cwd=folder,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    result = json.loads((folder / "march" / "result.json").read_text())
    waits = {run["policy"]: run["mean_wait_s"] / 60 for run in result["runs"]}
    page = " ".join(README.split())
    assert f"({waits['fifo']:.0f} to {waits['balanced']:.0f} minutes)" in page
    costs = {run["policy"]: run["cost"] for run in result["runs"]}
    assert costs["balanced"] < costs["fifo"]
    assert (folder / "march" / "report.html").stat().st_size > 100_000
    assert "link region-west=down" in ran.stdout


def test_the_users_commands_name_files_that_there_are() -> None:
    for line in commands("You need compute tonight"):
        for path in re.findall(r"examples/\S+\.yaml", line):
            assert (ROOT / path).is_file()
