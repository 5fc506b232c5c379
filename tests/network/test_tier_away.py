"""A tier is away for a while, the one above or the one below: what runs for it runs on."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.network.harness import Network, check_ticks, job, network_up, ticking_until
from tests.network.networks import TWO_TIERS
from weir.core.lifecycle import JobState, RunState
from weir.wire.jobs import JobDetailAnswer

LOST_AFTER_S = 9.0
"""Longer than a server takes to start again on a machine that does much else."""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    options = ("--lease", "2", "--lost-after", f"{LOST_AFTER_S:g}", "--start-within", "10")
    with network_up(tmp_path_factory.mktemp("tiers"), TWO_TIERS, *options) as network:
        yield network


class Ticking:
    """A job of the nation that runs at the region's center until it is told to end."""

    def __init__(self, network: Network, folder: Path) -> None:
        self._network, self._starts, self._gate = network, folder / "starts", folder / "gate"
        script = f"echo . >> {self._starts}; {ticking_until(self._gate)}"
        [self.id] = network.submit("nation", job("ticking", script))
        network.in_state("nation", self.id, JobState.RUNNING)
        [at_region] = network.handed_to("region", self.id)
        self.at_region = at_region.id

    def end(self) -> None:
        self._gate.touch()

    def check_ended_well(self) -> JobDetailAnswer:
        """It was started once and ended once, and the nation has all of its output."""
        done = self._network.ended("nation", self.id)
        assert (done.state, done.exit_code, done.attempts) == (JobState.SUCCEEDED, 0, 1)
        assert done.place == ("region", "center")
        assert self._starts.read_text() == ".\n"
        check_ticks(self._network.read("nation", self.id))
        return done


def test_a_region_goes_on_without_its_parent_and_tells_it_later(
    network: Network, tmp_path: Path
) -> None:
    ends_early, ends_late = tmp_path / "early", tmp_path / "late"
    ends_early.mkdir()
    ends_late.mkdir()
    early, late = Ticking(network, ends_early), Ticking(network, ends_late)

    # The parent is away for longer than it lets others be silent.
    network.kill("nation")
    away_since = time.time()
    [own] = network.submit("region", job("own", "echo own"))
    assert network.ended("region", own).state == JobState.SUCCEEDED
    early.end()
    here = network.ended("region", early.at_region)
    assert here.state == JobState.SUCCEEDED
    network.until("it was away that long", lambda: time.time() > away_since + LOST_AFTER_S + 1)

    # It comes back and hears what has happened: nothing is given up for its own absence.
    back_since = time.time()
    network.start("nation")
    done = early.check_ended_well()
    assert done.ended_at is not None and here.ended_at is not None
    assert abs(done.ended_at - here.ended_at) < 1
    assert done.ended_at < back_since

    # What still runs, runs on, and is where it was.
    still = network["nation"].job(late.id)
    assert (still.state, still.attempts) == (JobState.RUNNING, 1)
    late.end()
    late.check_ended_well()


def test_a_region_whose_server_and_link_are_killed_finds_its_jobs_again(
    network: Network, tmp_path: Path
) -> None:
    ticking = Ticking(network, tmp_path)
    network.kill("link-region")
    network.kill("region")
    ticking.end()
    network.start("region")
    network.start("link-region")
    ticking.check_ended_well()
    assert network.ended("region", ticking.at_region).attempts == 1


def test_a_run_that_was_given_up_goes_on_if_its_job_was_placed_nowhere_else(
    network: Network, tmp_path: Path
) -> None:
    ticking = Ticking(network, tmp_path)
    network.halt("link-region")

    def given_up() -> bool:
        answer = network["nation"].job(ticking.id)
        return answer.state == JobState.WAITING and answer.runs[0].state == RunState.LOST

    network.until("the nation gives the run up", given_up)
    network.go_on("link-region")
    network.in_state("nation", ticking.id, JobState.RUNNING)
    ticking.end()
    ticking.check_ended_well()
