"""Queues over HTTP: who may look, and what there is to see."""

from __future__ import annotations

from dataclasses import replace

from tests.api.conftest import Served
from weir.scheduling.snapshot import Queue

JOB = {"name": "hello", "tasks": [{"command": ["true"]}], "queue": "physics"}


def with_queues(served: Served) -> None:
    queues = (Queue("science"), Queue("physics", "science", nominal=(None, None, 8000)))
    ctx = replace(
        served.context, settings=replace(served.context.settings, policy="fair", queues=queues)
    )
    served.http.app.state.context = ctx  # type: ignore[attr-defined]


def test_a_viewer_sees_them_and_what_waits_in_them(served: Served) -> None:
    with_queues(served)
    posted = served.http.post(
        "/v1/jobs", headers=served.headers("user"), json={"jobs": [{"spec": JOB}]}
    )
    assert posted.status_code == 201
    answer = served.http.get("/v1/queues", headers=served.headers("viewer"))
    science, physics = answer.json()
    assert (science["name"], science["parent"], science["waiting"]) == ("science", None, 1)
    assert physics["parent"] == "science"
    assert physics["nominal"] == [None, None, 8000]
    assert (physics["waiting"], physics["running"], physics["holds"]) == (1, 0, [0, 0, 0])
    [job] = served.http.get("/v1/jobs", headers=served.headers("viewer")).json()["jobs"]
    assert job["queue"] == "physics"


def test_a_domain_without_queues_has_none_and_takes_no_names(served: Served) -> None:
    answer = served.http.get("/v1/queues", headers=served.headers("viewer"))
    assert (answer.status_code, answer.json()) == (200, [])
    refused = served.http.post(
        "/v1/jobs", headers=served.headers("user"), json={"jobs": [{"spec": JOB}]}
    )
    assert refused.status_code == 422
    [mistake] = refused.json()["errors"]
    assert mistake["field"] == "jobs[0].spec.queue"
    assert "leave the field out" in mistake["message"]


def test_why_has_the_start_as_numbers_and_in_words(served: Served) -> None:
    job = {k: v for k, v in JOB.items() if k != "queue"} | {"start_after": "90m"}
    posted = served.http.post(
        "/v1/jobs", headers=served.headers("user"), json={"jobs": [{"spec": job}]}
    )
    [[job_id]] = posted.json()["ids"]
    why = served.http.get(f"/v1/jobs/{job_id}/why", headers=served.headers("viewer")).json()
    assert why["start_s"] == [5400, None]
    assert "It should start in 1.5 h at the soonest." in why["text"]
