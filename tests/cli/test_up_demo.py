"""What the demonstration tells of its jobs, and how it fails."""

import json
from pathlib import Path

import pytest

from tests.cli.builders import a_candidate, a_detail
from tests.client.builders import URL, FakeServer, piece
from weir.cli.demo import PARTS, DemoFailed, show_jobs
from weir.cli.network_file import read_network_file
from weir.cli.network_join import Folder, Server
from weir.cli.processes import Children
from weir.cli.up import Network
from weir.client.http import Client
from weir.core.lifecycle import JobState
from weir.wire.jobs import WhyAnswer

EXAMPLES = Path(__file__).parents[2] / "examples"
DONE = {"state": JobState.SUCCEEDED, "exit_code": 0, "ended_at": 1_700_000_003.0}


def network(fake: FakeServer, home: Path) -> Network:
    """The example network, of which one fake server plays every part."""
    file = read_network_file(EXAMPLES / "network.yaml")
    client = Client(URL, transport=fake.transport)
    servers = {d.name: Server(d.name, URL, client) for d in file.domains}
    return Network(file, home, Folder(home), servers, Children(home))


def server(**job: object) -> FakeServer:
    done = a_detail("j-1", started_at=1_700_000_000.0, **job)
    chosen, other = a_candidate("npu"), a_candidate("dcu", emulated=False, cost=0.5)
    why = WhyAnswer(job="j-1", state=done.state, text="why", chosen=chosen, runner_up=other)
    result = json.dumps({"accuracy": 0.97, "rows": 178}).encode()
    return FakeServer(
        {
            "POST /v1/jobs": {"ids": [["j-1"]]},
            "GET /v1/jobs/j-1": done,
            "GET /v1/jobs/j-1/why": why,
            "GET /v1/jobs/j-1/files/output/result.json": piece(result, len(result), True),
            "GET /v1/jobs/j-1/files/stderr": piece(b"Traceback\nno such module\n", 25, True),
        }
    )


def test_each_part_is_told_with_its_place_its_reason_and_its_result(tmp_path: Path) -> None:
    said: list[str] = []
    show_jobs(network(server(**DONE), tmp_path), EXAMPLES / "jobs", said.append)
    text = "\n".join(said)
    assert text.count("placed    North Center / npu (emulated)") == len(PARTS)
    assert "why       cost 0.35 = price 0.32 + latency 0.03, at 64.00 CNY/h" in text
    assert "next best North Center / dcu: cost 0.50" in text
    assert "through   national > north > north-center" in text
    assert "finished  succeeded in 3.0s" in text
    assert "result    accuracy 0.97, rows 178" in text
    assert "all 4 jobs succeeded" in text


def test_a_failed_job_ends_it_with_the_reason_and_the_end_of_its_errors(tmp_path: Path) -> None:
    fake = server(state=JobState.FAILED, exit_code=1, reason="exit code 1")
    with pytest.raises(DemoFailed, match="exit code 1; Traceback; no such module"):
        show_jobs(network(fake, tmp_path), EXAMPLES / "jobs", lambda line: None)


def test_a_result_that_does_not_come_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weir.cli.demo.FILE_COMES_S", 0)
    fake = server(**DONE)
    del fake.replies["GET /v1/jobs/j-1/files/output/result.json"]
    with pytest.raises(DemoFailed, match=r"its output/result\.json is missing"):
        show_jobs(network(fake, tmp_path), EXAMPLES / "jobs", lambda line: None)


def test_a_job_that_takes_too_long_is_told_with_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weir.cli.demo.JOBS_TAKE_S", 0)
    with pytest.raises(DemoFailed, match=r"still running after 0 s: why"):
        show_jobs(network(server(), tmp_path), EXAMPLES / "jobs", lambda line: None)
