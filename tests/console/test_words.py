"""The words: everything the pages say has a Chinese text with the same values in it."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from dataclasses import fields

import numpy as np
from jinja2 import nodes

from tests.builders import foreign
from tests.console.conftest import House
from weir.api.routes import ROUTES
from weir.console import figures, form, render
from weir.console.directory import SORTS
from weir.console.drawing import matrix, usage
from weir.console.facets import FACETS, FIGURES
from weir.console.history import SPANS, scale
from weir.console.pages import find, jobs, operations, overview
from weir.console.pages.operations_scheduling import text_of
from weir.console.words import LANGUAGES, words
from weir.console.words_zh import ZH
from weir.console.words_zh_api import API_ZH
from weir.console.words_zh_policies import POLICIES_ZH
from weir.core.indicators import INDICATORS
from weir.core.lifecycle import JobState, RunState
from weir.scheduling.policies import POLICIES
from weir.scheduling.policy import Policy
from weir.scheduling.rank import Merits, candidate, settle
from weir.sim import replay
from weir.sim.results import BY_NAME
from weir.wire.jobs import TermAnswer
from weir.wire.pools import pool_from as core_pool
from weir.wire.replays import ReplayMeasure

CHINESE = {"Accept-Language": "zh-CN"}
SI = {
    *("%", "°C", "B", "TiB", "EiB", "g", "kt", "ms", "s", "W", "kW", "MW", "GW", "kWh", "GWh"),
    *("g/kWh", "kg/kWh", "L/kWh", "bit/s", "Gbit/s", "Tbit/s", "bytes/s", "GB/s", "TB/s"),
    *("GFLOPS", "TFLOPS", "PFLOPS", "EFLOPS"),
}
"""Signs of units, which are the same in both languages."""

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
    yield from SPANS.values()
    yield from FIGURES.values()
    yield from (*matrix.SHOWS.values(), *matrix.CIRCLES.values())
    yield from (f.label for f in form.FIELDS)
    yield from figures.TERMS.values()
    yield from usage.TITLES
    yield from JobState
    yield from RunState
    yield from (f"{kind} domain" for kind in ("national", "regional", "industry"))


def test_everything_has_a_chinese_text() -> None:
    assert not sorted({*texts(), *tables()} - {"", *ZH})


def test_every_term_of_a_score_has_a_name_and_a_value_that_reads_well() -> None:
    names, units = terms_there_are()
    assert {"use", "past", "surplus", "run", "carbon"} <= names
    said = {figures.TERMS.get(name, name) for name in names}
    assert not sorted(said - set(ZH))
    shown = {unit: figures.term(TermAnswer(name="x", value=3, unit=unit, cost=0)) for unit in units}
    assert shown.pop("share") == "300%"
    assert shown.pop("s") == shown.pop(f"s{figures.ESTIMATED}") == "3.0 s"
    assert shown.pop("domains") == shown.pop("devices") == "3"
    assert {v.removeprefix("3").strip() for v in shown.values()} <= {
        "ms",
        "kW",
        "kg/h",
        "GB",
        "CNY/h",
    }
    guess = TermAnswer(name="run", value=3, unit=f"s{figures.ESTIMATED}", cost=0)
    assert figures.is_estimated(guess)
    assert "estimated" in ZH


def terms_there_are() -> tuple[set[str], set[str]]:
    """Names and units of every term, with everything weighed and everything known."""
    weights = {f.name: 1.0 for f in fields(Policy) if f.name.endswith("_weight")}
    known = np.ones(1)
    merits = Merits(**{f.name: known for f in fields(Merits)})
    # The weights are all the fields of that name, which mypy can't know.
    everything = Policy(name="everything", **weights)  # type: ignore[arg-type]
    settled = settle(everything, merits)
    found = candidate(
        everything, core_pool(foreign("p")), "c", (), settled, 0, 1, 0.0, 0.5, 0.5, ()
    )
    plain = settle(
        everything, Merits(**{f.name: known for f in fields(Merits) if f.name != "estimated"})
    )
    second = candidate(everything, core_pool(foreign("p")), "c", (), plain, 0, 1, 0.0, 0.5, 0.5, ())
    terms = (*found.terms, *second.terms)
    return {t.name for t in terms}, {t.unit for t in terms}


def test_every_indicator_reads_in_both_languages() -> None:
    missing = set()
    for one in INDICATORS:
        assert one.label and one.label_zh
        missing |= {one.definition, one.law} - set(ZH)
        if one.source not in ("", "Weir") and not one.source.startswith("ISO"):
            missing |= {one.source} - set(ZH)
        unit = figures.value_of(3, one.unit)[1]
        missing |= {unit} - set(ZH) - SI - {""}
        missing |= {scale(3e13, one.unit)[1]} - set(ZH) - SI - {""}
    assert not sorted(missing)


def test_every_policy_and_call_reads_in_both_languages() -> None:
    assert not sorted(set(POLICIES) - set(POLICIES_ZH))
    there = {f"{r.method} {r.path.replace(':path', '')}" for r in ROUTES}
    assert not sorted(there - set(API_ZH)), "a call that is new has no Chinese text yet"
    assert not sorted(set(API_ZH) - there), "a call that is gone still has one"
    assert not sorted({r.tag for r in ROUTES} - set(ZH))


def test_every_measure_of_a_replay_reads_in_both_languages() -> None:
    labels = {BY_NAME[name].label for name in replay.SHOWN}
    assert not sorted(labels - set(ZH))
    units = {BY_NAME[name].unit for name in replay.SHOWN}
    measures = [ReplayMeasure(name="x", label="x", unit=unit, better=-1) for unit in units]
    shown = {m.unit: text_of(m, 12_345.0, "CNY") for m in measures}
    assert shown["Wh"] == "12.3 kWh" and shown["g"] == "12.3 kg"
    assert shown["money"] == "12,345 CNY" and shown["s"] == "3 h 25 min"


def test_every_setting_has_a_chinese_text(house: House) -> None:
    page = house.browser("root", "operator").get("/operations?tab=settings", **CHINESE).text
    rows = re.findall(r'<th scope="row">([^<]+)</th>', page)
    assert len(rows) >= 15
    assert not [row for row in rows if row.isascii()]


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
