"""submit, wait, cancel: what is sent, what is printed, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.builders import NOW, a_detail, a_job, weir
from tests.client.builders import FakeServer, Turns, problem
from weir.core.lifecycle import JobState
from weir.wire.jobs import JobsAnswer, SubmitAnswer

DONE: dict[str, Any] = {"state": JobState.SUCCEEDED, "ended_at": NOW - 2, "exit_code": 0}


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three job files, the last one an array, and two with mistakes."""
    monkeypatch.chdir(tmp_path)
    for name, more in (("a", ""), ("b", ""), ("sweep", "array: {count: 2}\n")):
        Path(f"{name}.yaml").write_text(f"name: {name}\ntasks: [{{command: [echo]}}]\n{more}")
    Path("bad1.yaml").write_text("name: bad\n")
    Path("bad2.yaml").write_text("name: bad\ntasks: [{command: [echo]}]\npriority: 101\n")


def answers(*ids: tuple[str, ...]) -> dict[str, SubmitAnswer]:
    return {"POST /v1/jobs": SubmitAnswer(ids=ids)}


def test_one_call_for_all_files_and_an_id_a_line() -> None:
    server = FakeServer(answers(("j-1",), ("j-2",)))
    result = weir(server, "submit", "a.yaml", "b.yaml", "--key", "today")
    assert (result.exit_code, result.stdout) == (0, "j-1\nj-2\n")
    (request,) = server.asked
    jobs = json.loads(request.content)["jobs"]
    assert [(j["spec"]["name"], j["key"]) for j in jobs] == [("a", "today-1"), ("b", "today-2")]


def test_the_key_of_one_file_is_used_as_it_is() -> None:
    server = FakeServer(answers(("j-1",)))
    weir(server, "submit", "a.yaml", "--key", "today", "--set", "name=trial")
    (job,) = json.loads(server.asked[0].content)["jobs"]
    assert (job["key"], job["spec"]["name"]) == ("today", "trial")


def test_of_an_array_its_own_id_is_printed_and_the_rest_is_said_aside() -> None:
    replies = {"POST /v1/jobs": SubmitAnswer(ids=(("j-1", "j-2"),), arrays=("a-7",))}
    result = weir(replies, "submit", "sweep.yaml")
    assert result.stdout == "a-7\n"
    assert result.stderr == "sweep is the array a-7 of 2 jobs; `weir jobs --array a-7`\n"
    older = answers(("j-1", "j-2")) | {"GET /v1/jobs/j-1": a_detail(array="a-7", array_index=0)}
    assert weir(older, "submit", "sweep.yaml").stdout == "a-7\n"


def test_all_mistakes_of_all_files_and_nothing_is_sent() -> None:
    server = FakeServer({})
    result = weir(server, "submit", "bad1.yaml", "a.yaml", "bad2.yaml", "gone.yaml")
    assert (result.exit_code, result.stdout, server.asked) == (2, "", [])
    assert "bad1.yaml:1 tasks: is missing" in result.stderr
    assert "bad2.yaml:3 priority: " in result.stderr
    assert "gone.yaml can't be read" in result.stderr


def test_submit_and_wait_says_how_it_ended() -> None:
    replies = answers(("j-1",)) | {"GET /v1/jobs/j-1": Turns([a_detail(), a_detail(**DONE)])}
    result = weir(replies, "submit", "a.yaml", "--wait")
    assert result.exit_code == 0
    assert result.stdout == "j-1\n"
    assert result.stderr == "j-1 train succeeded after 40s, exit code 0\n"


def test_the_servers_own_mistakes_are_listed() -> None:
    errors = [{"field": "jobs[0].spec", "message": "is not wanted"}]
    refusal = problem(422, "weir.input.invalid", "The request has one mistake", errors)
    result = weir({"POST /v1/jobs": refusal}, "submit", "a.yaml")
    assert result.exit_code == 2
    assert result.stderr == ("error: The request has one mistake\n  jobs[0].spec: is not wanted\n")


def test_no_server_answers() -> None:
    result = weir({"POST /v1/jobs": httpx.ConnectError("refused")}, "submit", "a.yaml")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "http://weir.test can't be reached: refused" in result.stderr


def test_no_server_is_known() -> None:
    result = weir({}, "submit", "a.yaml", env={"WEIR_URL": ""})
    assert result.exit_code == 2
    assert "weir up examples/network.yaml" in result.stderr


def test_wait_fails_with_the_job() -> None:
    ended: dict[str, Any] = {"ended_at": NOW - 2, "exit_code": 9, "reason": "killed"}
    replies = {
        "GET /v1/jobs/j-1": a_detail("j-1", **DONE),
        "GET /v1/jobs/j-2": a_detail("j-2", state=JobState.FAILED, **ended),
    }
    result = weir(replies, "wait", "j-1", "j-2")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1] == "j-2 train failed after 40s, exit code 9: killed"


def test_wait_no_longer_than_asked() -> None:
    result = weir({"GET /v1/jobs/j-1": a_detail()}, "wait", "j-1", "--timeout", "5")
    assert (result.exit_code, result.stdout) == (124, "")
    assert result.stderr == "j-1 has not ended within 5 s\n"


def test_cancel_goes_on_and_says_that_one_failed() -> None:
    server = FakeServer({"POST /v1/jobs/j-2/cancel": a_job("j-2", state=JobState.CANCELED)})
    result = weir(server, "cancel", "j-1", "j-2")
    assert (result.exit_code, result.stdout) == (1, "j-2 is canceled\n")
    assert "j-1" in result.stderr


def test_cancel_an_array_leaves_what_has_ended() -> None:
    members = (a_job("j-1", array="a-1"), a_job("j-2", array="a-1", **DONE))
    server = FakeServer(
        {
            "GET /v1/jobs": JobsAnswer(jobs=members, next=None),
            "POST /v1/jobs/j-1/cancel": a_job("j-1", state=JobState.CANCELED),
        }
    )
    result = weir(server, "cancel", "--array", "a-1", "--json")
    assert result.exit_code == 0
    assert [job["id"] for job in json.loads(result.stdout)] == ["j-1"]


def test_a_job_that_runs_is_asked_to_stop() -> None:
    result = weir({"POST /v1/jobs/j-1/cancel": a_job("j-1")}, "cancel", "j-1")
    assert result.stdout == "j-1 is running, and is asked to stop\n"


def test_a_server_that_goes_away_is_asked_again_for_a_minute() -> None:
    away = httpx.ConnectError("refused")
    replies = {"GET /v1/jobs/j-1": Turns([a_detail(), away, away, a_detail(**DONE)])}
    result = weir(replies, "wait", "j-1")
    assert (result.exit_code, result.stderr.count("trying again for 60 s")) == (0, 1)
    gone = weir({"GET /v1/jobs/j-1": Turns([a_detail(), away])}, "wait", "j-1")
    assert gone.exit_code == 3


def test_ctrl_c_is_silent() -> None:
    def interrupted(_request: httpx.Request) -> Any:
        raise KeyboardInterrupt

    result = weir({"GET /v1/jobs/j-1": interrupted}, "wait", "j-1")
    assert (result.exit_code, result.output) == (130, "")


def test_an_exit_code_is_said_once() -> None:
    ended: dict[str, Any] = {"ended_at": NOW - 2, "exit_code": 3, "reason": "exit code 3"}
    replies = {"GET /v1/jobs/j-1": a_detail("j-1", state=JobState.FAILED, **ended)}
    assert weir(replies, "wait", "j-1").stdout == "j-1 train failed after 40s: exit code 3\n"


def test_cancel_what() -> None:
    assert weir({}, "cancel").exit_code == 2
