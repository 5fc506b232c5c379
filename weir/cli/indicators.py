"""`weir indicators`: the network in numbers, each with its unit and how it adds up."""

from __future__ import annotations

from collections.abc import Sequence

import click

from weir.cli.output import Column, Sheet, note, print_json, show_sheet
from weir.cli.session import Session, prints
from weir.cli.values import UNKNOWN, amount, number, stamp
from weir.core import units
from weir.core.errors import NotFound
from weir.core.indicator_laws import plain
from weir.wire.jobs import IndicatorAnswer, Scope
from weir.wire.series import HistoryOfIndicator, IndicatorsAnswer

HEIGHTS = "▁▂▃▄▅▆▇█"
BARS = 32
"""How many bars a line has."""

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
@click.option("--since", metavar="DURATION", help="Show how they went: 24h, 7d ...")
@click.option("--step", metavar="DURATION", help="How fine, with --since: 1m, 15m, 1h ...")
@click.option("--under", metavar="ID", help="Only what lies in this site, cluster, pool or domain.")
@prints
def indicators(
    session: Session,
    names: tuple[str, ...],
    scope: Scope,
    by: bool,
    definitions: bool,
    since: str | None,
    step: str | None,
    under: str | None,
    as_json: bool,
) -> None:
    """Show the indicators, or those NAMED. Unknown is said, and is never 0."""
    if since is not None:
        _show_past(session, names, since, step, under, as_json)
        return
    if step is not None:
        raise click.UsageError("--step goes with --since")
    with session.client() as client:
        every = client.indicators(scope, under)
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
    for indicator in found:
        if indicator.why:
            note(f"{indicator.name}: {indicator.why}")


def _show_past(
    session: Session,
    names: tuple[str, ...],
    since: str,
    step: str | None,
    under: str | None,
    as_json: bool,
) -> None:
    """How indicators went: the ends, the bounds, how much is known, and a line of bars."""
    now = session.clock()
    try:
        begin = now - units.parse_duration_s(since)
    except ValueError as error:
        raise click.UsageError(f"--since: {error}") from None
    with session.client() as client:
        answer = client.history(names=names, under=under, begin=str(begin), end=str(now), step=step)
    if as_json:
        print_json(answer, IndicatorsAnswer)
        return
    head = (Column("NAME"), Column("FIRST", right=True), Column("LAST", right=True))
    bounds = (Column("LEAST", right=True), Column("MOST", right=True), Column("", least=1))
    sheet = Sheet((*head, *bounds[:2], Column("KNOWN", right=True), bounds[2]))
    for found in answer.indicators:
        rows = [("", found.points)] if found.points else []
        for part, points in [*rows, *found.by.items()]:
            values = [value for _, value in points]
            ends = values[0], values[-1], min(values), max(values)
            shown = [amount(plain(value), found.unit, part) for value in ends]
            name = f"{found.name} {part}".rstrip()
            sheet.add(name, *shown, _known(found), bars(points, answer.begin, answer.end))
    show_sheet(sheet, empty="nothing is known of that time")
    for gap in answer.gaps:
        note(f"{gap.cluster} lacks {stamp(gap.begin)} to {stamp(gap.end)}: {gap.reason}")


def _known(found: HistoryOfIndicator) -> str:
    """Of how much of the time something is known: all of it is `100 %`, and nothing less."""
    if found.coverage is None:
        return UNKNOWN
    share = 100 * found.coverage
    return "100 %" if share >= 99.95 else f"{min(99.9, share):.1f} %"


def bars(points: Sequence[tuple[float, float]], begin: float, end: float) -> str:
    """Points over a time as a line of bars; a blank where nothing is known."""
    places: dict[int, list[float]] = {}
    for at, value in points:
        place = int((at - begin) / (end - begin) * BARS)
        places.setdefault(min(max(place, 0), BARS - 1), []).append(value)
    means = {place: sum(values) / len(values) for place, values in places.items()}
    low, high = min(means.values(), default=0.0), max(means.values(), default=0.0)
    scale = (len(HEIGHTS) - 1) / (high - low) if high > low else 0.0
    return "".join(
        HEIGHTS[round((means[n] - low) * scale)] if n in means else " " for n in range(BARS)
    ).rstrip()


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
        sheet.add("", f"  {part}", amount(value_of, found.unit, part), "", *blank)


def _value(found: IndicatorAnswer) -> str:
    """The value; what has only parts that don't add up shows them below."""
    if found.value is not None:
        return amount(found.value, found.unit)
    return "by part:"
