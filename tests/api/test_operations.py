"""Operating a domain over HTTP: who may, and what is told of mistakes."""

from __future__ import annotations

from tests.api.conftest import Served

QUEUES = [{"name": "science"}, {"name": "physics", "parent": "science", "weight": 2}]


def test_an_operator_sets_policy_and_queues_and_all_may_look(served: Served) -> None:
    operator, http = served.headers(), served.http
    early = http.put("/v1/queues", headers=operator, json={"queues": QUEUES})
    assert (early.status_code, "knows no queues" in early.json()["detail"]) == (422, True)
    assert http.put("/v1/policy", headers=operator, json={"policy": "fair"}).status_code == 200
    answer = http.put("/v1/queues", headers=operator, json={"queues": QUEUES, "seen": 1})
    assert answer.status_code == 200, answer.text
    found = http.get("/v1/scheduling", headers=served.headers("viewer")).json()
    assert found == answer.json()
    assert (found["number"], found["policy"]) == (2, "fair")
    assert [q["name"] for q in found["queues"]] == ["science", "physics"]
    assert [c["set_by"] for c in found["changes"]] == ["operator", "operator"]
    listed = http.get("/v1/queues", headers=served.headers("viewer")).json()
    assert [(q["name"], q["parent"], q["weight"]) for q in listed] == [
        ("science", None, 1.0),
        ("physics", "science", 2.0),
    ]


def test_a_user_changes_neither(served: Served) -> None:
    for path, body in (("queues", {"queues": []}), ("policy", {"policy": "fifo"})):
        answer = served.http.put(f"/v1/{path}", headers=served.headers("user"), json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "weir.auth.forbidden")


def test_all_mistakes_of_queues_are_told_at_once(served: Served) -> None:
    body = {"queues": [{"name": "a", "parent": "b"}, {"name": "a"}, {"name": "c", "weight": 0}]}
    answer = served.http.put("/v1/queues", headers=served.headers(), json=body)
    assert answer.status_code == 422
    assert {e["field"] for e in answer.json()["errors"]} == {
        "queues[0].parent",
        "queues[1].name",
        "queues[2].weight",
    }
    for wrong in ({}, {"queues": 1}, {"queues": [], "seen": -1}):
        assert (
            served.http.put("/v1/queues", headers=served.headers(), json=wrong).status_code == 422
        )


def test_who_was_slower_is_told_so(served: Served) -> None:
    http, operator = served.http, served.headers()
    assert http.put("/v1/policy", headers=operator, json={"policy": "sjf", "seen": 0}).is_success
    late = http.put("/v1/policy", headers=operator, json={"policy": "fifo", "seen": 0})
    assert (late.status_code, late.json()["code"]) == (409, "weir.conflict")
    assert "look again" in late.json()["detail"]
