"""`weir indicators`: the network in numbers, each with its unit and how it adds up."""

from __future__ import annotations

import click

from weir.cli.output import Column, Sheet, print_json, show_sheet
from weir.cli.session import Session, prints
from weir.cli.values import UNKNOWN, amount, number
from weir.core.errors import NotFound
from weir.wire.jobs import IndicatorAnswer, Scope

OF_DEVICES = ("devices", "performance_nominal", "performance_unknown", "devices_allocated")
"""The indicators that count emulated accelerators among the rest."""


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--scope",
    type=click.Choice(["domain", "network"]),
    default="domain",
    show_default=True,
    help="This domain with all under it, or the whole network that it sees.",
)
@click.option("--by", is_flag=True, help="Show each indicator's parts too.")
@click.option("--definitions", is_flag=True, help="Say what each one means.")
@prints
def indicators(
    session: Session,
    names: tuple[str, ...],
    scope: Scope,
    by: bool,
    definitions: bool,
    as_json: bool,
) -> None:
    """Show the indicators, or those NAMED. Unknown is said, and is never 0."""
    with session.client() as client:
        every = client.indicators(scope)
    found = [i for i in every if not names or i.name in names]
    missing = sorted(set(names) - {i.name for i in found})
    if missing:
        known = ", ".join(i.name for i in every) or "none"
        raise NotFound(f"no indicator is called {', '.join(missing)}; there are: {known}")
    if as_json:
        print_json(found, list[IndicatorAnswer])
        return
    columns = [
        Column("NAME"),
        Column("WHAT", wraps=True),
        Column("VALUE", right=True),
        Column("ADDS UP BY", wraps=True),
    ]
    if definitions:
        columns.append(Column("DEFINITION", wraps=True))
    sheet = Sheet(columns)
    for indicator in found:
        _add(sheet, indicator, by, definitions, _mark(indicator, every))
    show_sheet(sheet, empty="no indicators")


def _mark(found: IndicatorAnswer, every: list[IndicatorAnswer]) -> str:
    """How many of the accelerators that an indicator counts are emulated."""
    emulated = next((i.value for i in every if i.name == "devices_emulated"), None)
    if not emulated or found.name not in OF_DEVICES:
        return ""
    return f" ({number(emulated)} accelerators emulated)"


def _add(sheet: Sheet, found: IndicatorAnswer, by: bool, definitions: bool, mark: str) -> None:
    more = (found.definition,) if definitions else ()
    style = "dim" if found.value is None and not found.by else ""
    value = UNKNOWN if found.value is None and not found.by else _value(found)
    sheet.add(found.name, found.label + mark, value, found.law, *more, style=style)
    # What has no total is nothing without its parts.
    for part, value_of in found.by.items() if by or found.value is None else ():
        blank = ("",) if definitions else ()
        sheet.add("", f"  {part}", amount(value_of, found.unit), "", *blank)


def _value(found: IndicatorAnswer) -> str:
    """The value; what has only parts that don't add up shows them below."""
    if found.value is not None:
        return amount(found.value, found.unit)
    return "by part:"
