"""`weir why --lang`: the answer in another language than the server's English."""

from __future__ import annotations

from collections.abc import Mapping

from weir.cli.output import Column, Sheet, say, show_sheet
from weir.cli.values import style_of
from weir.scheduling.explain_words import STATES, Saying, meaning, sentences, shown
from weir.wire.jobs import WhyAnswer

HEADS: Mapping[str, tuple[str, ...]] = {"zh": ("原因", "资源池", "需要", "现有最好", "说明")}
CHANGES: Mapping[str, str] = {"zh": "这样改可使其满足："}
CHANGE: Mapping[str, str] = {"zh": "{wanted} → {instead}（增加 {pools} 个资源池）"}


def translated(answer: WhyAnswer, language: str) -> str:
    """What is said, in this language; in English where a server says no codes."""
    return sentences((Saying(s.code, s.values) for s in answer.said), language) or answer.text


def show_translated(answer: WhyAnswer, language: str) -> None:
    """Print the state and why, the reasons counted over pools, and the changes that would help."""
    state = STATES[language].get(answer.state.value, answer.state.value)
    say(f"{answer.job} {state}：{translated(answer, language)}", style_of(answer.state))
    if answer.reasons:
        say()
        sheet = Sheet(tuple(Column(h, wraps=n > 1) for n, h in enumerate(HEADS[language])))
        for r in answer.reasons:
            needed, best = shown(r.needed, language), shown(r.best, language)
            sheet.add(r.reason, str(r.pools), needed, best, meaning(r.reason, language))
        show_sheet(sheet)
    if answer.changes:
        say()
        say(CHANGES[language])
        for c in answer.changes:
            wanted, instead = shown(c.wanted, language), shown(c.instead, language)
            say("  " + CHANGE[language].format(wanted=wanted, instead=instead, pools=c.pools))
