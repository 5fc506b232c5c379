"""An array's id stands for its members, at every command that takes a job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.builders import NOW, a_detail, a_job, weir
from tests.client.builders import FakeServer, piece
from weir.core.lifecycle import JobState
from weir.wire.jobs import FileAnswer, FilesAnswer, JobsAnswer, WhyAnswer

DONE: dict[str, Any] = {"state": JobState.SUCCEEDED, "ended_at": NOW - 2, "exit_code": 0}
BAD = DONE | {"state": JobState.FAILED, "exit_code": 7, "reason": "exit code 7"}
OF = {"name": "sweep", "array": "a-1"}
RESULT = FilesAnswer(run="r-1", files=(FileAnswer(name="output/result.json", size=2),))


@pytest.fixture
def server() -> FakeServer:
    """An array of three: one succeeded, one failed, one runs. Listed newest first."""
    members = (
        a_job("j-3", array_index=2, **OF),
        a_job("j-2", array_index=1, **OF, **BAD),
        a_job("j-1", array_index=0, **OF, **DONE),
    )
    replies: dict[str, Any] = {
        "GET /v1/jobs": JobsAnswer(jobs=members, next=None),
        "GET /v1/jobs/j-1": a_detail("j-1", array_index=0, **OF, **DONE),
        "GET /v1/jobs/j-2": a_detail("j-2", array_index=1, **OF, **BAD),
        "GET /v1/jobs/j-3": a_detail("j-3", array_index=2, **OF, **DONE),
        "POST /v1/jobs/j-3/cancel": a_job("j-3", array_index=2, **OF),
    }
    for job, state in (("j-1", "succeeded"), ("j-2", "failed"), ("j-3", "running")):
        text = "It ran on pool P." if state != "running" else "It is on pool P."
        replies[f"GET /v1/jobs/{job}/why"] = WhyAnswer(job=job, state=JobState(state), text=text)
        replies[f"GET /v1/jobs/{job}/files"] = RESULT
        replies[f"GET /v1/jobs/{job}/files/output/result.json"] = piece(b"{}", 2, True)
        replies[f"GET /v1/jobs/{job}/files/stdout"] = piece(job.encode() + b"\n", 4, True)
    return FakeServer(replies)


def test_wait_waits_for_all_and_fails_with_the_worst(server: FakeServer) -> None:
    result = weir(server, "wait", "a-1")
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["j-1", "j-2", "j-3"]
    assert result.exit_code == 1


def test_cancel_cancels_what_has_not_ended(server: FakeServer) -> None:
    result = weir(server, "cancel", "a-1")
    assert (result.exit_code, result.stdout) == (0, "j-3 is running, and is asked to stop\n")


def test_show_is_a_table_of_the_members(server: FakeServer) -> None:
    lines = weir(server, "show", "a-1").stdout.splitlines()
    assert lines[0] == "a-1 sweep has 3 jobs: 1 succeeded, 1 failed, 1 running"
    assert [line.split()[1] for line in lines[3:]] == ["sweep[0]", "sweep[1]", "sweep[2]"]


def test_why_says_each_sentence_once(server: FakeServer) -> None:
    server.replies["GET /v1/jobs/j-2/why"] = server.replies["GET /v1/jobs/j-1/why"]
    assert weir(server, "why", "a-1").stdout == (
        "STATE      JOBS  NUMBERS  WHY\n"
        "succeeded     2  0, 1     It ran on pool P.\n"
        "running       1  2        It is on pool P.\n"
    )


def test_fetch_has_a_folder_for_each_member(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert weir(server, "fetch", "a-1", "result.json").exit_code == 0
    found = sorted(str(p) for p in Path("a-1").rglob("*.json"))
    assert found == [f"a-1/{n}/output/result.json" for n in range(3)]


def test_logs_stand_under_each_members_name(server: FakeServer) -> None:
    text = weir(server, "logs", "a-1").stdout
    assert text.startswith(
        "==> sweep[0] j-1 succeeded <==\nj-1\n==> sweep[1] j-2 failed <==\nj-2\n"
    )
    following = weir(server, "logs", "-f", "a-1")
    assert following.exit_code == 2
    assert "a-1 is an array" in following.stderr


def test_files_are_listed_with_their_member(server: FakeServer) -> None:
    lines = weir(server, "files", "a-1").stdout.splitlines()
    assert lines[1].split() == ["sweep[0]", "output/result.json", "2", "B"]


def test_an_array_that_is_not_there() -> None:
    nothing = {"GET /v1/jobs": JobsAnswer(jobs=(), next=None)}
    for verb in ("show", "why", "wait", "logs", "files", "fetch", "cancel"):
        result = weir(nothing, verb, "a-9")
        assert (result.exit_code, "no array a-9" in result.stderr) == (1, True)
