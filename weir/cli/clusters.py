"""`weir clusters`: the clusters of a domain and how their agents are."""

from __future__ import annotations

import click

from weir.cli.output import Column, Sheet, print_json, show_sheet
from weir.cli.session import Session, prints
from weir.cli.values import NONE, ago, latency
from weir.wire.jobs import ClusterAnswer


@click.command()
@prints
def clusters(session: Session, as_json: bool) -> None:
    """List the clusters, their agents and when those were last heard."""
    with session.client() as client:
        found = client.clusters()
    if as_json:
        print_json(found, list[ClusterAnswer])
        return
    sheet = Sheet(
        (
            Column("ID"),
            Column("NAME"),
            Column("SITE", wraps=True),
            Column("EXECUTOR"),
            Column("WAY"),
            Column("POOLS", right=True),
            Column("HEARD", right=True),
            Column("LATENCY", right=True),
            Column("CLOCK OFF", right=True),
            Column("VERSION"),
            Column("STATE"),
        )
    )
    now = session.clock()
    for c in found:
        sheet.add(
            c.id,
            c.name,
            c.site_name,
            c.executor,
            f"{c.direction} {c.peer_domain}" if c.peer_domain else c.direction,
            str(c.pools),
            ago(c.heard_at, now),
            latency(c.rtt_us),
            f"{c.clock_skew_s:+.1f} s",
            c.version or NONE,
            "silent" if c.silent else "heard",
            style="red" if c.silent else "",
        )
    show_sheet(sheet, empty="no clusters")
