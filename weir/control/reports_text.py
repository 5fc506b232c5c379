"""A month's sheet as Markdown, and as CSV: one line a figure, in whole numbers and plain units."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime

from weir.control.reports_blocks import Heading, Paragraph, Table, blocks, label, title
from weir.control.reports_words import Words
from weir.core.indicators import INDICATORS
from weir.core.report import MonthReport

Row = dict[str, object]

HEADS = (
    "section",
    "site",
    "site_name",
    "name",
    "label",
    "part",
    "unit",
    "value",
    "least",
    "most",
    "last",
    "coverage",
    "taken",
    "law",
    "definition",
    "source",
    "from",
    "until",
    "reason",
)


def markdown(report: MonthReport, say: Words) -> str:
    """The sheet as Markdown with tables of the GitHub kind."""
    lines = [f"# {_plain(title(report, say))}", ""]
    for block in blocks(report, say):
        if isinstance(block, Heading):
            lines += [f"{'#' * block.level} {_plain(block.text)}", ""]
        elif isinstance(block, Paragraph):
            lines += [_plain(block.text), ""]
        else:
            lines += [*_table(block), ""]
    return "\n".join(lines)


def _table(table: Table) -> Iterator[str]:
    yield f"| {' | '.join(map(_plain, table.heads))} |"
    marks = ["---" if n < table.left else "---:" for n in range(len(table.heads))]
    yield f"| {' | '.join(marks)} |"
    for row in table.rows:
        yield f"| {' | '.join(map(_plain, row))} |"


def _plain(text: str) -> str:
    """Text from outside with what Markdown or HTML would take for its own marks made harmless."""
    one_line = " ".join(text.split())
    for mark in "\\`*_[]<>|#":
        one_line = one_line.replace(mark, f"\\{mark}")
    return one_line


def as_csv(report: MonthReport, say: Words) -> str:
    """The sheet as CSV (RFC 4180) with a header line; begins with a mark that spreadsheets know."""
    out = io.StringIO()
    writer = csv.DictWriter(out, HEADS, restval="")
    writer.writeheader()
    span = {"from": _stamp(report.begin), "until": _stamp(report.until)}
    for row in [*_figures(report, say), *_sites(report, say), *_delivered(report)]:
        writer.writerow({name: _cell(value) for name, value in (span | row).items()})
    for down in report.downtimes:
        times = {"from": _stamp(down.begin), "until": _stamp(down.end), "unit": "s"}
        row = {"section": "downtime", "site": down.site, "value": down.end - down.begin}
        writer.writerow({k: _cell(v) for k, v in (row | times | {"reason": down.reason}).items()})
    return "\ufeff" + out.getvalue()


def _figures(report: MonthReport, say: Words) -> Iterator[Row]:
    for figure in report.figures:
        row: Row = {
            "section": "indicator",
            "name": figure.name,
            "label": label(figure, say),
            "unit": figure.unit,
            "coverage": figure.coverage,
        }
        yield row | {
            "value": figure.value,
            "reason": figure.why,
            "least": figure.least,
            "most": figure.most,
            "last": figure.last,
            "taken": say(figure.taken),
            "law": say(figure.law),
            "definition": say(figure.definition),
            "source": say(figure.source),
        }
        for part, value in figure.by.items():
            yield row | {"part": part, "value": value}


def _sites(report: MonthReport, say: Words) -> Iterator[Row]:
    labels = {i.name: label(i, say) for i in INDICATORS}
    for sheet in report.sites:
        for of in sheet.figures:
            row: Row = {
                "section": "site",
                "site": sheet.site,
                "site_name": sheet.name,
                "name": of.name,
                "label": labels.get(of.name, of.name),
                "unit": of.unit,
                "coverage": of.coverage,
            }
            if of.why:
                row["reason"] = of.why
            if of.value is not None or of.why:
                yield row | {"value": of.value}
            for part, value in of.by.items():
                yield row | {"part": part, "value": value}


def _delivered(report: MonthReport) -> Iterator[Row]:
    for held in report.delivered:
        row: Row = {"section": f"delivered by {held.kind}", "part": held.name}
        yield row | {"name": "runs", "unit": "1", "value": held.runs}
        yield row | {"name": "device_hours", "unit": "h", "value": held.device_hours}
        yield row | {"name": "core_hours", "unit": "h", "value": held.core_hours}


def _cell(value: object) -> object:
    """Unknown is empty; a text that a spreadsheet would take for a formula is shown as text."""
    if value is None:
        return ""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value


def _stamp(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
