"""Every route: who may call it, how its failures look, that the description names it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable

import pytest
from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.api.conftest import Served
from weir.api.routes import OPEN, ROUTES, Route

GUARDED = [r for r in ROUTES if r.path not in OPEN]
_parsed: Callable[[str], Iterable[Metric]] = text_string_to_metric_families
JOB = {"name": "hello", "tasks": [{"command": ["true"]}]}


def path_of(route: Route) -> str:
    return re.sub(r"{[^}]+}", "x", route.path)


@pytest.mark.parametrize("route", GUARDED, ids=lambda r: f"{r.method} {r.path}")
def test_without_a_token_nothing_is_done_or_told(served: Served, route: Route) -> None:
    answer = served.http.request(route.method, path_of(route))
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "weir.auth.required"
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "route", [r for r in GUARDED if r.method != "GET"], ids=lambda r: f"{r.method} {r.path}"
)
def test_a_viewer_changes_nothing(served: Served, route: Route) -> None:
    body = {"spec": JOB} if route.path == "/v1/find" else {"jobs": [{"spec": JOB}]}
    answer = served.http.request(
        route.method, path_of(route), headers=served.headers("viewer"), json=body
    )
    if route.tag == "prometheus":  # asking changes nothing; these are asked by form
        assert answer.status_code in (200, 400)
    elif route.path == "/v1/find":
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["code"]) == (403, "weir.auth.forbidden")


@pytest.mark.parametrize("token", ["", "nonsense", "Bearer", "Basic eDp5", "Bearer weir_x"])
def test_a_token_that_is_none_is_told_so(served: Served, token: str) -> None:
    answer = served.http.get("/v1/jobs", headers={"Authorization": token})
    assert answer.status_code == 401


def test_all_mistakes_of_a_request_are_named_at_once(served: Served) -> None:
    job = {"name": "Bad Name", "kind": "service", "tasks": [{"cpu": "-1", "memroy": "1GiB"}]}
    answer = served.http.post(
        "/v1/jobs", headers=served.headers("user"), json={"jobs": [{"spec": job}]}
    )
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["type"] == "urn:weir:problem:weir.input.invalid"
    fields = {e["field"] for e in problem["errors"]}
    assert fields >= {
        "jobs[0].spec.name",
        "jobs[0].spec.kind",
        "jobs[0].spec.tasks[0].cpu",
        "jobs[0].spec.tasks[0].memroy",
    }


@pytest.mark.parametrize("path", ["/v1/jobs/j-none", "/v1/nothing", "/v1/jobs/j-none/why"])
def test_what_is_not_there_is_a_problem_too(served: Served, path: str) -> None:
    answer = served.http.get(path, headers=served.headers())
    assert (answer.status_code, answer.json()["code"]) == (404, "weir.not_found")


def test_a_request_that_is_far_too_large_is_refused(served: Served) -> None:
    answer = served.http.post(
        "/v1/jobs", headers=served.headers("user"), content=b"x" * (65 * 2**20)
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "weir.too_large")


def test_a_fault_of_the_server_says_so_and_tells_no_more(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("weir.api.series.measure", break_down)
    answer = served.http.get("/v1/indicators", headers=served.headers())
    assert (answer.status_code, answer.json()["code"]) == (500, "weir.internal")
    assert "secret detail" not in answer.text


def test_the_description_names_every_route(served: Served) -> None:
    described = served.http.get("/openapi.json").json()
    assert described["openapi"].startswith("3.")
    for route in ROUTES:
        path = route.path.replace(":path", "")
        assert route.method.lower() in described["paths"][path], route


def test_the_description_has_a_model_for_every_reference(served: Served) -> None:
    described = served.http.get("/openapi.json").text
    said = set(re.findall(r"#/components/schemas/([^\"]+)", described))
    assert "ExchangeRequest" in said
    assert said <= set(json.loads(described)["components"]["schemas"])


def test_it_is_alive_and_ready(served: Served) -> None:
    assert served.http.get("/healthz").json() == {"status": "alive"}
    assert served.http.get("/readyz").json() == {"status": "ready", "domain": "nation"}


def test_metrics_are_open_metrics(served: Served) -> None:
    answer = served.http.get("/metrics")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    families = {f.name: f for f in _parsed(answer.text)}
    assert [s.value for s in families["weir_sites"].samples] == [0.0]
    assert not families["weir_devices_allocated_ratio"].samples, "unknown is left out, not 0"


def test_what_a_user_submits_is_listed_shown_and_canceled(served: Served) -> None:
    user = served.headers("user")
    body = {"jobs": [{"spec": JOB, "key": "k"}, {"spec": JOB | {"array": {"count": 3}}}]}
    answer = served.http.post("/v1/jobs", headers=user, json=body)
    assert answer.status_code == 201
    (one,), three = answer.json()["ids"]
    assert len(three) == 3
    again = served.http.post("/v1/jobs", headers=user, json={"jobs": [body["jobs"][0]]})
    assert again.json()["ids"] == [[one]], "the same key gives the same job"
    listed = served.http.get("/v1/jobs?limit=2", headers=user).json()
    assert len(listed["jobs"]) == 2
    rest = served.http.get(f"/v1/jobs?before={listed['next']}", headers=user).json()
    assert {j["id"] for j in listed["jobs"] + rest["jobs"]} == {one, *three}
    canceled = served.http.post(f"/v1/jobs/{one}/cancel", headers=user).json()
    assert canceled["state"] == "canceled"
    assert served.http.get("/v1/jobs?state=canceled", headers=user).json()["jobs"][0]["id"] == one
    assert served.http.get("/v1/jobs?state=nonsense", headers=user).status_code == 422
