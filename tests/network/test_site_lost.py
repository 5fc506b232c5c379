"""A center falls silent with a job on it: the job is placed elsewhere, and ends once."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.network.harness import Network, job, network_up
from tests.network.networks import TWO_SITES
from weir.core.lifecycle import JobState, RunState
from weir.wire.jobs import JobDetailAnswer

OTHER = {"left": "right", "right": "left"}


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    options = ("--lease", "2", "--lost-after", "6", "--start-within", "5")
    with network_up(tmp_path_factory.mktemp("pair"), TWO_SITES, *options) as network:
        yield network


class Watched:
    """A job that notes the process and the state of each time that it runs, and ends on a word."""

    def __init__(self, network: Network, folder: Path) -> None:
        self._network, self._pids, self.gate = network, folder / "pids", folder / "gate"
        script = f"echo $$ >> {self._pids}; until [ -e {self.gate} ]; do sleep 0.1; done; echo done"
        [self.id] = network.submit("nation", job("watched", script))

    def pids(self) -> list[int]:
        return [int(p) for p in self._pids.read_text().split()] if self._pids.exists() else []

    def runs_at(self, count: int) -> JobDetailAnswer:
        """The job, once it runs for the `count`th time."""

        def found() -> JobDetailAnswer | None:
            answer = self._network["nation"].job(self.id)
            runs = answer.state == JobState.RUNNING and answer.attempts == count
            return answer if runs and len(self.pids()) == count else None

        return self._network.until(f"the job runs for time {count}", found)


def test_a_center_that_was_cut_off_stops_its_duplicate_when_it_is_back(
    network: Network, tmp_path: Path
) -> None:
    watched = Watched(network, tmp_path)
    first = watched.runs_at(1)
    assert first.site_name is not None
    [old] = watched.pids()
    network.halt(f"site-{first.site_name}")

    second = watched.runs_at(2)
    assert second.site_name == OTHER[first.site_name]
    assert [r.state for r in second.runs] == [RunState.LOST, RunState.RUNNING]
    assert "has been silent for" in second.runs[0].reason
    assert psutil.pid_exists(old)  # nobody could tell it to stop

    network.go_on(f"site-{first.site_name}")
    network.until("the duplicate is stopped", lambda: not psutil.pid_exists(old))
    assert network["nation"].job(watched.id).state == JobState.RUNNING
    watched.gate.touch()
    check_ended_once(network, watched)


def test_a_center_that_was_killed_and_comes_back_after_the_end(
    network: Network, tmp_path: Path
) -> None:
    watched = Watched(network, tmp_path)
    first = watched.runs_at(1)
    [old] = watched.pids()
    network.kill(f"site-{first.site_name}")

    watched.runs_at(2)
    assert psutil.pid_exists(old)
    watched.gate.touch()  # both end; only one of them can say so
    check_ended_once(network, watched)

    network.start(f"site-{first.site_name}")
    network.until(
        "the center is heard again", lambda: not any(c.silent for c in network["nation"].clusters())
    )
    network.until(
        "the lost run is known to have ended",
        lambda: network["nation"].job(watched.id).runs[0].state == RunState.SUCCEEDED,
    )
    check_ended_once(network, watched)


def check_ended_once(network: Network, watched: Watched) -> None:
    done = network.ended("nation", watched.id)
    assert (done.state, done.attempts) == (JobState.SUCCEEDED, 2)
    ends = [h.what for h in done.history if h.what in ("succeeded", "failed", "canceled")]
    assert ends == ["succeeded"]
    assert done.site_name == done.runs[-1].site_name
    assert network.read("nation", watched.id) == "done\n"
    network.until("no process is left", lambda: not any(map(psutil.pid_exists, watched.pids())))
