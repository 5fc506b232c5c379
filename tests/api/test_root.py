"""What a server says of itself to anybody, and what only an operator may take out of it."""

from tests.api.conftest import Served
from weir.control.authorize import authenticate
from weir.control.join import join, make_join_token
from weir.wire.joining import JoinRequest, JoinTokenRequest


def test_anybody_is_told_what_this_is(served: Served) -> None:
    answer = served.http.get("/")
    assert answer.status_code == 200
    assert answer.json() == {
        "name": "nation",
        "kind": "national",
        "id": "CN-F",
        "version": "test",
        "api": "/openapi.json",
    }


def test_an_operator_removes_a_cluster(served: Served) -> None:
    token = make_join_token(served.context, JoinTokenRequest(kind="site", name="north")).token
    who = authenticate(served.context, token)
    cluster = join(served.context, who, JoinRequest(cluster="main", executor="local")).cluster
    at, operator = f"/v1/clusters/{cluster}", served.headers()
    assert served.http.delete(at, headers=served.headers("user")).status_code == 403
    assert len(served.http.get("/v1/clusters", headers=operator).json()) == 1
    assert served.http.delete(at, headers=operator).status_code == 204
    assert served.http.get("/v1/clusters", headers=operator).json() == []
    assert served.http.delete(at, headers=operator).json()["code"] == "weir.not_found"


def test_a_spec_is_not_for_every_viewer(served: Served) -> None:
    task = {"command": ["true"], "environment": {"TOKEN": "secret"}}
    body = {"jobs": [{"spec": {"name": "hello", "tasks": [task]}}]}
    sent = served.http.post("/v1/jobs", headers=served.headers("user"), json=body).json()
    at = f"/v1/jobs/{sent['ids'][0][0]}"
    for role, shown in (("user", True), ("operator", True), ("viewer", False)):
        answer = served.http.get(at, headers=served.headers(role))
        assert ("secret" in answer.text) is shown, role
        assert (answer.json()["spec"] is not None) is shown, role
