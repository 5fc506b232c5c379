"""Which jobs keep coming in the demonstration, and when."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.cli.builders import a_detail
from tests.client.builders import URL, FakeServer
from weir.cli.demo_stream import EVERY_S, MOST, MOST_OPEN, WAVES, Stream, stream_of, with_wave
from weir.cli.network_file import read_network_file
from weir.client.http import Client
from weir.client.sdk import Weir
from weir.core.lifecycle import JobState

EXAMPLES = Path(__file__).parents[2] / "examples"


def stream(fake: FakeServer) -> Stream:
    server = Weir.over(Client(URL, transport=fake.transport))
    return stream_of(EXAMPLES / "jobs", {wave.domain: server for wave in WAVES})


def server(state: JobState) -> FakeServer:
    return FakeServer(
        {"POST /v1/jobs": {"ids": [["j-1"]]}, "GET /v1/jobs/j-1": a_detail("j-1", state=state)}
    )


def submitted(fake: FakeServer) -> int:
    return sum(asked.method == "POST" for asked in fake.asked)


def test_one_comes_at_a_time_and_never_too_many_are_at_work() -> None:
    fake = server(JobState.RUNNING)
    coming = stream(fake)
    for now in (0.0, 1.0, EVERY_S - 0.1):
        coming.step(now)
    assert submitted(fake) == 1
    for turn in range(1, 3 * MOST_OPEN):
        coming.step(turn * EVERY_S)
    assert submitted(fake) == MOST_OPEN


def test_others_come_when_some_have_ended_until_it_is_enough() -> None:
    fake = server(JobState.SUCCEEDED)
    coming = stream(fake)
    for turn in range(MOST + 5):
        coming.step(turn * EVERY_S)
    assert submitted(fake) == MOST
    assert len(coming.open) == 1


def test_a_server_that_is_away_is_asked_again_later() -> None:
    fake = server(JobState.SUCCEEDED)
    fake.replies["POST /v1/jobs"] = httpx.ConnectError("refused")
    coming = stream(fake)
    coming.step(0.0)
    assert coming.sent == 0
    fake.replies["POST /v1/jobs"] = {"ids": [["j-1"]]}
    coming.step(EVERY_S)
    assert coming.sent == 1


def test_every_one_fits_a_center_of_the_example_network() -> None:
    file = read_network_file(EXAMPLES / "network.yaml")
    pools = [p for site in file.sites for cluster in site.clusters for p in cluster.pools]
    spec = stream(server(JobState.RUNNING)).spec
    for wave in WAVES:
        assert wave.domain in {domain.name for domain in file.domains}
        [group] = with_wave(spec, wave).tasks
        assert [v.stack for v in group.variants] == [wave.stack]
        fit = [p for p in pools if wave.stack in p.traits and (p.devices or 0) >= 8]
        assert max((p.hosts or 0) for p in fit) >= wave.tasks
