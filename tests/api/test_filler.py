"""Bytes by which an agent measures its way: taken from agents, kept by nobody."""

from __future__ import annotations

from tests.api.conftest import Served
from weir.control.authorize import authenticate
from weir.control.join import join, make_join_token
from weir.wire.joining import JoinRequest, JoinTokenRequest


def test_an_agent_may_send_what_nobody_reads(served: Served) -> None:
    token = make_join_token(served.context, JoinTokenRequest(kind="site", name="north")).token
    who = authenticate(served.context, token)
    agent = join(served.context, who, JoinRequest(cluster="main", executor="local")).token
    headers = {"Authorization": f"Bearer {agent}"}
    answer = served.http.post("/v1/filler", headers=headers, content=b"\x00\xff" * 2**19)
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_person_measures_nothing(served: Served) -> None:
    for role in ("operator", "viewer"):
        answer = served.http.post("/v1/filler", headers=served.headers(role), content=b"x")
        assert answer.status_code == 403
