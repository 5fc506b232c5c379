"""The report: one file that needs nothing else, the same every time, with every number in it."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from tests.sim.stories import a_pool, an_outcome, jobs
from weir.core.errors import BadInput
from weir.sim.drawing import style_of
from weir.sim.outcome import Outcome
from weir.sim.report import Page, headline, report, result
from weir.sim.shown import cells
from weir.sim.summary import Run, columns, summary_of

PAGE = Page("March <again>", "weir simulate swf 'a & b.swf'", ("A note & more.",))


def a_story(policy: str, wait: float, **fields: Any) -> Outcome:
    """Two sites and two members; every second job waits."""
    rows = 60
    submit = np.arange(rows) * 100.0
    load = jobs(
        submit.tolist(),
        [500.0] * rows,
        home=["north" if i % 3 else "south" for i in range(rows)],
        user=[f"<u{i % 4}>" for i in range(rows)],
        epoch_s=1.7e9,
    )
    start = submit + np.where(np.arange(rows) % 2, wait, 0.0)
    pools = [a_pool("a", "north"), a_pool("b", "south")]
    cost: dict[str, Any] = {"price": np.full(rows, 2.5), "carbon_g": np.full(rows, 300.0)}
    where = np.arange(rows) % 2
    return an_outcome(load, start, start + 500, pools, where, policy=policy, **{**cost, **fields})


def runs_of(*waits: float) -> list[Run]:
    return [
        Run(f"p{n}", "as it is", 0, summary_of(a_story(f"p{n}", wait)))
        for n, wait in enumerate(waits)
    ]


class Links(HTMLParser):
    """Every attribute by which a page fetches something, and every tag."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "data", "action") and value is not None:
                self.fetched.append(value)


def test_the_page_needs_no_other_file_and_no_script() -> None:
    page = report(runs_of(0, 700), PAGE)
    found = Links()
    found.feed(page)
    assert "script" not in found.tags
    assert "link" not in found.tags
    assert all(value.startswith("#") for value in found.fetched)
    assert "@import" not in page
    assert all("url(#" in url for url in re.findall(r"url\([^)]*\)", page))


def test_the_page_is_the_same_every_time() -> None:
    assert report(runs_of(0, 700), PAGE) == report(runs_of(0, 700), PAGE)


def test_text_from_outside_is_escaped() -> None:
    page = report(runs_of(0), PAGE)
    assert "March &lt;again&gt;" in page
    assert "<u1>" not in page
    assert "&lt;u1&gt;" in page
    assert "a &amp; b.swf" in page
    assert "A note &amp; more." in page


def test_labels_in_plots_are_escaped_too() -> None:
    odd = [Run('<b>&"', "as it is", 0, summary_of(a_story("x", 5))), *runs_of(1)]
    for svg in re.findall(r"<svg.*?</svg>", report(odd, PAGE), re.DOTALL):
        ElementTree.fromstring(svg)


def test_plots_take_their_colors_from_the_page_and_ids_come_once() -> None:
    page = report(runs_of(0, 700), PAGE)
    svgs = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(svgs) == 5  # over time, distributions, sites, sites over time, cost and carbon
    assert "#0102" not in page
    assert all("var(--c1)" in svg for svg in svgs)
    ids = [i for svg in svgs for i in set(re.findall(r' id="([^"]+)"', svg))]
    assert len(ids) == len(set(ids))


def test_one_site_without_prices_has_no_empty_plots() -> None:
    outcome = an_outcome(jobs([0, 5], [10, 10]), [0, 10], [10, 20])
    page = report([Run("fifo", "as it is", 0, summary_of(outcome))], PAGE)
    assert page.count("<svg") == 2
    assert "Per site" not in page
    assert "CNY" not in page


def test_the_table_says_what_the_measures_say_and_marks_the_best() -> None:
    runs = runs_of(0, 700)
    rows = {m.name: (texts, best) for m, _, texts, best in headline(columns(runs))}
    waits = [run.summary.numbers["mean_wait_s"] for run in runs]
    assert waits == [0, 350]
    assert rows["mean_wait_s"] == (["0 min", "5.833 min"], {0})
    assert rows["cost"] == (["150.0 CNY", "150.0 CNY"], set())  # equal: nobody is best
    page = report(runs, PAGE)
    for texts, _ in rows.values():
        assert all(text in page for text in texts)
    assert '<td class="best">0 min</td><td>5.833 min</td>' in page


def test_who_leaves_jobs_undone_is_not_the_best_at_waiting() -> None:
    load = jobs([0, 0], [10, 10])
    done = summary_of(an_outcome(load, [0, 10], [10, 20]))
    less = summary_of(an_outcome(load, [0, np.nan], [10, np.nan]))
    both = [Run("fifo", "as it is", 0, done), Run("lazy", "as it is", 0, less)]
    best = {m.name: best for m, _, _, best in headline(columns(both))}
    assert best["finished"] == best["never_started"] == {0}
    assert best["mean_wait_s"] == set()


def test_numbers_of_the_json_are_those_of_the_page() -> None:
    runs = runs_of(0, 700)
    found = json.loads(json.dumps(result(runs, PAGE), allow_nan=False))
    assert [run["policy"] for run in found["runs"]] == ["p0", "p1"]
    for measure, _, texts, _ in headline(columns(runs)):
        values = [run[measure.name] for run in found["runs"]]
        assert cells(measure, values, "CNY") == texts
    assert found["measures"]["mean_wait_s"] == {"label": "Mean wait", "unit": "s"}
    assert {row["name"] for row in found["runs"][0]["sites"]} == {"north", "south"}
    assert "A note & more." in found["notes"]
    assert any("2023-11-14 22:13:20 UTC" in note for note in found["notes"])
    assert "means" not in found


def test_seeds_are_one_column_with_their_range() -> None:
    runs = [
        Run("fifo", "as it is", seed, summary_of(a_story("fifo", wait)))
        for seed, wait in ((1, 100), (2, 300))
    ]
    page = report(runs, PAGE)
    assert "each with 2 seeds" in page
    assert '<span class="range">0.833 min to 2.500 min</span>' in page
    means = result(runs, PAGE)["means"]
    assert means[0]["mean_wait_s"] == 100
    assert means[0]["seeds"] == [1, 2]


def test_jobs_that_never_end_can_be_drawn() -> None:
    load = jobs([0, 1], [np.inf, np.inf])
    outcome = an_outcome(load, [0, 1], [np.nan, np.nan], busy_s=np.full(2, np.nan))
    page = report([Run("fifo", "as it is", 0, summary_of(outcome))], PAGE)
    assert "Devices left unallocated" in page


def test_more_columns_than_colors_still_differ() -> None:
    looks = {str(sorted(style_of(n).items(), key=str)) for n in range(20)}
    assert len(looks) == 20


def test_without_matplotlib_the_way_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(BadInput, match="pip install"):
        report(runs_of(0), PAGE)
