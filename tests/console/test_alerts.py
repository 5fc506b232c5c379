"""The page of alerts: what it shows to whom, and its forms; what the overview says of them."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from tests.builders import pool
from tests.console.conftest import House
from tests.console.test_pages import check
from tests.databases import NewStore
from weir.api.app import make_app
from weir.api.wakeups import Wakeups
from weir.console import app as console
from weir.console.pages import monitoring_alerts
from weir.console.words_zh import ZH
from weir.control.alerts import list_silences, shipped_rules
from weir.control.alerts_readings import Kept
from weir.control.alerts_round import look
from weir.core.alerts import Condition, Each, Severity, State

PAGE = "/monitoring/alerts"


@pytest.fixture
def alarmed(new_store: NewStore, tmp_path: Path) -> House:
    """A domain with the shipped rules; a pool that does less than it claims, and a silent site."""
    house = House(new_store, tmp_path)
    domain = house.domain
    settings = dataclasses.replace(domain.ctx.settings, alert_rules=shipped_rules())
    domain.ctx = dataclasses.replace(domain.ctx, settings=settings)
    house.app = make_app(domain.ctx, Wakeups())
    console.install(house.app)
    domain.site("gone", pool("gpu"))
    domain.clock.turn(31)
    domain.site("slow", pool("gpu", measured_gflops=(("bf16", 100_000),)))
    look(domain.ctx, Kept())
    return house


def target(house: House) -> str:
    """The identifier of the pool that is slow."""
    return next(p.id for p in house.domain.pools().values() if p.site_name == "slow")


def test_every_text_of_the_page_has_a_chinese_one() -> None:
    tables = (
        monitoring_alerts.TIMES,
        monitoring_alerts.CONDITIONS,
        monitoring_alerts.EACH,
        monitoring_alerts.STATES,
    )
    assert not {text for table in tables for text in table.values()} - set(ZH)
    assert set(monitoring_alerts.CONDITIONS) == set(Condition)
    assert set(monitoring_alerts.EACH) == set(Each)
    assert set(monitoring_alerts.STATES) == set(State) - {State.CALM}
    assert set(Severity) <= set(ZH)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_the_page_comes_in_both_languages(alarmed: House, language: str, role: str) -> None:
    browser = alarmed.browser("an", role)
    wanted = {"Accept-Language": language}
    for query in ("", f"?rule=claim-far-from-measurement&subject={target(alarmed)}", "?rule=x"):
        text = browser.get(PAGE + query, **wanted).text
        check(text, "zh-CN" if language == "zh" else "en")
        assert ("What was measured is far" if language == "en" else "实测算力") in text
        assert ("about to fire" if language == "en" else "即将告警") in text
        assert target(alarmed) in text
        assert (f"{PAGE}/silence" in text) == ("claim" in query and role == "operator")
    assert PAGE in browser.get("/monitoring").text


def test_an_operator_acknowledges_and_takes_it_back(alarmed: House) -> None:
    browser, subject = alarmed.browser("zhao", "operator"), target(alarmed)
    form = {"rule": "claim-far-from-measurement", "subject": subject, "why": "card 3 <is> out"}
    answer = browser.post(f"{PAGE}/acknowledge", None, **form)
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    text = browser.get(PAGE).text
    assert "acknowledged by zhao" in text
    assert "card 3 &lt;is&gt; out" in text
    assert browser.post(f"{PAGE}/tell", None, **form).status_code == 303
    assert list_silences(alarmed.domain.ctx) == []
    assert browser.post(f"{PAGE}/tell", None, **form).status_code == 303, "it is over by now"


def test_an_operator_silences_a_rule_here_or_everywhere(alarmed: House) -> None:
    browser = alarmed.browser("zhao", "operator")
    for subject in (target(alarmed), ""):
        form = {"rule": "claim-far-from-measurement", "subject": subject, "for_s": "14400"}
        assert browser.post(f"{PAGE}/silence", None, **form).status_code == 303
    now = alarmed.domain.clock()
    assert [(s.until - now, s.by) for s in list_silences(alarmed.domain.ctx)] == [
        (14400, "zhao")
    ] * 2
    assert "silenced by zhao" in browser.get(PAGE).text


def test_what_can_not_be_is_told_with_what_was_typed(alarmed: House) -> None:
    browser = alarmed.browser("zhao", "operator")
    form = {"rule": "claim-far-from-measurement", "subject": target(alarmed), "why": "because"}
    answer = browser.post(f"{PAGE}/silence", None, for_s="soon", **form)
    assert answer.status_code == 422
    assert 'value="because"' in answer.text
    answer = browser.post(f"{PAGE}/acknowledge", None, **(form | {"subject": "CN.S9-X"}))
    assert answer.status_code == 404


@pytest.mark.parametrize("path", ["acknowledge", "silence", "tell"])
def test_forms_are_an_operators_and_from_here(alarmed: House, path: str) -> None:
    form = {"rule": "claim-far-from-measurement", "subject": target(alarmed), "for_s": "3600"}
    at = f"{PAGE}/{path}"
    assert alarmed.browser("li", "user").post(at, None, **form).status_code == 403
    operator = alarmed.browser("zhao", "operator")
    assert operator.post(at, None, csrf="0" * 64, **form).status_code == 403
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    assert operator.post(at, headers=elsewhere, **form).status_code == 403
    assert list_silences(alarmed.domain.ctx) == []


def test_the_overview_says_what_fires_until_somebody_takes_care_of_it(alarmed: House) -> None:
    domain = alarmed.domain
    operator = alarmed.browser("zhao", "operator")
    domain.clock.turn(61)
    look(domain.ctx, Kept())
    text = attention(operator.get("/").text)
    assert "What was measured is far" in text
    assert text.count("gone") == 1, "a silent cluster is told of once"
    assert "实测算力" in attention(operator.get("/", **{"Accept-Language": "zh"}).text)
    form = {"rule": "claim-far-from-measurement", "subject": target(alarmed)}
    operator.post(f"{PAGE}/acknowledge", None, **form)
    assert "What was measured" not in attention(operator.get("/").text)


def attention(text: str) -> str:
    found = re.search(r'<div id="attention".*?</div>', text, re.DOTALL)
    assert found
    return found[0]


def test_a_domain_without_rules_says_so(house: House) -> None:
    text = house.browser().get(PAGE).text
    assert "This domain has no rules" in text
    assert "Nothing is open" in text


def test_conditions_are_in_words(alarmed: House) -> None:
    text = alarmed.browser().get(PAGE).text
    assert "PUE above 1.3, over 15m" in text
    assert "Storage used above 90 %" in text
    zh = alarmed.browser().get(PAGE, **{"Accept-Language": "zh"}).text
    assert "电能利用效率 高于 1.3（时段 15 分钟）" in zh
