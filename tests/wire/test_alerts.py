"""Rules as people write them, and every mistake of them at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from weir.control.alerts import shipped_rules
from weir.core.alerts import Condition, Each, Severity
from weir.core.errors import BadInput
from weir.wire.alert_amounts import parse_amount
from weir.wire.alert_sending import read_sending
from weir.wire.alerts import read_rules


def mistakes(text: str) -> dict[tuple[str, int | None], str]:
    with pytest.raises(BadInput) as refused:
        read_rules(text, "r.yaml", shipped_rules())
    return {(m.field, m.line): m.message for m in refused.value.mistakes}


def test_a_rule_is_read_with_its_units() -> None:
    (rule,) = read_rules(
        """
rules:
  - name: hot
    indicator: facility_power
    each: site
    above: 2.5 MW
    over: 15m
    for: 1h30m
    clear: 5m
    severity: critical
    summary: It draws more than it may
    summary_zh: 功率超限
""",
        "r.yaml",
    )
    assert (rule.condition, rule.threshold, rule.each) == (Condition.ABOVE, 2.5e6, Each.SITE)
    assert (rule.over_s, rule.for_s, rule.clear_s) == (900, 5400, 300)
    assert (rule.severity, rule.summary_zh) == (Severity.CRITICAL, "功率超限")


def test_what_is_left_out_has_the_indicators_words_and_a_past_of_its_own() -> None:
    (rule,) = read_rules("rules: [{name: odd, indicator: pue, deviates: 4}]", "r")
    assert (rule.summary, rule.summary_zh, rule.over_s) == ("PUE", "电能利用效率", 86400)
    assert rule.each is Each.DOMAIN


def test_rules_stand_beside_the_shipped_ones_or_in_their_place() -> None:
    shipped = {rule.name: rule for rule in shipped_rules()}
    text = """
rules:
  - {name: link-degraded, disabled: true}
  - {name: pue-above-target, indicator: pue, each: site, above: 1.2}
  - {name: mine, indicator: jobs, part: failed, above: 5}
"""
    found = {rule.name: rule for rule in read_rules(text, "r", shipped_rules())}
    assert set(found) == {*shipped, "mine"} - {"link-degraded"}
    assert found["pue-above-target"].threshold == 1.2
    assert found["site-silent"] == shipped["site-silent"]
    alone = read_rules("shipped: false\n" + text, "r", shipped_rules())
    assert [rule.name for rule in alone] == ["mine", "pue-above-target"]


def test_the_shipped_rules_say_what_they_mean_in_both_languages() -> None:
    assert len(shipped_rules()) >= 7
    for rule in shipped_rules():
        assert rule.summary.isascii()
        assert not rule.summary_zh.isascii()


def test_every_mistake_is_told_at_once_with_its_line() -> None:
    found = mistakes(
        """rules:
- {name: a, indicator: pu, above: 1}
- {name: b, indicator: pue}
- {name: b, indicator: pue, above: 1, below: 2}
- {name: c, indicator: storage, above: 5 apples}
- {name: d, indicator: link_latency, each: site, above: 5 ms}
- {name: e, indicator: pools_silent, each: site, rises: 1}
- {name: f, indicator: pools_silent, above: 1, over: 5m}
- {name: g, indicator: pue, above: 1, over: 5s}
- {name: h, indicator: pue, above: 1, for: soon, severty: info}
- {name: nothing, disabled: true}
- {name: site-silent, disabled: true, above: 3}
- {indicator: pue, above: 1}
- {name: i, indicator: pue, above: true, each: town}
"""
    )
    said = {line: (field, message) for (field, line), message in found.items()}
    assert said[2] == ("rules[0].indicator", "no indicator is called 'pu'; did you mean pue?")
    assert "has no condition" in said[3][1]
    assert {f for f, line in found if line == 4} == {"rules[2]", "rules[2].name"}
    assert "'5 apples'" in said[5][1] or "apples" in said[5][1]
    assert "known of domain or link, not of site" in said[6][1]
    assert "past of the whole domain only" in said[7][1]
    assert "leave over out" in said[8][1]
    assert said[9][0] == "rules[7].over"
    assert {f for f, line in found if line == 10} == {"rules[8].for", "rules[8].severty"}
    assert "did you mean severity?" in found["rules[8].severty", 10]
    assert "no shipped rule is called 'nothing'" in said[11][1]
    assert "take away above" in said[12][1]
    assert {f for f, line in found if line == 13} == {"rules[11].name"}
    assert {f for f, line in found if line == 14} == {"rules[12].above", "rules[12].each"}


@pytest.mark.parametrize(
    ("said", "unit", "value"),
    [
        (90, "%", 90.0),
        ("90 %", "%", 90.0),
        ("500 GiB", "bytes", 500 * 2.0**30),
        ("2 PFLOPS", "GFLOPS", 2e6),
        ("5m", "s", 300.0),
        ("90", "s", 90.0),
        ("0.2 s", "ms", 200.0),
        ("10 Gbit/s", "bit/s", 1e10),
        ("-5 Cel", "Cel", -5.0),
        ("350 g/kWh", "g/kWh", 350.0),
        (1.3, "1", 1.3),
    ],
)
def test_amounts_have_their_unit(said: object, unit: str, value: float) -> None:
    assert parse_amount(said, unit) == value


@pytest.mark.parametrize(
    ("said", "unit"),
    [("90 %", "1"), ("5 W", "%"), ("1e999", "1"), (True, "1"), ("", "1"), ("x", "s")],
)
def test_an_amount_of_another_unit_is_refused_with_an_example(said: object, unit: str) -> None:
    with pytest.raises(ValueError, match="for example"):
        parse_amount(said, unit)


def test_the_examples_of_the_page_are_right_and_its_table_is_whole(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")
    rules, sending = re.findall(r"```yaml\n(.+?)```", page, re.DOTALL)
    found = {rule.name: rule for rule in read_rules(rules, "the page", shipped_rules())}
    assert found["disks-fill"].threshold == 2.0**40
    table = page.split("| rule | met when")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE)) == {
        rule.name for rule in shipped_rules()
    }
    (tmp_path / "send.yaml").write_text(sending)
    assert [r.kind for r in read_sending(tmp_path / "send.yaml").receivers] == [
        "webhook",
        "email",
        "alertmanager",
    ]
