"""The whole demonstration, with real servers, agents and jobs."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from weir.cli.demo import PARTS

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


def test_the_demonstration_runs_once_through_and_leaves_no_process(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "weir", "demo", "--once", "--home", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("\n   result    ") == len(PARTS)
    assert "through   region-east > national > region-west > guian-valley" in ran.stdout
    assert "picky: 1 of 11 pools can take it" in ran.stdout
    assert "all stopped" in ran.stdout
    assert not [p for p in psutil.process_iter() if str(tmp_path) in " ".join(_command(p))]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
