"""`weir downtime`: declare that a site will be down; and how long sites were up."""

from __future__ import annotations

from datetime import datetime

import click

from weir.cli.output import Column, Sheet, print_json, say, show_sheet
from weir.cli.session import Session, prints
from weir.cli.values import UNKNOWN, number, roughly, stamp
from weir.core import units
from weir.wire.downtimes import AvailabilityAnswer, DowntimeAnswer, DowntimeRequest
from weir.wire.mistakes import validated


@click.group()
def downtime() -> None:
    """Declare downtimes of sites; see how long sites were up."""


@downtime.command("declare")
@click.argument("site", metavar="SITE")
@click.option("--from", "begin", metavar="TIME", help="2026-10-05T08:00+08:00; now without it.")
@click.option("--until", "end", metavar="TIME", help="When it ends.")
@click.option("--for", "length", metavar="DURATION", help="Instead of --until: 4h, 2d ...")
@click.option("--why", required=True, help="What for.")
@click.option(
    "--excuse",
    is_flag=True,
    help="It has begun, or is over: availability is worked out anew, and says so.",
)
@prints
def declare(
    session: Session,
    site: str,
    begin: str | None,
    end: str | None,
    length: str | None,
    why: str,
    excuse: bool,
    as_json: bool,
) -> None:
    """Declare that SITE (its identifier or its name) will be down; that it was, with --excuse."""
    if (end is None) == (length is None):
        raise click.UsageError("say --until, or --for how long")
    begins = None if begin is None else _moment("--from", begin)
    if end is not None:
        ends = _moment("--until", end)
    else:
        ends = (session.clock() if begins is None else begins) + _duration("--for", str(length))
    asked: dict[str, object] = {"site": site, "begins_at": begins, "ends_at": ends, "reason": why}
    if excuse:
        asked["excuse"] = True
    with session.client() as client:
        answer = client.declare_downtime(validated(DowntimeRequest, asked, "the request"))
    if as_json:
        print_json(answer)
        return
    name, times = answer.site_name or answer.site, (answer.begins_at, answer.ends_at)
    said = f"{name} is declared down from {stamp(times[0])} to {stamp(times[1])}"
    if answer.ends_at <= answer.declared_at:
        say(f"{said}, afterwards; its availability is worked out anew within a minute")
    else:
        say(f"{said}; end it with `weir downtime end {answer.id}`")


@downtime.command("list")
@click.option("--since", metavar="DURATION", help="Those that have been, too: 30d ...")
@prints
def listed(session: Session, since: str | None, as_json: bool) -> None:
    """List downtimes that are or will be."""
    begin = None if since is None else str(session.clock() - _duration("--since", since))
    with session.client() as client:
        found = client.downtimes(begin)
    if as_json:
        print_json(found, list[DowntimeAnswer])
        return
    heads = ("ID", "SITE", "FROM", "UNTIL", "BY")
    sheet = Sheet([*map(Column, heads), Column("WHY", wraps=True)])
    for of in found:
        times = stamp(of.begins_at), stamp(of.ends_at)
        sheet.add(of.id, of.site_name or of.site, *times, of.declared_by, of.reason)
    show_sheet(sheet, empty="no downtimes are declared")


@downtime.command("end")
@click.argument("downtime_id", metavar="ID")
@prints
def end(session: Session, downtime_id: str, as_json: bool) -> None:
    """End the downtime with this ID now; one that has not begun never will."""
    with session.client() as client:
        answer = client.end_downtime(downtime_id)
    if as_json:
        print_json(answer)
        return
    say(f"the downtime of {answer.site_name or answer.site} ends at {stamp(answer.ends_at)}")


@downtime.command("availability")
@click.option("--since", default="30d", show_default=True, metavar="DURATION")
@prints
def availability(session: Session, since: str, as_json: bool) -> None:
    """How long each site was up: availability over all time that is known, reliability over that
    without declared downtimes. In whole hours.
    """
    now = session.clock()
    with session.client() as client:
        found = client.availability(str(now - _duration("--since", since)), str(now))
    if as_json:
        print_json(found, list[AvailabilityAnswer])
        return
    heads = ("AVAILABILITY", "RELIABILITY", "UP", "DECLARED", "KNOWN")
    sheet = Sheet([Column("SITE"), *(Column(head, right=True) for head in heads)])
    for of in found:
        times = (roughly(s) for s in (of.up_s, of.declared_s, of.known_s))
        shares = (_percent(of.availability), _percent(of.reliability))
        sheet.add(of.site_name or of.site, *shares, *times)
    show_sheet(sheet, empty="nothing is known of that time")


def _percent(value: float | None) -> str:
    return UNKNOWN if value is None else f"{number(value)} %"


def _moment(option: str, said: str) -> float:
    """Seconds since 1970; a time without a zone is one of this machine's."""
    try:
        return datetime.fromisoformat(said).timestamp()
    except ValueError:
        raise click.UsageError(
            f"{option}: {said!r} is no time; write it as 2026-10-05T08:00 or with a zone, +08:00"
        ) from None


def _duration(option: str, said: str) -> int:
    try:
        return units.parse_duration_s(said)
    except ValueError as error:
        raise click.UsageError(f"{option}: {error}") from None
