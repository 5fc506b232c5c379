"""`weir clusters`: the clusters of a domain and how their agents are."""

from __future__ import annotations

import click

from weir.cli.output import Column, Sheet, print_json, say, show_sheet
from weir.cli.session import Session, asks, prints, wide_option
from weir.cli.values import NONE, ago, latency
from weir.wire.jobs import ClusterAnswer


@click.command()
@wide_option
@prints
def clusters(session: Session, wide: bool, as_json: bool) -> None:
    """List the clusters, their agents and when those were last heard."""
    with session.client() as client:
        found = client.clusters()
    if as_json:
        print_json(found, list[ClusterAnswer])
        return
    sheet = Sheet(
        (
            Column("ID", least=4),
            Column("NAME"),
            Column("SITE", wraps=True),
            Column("EXECUTOR", least=3),
            Column("WAY", least=5),
            Column("POOLS", right=True),
            Column("HEARD", right=True),
            Column("LATENCY", right=True),
            Column("CLOCK OFF", right=True, least=2),
            Column("VERSION", least=1),
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
    show_sheet(sheet, empty="no clusters", wide=wide)


@click.group()
def cluster() -> None:
    """Remove a cluster or a link."""


@cluster.command()
@click.argument("cluster_id", metavar="ID")
@asks
def remove(session: Session, cluster_id: str) -> None:
    """Remove the cluster or the link with this ID, as `weir clusters` shows it.

    Its agent's token is void from then on, and its identifiers are never used for anything else. It
    can't be removed while jobs run there.
    """
    with session.client() as client:
        client.remove_cluster(cluster_id)
    say(f"{cluster_id} is removed")
