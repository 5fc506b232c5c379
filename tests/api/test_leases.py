"""Leases over HTTP: an operator makes and ends them, everybody may look."""

from __future__ import annotations

from tests.api.conftest import Served

ASKED = {"pool": "CN.nothing", "hosts": 1, "user": "li", "lasts": "2h"}


def test_only_an_operator_promises_hosts(served: Served) -> None:
    refused = served.http.post("/v1/leases", headers=served.headers("user"), json=ASKED)
    assert refused.status_code == 403
    wrong = served.http.post("/v1/leases", headers=served.headers("operator"), json=ASKED)
    assert wrong.status_code == 422
    [mistake] = wrong.json()["errors"]
    assert (mistake["field"], "weir pools" in mistake["message"]) == ("pool", True)


def test_everybody_sees_what_is_leased(served: Served) -> None:
    answer = served.http.get("/v1/leases", headers=served.headers("viewer"))
    assert (answer.status_code, answer.json()) == (200, [])
    gone = served.http.delete("/v1/leases/l1", headers=served.headers("operator"))
    assert gone.status_code == 404
    assert served.http.delete("/v1/leases/l1", headers=served.headers("user")).status_code == 403
