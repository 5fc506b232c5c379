"""Why a job waits or is where it is, in the visitor's language."""

from __future__ import annotations

import re

import pytest

from tests.cli.builders import a_candidate, a_detail
from tests.console.conftest import House
from weir.console.pages.job import spent
from weir.core.lifecycle import JobState
from weir.wire.jobs import WhyAnswer

ZH = {"Accept-Language": "zh-CN"}


def why_part(text: str) -> str:
    return text[text.index('<div id="why"') : text.index('id="history-title"')]


@pytest.mark.parametrize("name", ["waits", "runs", "ended", "failed"])
def test_the_answer_is_in_the_visitors_language(
    furnished: tuple[House, dict[str, str]], name: str
) -> None:
    house, ids = furnished
    browser = house.browser("root", "operator")
    english = why_part(browser.get(f"/jobs/{ids[name]}").text)
    said = house.domain.why(ids[name]).text
    assert said.replace("'", "&#39;") in english
    chinese = why_part(browser.get(f"/jobs/{ids[name]}", **ZH).text)
    lead = re.search(r'<p class="lead">(.*?)</p>', chinese)
    assert lead is not None
    assert said not in chinese
    assert re.search(r"[\u4e00-\u9fff]{4}", lead[1])


def test_every_code_that_is_said_has_a_wording(furnished: tuple[House, dict[str, str]]) -> None:
    house, ids = furnished
    for job in ids.values():
        answer = house.domain.why(job)
        assert answer.said
        assert answer.text


def test_what_a_job_has_cost_is_its_price_for_its_time() -> None:
    chosen = a_candidate("npu", price_micro_per_hour=64_000_000)
    why = WhyAnswer(job="j-1", state=JobState.RUNNING, text="why", chosen=chosen)
    runs = a_detail("j-1", started_at=1000.0)
    assert spent(runs, why, 2800.0) == "32.00 CNY"
    assert spent(runs.model_copy(update={"ended_at": 1000.1}), why, 2800.0) == "< 0.01 CNY"
    assert spent(a_detail("j-1", started_at=None), why, 2800.0) is None
    assert spent(runs, WhyAnswer(job="j-1", state=JobState.RUNNING, text="why"), 2800.0) is None


def test_the_page_of_an_identifier_speaks_in_words(
    furnished: tuple[House, dict[str, str]],
) -> None:
    house, _ = furnished
    found = next(iter(house.domain.pools().values()))
    browser = house.browser()
    page = browser.get(f"/resources/identifiers/{found.id}").text
    assert "Accelerators per host" in page and "devices_per_host" not in page
    assert f'href="/resources/pools/{found.id}"' in page
    assert f'href="/resources/sites/{found.site}"' in page
    assert "每台主机加速卡" in browser.get(f"/resources/identifiers/{found.id}", **ZH).text
