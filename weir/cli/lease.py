"""`weir lease`: hosts of a pool promised to a queue or a user for a time."""

from __future__ import annotations

import click

from weir.cli.output import Column, Sheet, print_json, say, show_sheet
from weir.cli.session import Session, asks, prints, wide_option
from weir.cli.values import stamp
from weir.wire.leases import LeaseAnswer, LeaseRequest
from weir.wire.mistakes import validated


@click.group()
def lease() -> None:
    """Promise hosts of a pool to a queue or a user for a time."""


@lease.command("create")
@click.option("--pool", required=True, metavar="ID", help="The pool, as `weir pools` lists it.")
@click.option("--hosts", required=True, type=int, metavar="N", help="So many whole hosts of it.")
@click.option("--queue", metavar="NAME", help="Jobs of this queue may fill them ...")
@click.option("--user", metavar="NAME", help="... or those of this user.")
@click.option("--in", "starts_in", metavar="DURATION", help="When it begins; left out: at once.")
@click.option("--for", "lasts", required=True, metavar="DURATION", help="How long, as in 4h.")
@prints
def create(
    session: Session,
    pool: str,
    hosts: int,
    queue: str | None,
    user: str | None,
    starts_in: str | None,
    lasts: str,
    as_json: bool,
) -> None:
    """Lease hosts: nobody else is placed on them in that time.

    What runs there already is not stopped. Jobs that say their walltime may run until the lease
    begins.
    """
    asked = {"pool": pool, "hosts": hosts, "queue": queue, "user": user}
    asked |= {"starts_in": starts_in, "lasts": lasts}
    with session.client() as client:
        answer = client.create_lease(validated(LeaseRequest, asked, "the lease"))
    if as_json:
        print_json(answer)
        return
    say(
        f"lease {answer.id}: {answer.hosts} hosts of {answer.pool_name} at {answer.site_name} for "
        f"{_holder(answer)}, {stamp(answer.starts_at)} to {stamp(answer.ends_at)}"
    )


@lease.command("list")
@wide_option
@prints
def list_leases(session: Session, wide: bool, as_json: bool) -> None:
    """List the leases that are not over. FILLED is how many of the hosts their holders use."""
    with session.client() as client:
        found = client.leases()
    if as_json:
        print_json(found, list[LeaseAnswer])
        return
    sheet = Sheet(
        (
            Column("LEASE"),
            Column("FOR"),
            Column("POOL", wraps=True),
            Column("HOSTS", right=True),
            Column("FILLED", right=True),
            Column("STATE"),
            Column("BEGINS"),
            Column("ENDS"),
        )
    )
    for one in found:
        sheet.add(
            one.id,
            _holder(one),
            f"{one.site_name} / {one.pool_name}",
            str(one.hosts),
            str(one.filled),
            one.state,
            stamp(one.starts_at),
            stamp(one.ends_at),
        )
    show_sheet(sheet, empty="no hosts are leased", wide=wide)


@lease.command("end")
@click.argument("lease_id", metavar="ID")
@asks
def end(session: Session, lease_id: str) -> None:
    """Let a lease end now. What its holder runs there runs on."""
    with session.client() as client:
        client.end_lease(lease_id)
    say(f"lease {lease_id} is over")


def _holder(found: LeaseAnswer) -> str:
    return f"queue {found.queue}" if found.queue else f"user {found.user}"
