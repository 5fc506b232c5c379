"""Calls that wait: they answer when there is news, at their time, or when the server ends."""

from __future__ import annotations

import threading
import time
from typing import Any

from tests.api.conftest import NOW, Served
from weir.api.wakeups import Wakeups
from weir.control.context import job_key

POOL = {
    "name": "cpu",
    "hosts": 1,
    "shape": {"cpu_milli": 4000, "memory_bytes": 2**33},
    "free": [{"hosts": 1, "cpu_milli": 4000, "memory_bytes": 2**33}],
}
JOB = {"name": "hello", "tasks": [{"command": ["true"]}]}


class Agent:
    """The agent of a site that has joined."""

    def __init__(self, served: Served) -> None:
        self.served = served
        made = served.http.post(
            "/v1/join-tokens", headers=served.headers(), json={"kind": "site", "name": "east"}
        )
        joined = served.http.post(
            "/v1/join",
            headers={"Authorization": f"Bearer {made.json()['token']}"},
            json={"cluster": "local", "executor": "local"},
        ).json()
        self.headers = {"Authorization": f"Bearer {joined['token']}"}
        self.cluster = joined["cluster"]
        self.exchange(hello=True)
        self.exchange(inventory=[POOL])

    def exchange(self, **said: Any) -> dict[str, Any]:
        body = {
            "cluster": self.cluster,
            "incarnation": "incarnation",
            "journal": "journal-1",
            "sent_at": NOW,
            **said,
        }
        answer = self.served.http.post("/v1/exchange", headers=self.headers, json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


def test_an_agent_that_waits_hears_of_an_order_at_once(served: Served) -> None:
    agent = Agent(served)
    heard: list[dict[str, Any]] = []
    waiting = threading.Thread(target=lambda: heard.append(agent.exchange(wait_s=30)))
    begun = time.monotonic()
    waiting.start()
    served.http.post(
        "/v1/jobs", headers=served.headers("user"), json={"jobs": [{"spec": JOB}]}
    ).raise_for_status()
    waiting.join(timeout=20)
    assert [o["run"][-2:] for o in heard[0]["orders"]] == ["-1"]
    assert time.monotonic() - begun < 15, "long before its 30 s are over"


def test_a_call_that_waits_in_vain_answers_at_its_time(served: Served) -> None:
    agent = Agent(served)
    begun = time.monotonic()
    assert "orders" not in agent.exchange(wait_s=0.2)
    assert time.monotonic() - begun >= 0.2


def test_a_reader_of_a_log_waits_for_more_of_it(served: Served) -> None:
    submitted = served.http.post(
        "/v1/jobs", headers=served.headers("user"), json={"jobs": [{"spec": JOB}]}
    ).json()
    job = submitted["ids"][0][0]
    read = f"/v1/jobs/{job}/files/stdout"
    answer = served.http.get(f"{read}?wait_s=0.1", headers=served.headers("user"))
    assert (answer.content, answer.headers["x-weir-complete"]) == (b"", "false")
    served.http.post(f"/v1/jobs/{job}/cancel", headers=served.headers("user"))
    served.context.wake(job_key(job))
    answer = served.http.get(f"{read}?wait_s=30", headers=served.headers("user"))
    assert (answer.content, answer.headers["x-weir-complete"]) == (b"", "true")


def test_callbacks_are_called_by_key() -> None:
    wakeups, called = Wakeups(), list[str]()
    wakeups.call("a", lambda: called.append("a"))
    wakeups.wake("a")
    wakeups.wake("b")
    assert called == ["a"]
