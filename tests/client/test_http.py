"""The client: what it sends, what it makes of answers, and what it raises."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.client.builders import URL, FakeServer, piece, problem
from weir.client.http import Client, Unreachable
from weir.client.problems import NotUnderstood, classes
from weir.core.errors import (
    BadInput,
    InventoryConflict,
    Mistake,
    NotFound,
    NotSignedIn,
    Superseded,
    WeirError,
)
from weir.core.lifecycle import JobState, RunEvent
from weir.wire.exchange import ExchangeAnswer, ExchangeRequest, Observation
from weir.wire.jobs import JobsAnswer, Submission, SubmitAnswer, SubmitRequest
from weir.wire.jobspec import JobSpec

EXCHANGED = ExchangeAnswer(
    domain="CN-F", generation=2, acknowledged=7, lease_s=30, server_time=1000.0
)


def client_of(server: FakeServer, token: str | None = "secret") -> Client:
    return Client(URL, token, transport=server.transport)


def exchange_request(wait_s: float = 0) -> ExchangeRequest:
    seen = Observation(seq=7, run="r-1", event=RunEvent.STARTED, at=999.0)
    return ExchangeRequest(
        cluster="CN.S1.C1-5",
        incarnation="incarnation",
        journal="journal-1",
        sent_at=999.5,
        hello=False,
        observations=(seen,),
        wait_s=wait_s,
    )


def test_the_token_goes_in_the_header_and_nowhere_else() -> None:
    server = FakeServer({"GET /v1/jobs": JobsAnswer(jobs=(), next=None)})
    client = client_of(server, "top-secret\n")

    client.jobs(state=JobState.RUNNING, limit=5)
    client.jobs(state=[JobState.WAITING, JobState.PLACED])

    request, several = server.asked
    assert several.url.query == b"state=waiting&state=placed"
    assert request.headers["authorization"] == "Bearer top-secret"
    assert str(request.url) == f"{URL}/v1/jobs?state=running&limit=5"
    assert "top-secret" not in repr(client)


def test_no_token_no_header() -> None:
    server = FakeServer({"GET /v1/pools": []})
    assert client_of(server, None).pools() == []
    assert "authorization" not in server.asked[0].headers


def test_exchange_leaves_out_what_has_its_default() -> None:
    server = FakeServer({"POST /v1/exchange": EXCHANGED})

    assert client_of(server).exchange(exchange_request()) == EXCHANGED

    (request,) = server.asked
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.content) == {
        "cluster": "CN.S1.C1-5",
        "incarnation": "incarnation",
        "journal": "journal-1",
        "sent_at": 999.5,
        "observations": [{"seq": 7, "run": "r-1", "event": "started", "at": 999.0}],
    }


def test_a_submission_keeps_what_was_written_even_if_it_is_the_default() -> None:
    server = FakeServer({"POST /v1/jobs": SubmitAnswer(ids=(("j-1",),))})
    spec = JobSpec.model_validate({"name": "a", "tasks": [{"command": ["true"]}], "retries": 0})

    client_of(server).submit(SubmitRequest(jobs=(Submission(spec=spec),)))

    (sent,) = json.loads(server.asked[0].content)["jobs"]
    assert sent == {"spec": {"name": "a", "tasks": [{"command": ["true"]}], "retries": 0}}


@pytest.mark.parametrize("wait_s", [0, 25, 60])
def test_a_long_call_may_be_answered_after_its_wait(wait_s: float) -> None:
    server = FakeServer({"POST /v1/exchange": EXCHANGED})
    client_of(server).exchange(exchange_request(wait_s))
    timeout = server.asked[0].extensions["timeout"]
    assert timeout == {"connect": 10.0, "read": 30.0 + wait_s, "write": 30.0, "pool": 30.0}


def test_ids_and_file_names_can_not_leave_their_place_in_the_path() -> None:
    server = FakeServer({"GET /v1/jobs/a/b?c/files/x/y z": piece(b"abc", 3, True)})
    read = client_of(server).read_file("a/b?c", "x/y z", offset=1, limit=9, wait_s=2)
    assert (read.data, read.size, read.complete) == (b"abc", 3, True)
    sent = server.asked[0].url.raw_path.decode()
    assert sent == "/v1/jobs/a%2Fb%3Fc/files/x/y%20z?offset=1&limit=9&wait_s=2"
    with pytest.raises(BadInput):
        client_of(server).job("..")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "weir.auth.required", NotSignedIn),
        (404, "weir.not_found", NotFound),
        (409, "weir.inventory.conflict", InventoryConflict),
        (409, "weir.agent.superseded", Superseded),
        (422, "weir.input.invalid", BadInput),
    ],
)
def test_a_problem_is_raised_as_the_error_it_was(
    status: int, code: str, kind: type[WeirError]
) -> None:
    errors = [{"field": "jobs[0].spec.name", "message": "is missing", "line": 3}, {"field": "x"}]
    server = FakeServer({"GET /v1/domain": problem(status, code, "so it is", errors)})
    with pytest.raises(WeirError) as raised:
        client_of(server).domain()
    assert type(raised.value) is kind
    assert raised.value.detail == "so it is"
    assert raised.value.mistakes == (
        Mistake("jobs[0].spec.name", "is missing", 3),
        Mistake("x", "is wrong"),
    )


def test_every_published_code_has_its_class() -> None:
    table = classes()
    assert table["weir.internal"] is WeirError
    assert all(kind.code == code for code, kind in table.items())


def test_an_unknown_code_keeps_its_status_and_code() -> None:
    server = FakeServer({"GET /v1/domain": problem(418, "weir.new.one", "newer than this")})
    with pytest.raises(WeirError) as raised:
        client_of(server).domain()
    assert type(raised.value) is WeirError
    assert (raised.value.status, raised.value.code) == (418, "weir.new.one")
    assert WeirError.status == 500


@pytest.mark.parametrize(
    ("response", "kind", "says"),
    [
        (httpx.Response(502, text="<html>"), Unreachable, "gateway"),
        (httpx.Response(404, text="nginx"), WeirError, "check the address"),
        (httpx.Response(302, headers={"location": "http://evil"}), WeirError, "http://evil"),
        (httpx.Response(200, text="hello"), NotUnderstood, "is not understood"),
        (httpx.Response(200, json={"id": 5}), NotUnderstood, "is not understood"),
    ],
)
def test_what_weir_did_not_write(
    response: httpx.Response, kind: type[WeirError], says: str
) -> None:
    server = FakeServer({"GET /v1/domain": response})
    with pytest.raises(WeirError, match=says) as raised:
        client_of(server).domain()
    assert type(raised.value) is kind
    assert URL in raised.value.detail


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        (httpx.ConnectError("refused"), "Check that the server runs"),
        (httpx.ReadTimeout("slow"), "try again"),
        (httpx.RemoteProtocolError("gone"), "broke"),
    ],
)
def test_no_answer_says_where_what_and_what_to_check(trouble: Exception, says: str) -> None:
    server = FakeServer({"POST /v1/exchange": trouble})
    with pytest.raises(Unreachable, match=says) as raised:
        client_of(server).exchange(exchange_request())
    assert (raised.value.status, raised.value.code) == (503, "weir.unreachable")
    assert URL in raised.value.detail
    assert len(server.asked) == 1, "nothing is tried twice"


@pytest.mark.parametrize(
    "url",
    ["", "weir.test", "ftp://weir.test", "http://", "http://me:pw@weir.test", "http://a/?b=c"],
)
def test_urls_that_are_no_servers(url: str) -> None:
    with pytest.raises(BadInput):
        Client(url)


@pytest.mark.parametrize("token", ["", "two words", "a\nb", "schlüssel"])
def test_tokens_that_are_none(token: str) -> None:
    with pytest.raises(BadInput) as raised:
        Client(URL, token)
    assert not token or token not in raised.value.detail


def test_a_server_may_stand_under_a_path() -> None:
    server = FakeServer({"GET /weir/healthz": {}})
    Client(f"{URL}/weir/", transport=server.transport).alive()


def test_a_file_without_its_size_is_not_understood() -> None:
    server = FakeServer({"GET /v1/jobs/j/files/stdout": httpx.Response(200, content=b"abc")})
    with pytest.raises(NotUnderstood):
        client_of(server).read_file("j", "stdout")


def test_a_cluster_is_removed_by_its_identifier() -> None:
    server = FakeServer({"DELETE /v1/clusters/CN.S1.C1-5": httpx.Response(204)})
    client_of(server).remove_cluster("CN.S1.C1-5")
    assert [r.method for r in server.asked] == ["DELETE"]
