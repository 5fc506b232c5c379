"""The sheet of a month from what is stored, and its three forms."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from datetime import datetime

import pytest

from tests.builders import Cluster, Domain, pool
from weir.console.words_zh_indicators import INDICATORS as MEANINGS
from weir.control.indicators import history
from weir.control.reports import month_report, month_span
from weir.control.reports_html import html
from weir.control.reports_plots import scale, stretches
from weir.control.reports_shown import shown
from weir.control.reports_text import as_csv, markdown
from weir.control.reports_words import words_of
from weir.control.series_roll import roll_up, write_down
from weir.core.errors import BadInput, NotFound
from weir.core.indicator_view import Pairs, why
from weir.core.report import Figure, MonthReport
from weir.core.series import RETENTION_S, Bucket, Key
from weir.wire.samples import Gap, Point, pack

HOUR = 3600
OCTOBER = int(datetime.fromisoformat("2023-10-01T00:00:00+00:00").timestamp())
NOVEMBER = OCTOBER + 31 * 24 * HOUR
ENGLISH = words_of("en", {})


def hours(
    cluster: Cluster, subject: str, metric: str, value: float, *which: int, part: str = ""
) -> None:
    """Hours of October by their number, each of 360 equal samples."""
    key, bucket = Key(subject, metric, part), Bucket(360, 360 * value, value, value, value)
    rows = [Point(key, OCTOBER + h * HOUR, bucket) for h in which]
    assert cluster.exchange(samples=(pack(HOUR, rows),), want=False).refused == ()


def all_rolled(domain: Domain) -> None:
    while roll_up(domain.ctx):
        pass


def figures(report: MonthReport) -> Mapping[str, Figure]:
    return {f.name: f for f in report.figures}


@pytest.fixture
def month(domain: Domain) -> tuple[Domain, Cluster, Cluster]:
    """Two centers, of which one measures the first two days of October, the other a single day."""
    suzhou, harbin = domain.site("suzhou", pool("gpu")), domain.site("harbin", pool("gpu"))
    for metric, watts in (("it_power", 1000.0), ("facility_power", 1500.0)):
        hours(suzhou, suzhou.named["gpu"], metric, watts, *range(48))
    for metric, watts in (("it_power", 3000.0), ("facility_power", 3300.0)):
        hours(harbin, harbin.named["gpu"], metric, watts, *range(24))
    all_rolled(domain)
    return domain, suzhou, harbin


def test_it_says_the_month_and_how_much_of_it_is_known(
    month: tuple[Domain, Cluster, Cluster],
) -> None:
    domain, _, _ = month
    report = month_report(domain.ctx, "2023-10")
    found = figures(report)
    assert (report.begin, report.end, report.until) == (OCTOBER, NOVEMBER, NOVEMBER)
    assert found["it_energy"].value == pytest.approx(48 * 1 + 24 * 3)
    assert found["facility_energy"].value == pytest.approx(48 * 1.5 + 24 * 3.3)
    assert found["it_energy"].taken == "sum over the time known"
    assert found["it_power"].coverage == pytest.approx(2 / 31)
    assert [(g.begin, g.end) for g in found["it_power"].gaps] == [(OCTOBER + 48 * HOUR, NOVEMBER)]
    assert (found["it_power"].most, found["it_power"].last) == (4000.0, 1000.0)
    assert "pue" in found and "wue" in report.unknown
    sheets = {s.name: {f.name: f for f in s.figures} for s in report.sites}
    assert set(sheets) == {"suzhou", "harbin"}
    assert sheets["suzhou"]["pue"].value == pytest.approx(1.5)
    assert sheets["harbin"]["pue"].value == pytest.approx(1.1)
    assert sheets["harbin"]["it_energy"].coverage == pytest.approx(1 / 31)
    total = sum(sheets[s]["it_energy"].value or 0 for s in sheets)
    assert total == pytest.approx(found["it_energy"].value), "the sites add up to the whole"


def test_days_and_hours_give_the_same_sheet(month: tuple[Domain, Cluster, Cluster]) -> None:
    """In a zone the month begins within a day of UTC: hours at its sides, days between."""
    domain, _, _ = month
    shanghai = month_report(domain.ctx, "2023-10", "+08:00")
    assert shanghai.begin == OCTOBER - 8 * HOUR
    assert figures(shanghai)["it_energy"].value == pytest.approx(48 + 72)
    west = month_report(domain.ctx, "2023-10", "-05:00")
    assert figures(west)["it_energy"].value == pytest.approx(43 + 3 * 19)
    whole = history(domain.ctx, OCTOBER, NOVEMBER, HOUR, names=["it_energy"]).indicators[0]
    assert sum(v for _, v in whole.points) == pytest.approx(48 + 72)


def test_it_is_of_what_lies_under_one_identifier_or_name(
    month: tuple[Domain, Cluster, Cluster],
) -> None:
    domain, suzhou, _ = month
    for asked in (suzhou.identifier, "suzhou"):
        report = month_report(domain.ctx, "2023-10", under=asked)
        assert report.under == suzhou.identifier
        assert figures(report)["it_energy"].value == pytest.approx(48)
        assert figures(report)["it_power"].coverage == pytest.approx(2 / 31)
        assert [s.name for s in report.sites] == ["suzhou"]
    with pytest.raises(NotFound, match="nowhere"):
        month_report(domain.ctx, "2023-10", under="nowhere")


def test_a_month_that_is_not_over_goes_up_to_the_last_whole_hour(
    month: tuple[Domain, Cluster, Cluster],
) -> None:
    domain, _, _ = month
    domain.clock.now = OCTOBER + 30 * HOUR + 100.0
    report = month_report(domain.ctx, "2023-10")
    assert report.until == OCTOBER + 30 * HOUR
    assert figures(report)["it_energy"].value == pytest.approx(30 + 72)
    assert figures(report)["it_energy"].coverage == 1.0
    assert "not over" in markdown(report, ENGLISH)


def test_a_month_of_which_only_days_are_kept(month: tuple[Domain, Cluster, Cluster]) -> None:
    domain, _, _ = month
    domain.clock.now = NOVEMBER + RETENTION_S[HOUR] + 86400.0
    report = month_report(domain.ctx, "2023-10")
    assert report.width_s == 86400
    assert figures(report)["it_energy"].value == pytest.approx(48 + 72)
    assert figures(report)["it_energy"].coverage == pytest.approx(2 / 31)


def test_inventory_is_the_mean_of_what_was_noted(domain: Domain) -> None:
    domain.clock.now = OCTOBER + 2 * HOUR
    site = domain.site("suzhou", pool("gpu"))
    write_down(domain.ctx)
    site.report(pool("gpu", hosts=4))
    domain.clock.turn(HOUR)
    write_down(domain.ctx)
    domain.clock.turn(HOUR)
    found = figures(month_report(domain.ctx, "2023-10"))["devices"]
    assert (found.value, found.least, found.most, found.last) == (24, 16, 32, 32)
    assert found.by == {"nvidia-h100-sxm5": 24}


def test_what_jobs_held_within_the_month_is_told_by_user_and_site(domain: Domain) -> None:
    domain.clock.now = OCTOBER - 2.0 * HOUR
    site = domain.site("suzhou", pool("gpu"))
    domain.submit()
    domain.round()
    run = site.run("accepted", "started")
    domain.clock.now = OCTOBER + 3.0 * HOUR
    site.exchange(want=False)
    site.say(run, "succeeded")
    domain.submit()
    domain.round()
    site.run("accepted", "started")
    domain.clock.now = OCTOBER + 7.0 * HOUR
    report = month_report(domain.ctx, "2023-10")
    until = (report.until - OCTOBER) / HOUR
    rows = {(d.kind, d.name): d for d in report.delivered}
    assert set(rows) == {("user", "li"), ("site", "suzhou")}
    of = rows["user", "li"]
    assert of.runs == 2
    assert of.device_hours == pytest.approx(8 * 3 + 8 * (until - 3))
    assert of.core_hours == pytest.approx(until)
    assert month_report(domain.ctx, "2023-10", under="CN.S99-F").delivered == ()


@pytest.mark.parametrize(
    ("month", "zone", "field"),
    [
        ("2023-13", "+00:00", "month"),
        ("October", "+00:00", "month"),
        ("1969-12", "+00:00", "month"),
        ("2023-10", "+08", "zone"),
        ("2023-10", "+05:30", "zone"),
        ("2023-10", "+99:00", "zone"),
        ("2023-12", "+00:00", "month"),
    ],
)
def test_what_is_no_month_is_told_so(domain: Domain, month: str, zone: str, field: str) -> None:
    with pytest.raises(BadInput) as failed:
        month_report(domain.ctx, month, zone)
    assert [m.field for m in failed.value.mistakes] == [field]


def test_december_ends_with_the_year() -> None:
    begin, end, zone = month_span("2023-12", "+08:00")
    assert (end - begin, zone) == (31 * 86400, 8 * HOUR)
    assert datetime.fromtimestamp(end).timestamp() == 1704038400


# Its forms.


def test_csv_has_every_figure_whole(month: tuple[Domain, Cluster, Cluster]) -> None:
    domain, suzhou, _ = month
    report = month_report(domain.ctx, "2023-10")
    text = as_csv(report, ENGLISH)
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    found = {r["name"]: r for r in rows if r["section"] == "indicator" and not r["part"]}
    for figure in report.figures:
        assert found[figure.name]["value"] == ("" if figure.value is None else str(figure.value))
        assert found[figure.name]["unit"] == figure.unit
        assert found[figure.name]["definition"] == figure.definition
    of_site = [r for r in rows if r["section"] == "site" and r["site"] == suzhou.identifier]
    assert {r["name"] for r in of_site} >= {"it_energy", "pue"}
    assert {r["from"] for r in rows} == {"2023-10-01T00:00:00Z"}


def test_markdown_and_html_have_every_indicator_and_its_definition(
    month: tuple[Domain, Cluster, Cluster],
) -> None:
    domain, _, _ = month
    report = month_report(domain.ctx, "2023-10")
    plain, page = markdown(report, ENGLISH), html(report, ENGLISH)
    for figure in report.figures:
        assert figure.label in plain
        assert figure.definition.split(",")[0].split("_")[0] in plain
        assert figure.label in page
    assert "6.5 %" in plain, "how much of October is known"
    assert "Longest gap" in plain
    assert page.count("<svg") == sum(len(f.points) > 1 for f in report.figures)
    assert "<script" not in page and "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_it_is_told_in_chinese_without_a_word_left_over(
    month: tuple[Domain, Cluster, Cluster],
) -> None:
    domain, _, _ = month
    chinese = words_of("zh", MEANINGS)
    page = markdown(month_report(domain.ctx, "2023-10", "+08:00"), chinese)
    assert "# 月报 2023-10" in page
    assert "电能利用效率" in page
    for english in ("Known", "Definitions", "ratio of sums", "Power over the time", "Longest"):
        assert english not in page, english
    sentences = re.findall(r"[A-Za-z]{3,} [a-z]{2,} [a-z]{2,}.*", page)
    assert sentences == [], "names and units only"


def test_why_a_figure_leaves_something_out_is_told_in_chinese_too() -> None:
    lacking = tuple(f"it_power of CN.S{n}: 1 of {n} pools" for n in range(2, 7))
    said = why(Pairs((), lacking))
    assert ENGLISH.reason(said) == said
    assert words_of("zh", MEANINGS).reason(said) == (
        "数据不全而未计入：CN.S2 的 it_power：2 个资源池中已知 1 个；"
        "CN.S3 的 it_power：3 个资源池中已知 1 个；"
        "CN.S4 的 it_power：4 个资源池中已知 1 个；另有 2 处"
    )


def test_text_from_outside_does_no_harm(domain: Domain) -> None:
    domain.clock.now = OCTOBER + 2.0 * HOUR
    site = domain.site("suzhou", pool("gpu"))
    bad = "</td><script>alert(1)</script> | *x*"
    site.exchange(gaps=(Gap(begin=OCTOBER, end=OCTOBER + 60.0, reason=bad),), want=False)
    report = month_report(domain.ctx, "2023-10")
    assert report.gaps[0].reason == bad
    assert "<script" not in html(report, ENGLISH)
    assert r"\</td\>\<script\>alert(1)\</script\> \| \*x\*" in markdown(report, ENGLISH)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "W", "–"),
        (0, "W", "0 W"),
        (1234567.0, "W", "1.235 MW"),
        (312.0, "kWh", "312 kWh"),
        (31200.0, "kWh", "31.2 MWh"),
        (2.5e6, "g", "2.5 t"),
        (5e9, "g", "5,000 t"),
        (2**40, "bytes", "1 TiB"),
        (2**20, "bytes/s", "1 MiB/s"),
        (1e10, "bit/s", "10 Gbit/s"),
        (2_000_000, "GFLOPS", "2 PFLOPS"),
        (55.5, "Cel", "55.5 °C"),
        (98.123456, "%", "98.12 %"),
        (12345, "1", "12,345"),
    ],
)
def test_numbers_are_shown_in_a_unit_that_fits(value: float | None, unit: str, text: str) -> None:
    assert shown(value, unit) == text


def test_an_axis_holds_all_values_and_begins_at_zero_where_that_is_near() -> None:
    assert scale([1.0, 9.0])[0] == 0.0
    low, high, marks = scale([97.0, 99.5])
    assert low <= 97.0 and high >= 99.5 and low > 0 and marks[0] == low and marks[-1] == high
    for flat in (0.0, 7.0, -3.0):
        low, high, _ = scale([flat, flat])
        assert low <= flat <= high and low < high


def test_a_line_is_broken_where_nothing_is_known() -> None:
    points = [(0.0, 1.0), (3600.0, 2.0), (10800.0, 3.0)]
    assert list(stretches(points, 3600)) == [points[:2], points[2:]]
