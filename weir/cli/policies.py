"""`weir policies`: the scheduling policies there are; and which one a domain with queues takes."""

from __future__ import annotations

import click

from weir.cli.output import Column, Sheet, print_json, show_sheet
from weir.scheduling.policies import POLICIES, policy
from weir.scheduling.policy import DEFAULT, Policy

WITH_QUEUES = "fair"
"""What a domain with queues schedules by if nothing else is said."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def policies(as_json: bool) -> None:
    """List the scheduling policies, for `weir serve --policy` and `weir find --policy`."""
    if as_json:
        known = [
            {"name": p.name, "about": _line(p), "default": p.name == DEFAULT, "queues": p.fair}
            for p in POLICIES.values()
        ]
        print_json(known, list[dict[str, str | bool]])
        return
    sheet = Sheet((Column("POLICY"), Column("QUEUES"), Column("WHAT IT DOES", wraps=True)))
    for found in POLICIES.values():
        mark = " (the default)" if found.name == DEFAULT else ""
        sheet.add(found.name, "yes" if found.fair else "no", _line(found) + mark)
    show_sheet(sheet)


def _line(found: Policy) -> str:
    """What a policy does, on one line."""
    return " ".join(found.about.split())


def policy_for(name: str | None, queues: bool) -> Policy:
    """The policy of a domain that may have named none. Raises `BadInput` for an unknown name."""
    return policy(name or (WITH_QUEUES if queues else DEFAULT))


def no_queues(chosen: Policy) -> str:
    """Why a policy and queues don't go together."""
    known = ", ".join(p.name for p in POLICIES.values() if p.fair)
    return f"the policy {chosen.name} knows no queues; with queues take one of: {known}"
