"""A month's sheet as headings, paragraphs and tables, in words of one language.

The same blocks become Markdown and HTML. Numbers are rounded for reading; the CSV has them whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from weir.control.reports_shown import UNKNOWN, hours, number, percent, shown
from weir.control.reports_words import Words
from weir.core.indicators import INDICATORS, Indicator, IndicatorKind
from weir.core.report import Delivered, Figure, MonthReport, SiteFigure, SiteSheet

KINDS = {
    IndicatorKind.CAPACITY: "Capacity",
    IndicatorKind.USE: "Use",
    IndicatorKind.ENERGY: "Energy and environment",
    IndicatorKind.NETWORK: "Network",
    IndicatorKind.JOBS: "Jobs and waits",
    IndicatorKind.QUALITY: "Quality",
}
OVERVIEW = (
    "devices",
    "devices_busy",
    "devices_held",
    "cpu_busy",
    "it_energy",
    "pue",
    "storage_used",
    "site_availability",
    "site_reliability",
)
"""What the table of all sites compares."""

MOST_PARTS, MOST_SITES, MOST_ROWS = 40, 60, 200
"""What is shown; the CSV has everything."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; `plots` names the figures that are drawn below it, where there are plots."""

    text: str
    level: int = 2
    plots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence or some."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of texts; all columns but the first `left` ones are numbers."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1


Block = Heading | Paragraph | Table


def title(report: MonthReport, say: Words) -> str:
    """What stands above all."""
    return f"{say('Monthly sheet')} {report.month}: {report.domain_name}"


def blocks(report: MonthReport, say: Words) -> list[Block]:
    """The whole sheet in order."""
    return [
        *_head(report, say),
        *_kinds(report, say),
        *_sites(report, say),
        *_delivered(report, say),
        *_downtimes(report, say),
        *_coverage(report, say),
        *_definitions(report, say),
    ]


def moment(at: float, zone_s: int) -> str:
    """`2026-10-31 23:00` in the sheet's zone."""
    local = timezone(timedelta(seconds=zone_s))
    return f"{datetime.fromtimestamp(at, UTC).astimezone(local):%Y-%m-%d %H:%M}"


def zone_name(zone_s: int) -> str:
    """`UTC+08:00`."""
    sign = "-" if zone_s < 0 else "+"
    return f"UTC{sign}{abs(zone_s) // 3600:02}:00"


def label(figure: Figure | Indicator, say: Words) -> str:
    """What an indicator is called in the sheet's language."""
    return figure.label_zh if say.language == "zh" else figure.label


def _head(report: MonthReport, say: Words) -> Iterator[Block]:
    rows = [
        (say("Domain"), f"{report.domain_name} ({say(report.kind)})"),
        (say("Identifier"), report.domain or UNKNOWN),
        (say("Month"), f"{report.month} ({zone_name(report.zone_s)})"),
        (say("From"), moment(report.begin, report.zone_s)),
        (say("Until"), moment(report.until, report.zone_s)),
        (say("Made at"), moment(report.made_at, report.zone_s)),
    ]
    if report.under is not None:
        rows.insert(2, (say("Only what lies under"), report.under))
    yield Table((say("This sheet"), ""), tuple(rows), left=2)
    if report.until < report.end:
        yield Paragraph(say("The month is not over: the sheet goes up to the time above."))
    yield Paragraph(
        say(
            "Every figure is worked out from the month's samples by the indicator's own law. Time "
            "without samples is not filled up; Known says how much of the time there are any. "
            "What is unknown is left out and is never 0."
        )
    )


def _kinds(report: MonthReport, say: Words) -> Iterator[Block]:
    heads = ("Indicator", "Month", "Least", "Most", "Last", "Known")
    for kind, name in KINDS.items():
        figures = [f for f in report.figures if f.kind == kind]
        if not figures:
            continue
        yield Heading(say(name), plots=tuple(f.name for f in figures if len(f.points) > 1))
        rows = [row for f in figures for row in _figure_rows(f, say)]
        yield Table(tuple(map(say, heads)), tuple(rows))


def _figure_rows(figure: Figure, say: Words) -> Iterator[tuple[str, ...]]:
    unit = figure.unit
    whole = (figure.value, figure.least, figure.most, figure.last)
    yield (
        label(figure, say),
        *(say.unit(shown(value, unit)) for value in whole),
        percent(figure.coverage),
    )
    parts = sorted(figure.by.items(), key=lambda p: (-p[1], p[0]))
    for part, value in parts[:MOST_PARTS]:
        yield f"· {say(part)}", say.unit(shown(value, unit, part)), "", "", "", ""
    if len(parts) > MOST_PARTS:
        yield f"· {say('more, in the CSV')}: {len(parts) - MOST_PARTS}", "", "", "", "", ""


def _sites(report: MonthReport, say: Words) -> Iterator[Block]:
    if not report.sites:
        return
    yield Heading(say("Sites"))
    labels = {i.name: label(i, say) for i in INDICATORS}
    told = {f.name for sheet in report.sites for f in sheet.figures}
    columns = [name for name in OVERVIEW if name in told]
    heads = (say("Site"), *(labels.get(name, name) for name in columns), say("Known"))
    if columns:
        rows = [_overview(sheet, columns, say) for sheet in report.sites]
        yield Table(heads, tuple(rows[:MOST_ROWS]))
    for sheet in report.sites[:MOST_SITES]:
        yield Heading(f"{sheet.name} ({sheet.site})", level=3)
        lines = tuple(line for f in sheet.figures for line in _site_rows(f, labels, say))
        yield Table((say("Indicator"), say("Month"), say("Known")), lines)
    if len(report.sites) > MOST_SITES:
        yield Paragraph(f"{say('more, in the CSV')}: {len(report.sites) - MOST_SITES}")


def _site_rows(
    figure: SiteFigure, labels: Mapping[str, str], say: Words
) -> Iterator[tuple[str, ...]]:
    """A site's line; what has no total (performance) is nothing without its parts."""
    name, known = labels.get(figure.name, figure.name), percent(figure.coverage)
    if figure.value is not None:
        yield name, say.unit(shown(figure.value, figure.unit)), known
        return
    for part, value in sorted(figure.by.items())[:MOST_PARTS]:
        yield f"{name} · {say(part)}", say.unit(shown(value, figure.unit, part)), known


def _overview(sheet: SiteSheet, columns: Sequence[str], say: Words) -> tuple[str, ...]:
    of = {f.name: f for f in sheet.figures}
    cells = [say.unit(shown(of[c].value, of[c].unit)) if c in of else UNKNOWN for c in columns]
    known = min((of[c].coverage for c in columns if c in of), default=None)
    return sheet.name, *cells, UNKNOWN if known is None else percent(known)


def _delivered(report: MonthReport, say: Words) -> Iterator[Block]:
    yield Heading(say("Delivered"))
    yield Paragraph(
        say(
            "What the runs of jobs held within the month: of users of this domain, of domains that "
            "handed jobs over, and by the site where they ran."
        )
    )
    if not report.delivered:
        yield Paragraph(say("No job ran in this time."))
    for kind, name in (("domain", "Domain"), ("user", "User"), ("site", "Site")):
        of = [row for row in report.delivered if row.kind == kind]
        if of:
            heads = (name, "Runs", "Device-hours", "Core-hours")
            yield Table(tuple(map(say, heads)), tuple(_held(row) for row in of[:MOST_ROWS]))
        if len(of) > MOST_ROWS:
            yield Paragraph(f"{say('more, in the CSV')}: {len(of) - MOST_ROWS}")


def _held(row: Delivered) -> tuple[str, ...]:
    return row.name, number(row.runs), hours(row.device_hours), hours(row.core_hours)


def _downtimes(report: MonthReport, say: Words) -> Iterator[Block]:
    yield Heading(say("Declared downtimes"))
    if not report.downtimes:
        yield Paragraph(say("None were declared here."))
        return
    names = {sheet.site: sheet.name for sheet in report.sites}
    rows = [
        (
            names.get(d.site, d.site),
            moment(d.begin, report.zone_s),
            moment(d.end, report.zone_s),
            f"{d.reason} ({say('declared afterwards')})" if d.afterwards else d.reason,
        )
        for d in report.downtimes
    ]
    yield Table(tuple(map(say, ("Site", "From", "Until", "Why"))), tuple(rows), left=4)


def _coverage(report: MonthReport, say: Words) -> Iterator[Block]:
    yield Heading(say("What is not known"))
    rows = []
    for figure in report.figures:
        if figure.gaps:
            widest = max(figure.gaps, key=lambda g: g.end - g.begin)
            missing = sum(g.end - g.begin for g in figure.gaps) / 3600
            span = " – ".join(moment(t, report.zone_s) for t in (widest.begin, widest.end))
            rows.append((label(figure, say), span, number(len(figure.gaps)), hours(missing)))
    if rows:
        heads = ("Indicator", "Longest gap", "Gaps", "Hours in all")
        yield Table(tuple(map(say, heads)), tuple(rows), left=2)
    elif any(figure.value is not None for figure in report.figures):
        yield Paragraph(say("There is a figure of every hour of all indicators above."))
    else:
        yield Paragraph(say("No indicator has a figure yet."))
    if report.gaps:
        lost = tuple(
            (
                gap.cluster,
                moment(gap.begin, report.zone_s),
                moment(gap.end, report.zone_s),
                say(gap.reason),
            )
            for gap in report.gaps[:MOST_ROWS]
        )
        yield Paragraph(say("Samples that were thrown away before they came here:"))
        yield Table(tuple(map(say, ("Cluster", "From", "Until", "Why"))), lost, left=4)
    left_out = [(label(f, say), "", say.reason(f.why)) for f in report.figures if f.why]
    labels = {i.name: label(i, say) for i in INDICATORS}
    left_out += [
        (labels.get(f.name, f.name), sheet.name, say.reason(f.why))
        for sheet in report.sites
        for f in sheet.figures
        if f.why
    ]
    if left_out:
        yield Table(tuple(map(say, ("Indicator", "Site", "Why"))), tuple(left_out[:MOST_ROWS]), 3)
    if report.unknown:
        names = (labels.get(name, name) for name in report.unknown)
        yield Paragraph(f"{say('Nothing is known of')}: {', '.join(names)}.")


def _definitions(report: MonthReport, say: Words) -> Iterator[Block]:
    yield Heading(say("Definitions"))
    rows = tuple(
        (
            f"{label(f, say)} ({f.name}, {f.unit})",
            say(f.definition),
            say(f.law),
            say(f.taken),
            say(f.source),
        )
        for f in report.figures
    )
    heads = ("Indicator", "What it means", "Adds up by", "Of the month", "Source")
    yield Table(tuple(map(say, heads)), rows, left=5)
