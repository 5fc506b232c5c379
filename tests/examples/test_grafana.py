"""The dashboards in examples/grafana: their queries are answered, by names that there are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders import Domain
from tests.databases import NewStore
from weir.control.series_query import query
from weir.core.metrics import METRICS
from weir.core.promql import Aggregate, Binary, Call, Expression, Selector, parse
from weir.core.series import Key, start_of
from weir.store import series as rows_of

FOLDER = Path(__file__).parents[2] / "examples" / "grafana"
BOARDS = ("network", "site", "pool")
LABELS = {"subject", "part", "site"}
PARTS = {"devices_health": "healthy", "jobs_now": "running", "jobs_ended": "failed"}
UNITS = {"W": "watt", "bytes": "bytes", "bytes/s": "Bps", "s": "s", "Cel": "celsius"}
POOL = "CN.S1.C1.P1-U"


def board(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def expressions(of: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Every panel with each of its queries, the variables filled in."""
    for panel in of["panels"]:
        for target in panel["targets"]:
            if "expr" in target:
                filled = target["expr"].replace("$site", "CN.S1").replace("$pool", POOL)
                assert "$" not in filled
                yield panel, filled


def selectors(of: Expression) -> Iterator[Selector]:
    if isinstance(of, Selector):
        yield of
    elif isinstance(of, Aggregate):
        yield from selectors(of.of)
    elif isinstance(of, Call):
        for argument in of.arguments:
            yield from selectors(argument)
    elif isinstance(of, Binary):
        yield from selectors(of.left)
        yield from selectors(of.right)


@pytest.fixture
def domain(new_store: NewStore, tmp_path: Path) -> Domain:
    """A domain with a value of every metric, of a pool or of what tells it."""
    domain = Domain(new_store(), tmp_path)
    keys = [Key(_subject(name), name, PARTS.get(name, "")) for name in METRICS]
    with domain.ctx.store.write() as tx:
        numbers = rows_of.add(tx, keys, "").values()
        for width in (60, 900, 3600):
            at = start_of(domain.clock() - 60, width)
            rows_of.put(tx, [(width, at, n, 1, 1.0, 1.0, 1.0, 1.0) for n in numbers])
    return domain


def _subject(metric: str) -> str:
    if metric.startswith("link_"):
        return "CN.S1.C1-E>CN-F"
    return "CN.S1-1" if metric.startswith("site_") else POOL


@pytest.mark.parametrize("name", BOARDS)
def test_every_query_is_answered(domain: Domain, name: str) -> None:
    now = domain.clock()
    asked = list(expressions(board(name)))
    assert len(asked) > 10
    for panel, text in asked:
        found = query(domain.ctx, parse(text), now - 300, now, 60)
        assert isinstance(found, list) and found, (panel["title"], text)


def test_what_a_site_tells_is_not_added_to_its_pools(domain: Domain) -> None:
    keys = [Key("CN.S2-W", "it_power"), Key("CN.S2.C1.P1-K", "it_power"), Key(POOL, "it_power")]
    now = domain.clock()
    at = start_of(now - 60, 60)
    with domain.ctx.store.write() as tx:
        numbers = rows_of.add(tx, keys, "")
        values = zip(keys, (500.0, 400.0, 70.0), strict=True)
        rows_of.put(tx, [(60, at, numbers[key], 2, 2 * v, v, v, v) for key, v in values])
    panels = {panel["title"]: text for panel, text in expressions(board("network"))}
    found = query(domain.ctx, parse(panels["IT power"]), now, now, 60)
    assert isinstance(found, list)
    [line] = found
    assert line.points[0][1] == 500 + 70


@pytest.mark.parametrize("name", BOARDS)
def test_no_board_asks_what_is_told_otherwise_with_victoriametrics(name: str) -> None:
    asked = [text for _, text in expressions(board(name))]
    assert not [text for text in asked if "rate(" in text or "increase(" in text]


@pytest.mark.parametrize("name", BOARDS)
def test_queries_name_what_there_is(name: str) -> None:
    for panel, text in expressions(board(name)):
        for selector in selectors(parse(text)):
            labels = {m.label: m.value for m in selector.matchers}
            metric = labels.pop("__name__").removeprefix("weir_")
            assert metric in METRICS, panel["title"]
            assert set(labels) <= LABELS, panel["title"]
            unit, shown = METRICS[metric].unit, panel["fieldConfig"]["defaults"]["unit"]
            assert shown in (UNITS.get(unit, "none"), "percent", "none"), panel["title"]


@pytest.mark.parametrize("name", BOARDS)
def test_it_is_a_dashboard(name: str) -> None:
    found = board(name)
    assert found["uid"] == f"weir-{name}" and "weir" in found["tags"]
    ids = [panel["id"] for panel in found["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in found["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells
        targets = {t["refId"]: t for t in panel["targets"]}
        assert len(targets) == len(panel["targets"])
        for target in panel["targets"]:
            if target["datasource"]["type"] == "__expr__":
                wanted = {word[1:] for word in target["expression"].split() if word[0] == "$"}
                assert wanted <= set(targets), panel["title"]
                assert all(targets[ref]["hide"] for ref in wanted), panel["title"]
            else:
                assert target["datasource"]["uid"] == "${datasource}"


@pytest.mark.parametrize("name", ["site", "pool"])
def test_what_can_be_chosen_is_a_label_of_a_series(name: str) -> None:
    [chosen] = [v for v in board(name)["templating"]["list"] if v["type"] == "query"]
    asked = chosen["query"]["query"]
    metric, _, label = asked.removeprefix("label_values(").rstrip(")").partition(", ")
    assert metric.removeprefix("weir_") in METRICS
    assert label in LABELS
