"""A notice in words: a line for a subject, and a few for a letter, in English or Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from weir.cli.values import amount
from weir.core.indicator_laws import plain
from weir.wire.alert_answers import NoticeAnswer
from weir.wire.alert_sending import Language

_ZH: Mapping[str, str] = {
    "fires": "告警",
    "is flapping": "反复告警",
    "resolved": "已恢复",
    "critical": "严重",
    "warning": "警告",
    "info": "提示",
    "where": "位置",
    "value": "当前值",
    "since": "开始时间",
    "at": "通知时间",
    "rule": "规则",
    "subject": "标识",
    "domain": "域",
    "unknown": "未知",
}
_EN: Mapping[str, str] = {"fires": "fires", "is flapping": "is flapping", "resolved": "resolved"}


def clean(text: str) -> str:
    """Text from elsewhere on one line, without what steers a terminal or ends a header."""
    flat = " ".join(text.split())
    return "".join(c for c in flat if c.isprintable())


def moment(at: float) -> str:
    """RFC 3339 in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def headline(notice: NoticeAnswer, language: Language) -> str:
    """One line: `[critical] suzhou: The center is out of touch (fires)`."""
    severity, what = _word(notice.severity, language), _word(notice.what, language)
    summary = notice.summary_zh if language == "zh" else notice.summary
    return clean(f"[{severity}] {notice.name}: {summary} ({what})")


def value_of(notice: NoticeAnswer, language: Language) -> str:
    """The value with its unit."""
    if notice.value is None:
        return _word("unknown", language)
    return amount(plain(float(notice.value)), notice.unit)


def letter(notice: NoticeAnswer, language: Language) -> str:
    """A few lines with everything that is known of it."""
    rows = [
        ("where", notice.name),
        ("subject", notice.subject),
        ("value", f"{notice.indicator} {value_of(notice, language)}"),
        ("since", "" if notice.fired_at is None else moment(notice.fired_at)),
        ("at", moment(notice.at)),
        ("rule", notice.rule),
        ("domain", f"{notice.domain} {notice.url}"),
    ]
    lines = [f"{_word(name, language)}: {clean(text)}" for name, text in rows if text]
    return "\n".join([headline(notice, language), "", *lines, ""])


def _word(name: str, language: Language) -> str:
    return (_ZH if language == "zh" else _EN).get(name, name)
