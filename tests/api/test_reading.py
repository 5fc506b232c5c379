"""Reading what a run left, piece by piece; and the problems of a call that comes too late."""

from __future__ import annotations

import base64

from tests.api.conftest import Served
from tests.api.test_waiting import JOB, POOL, Agent


def running(served: Served) -> tuple[Agent, str, str]:
    """(agent, job, run) of a job that runs."""
    agent = Agent(served)
    answer = served.http.post(
        "/v1/jobs", headers=served.headers("user"), json={"jobs": [{"spec": JOB}]}
    )
    [run] = [o["run"] for o in agent.exchange(wait_s=30)["orders"]]
    agent.exchange(observations=[observation(1, run, "accepted"), observation(2, run, "started")])
    return agent, answer.json()["ids"][0][0], run


def observation(seq: int, run: str, event: str) -> dict[str, object]:
    return {"seq": seq, "run": run, "event": event, "at": 0}


def test_a_file_is_read_by_pages_and_says_its_size_and_whether_it_grows(served: Served) -> None:
    agent, job, run = running(served)
    data = base64.b64encode(b"0123456789").decode()
    agent.exchange(chunks=[{"run": run, "name": "stdout", "offset": 0, "data": data}])
    url, user = f"/v1/jobs/{job}/files/stdout", served.headers("user")
    pages = [served.http.get(f"{url}?offset={n}&limit=4", headers=user) for n in (0, 4, 8, 10)]
    assert [p.content for p in pages] == [b"0123", b"4567", b"89", b""]
    assert {p.headers["x-weir-size"] for p in pages} == {"10"}
    assert {p.headers["x-weir-complete"] for p in pages} == {"false"}
    agent.exchange(observations=[observation(3, run, "succeeded")])
    last = served.http.get(f"{url}?offset=10&wait_s=30", headers=user)
    assert (last.content, last.headers["x-weir-complete"]) == (b"", "true")
    assert served.http.get(url, headers=served.headers("viewer")).status_code == 403
    assert served.http.get(f"{url}?offset=-1", headers=user).status_code == 422


def test_a_file_in_a_folder_has_its_whole_path_as_its_name(served: Served) -> None:
    agent, job, run = running(served)
    data = base64.b64encode(b"x").decode()
    agent.exchange(chunks=[{"run": run, "name": "output/a/b.txt", "offset": 0, "data": data}])
    user = served.headers("user")
    listed = served.http.get(f"/v1/jobs/{job}/files", headers=user).json()
    assert listed == {"run": run, "files": [{"name": "output/a/b.txt", "size": 1}]}
    assert served.http.get(f"/v1/jobs/{job}/files/output/a/b.txt", headers=user).content == b"x"


def test_who_was_overtaken_is_told_in_a_problem(served: Served) -> None:
    agent = Agent(served)
    body = {"cluster": agent.cluster, "journal": "journal-1", "sent_at": 0}
    stale = served.http.post(
        "/v1/exchange",
        headers=agent.headers,
        json=body | {"incarnation": "incarnation", "inventory": [], "generation": 0},
    )
    assert (stale.status_code, stale.json()["code"]) == (409, "weir.inventory.conflict")
    other = served.http.post(
        "/v1/exchange", headers=agent.headers, json=body | {"incarnation": "another-one"}
    )
    assert (other.status_code, other.json()["code"]) == (409, "weir.agent.superseded")
    assert other.json()["title"] == "Another agent speaks for this cluster"
    assert other.headers["content-type"] == "application/problem+json"


def test_an_agent_of_a_newer_version_is_heard_and_its_mistakes_are_told(served: Served) -> None:
    agent = Agent(served)
    newer = POOL | {"name": "npu", "optics": {"lanes": 8}}
    generation = agent.exchange(hello=True)["generation"]
    agent.exchange(inventory=[newer], generation=generation, mood="well")
    pools = served.http.get("/v1/pools", headers=served.headers()).json()
    assert [p["name"] for p in pools] == ["npu"]
    body = {"cluster": agent.cluster, "journal": "journal-1", "sent_at": "soon", "after": -1}
    wrong = served.http.post("/v1/exchange", headers=agent.headers, json=body)
    assert wrong.status_code == 422
    assert {m["field"] for m in wrong.json()["errors"]} == {"incarnation", "sent_at", "after"}
    nobody = served.http.post("/v1/exchange", json=body)
    assert nobody.status_code == 401
