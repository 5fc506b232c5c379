"""The words: everything the pages say has a Chinese text with the same values in it."""

from __future__ import annotations

import string
from collections.abc import Iterator

from jinja2 import nodes

from weir.console import figures, form, render
from weir.console.directory import FACETS, SORTS
from weir.console.drawing import matrix, usage
from weir.console.pages import find, jobs, monitoring, operations, overview
from weir.console.words import LANGUAGES, words
from weir.console.words_zh import ZH
from weir.core.lifecycle import JobState, RunState

CALLED = {"t", "english", "info", "choices"}


def texts() -> Iterator[str]:
    """Every text that a template hands to be said."""
    environment = render.environment()
    for name in environment.list_templates():
        assert environment.loader
        source = environment.loader.get_source(environment, name)[0]
        for call in environment.parse(source).find_all(nodes.Call):
            node = call.node
            called = getattr(node, "name", getattr(node, "attr", ""))
            if called in CALLED and call.args:
                said = call.args[0] if called in ("t", "english") else call.args[-1]
                yield from _constants(said)
            if called == "choices" and isinstance(call.args[1], nodes.Dict):
                yield from (str(p.value.value) for p in call.args[1].items)  # type: ignore[attr-defined]


def _constants(node: nodes.Node) -> Iterator[str]:
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        yield node.value
    if isinstance(node, nodes.CondExpr):
        for one in (node.expr1, node.expr2):
            if one is not None:
                yield from _constants(one)


def tables() -> Iterator[str]:
    """What code hands to templates to be said."""
    yield from (label for _, label, _ in render.NAVIGATION)
    yield from (f.label for f in FACETS)
    yield from (label for label, _ in SORTS.values())
    for table in (overview.VIEWS, overview.SIZES, overview.COLORS, jobs.VIEWS, operations.TABS):
        yield from table.values()
    yield from monitoring.SPANS.values()
    yield from (*matrix.SHOWS.values(), *matrix.CIRCLES.values())
    yield from (f.label for f in form.FIELDS)
    yield from figures.TERMS.values()
    yield from usage.TITLES
    yield from JobState
    yield from RunState
    yield from (f"{kind} domain" for kind in ("national", "regional", "industry"))


def test_everything_has_a_chinese_text() -> None:
    assert not sorted({*texts(), *tables()} - {"", *ZH})


def values_in(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_fill_in_the_same_values() -> None:
    for english, chinese in ZH.items():
        assert values_in(english) == values_in(chinese), english


def test_a_text_that_is_missing_shows_in_english_and_is_marked() -> None:
    zh = words("zh")
    assert zh("no such text") == "no such text"
    assert zh.is_foreign("no such text")
    assert not zh.is_foreign("Jobs")
    assert not words("en").is_foreign("no such text")
    assert set(LANGUAGES) == {"en", "zh"}


def test_templates_are_read() -> None:
    assert len(set(texts())) > 250
    assert find.templates()
