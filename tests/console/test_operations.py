"""Operations in the console: queues, policies, replays and joins, by their forms."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.builders import Domain
from tests.console.conftest import Browser, House
from tests.console.test_pages import check
from weir.api.app import make_app
from weir.api.wakeups import Wakeups
from weir.console import app as console
from weir.control.context import Context
from weir.control.policies import now_in_force
from weir.control.queues import list_queues
from weir.control.replay import work_off
from weir.control.show import list_clusters
from weir.sim.replay import replay as play_again
from weir.wire.replays import LeftOut, ReplayColumn, ReplayMeasure, ReplayResult

FAIR: dict[str, Any] = {"policy-fair": "yes"}
OPTIMAL: dict[str, Any] = {"policy-optimal": "yes"}
RESULT = ReplayResult(
    jobs=2,
    pools=2,
    begin=1.7e9,
    end=1.7e9 + 60,
    devices=True,
    currency="CNY",
    left_out=(LeftOut(jobs=1, why="have not ended yet"),),
    notes=("A note of the simulator.",),
    measures=(
        ReplayMeasure(name="wait", label="Mean wait", unit="s", better=-1),
        ReplayMeasure(name="cost", label="Cost", unit="money", better=-1),
        ReplayMeasure(name="unknown", label="Carbon", unit="g", better=-1),
    ),
    columns=(
        ReplayColumn(policy="", numbers={"wait": 7200, "cost": 5, "unknown": None}),
        ReplayColumn(policy="fair", numbers={"wait": 60, "cost": 5, "unknown": None}),
        ReplayColumn(policy="sjf", numbers={"wait": 90, "cost": None, "unknown": None}),
    ),
)


def operator(house: House, ctx: Context | None = None) -> Browser:
    if ctx is None:
        return house.browser("root", "operator")
    app = make_app(ctx, Wakeups())
    console.install(app)
    browser = Browser(TestClient(app, raise_server_exceptions=False))
    assert browser.sign_in(house.token("root", "operator")).status_code == 303
    return browser


def queues(domain: Domain) -> dict[str, tuple[str | None, float, object]]:
    return {q.name: (q.parent, q.weight, q.nominal[2]) for q in list_queues(domain.ctx)}


def test_one_queue_is_made_changed_and_removed(house: House) -> None:
    browser = operator(house)
    made = browser.post(
        "/operations/queue", name="physics", parent="science", weight="3", devices="4+2", new="yes"
    )
    assert made.headers["location"] == "/operations?tab=queues"
    assert queues(house.domain)["physics"] == ("science", 3.0, 4000)
    browser.post("/operations/queue", name="physics", weight="1.5")
    assert queues(house.domain)["physics"] == (None, 1.5, None)
    browser.post("/operations/queue", name="physics", remove="yes")
    assert list(queues(house.domain)) == ["science"]
    page = browser.get("/operations?tab=queues").text
    assert page.count("root") >= 3, "who has changed it is told"


def test_all_mistakes_of_a_form_are_told_and_what_was_typed_stays(house: House) -> None:
    browser = operator(house)
    answer = browser.post(
        "/operations/queue", name="physics", parent="sciense", weight="0", cpu="x", new="yes"
    )
    assert answer.status_code == 422
    for said in ("queues[1].parent", "queues[1].weight", "queues[1].quota.cpu.nominal"):
        assert said in answer.text
    assert 'value="physics"' in answer.text
    again = browser.post("/operations/queue", name="science", new="yes")
    assert (again.status_code, "there already" in again.text) == (422, True)
    assert list(queues(house.domain)) == ["science"]


def test_a_file_of_queues_is_applied_or_comes_back_with_its_mistakes(house: House) -> None:
    browser = operator(house)
    wrong = "queues:\n- {name: a, parent: b}\n- {name: a}\n- {name: c, weight: -1}\n"
    answer = browser.post("/operations/queues", yaml=wrong)
    assert answer.status_code == 422
    assert [int(n) for n in re.findall(r"line (\d)", answer.text)] == [2, 3, 4]
    assert "- {name: c, weight: -1}" in answer.text
    check(answer.text, "en")
    assert browser.post("/operations/queues", yaml="queues: [{name: a}]").status_code == 303
    assert list(queues(house.domain)) == ["a"]
    assert browser.post("/operations/queues", yaml="queues: []").status_code == 303
    assert queues(house.domain) == {}


def test_who_has_not_seen_the_last_change_is_told_of_it(house: House) -> None:
    browser = operator(house)
    browser.post("/operations/queue", name="arts", weight="1", seen="0")
    late = browser.post("/operations/queues", yaml="queues: []", seen="0")
    assert (late.status_code, "look again" in late.text) == (409, True)
    assert list(queues(house.domain)) == ["science", "arts"]


def test_a_policy_is_set_and_one_that_knows_no_queues_is_not_offered(house: House) -> None:
    browser = operator(house)
    page = browser.get("/operations?tab=policies").text
    assert 'value="fifo">' not in page.split("<table", 1)[1]
    refused = browser.post("/operations/policy", policy="fifo")
    assert (refused.status_code, "knows no queues" in refused.text) == (422, True)
    browser.post("/operations/queues", yaml="queues: []")
    assert browser.post("/operations/policy", policy="fifo").status_code == 303
    assert now_in_force(house.domain.ctx).policy.name == "fifo"
    assert "fifo" in browser.get("/find").text


@pytest.mark.parametrize("role", ["user", "viewer"])
def test_others_see_and_change_nothing(house: House, role: str) -> None:
    browser = house.browser("li", role)
    for tab in ("queues", "policies", "members"):
        page = browser.get(f"/operations?tab={tab}").text
        assert 'action="/operations' not in page
    for path in ("queue", "queues", "policy", "replays", "joins"):
        assert browser.post(f"/operations/{path}").status_code == 403
    assert list(queues(house.domain)) == ["science"]


def test_a_replay_is_asked_for_watched_and_applied(furnished: tuple[House, dict[str, str]]) -> None:
    house, _ = furnished
    ctx = replace(house.domain.ctx, simulate=lambda study, told: RESULT)
    browser = operator(house, ctx)
    asked = browser.post("/operations/replays", **{**FAIR, "policy-sjf": "yes", "days": "3"})
    assert asked.status_code == 303, asked.text
    at = asked.headers["location"]
    waiting = browser.get(at).text
    assert "<progress" in waiting and 'hx-trigger="every 2s"' in waiting
    assert work_off(ctx)
    for lang in ("en", "zh-CN"):
        done = browser.get(at, **{"Accept-Language": lang})
        assert done.status_code == 200
        check(done.text, lang)
    page = browser.get(at).text
    assert re.findall(r"<strong>([^<]+)</strong> <span class=\"tag\">best", page) == ["1 min"]
    assert "Carbon" not in page, "what no column knows is not told"
    assert "Jobs left out: 1" in page and "A note of the simulator." in page
    assert 'value="sjf"' not in page, "it knows no queues, and there are some"
    browser.post("/operations/queues", yaml="queues: []")
    assert 'value="sjf"' in browser.get(at).text
    assert at in browser.get("/operations?tab=policies").text


def test_optimal_is_replayed_by_the_simulator_itself(
    furnished: tuple[House, dict[str, str]],
) -> None:
    """Not a double: the jobs that have ended, played again by the program that plans rounds."""
    house, _ = furnished
    ctx = replace(house.domain.ctx, simulate=play_again)
    browser = operator(house, ctx)
    asked = browser.post("/operations/replays", **OPTIMAL)
    assert asked.status_code == 303, asked.text
    assert work_off(ctx)
    for lang in ("en", "zh-CN"):
        done = browser.get(asked.headers["location"], **{"Accept-Language": lang})
        check(done.text, lang)
        assert 'class="right">optimal' in done.text and "<progress" not in done.text


def test_what_can_not_be_replayed_is_said(house: House) -> None:
    ctx = replace(house.domain.ctx, simulate=lambda study, told: RESULT)
    browser = operator(house, ctx)
    nothing = browser.post("/operations/replays", **FAIR)
    assert (nothing.status_code, "nothing to replay" in nothing.text) == (422, True)
    none_chosen = browser.post("/operations/replays", days="400")
    assert none_chosen.status_code == 422
    assert "policies" in none_chosen.text and "days" in none_chosen.text
    without = operator(house)
    assert "simulates nothing" in without.get("/operations?tab=policies").text
    assert without.post("/operations/replays", **FAIR).status_code == 503
    assert browser.get("/operations/replays/p-none").status_code == 404


def test_who_has_joined_is_let_in_or_refused(house: House) -> None:
    settings = replace(house.domain.ctx.settings, approve_joins=True)
    house.domain.ctx = replace(house.domain.ctx, settings=settings)
    browser = operator(house, house.domain.ctx)
    assert "Nobody waits" in browser.get("/operations").text
    for name in ("east", "west"):
        house.domain.let_in(name)
    page = browser.get("/operations").text
    assert "east / main" in page and "west / main" in page
    check(page, "en")
    east, west = re.findall(r'name="join" value="(\w+)"', page)
    browser.post("/operations/joins", join=east, decision="approve")
    browser.post("/operations/joins", join=west, decision="reject")
    assert [c.site_name for c in list_clusters(house.domain.ctx)] == ["east"]
    assert browser.post("/operations/joins", join=west, decision="approve").status_code == 404


def test_an_invitation_may_name_the_identifier_that_a_newcomer_has(house: House) -> None:
    browser = operator(house)
    wrong = browser.post("/operations/invite", kind="site", name="east", identifier="nonsense")
    assert (wrong.status_code, "identifier" in wrong.text) == (422, True)
    made = browser.post("/operations/invite", kind="site", name="east", identifier="")
    assert made.status_code == 200 and "weir_join_" in made.text
