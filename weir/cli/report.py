"""`weir report`: the sheet of a month, as Markdown, CSV or HTML that prints well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import click

from weir.cli.output import print_json, say
from weir.cli.session import Session, prints
from weir.core.errors import BadInput
from weir.core.report import MonthReport

Format = Literal["md", "csv", "html"]
ENDINGS: dict[str, Format] = {".md": "md", ".csv": "csv", ".html": "html", ".htm": "html"}


@click.command()
@click.option("--month", metavar="YYYY-MM", help="Default: the last month that is over, in UTC.")
@click.option(
    "--domain", "--under", "under", metavar="ID|NAME", help="Only a site, or a domain below."
)
@click.option(
    "--zone", default="+00:00", show_default=True, help="Whose days the month has, as in +08:00."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["md", "csv", "html"]),
    help="Default: what --out ends with, else md.",
)
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write into this file."
)
@prints
def report(
    session: Session,
    month: str | None,
    under: str | None,
    zone: str,
    form: Format | None,
    lang: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Make the sheet of a month: every indicator with its definition, sites, jobs, what was
    delivered, and what is not known.
    """
    if as_json and form is not None:
        raise click.UsageError("--json and --format are two forms; choose one")
    with session.client() as client:
        found = client.report(month or last_month(session.clock()), zone=zone, under=under)
    if as_json and out is None:
        print_json(found, MonthReport)
        return
    text = (
        _json(found) if as_json else rendered(found, form or ENDINGS.get(_ending(out), "md"), lang)
    )
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise BadInput(f"{out} can't be written: {error.strerror}") from None
    say(f"the sheet of {found.month} is in {out}")


def rendered(found: MonthReport, form: Format, lang: str) -> str:
    """The sheet as a text of some form, in a language."""
    from weir.console.words_zh_indicators import INDICATORS
    from weir.control.reports_html import html
    from weir.control.reports_text import as_csv, markdown
    from weir.control.reports_words import words_of

    write = {"md": markdown, "csv": as_csv, "html": html}[form]
    return write(found, words_of(lang, INDICATORS))


def last_month(now: float) -> str:
    """The last month that is over."""
    return f"{datetime.fromtimestamp(now, UTC).replace(day=1) - timedelta(days=1):%Y-%m}"


def _ending(out: Path | None) -> str:
    return "" if out is None else out.suffix.lower()


def _json(found: MonthReport) -> str:
    from pydantic import TypeAdapter

    return TypeAdapter(MonthReport).dump_json(found, indent=1).decode() + "\n"
