"""The wordings: every code and reason in every language, with the same values in them."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from weir.control import find, words
from weir.core.lifecycle import JobState
from weir.core.plan import Reason
from weir.scheduling import explain_words
from weir.scheduling.explain_words import (
    CLAUSES,
    LANGUAGES,
    REASONS,
    SENTENCES,
    STATES,
    Saying,
    about,
    end_sayings,
    meaning,
    sentence,
    sentences,
    shown,
)
from weir.scheduling.explain_words_zh import SHOWN_ZH


def values_in(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_and_state_has_a_wording(language: str) -> None:
    assert set(REASONS[language]) == set(Reason)
    assert set(STATES[language]) == set(JobState)
    assert all(meaning(reason, language) for reason in Reason)
    assert len(set(REASONS[language].values())) == len(Reason)


@pytest.mark.parametrize("table", [SENTENCES, CLAUSES])
def test_all_languages_have_the_same_codes_and_values(table: dict[str, dict[str, str]]) -> None:
    for language in LANGUAGES:
        assert set(table[language]) == set(table["en"])
        for code, text in table["en"].items():
            assert values_in(table[language][code]) == values_in(text), code


def test_every_code_that_is_said_is_in_the_table() -> None:
    found: set[str] = set()
    for source in (words, find, explain_words):
        text = Path(source.__file__ or "").read_text("utf-8")
        found |= set(re.findall(r'Saying\(\s*"(\w+)"', text))
    assert len(found) > 12
    assert found <= {*SENTENCES["en"], "room_made_by", "room_asked_of"}


def test_chinese_is_chinese() -> None:
    for text in (*SENTENCES["zh"].values(), *REASONS["zh"].values()):
        assert re.search(r"[\u4e00-\u9fff]|^\{reason\}。$", text), text


def test_sentences_are_put_together() -> None:
    said = [
        Saying("room", {"ahead": 3, "held": "CN.S1.C1.P1-A"}),
        Saying("starts_between", {"least_s": 700.0, "most_s": 7200.0}),
        Saying("before", {"reason": "exit code 3"}),
    ]
    assert sentences(said) == (
        "It waits for room, with 3 jobs ahead of it; pool CN.S1.C1.P1-A is kept for it. "
        "It should start in 12 min to 2 h. Before that: exit code 3."
    )
    assert sentences(said, "zh") == (
        "正在等待空位，前面还有 3 个作业；已为它保留资源池 CN.S1.C1.P1-A。"
        "预计 12 分钟至 2 小时后开始。此前：退出码 3。"
    )
    assert sentence(Saying("starts", {"by_s": 0.2})) == "It should start at once."
    assert sentence(Saying("starts", {"by_s": 0.2}), "zh") == "预计立即开始。"
    assert sentence(Saying("is_there", {"gone": "P"}), "zh") == (
        "它在 资源池 P：所有可行资源池中代价最低。"
    )


def test_what_a_newer_server_says_breaks_nothing() -> None:
    assert sentences([Saying("of tomorrow", {"x": 1}), Saying("deferred")]) == (
        "It is not to start yet: its time has not come."
    )
    assert sentence(Saying("failed", {})) == "It failed: ?."
    assert meaning("OF_TOMORROW", "zh") == ""


@pytest.mark.parametrize(
    ("text", "chinese"),
    [
        ("16 tasks", "16 个任务"),
        ("1 task", "1 个任务"),
        ("3 empty hosts", "3 台空闲主机"),
        ("8 free devices", "8 张空闲加速卡"),
        ("8 devices per host", "每台主机 8 张加速卡"),
        ("512 GiB per host", "每台主机 512 GiB"),
        ("kept for j-17", "为 j-17 保留"),
        ("room in the quota of science", "science 配额的余量"),
        ("nvidia-h100-sxm5", "nvidia-h100-sxm5"),
    ],
)
def test_what_is_needed_is_said_in_chinese_and_names_stay(text: str, chinese: str) -> None:
    assert shown(text, "zh") == chinese
    assert shown(text, "en") == text


def test_patterns_are_sound() -> None:
    for pattern, said in SHOWN_ZH:
        assert re.compile(pattern).groups == said.count("{}"), pattern


def test_how_a_job_ended() -> None:
    assert sentences(end_sayings(JobState.FAILED, "exit code 2"), "zh") == "它失败了：退出码 2。"
    assert sentences(end_sayings(JobState.CANCELED, "canceled"), "zh") == "已取消。"
    assert end_sayings(JobState.SUCCEEDED, "") == ()


def test_a_duration_is_never_told_too_short() -> None:
    assert [about(s) for s in (0.2, 40, 61, 5400, 3 * 86400)] == [
        "1 s", "40 s", "1.1 min", "1.5 h", "3 d",
    ]  # fmt: skip
    assert about(5400, "zh") == "1.5 小时"
