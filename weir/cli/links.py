"""`weir links`: the ways between domains and sites: round trip, jitter and loss of late."""

from __future__ import annotations

import click

from weir.cli.output import Column, Sheet, print_json, show_sheet
from weir.cli.session import Session, prints
from weir.cli.values import UNKNOWN, ago, latency, number
from weir.wire.series import SeriesAnswer

LATE_S = 900
METRICS = ("link_rtt", "link_jitter", "link_sent", "link_lost", "link_bandwidth")


@click.command()
@prints
def links(session: Session, as_json: bool) -> None:
    """List links as agents measured them in the last quarter of an hour."""
    now = session.clock()
    with session.client() as client:
        found = client.series(metrics=METRICS, begin=str(now - LATE_S), end=str(now), step="1m")
    if as_json:
        print_json(found, list[SeriesAnswer])
        return
    by_link: dict[str, dict[str, SeriesAnswer]] = {}
    for series in found:
        by_link.setdefault(series.subject, {})[series.metric] = series
    sheet = Sheet(
        (
            Column("FROM"),
            Column("TO"),
            Column("ROUND TRIP", right=True),
            Column("JITTER", right=True),
            Column("LOST", right=True),
            Column("HEARD", right=True),
        )
    )
    for subject, of in sorted(by_link.items()):
        here, _, there = subject.partition(">")
        newest = max(series.points[-1][0] for series in of.values())
        sheet.add(
            here,
            there,
            latency(_last_us(of.get("link_rtt"))),
            latency(_last_us(of.get("link_jitter"))),
            _lost(of),
            ago(newest, now),
        )
    show_sheet(sheet, empty="no links have been measured of late")


def _last_us(series: SeriesAnswer | None) -> float | None:
    return None if series is None else series.points[-1][1] * 1e6


def _lost(of: dict[str, SeriesAnswer]) -> str:
    """Calls without an answer, of those tried in the whole time."""
    sent = sum(p[1] for p in of["link_sent"].points) if "link_sent" in of else 0
    lost = sum(p[1] for p in of["link_lost"].points) if "link_lost" in of else 0
    return f"{number(100 * lost / sent)} %" if sent else UNKNOWN
