"""The SDK: jobs, their files, and waiting for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.builders import a_detail, a_job
from tests.client.builders import URL, FakeServer, Turns, piece, problem
from weir.client import Weir
from weir.client.files import pieces
from weir.client.problems import NotUnderstood
from weir.core.errors import BadInput, NotFound
from weir.core.lifecycle import JobState
from weir.wire.jobs import FileAnswer, FilesAnswer, JobsAnswer, SubmitAnswer

HELLO = {"name": "hello", "tasks": [{"command": ["echo", "hello"]}]}
GONE = problem(404, "weir.not_found", "no such file yet")


def weir_of(server: FakeServer) -> Weir:
    return Weir(URL, "secret", transport=server.transport)


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)


def test_submit_takes_a_dict_a_spec_or_a_file(tmp_path: Path) -> None:
    server = FakeServer({"POST /v1/jobs": SubmitAnswer(ids=(("j-1",),))})
    path = tmp_path / "hello.yaml"
    path.write_text("name: hello\ntasks: [{command: [echo, hello]}]\n")
    weir = weir_of(server)
    for job in (HELLO, path, str(path)):
        assert weir.submit(job).id == "j-1"
    assert len({request.content for request in server.asked}) == 1


def test_mistakes_are_found_before_anything_is_sent() -> None:
    server = FakeServer({})
    with pytest.raises(BadInput) as raised:
        weir_of(server).submit({"name": "A B", "tasks": [{}]})
    assert {"name", "tasks[0]"} <= {m.field for m in raised.value.mistakes}
    assert server.asked == []


def test_an_array_gives_its_members() -> None:
    server = FakeServer({"POST /v1/jobs": SubmitAnswer(ids=(("j-1",), ("j-2", "j-3")))})
    array = HELLO | {"array": {"count": 2}}
    assert [j.id for j in weir_of(server).submit_all([HELLO, array])] == ["j-1", "j-2", "j-3"]
    with pytest.raises(BadInput, match="submit_all"):
        weir_of(server).submit(array)


def test_jobs_goes_through_the_pages() -> None:
    def page(request: httpx.Request) -> JobsAnswer:
        if request.url.params.get("before") is None:
            return JobsAnswer(jobs=(a_job("j-3"), a_job("j-2")), next="j-2")
        return JobsAnswer(jobs=(a_job("j-1"),), next=None)

    server = FakeServer({"GET /v1/jobs": page})
    assert [j.id for j in weir_of(server).jobs()] == ["j-3", "j-2", "j-1"]
    assert [j.id for j in weir_of(server).jobs(limit=1)] == ["j-3"]


def test_logs_follow_across_pieces_until_nothing_more_can_come() -> None:
    text = "weather: 晴\n".encode()
    cut = text[:-3], text[-3:]
    replies = Turns(
        [
            GONE,
            piece(cut[0], len(cut[0]), False),
            piece(cut[1], len(text), False),
            piece(b"", len(text), True),
        ]
    )
    server = FakeServer(
        {"GET /v1/jobs/j-1/files/stdout": replies, "GET /v1/jobs/j-1": a_detail("j-1")}
    )
    clock = Clock()
    said = weir_of(server).logs("j-1", follow=True, sleep=clock.sleep)
    assert "".join(said) == "weather: 晴\n"
    offsets = [r.url.params["offset"] for r in server.asked if "offset" in r.url.params]
    assert offsets == ["0", "0", str(len(cut[0])), str(len(text))]


def test_logs_of_an_ended_job_that_has_none() -> None:
    ended = a_detail("j-1", state=JobState.CANCELED)
    server = FakeServer({"GET /v1/jobs/j-1/files/stdout": GONE, "GET /v1/jobs/j-1": ended})
    with pytest.raises(NotFound, match="no such file yet"):
        list(weir_of(server).logs("j-1", follow=True))


def test_without_follow_a_growing_file_is_read_to_its_end_now() -> None:
    server = FakeServer({"GET /v1/jobs/j-1/files/stdout": piece(b"so far", 6, False)})
    assert "".join(weir_of(server).logs("j-1")) == "so far"


def test_a_new_run_is_read_from_its_start() -> None:
    replies = Turns([piece(b"first run", 9, False), piece(b"", 3, False), piece(b"new", 3, True)])
    server = FakeServer({"GET /v1/jobs/j-1/files/stdout": replies})
    with weir_of(server) as weir:
        read: Iterator[bytes] = pieces(weir.client, "j-1", "stdout", follow=True)
        assert list(read) == [b"first run", b"new"]


def test_a_file_that_breaks_off_is_an_error_and_no_endless_loop() -> None:
    server = FakeServer({"GET /v1/jobs/j-1/files/out": piece(b"", 9, True)})
    with pytest.raises(NotUnderstood, match="0 of 9 bytes"):
        weir_of(server).fetch("j-1", "out")


def test_wait_looks_again_with_growing_pauses() -> None:
    running, ended = a_detail("j-1"), a_detail("j-1", state=JobState.SUCCEEDED)
    server = FakeServer({"GET /v1/jobs/j-1": Turns([running, running, running, ended])})
    clock = Clock()
    found = weir_of(server).wait("j-1", sleep=clock.sleep, clock=clock)
    assert found.state is JobState.SUCCEEDED
    assert clock.slept == [0.2, 0.5, 1.0]


def test_wait_gives_up_when_the_time_is_over() -> None:
    server = FakeServer({"GET /v1/jobs/j-1": a_detail("j-1")})
    clock = Clock()
    with pytest.raises(TimeoutError, match="still running after 1 s"):
        weir_of(server).wait("j-1", 1.0, sleep=clock.sleep, clock=clock)
    assert clock.now == pytest.approx(1.0)


def test_a_result_is_found_by_its_name_alone_also_once_it_comes() -> None:
    there = FilesAnswer(run="r-1", files=(FileAnswer(name="output/m.json", size=2),))
    empty = FilesAnswer(run=None, files=())
    server = FakeServer(
        {
            "GET /v1/jobs/j-1": a_detail("j-1"),
            "GET /v1/jobs/j-1/files": Turns([empty, there]),
            "GET /v1/jobs/j-1/files/output/m.json": piece(b"{}", 2, True),
        }
    )
    weir = weir_of(server)
    with pytest.raises(NotFound, match=r"has no file m\.json; there are: none yet"):
        weir.fetch("j-1", "m.json")
    assert weir.fetch("j-1", "m.json") == b"{}"
    assert weir.fetch("j-1", "output/m.json") == b"{}"
    server.replies["GET /v1/jobs/j-1/files"] = Turns([empty, there])
    said = weir.logs("j-1", "m.json", follow=True, sleep=Clock().sleep)
    assert "".join(said) == "{}"
