"""A job that counts for more pushes out one that may be, which runs anew and finishes later."""

from __future__ import annotations

from pathlib import Path

import psutil

from tests.network.harness import job, more, network_up
from tests.network.networks import TWO_TIERS
from weir.core.lifecycle import JobState


def test_an_urgent_job_gets_the_room_of_another_and_both_finish(tmp_path: Path) -> None:
    home, says, gate = tmp_path / "home", tmp_path / "says", tmp_path / "gate"
    # Both tiers: the job is submitted at the nation and runs at the region's center.
    with network_up(home, TWO_TIERS, "--lease", "12", together=True) as network:
        slow = job("slow", f"echo $$ >> {says}; until [ -e {gate} ]; do sleep 0.1; done", cpu=2)
        [victim] = network.submit("nation", more(slow, priority=10, preemptible=True))
        network.in_state("nation", victim, JobState.RUNNING)
        network.until("it says who it is", lambda: says.exists() and says.read_text() != "")
        pid = int(says.read_text())

        [urgent] = network.submit("nation", more(job("urgent", "echo quick", cpu=2), priority=90))
        done = network.ended("nation", urgent)
        assert done.state == JobState.SUCCEEDED
        assert not psutil.pid_exists(pid)
        assert "room is made" in [h.what for h in done.history]
        assert network.read("nation", urgent) == "quick\n"

        # It starts anew where it was, and finishes.
        again = network.in_state("nation", victim, JobState.RUNNING)
        assert (again.attempts, str(again.runs[0].state)) == (2, "canceled")
        gate.touch()
        ended = network.ended("nation", victim)
        assert ended.state == JobState.SUCCEEDED
        assert f"preempted for job {urgent}" in [h.detail for h in ended.history]
        network.until("it was started twice", lambda: len(says.read_text().split()) == 2)
