"""A job goes where its pool is: up one region, through the nation, down another. Never round."""

from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.network.harness import Network, check_ticks, job, more, ticking_until
from weir.core.errors import Conflict
from weir.core.lifecycle import JobState
from weir.wire.jobs import Origin, Submission, SubmitRequest
from weir.wire.pools import PoolAnswer

NPU: dict[str, Any] = {"devices": {"count": 1, "models": ["huawei-ascend-910b"]}}
BOTH_NPUS: dict[str, Any] = {"devices": {"count": 2, "models": ["huawei-ascend-910b"]}}


def test_a_job_overflows_to_the_other_region_and_all_is_read_at_home(
    country: Network, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    script = f"{ticking_until(gate)}; echo 42 > answer.txt"
    spec = more(job("overflow", script, **NPU), outputs=[{"path": "answer.txt"}])
    [mine] = country.submit("region-a", spec)

    # It runs at region B, and what it writes can be followed at region A.
    country.in_state("region-a", mine, JobState.RUNNING)
    followed, offset = "", 0
    while followed.count("\n") < 3:
        piece = country["region-a"].read_file(mine, "stdout", offset, wait_s=10)
        followed, offset = followed + piece.data.decode(), offset + len(piece.data)
        assert not piece.complete
    gate.touch()

    # It ends, and all of it is at home.
    done = country.ended("region-a", mine)
    assert (done.state, done.exit_code) == (JobState.SUCCEEDED, 0)
    assert done.place == ("nation", "region-b", "site-b")
    check_ticks(country.read("region-a", mine))
    assert country.read("region-a", mine).startswith(followed)
    assert country.read("region-a", mine, "output/answer.txt") == "42\n"

    # Each domain on the way knows which way it has come.
    [at_nation], [at_b] = country.handed_to("nation", mine), country.handed_to("region-b", mine)
    home, nation = country.identifier("region-a"), country.identifier("nation")
    assert done.path == ()
    assert at_nation.path == (home,)
    assert at_b.path == (home, nation)
    assert at_b.submitter == done.submitter


def test_canceling_at_home_stops_the_process_in_the_other_region(
    country: Network, tmp_path: Path
) -> None:
    says = tmp_path / "pid"
    [mine] = country.submit("region-a", job("endless", f"echo $$ > {says}; sleep 600", **NPU))
    country.in_state("region-a", mine, JobState.RUNNING)
    country.until("it says who it is", lambda: says.exists() and says.read_text() != "")
    pid = int(says.read_text())
    assert psutil.pid_exists(pid)

    country["region-a"].cancel(mine)

    country.until("the process is gone", lambda: not psutil.pid_exists(pid))
    assert country.ended("region-a", mine).state == JobState.CANCELED
    for domain in ("nation", "region-b"):
        [there] = country.handed_to(domain, mine)
        assert country.ended(domain, there.id).state == JobState.CANCELED


def test_a_job_that_nobody_can_take_now_waits_at_home_and_does_not_go_round(
    country: Network, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    [busy] = country.submit("region-b", job("busy", ticking_until(gate), **BOTH_NPUS))
    country.in_state("region-b", busy, JobState.RUNNING)
    # A pool of cores has no free device either: only the NPUs' pool tells.
    country.until(
        "region A has heard that the pool is full",
        lambda: [p.free_devices_milli for p in _npus(country)] == [0],
    )

    [mine] = country.submit("region-a", job("patient", "echo done", **BOTH_NPUS))
    other = country.submit("region-a", job("other", "echo done"))[0]
    country.ended("region-a", other)  # a round has passed since
    assert country["region-a"].job(mine).state == JobState.WAITING
    why = country["region-a"].why(mine)
    assert "BUSY" in {r.reason for r in why.reasons} and not why.hopeless
    for domain in ("nation", "region-b", "works"):
        assert country.handed_to(domain, mine) == []

    gate.touch()
    assert country.ended("region-a", mine).state == JobState.SUCCEEDED
    assert len(country.handed_to("nation", mine)) == len(country.handed_to("region-b", mine)) == 1
    assert len(country.handed_to("region-a", mine)) == 1


def _npus(country: Network) -> list[PoolAnswer]:
    """The pools of NPUs, as region A knows them."""
    [model] = NPU["devices"]["models"]
    return [p for p in country["region-a"].pools() if p.device_model == model]


def test_a_job_of_an_industry_node_goes_up_twice_and_down_again(country: Network) -> None:
    [mine] = country.submit("works", job("far", "echo here", sites=["site-a"]))
    done = country.ended("works", mine)
    assert done.state == JobState.SUCCEEDED
    assert done.place == ("region-b", "nation", "region-a", "site-a")
    assert country.read("works", mine) == "here\n"
    [at_a] = country.handed_to("region-a", mine)
    way = tuple(country.identifier(d) for d in ("works", "region-b", "nation"))
    assert at_a.path == way


def test_a_domain_takes_no_job_back_that_has_been_through_it(country: Network) -> None:
    token = (country.folder.link("region-a") / "uplink.token").read_text()
    home, nation = country.identifier("region-a"), country.identifier("nation")
    pool = country["region-a"].pools()[0].id
    origin = Origin(
        run="r-1", root_job="j-1", submitter="li", path=(home, nation), pool=pool, start_within_s=5
    )
    request = SubmitRequest(jobs=(Submission(spec=job("loop", "true"), origin=origin),))
    with country.connect("region-a", token) as link, pytest.raises(Conflict) as refused:
        link.submit(request)
    assert f"{home} -> {nation} -> {home}" in refused.value.detail
