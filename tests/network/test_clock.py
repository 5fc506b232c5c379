"""A region's clock is an hour fast: times are right above it and below it, and deadlines hold."""

import socket
import time
from collections.abc import Iterator

import pytest
import yaml

from tests.network.harness import Network, job, more, network_up
from tests.network.networks import TWO_TIERS
from weir.core.lifecycle import JobState, RunState
from weir.wire.jobs import JobDetailAnswer

HOUR_S = 3600.0
CLOSE_S = 5.0
START_WITHIN_S = 4.0
STAGE_WITHIN_S = 1


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """The region's server and its link have the fast clock, the nation and the center do not."""
    options = ("--lease", "3", "--lost-after", "60", "--start-within", f"{START_WITHIN_S:g}")
    off_s = {"region": HOUR_S, "link-region": HOUR_S}
    home = tmp_path_factory.mktemp("clock")
    with network_up(home, TWO_TIERS, *options, off_s=off_s) as network:
        _fetch_from_here_too(network, "site-center")
        yield network


def _fetch_from_here_too(network: Network, site: str) -> None:
    """Its operator lets jobs fetch from this machine, which is not public."""
    file = network.folder.home / "agents" / site / "agents.yaml"
    said = yaml.safe_load(file.read_text())
    said["agents"][0]["executor"]["data"] = {"inside": ["127.0.0.1"]}
    file.write_text(yaml.safe_dump(said))
    network.kill(site)

    def heard() -> float:
        by_name = {c.name: c for c in network["region"].clusters()}
        return by_name["main"].heard_at or 0.0

    before = heard()
    network.start(site)
    # Else a run might be given to nobody, and the job be handed down a second time.
    network.until(f"{site} is heard again", lambda: heard() > before)


def test_times_are_right_at_each_domain_by_its_own_clock(network: Network) -> None:
    before = time.time()
    [from_above] = network.submit("nation", job("above", "sleep 0.2; echo above"))
    [from_here] = network.submit("region", job("here", "sleep 0.2; echo here"))
    above = network.ended("nation", from_above)
    here = network.ended("region", from_here)
    [handed] = network.handed_to("region", from_above)
    after = time.time()

    check_times(above, before, after)
    check_times(here, before + HOUR_S, after + HOUR_S)
    check_times(handed, before + HOUR_S, after + HOUR_S)
    assert network.read("nation", from_above) == "above\n"


def check_times(done: JobDetailAnswer, before: float, after: float) -> None:
    assert done.state == JobState.SUCCEEDED
    assert done.started_at is not None and done.ended_at is not None
    assert before <= done.submitted_at <= after
    assert before - 1 <= done.started_at <= done.ended_at <= after + 1
    assert done.ended_at - done.started_at < CLOSE_S + after - before
    [run] = done.runs
    assert run.started_at is not None and run.ended_at is not None
    assert before - 1 <= run.started_at <= run.ended_at <= after + 1
    assert all(before - 1 <= h.at <= after + 1 for h in done.history)


def test_the_difference_is_shown(network: Network) -> None:
    [link] = network["nation"].clusters()
    assert abs(link.clock_skew_s - HOUR_S) < CLOSE_S
    by_name = {c.name: c for c in network["region"].clusters()}
    assert abs(by_name["main"].clock_skew_s + HOUR_S) < CLOSE_S
    assert by_name["nation"].clock_skew_s == 0  # the link's own clock is the region's
    shown = network.command("nation", "clusters")
    assert f"{link.clock_skew_s:+.1f} s" in shown.stdout


def test_a_run_that_does_not_start_in_time_is_refused_then_and_not_sooner_or_later(
    network: Network,
) -> None:
    with socket.socket() as mute:  # a server of inputs that takes calls and never answers
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/data"
        fetching = {"inputs": [{"path": "data", "url": url}], "stage_within": f"{STAGE_WITHIN_S}s"}
        slow = more(job("slow", "cat data"), **fetching)
        [mine] = network.submit("nation", slow)

        def refused() -> JobDetailAnswer | None:
            answer = network["nation"].job(mine)
            return answer if answer.runs and answer.runs[0].state == RunState.REFUSED else None

        answer = network.until("its first run is refused", refused)
        run = answer.runs[0]
        assert run.ended_at is not None
        least = START_WITHIN_S + STAGE_WITHIN_S
        assert least - 1 <= run.ended_at - run.assigned_at <= least + CLOSE_S
        assert "did not start in time" in run.reason or "not started within" in run.reason
        network["nation"].cancel(mine)
        assert network.ended("nation", mine).state == JobState.CANCELED
