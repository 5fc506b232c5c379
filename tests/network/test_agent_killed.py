"""The agent of a center is killed while a job runs: the job does not notice."""

from pathlib import Path

import psutil

from tests.network.harness import check_ticks, job, more, network_up, ticking_until
from tests.network.networks import ONE_SITE
from weir.core.lifecycle import JobState


def test_the_agent_finds_the_job_again_and_tells_all_of_it(tmp_path: Path) -> None:
    starts, gate = tmp_path / "starts", tmp_path / "gate"
    script = f"echo $$ >> {starts}; {ticking_until(gate)}; echo 42 > answer.txt"
    with network_up(tmp_path / "net", ONE_SITE) as network:
        spec = more(job("steady", script), outputs=[{"path": "answer.txt"}])
        [mine] = network.submit("nation", spec)
        network.until("its output comes", lambda: "tick 3" in network.read("nation", mine))

        network.kill("site-center")
        assert psutil.pid_exists(int(starts.read_text()))
        ticks = network.read("nation", mine).count("tick")
        network.start("site-center")
        network.until(
            "more output comes", lambda: network.read("nation", mine).count("tick") > ticks
        )
        assert network["nation"].job(mine).state == JobState.RUNNING

        # Killed again, and this time the job ends while nobody looks.
        network.kill("site-center")
        gate.touch()
        pid = int(starts.read_text())
        network.until("the job ends by itself", lambda: not psutil.pid_exists(pid))
        network.start("site-center")

        done = network.ended("nation", mine)
        assert (done.state, done.exit_code, done.attempts) == (JobState.SUCCEEDED, 0, 1)
        assert len(starts.read_text().splitlines()) == 1
        check_ticks(network.read("nation", mine))
        assert network.read("nation", mine, "output/answer.txt") == "42\n"
        assert [h.what for h in done.history] == ["submitted", "placed", "started", "succeeded"]
