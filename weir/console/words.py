"""Words: what the pages say, in each language. English stands in the templates and is the key.

A text that a server composes (a reason, a definition) is looked up like any other, and where there
is no translation it is shown in English and marked as such (`is_foreign`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from weir.console import figures
from weir.console.words_zh import ZH
from weir.console.words_zh_api import API_ZH
from weir.console.words_zh_network import SOURCES
from weir.console.words_zh_policies import POLICIES_ZH
from weir.scheduling.explain_words import shown

LANGUAGES: Mapping[str, str] = {"en": "English", "zh": "中文"}
TAGS: Mapping[str, str] = {"en": "en", "zh": "zh-CN"}

LEFT_OUT = "left out where not all is known: "
_POOLS = re.compile(r"(\S+) of (\S+): (\d+) of (\d+) pools")
_MORE = re.compile(r"(\d+) more$")


@dataclass(frozen=True, slots=True)
class Words:
    """One language."""

    language: str
    table: Mapping[str, str]

    @property
    def tag(self) -> str:
        """As in `<html lang>`."""
        return TAGS[self.language]

    def __call__(self, text: str, **values: object) -> str:
        """A text in this language, with its values filled in."""
        found = self.table.get(text, text)
        return found.format(**values) if values else found

    def duration(self, seconds: float | None) -> str:
        """A duration with its units in this language."""
        return figures.duration(seconds, self.language)

    def took(self, started_at: float | None, ended_at: float | None, now: float) -> str:
        """How long something ran, or runs so far."""
        return figures.took(started_at, ended_at, now, self.language)

    def shown(self, text: str) -> str:
        """What is needed or what there is, as the scheduler writes it, in this language."""
        return shown(text, self.language)

    def why(self, text: str) -> str:
        """What an indicator leaves out, as `core.indicator_view.why` writes it."""
        if self.language != "zh" or not text.startswith(LEFT_OUT):
            return text
        said = _POOLS.sub(r"\2 的 \1：\4 个资源池中只有 \3 个", text.removeprefix(LEFT_OUT))
        return "信息不全而略去：" + _MORE.sub(r"另有 \1 处", said)

    def source(self, text: str) -> str:
        """By what an identifier is known, as `control.resolve` writes it."""
        if self.language != "zh":
            return text
        return next((found.expand(zh) for said, zh in SOURCES if (found := said(text))), text)

    def policy(self, name: str, about: str) -> str:
        """What a policy does; `about` is the English of it."""
        return POLICIES_ZH.get(name, about) if self.language == "zh" else about

    def call(self, method: str, path: str, about: str) -> str:
        """What a call of the API does; `about` is the English of it."""
        return API_ZH.get(f"{method} {path}", about) if self.language == "zh" else about

    def is_foreign(self, text: str) -> bool:
        """Whether a text can only be shown in English here."""
        return self.language != "en" and text not in self.table and text.isascii()


@cache
def words(language: str) -> Words:
    """The words of a language; English if there is none of this name."""
    return Words("zh", ZH) if language == "zh" else Words("en", {})
