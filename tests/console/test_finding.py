"""Find and submit, and canceling: the form and the file in step, one schema, once is once."""

from __future__ import annotations

import html
import re
from typing import Any

import yaml
from starlette.testclient import TestClient

from tests.builders import pool, spec
from tests.console.conftest import Browser, House
from weir.core.lifecycle import JobState
from weir.scheduling.explain_words import Saying, sentences

JOB = "name: train\ntasks:\n  - command: [python, train.py]\n    devices: {count: 8}\n"


def part(browser: Browser, edited: str, text: str, **fields: str) -> str:
    """What htmx gets while one types."""
    answer = browser.post("/find", {"HX-Request": "true"}, edited=edited, yaml=text, **fields)
    assert answer.status_code == 200
    return str(answer.text)


def yaml_of(text: str) -> str:
    found = re.search(r"<textarea[^>]*>(.*?)</textarea>", text, re.DOTALL)
    assert found
    return found[1].replace("&#39;", "'").replace("&#34;", '"')


def test_the_file_follows_the_form_and_keeps_what_the_form_has_not(house: House) -> None:
    text = JOB + "outputs: [{path: model.bin}]\n"
    answer = part(
        house.browser(), "form", text, name="train", command="python train.py --fast", devices="4"
    )
    data = yaml.safe_load(yaml_of(answer))
    assert data["tasks"][0]["command"] == ["python", "train.py", "--fast"]
    assert data["tasks"][0]["devices"] == {"count": 4}
    assert data["outputs"] == [{"path": "model.bin"}]


def test_the_form_follows_the_file(house: House) -> None:
    answer = part(house.browser(), "yaml", JOB + "walltime: 2h\n")
    assert 'id="fields" hx-swap-oob="true"' in answer
    assert 'name="walltime" value="2h"' in answer
    assert 'name="devices" value="8"' in answer


def test_mistakes_are_told_all_at_once_with_line_and_field(house: House) -> None:
    answer = part(house.browser(), "yaml", JOB + "wall: 2h\npriority: 400\n")
    assert "line 5" in answer and "did you mean walltime" in answer
    assert "line 6" in answer and "priority" in answer
    assert "/find/submit" not in answer
    assert "is not YAML" not in answer
    assert "line 1" in part(house.browser(), "yaml", "{")


def no_queues(house: House) -> None:
    """The domain's policy without its queues: then it is by turn."""
    operator = house.browser("root", "operator")
    assert operator.post("/operations/queues", yaml="queues: []").status_code == 303


def asked_by_http(house: House, text: str) -> dict[str, Any]:
    """What the API answers to a job file."""
    answer = TestClient(house.app).post(
        "/v1/find",
        json={"spec": yaml.safe_load(text)},
        headers={"Authorization": f"Bearer {house.token('li', 'user')}"},
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_start_is_told_with_those_who_wait_ahead(house: House) -> None:
    """One host of eight accelerators: one job runs for an hour, another of two hours waits."""
    no_queues(house)
    site = house.domain.site("shanghai", pool("gpu", hosts=1))
    hour = spec("runs", devices=8, walltime="1h")
    house.domain.submit(hour)
    house.domain.round()
    site.run("accepted", "started")
    browser = house.browser()
    assert "in 1 h" in part(browser, "yaml", JOB), "it would be the next"
    house.domain.submit(spec("ahead", devices=8, walltime="2h"))
    behind = part(browser, "yaml", JOB)
    assert "It would have to wait" in behind and "with one job ahead of it" in behind
    assert re.search(r"It should start in \S+ h to \S+ h\.", behind), behind
    assert "within 1 h if next" in behind
    told = asked_by_http(house, JOB)
    assert told["starts"] is False, "the same by HTTP, and so by `weir find`"
    said = sentences(Saying(s["code"], s["values"]) for s in told["start"])
    assert said and html.escape(said) in behind
    less = part(browser, "yaml", JOB.replace("count: 8", "count: 9"))
    assert "No pool can take it" in less and "It should start" not in less


def test_who_goes_first_is_told_though_there_is_room(house: House) -> None:
    no_queues(house)
    house.domain.site("shanghai", pool("gpu", hosts=1))
    house.domain.submit(spec("ahead", devices=8, walltime="2h"))
    there = part(house.browser(), "yaml", JOB)
    assert "There is room, but others go first" in there


def test_of_a_job_that_can_wait_the_better_hours_are_told(house: House) -> None:
    no_queues(house)
    house.browser("root", "operator").post("/operations/policy", policy="cheapest")
    dear = int(house.domain.clock() // 3600) % 24
    tariff = tuple(5_000_000 if hour == dear else 500_000 for hour in range(24))
    house.domain.site("shanghai", pool("gpu", energy_price_micro_per_kwh=tariff))
    browser = house.browser()
    at_once = part(browser, "yaml", JOB + "walltime: 1h\n")
    assert "It can start at once" in at_once
    waits = part(browser, "yaml", JOB + "walltime: 1h\npatience: 8h\n")
    assert "it can wait for better hours" in waits and "% less" in waits


def test_a_file_of_the_server_is_never_read(house: House) -> None:
    answer = part(house.browser(), "yaml", JOB + "inputs: [{path: x, source: /etc/passwd}]\n")
    assert "is read by `weir submit` only" in answer
    assert "root:" not in answer


def test_every_yes_and_no_is_explained(furnished: tuple[House, dict[str, str]]) -> None:
    house, _ = furnished
    text = JOB.replace("count: 8", "count: 1, models: [huawei-ascend-910b]")
    answer = part(house.browser(), "yaml", text)
    assert "npu" in answer and "cost, lower is better" in answer
    assert "DEVICE_MODEL" in answer and "its accelerators are of another model" in answer
    assert "What would make it fit" in part(
        house.browser(), "yaml", text + "constraints: {emulated: false}\n"
    )


def test_a_job_is_submitted_once_however_often_the_form_is_sent(house: House) -> None:
    browser = house.browser()
    key = re.search(r'name="key" value="(\w+)"', browser.get("/find").text)
    assert key
    sent = [browser.post("/find/submit", yaml=JOB, key=key[1]) for _ in range(2)]
    assert [a.status_code for a in sent] == [303, 303]
    assert sent[0].headers["location"] == sent[1].headers["location"]
    other = browser.post("/find/submit", yaml=JOB + "priority: 60\n", key=key[1])
    assert other.headers["location"] != sent[0].headers["location"]
    page = browser.get(sent[0].headers["location"]).text
    assert "train" in page and "No pool" not in page


def test_an_array_leads_to_its_jobs(house: House) -> None:
    answer = house.browser().post("/find/submit", yaml=JOB + "array: {count: 3}\n", key="k")
    assert answer.headers["location"].startswith("/jobs?array=a")


def test_a_queue_that_is_not_here_is_a_mistake_of_the_file(house: House) -> None:
    answer = house.browser().post("/find/submit", yaml=JOB + "queue: art\n", key="k")
    assert answer.status_code in (200, 422)
    assert "there is no queue &#39;art&#39;" in answer.text


def test_a_job_is_canceled_and_submitted_again(furnished: tuple[House, dict[str, str]]) -> None:
    house, ids = furnished
    browser = house.browser()
    assert browser.post(f"/jobs/{ids['waits']}/cancel").status_code == 303
    assert house.domain.state(ids["waits"]) is JobState.CANCELED
    again = yaml_of(browser.get(f"/find?job={ids['waits']}").text)
    assert yaml.safe_load(again)["name"] == "waits"
    assert house.browser("wang").post(f"/jobs/{ids['secret']}/cancel").status_code == 403
