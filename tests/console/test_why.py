"""Why a job waits or is where it is, in the visitor's language."""

from __future__ import annotations

import re

import pytest

from tests.console.conftest import House

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
