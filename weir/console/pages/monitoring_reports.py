"""The sheet of a month as a download, in the reader's language."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from starlette.responses import Response

from weir.console.visit import Visit
from weir.console.words_zh_indicators import INDICATORS
from weir.control.reports import month_report
from weir.control.reports_html import html
from weir.control.reports_text import as_csv, markdown
from weir.control.reports_words import words_of
from weir.core.errors import NotFound

FORMS = {
    "html": (html, "text/html; charset=utf-8"),
    "csv": (as_csv, "text/csv; charset=utf-8"),
    "md": (markdown, "text/markdown; charset=utf-8"),
}


def months(now: float) -> tuple[str, str]:
    """The month that is, and the last that is over; in UTC."""
    this = datetime.fromtimestamp(now, UTC).replace(day=1)
    return f"{this:%Y-%m}", f"{this - timedelta(days=1):%Y-%m}"


def download(visit: Visit) -> Response:
    """A file such as `2026-10.html`, always as a download: it has a look of its own."""
    month, _, form = visit.request.path_params["file"].rpartition(".")
    if form not in FORMS:
        raise NotFound(f"a sheet is one of {', '.join(FORMS)}, as in 2026-10.html")
    write, kind = FORMS[form]
    report = month_report(visit.ctx, month, visit.query.get("zone", "+00:00"))
    text = write(report, words_of(visit.language, INDICATORS))
    name = f"weir-{report.domain_name}-{report.month}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text.encode(), media_type=kind, headers=headers)
