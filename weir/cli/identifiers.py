"""`weir id resolve`: what an identifier stands for, wherever it was issued."""

from __future__ import annotations

import json

import click

from weir.cli.output import print_json, say, show_card
from weir.cli.session import Session, prints
from weir.cli.values import marked, stamp
from weir.core.errors import BadInput, NotFound
from weir.core.identifiers import BadIdentifier, Identifier, Kind, parse
from weir.wire.jobs import IdentifierAnswer

DOMAIN_KINDS = (Kind.NATIONAL, Kind.REGIONAL, Kind.INDUSTRY)

MOST_REFERRALS = 8
"""Servers asked after the first: more tiers than any network has."""


@click.group(name="id")
def identifier() -> None:
    """Look identifiers up."""


@identifier.command()
@click.argument("text", metavar="ID")
@prints
def resolve(session: Session, text: str, as_json: bool) -> None:
    """Say what ID stands for. A server that does not know says which one to ask; it is asked.

    Other servers are told no token: identifiers are public.
    """
    try:
        wanted = parse(text)
    except BadIdentifier as error:
        raise BadInput(str(error)) from None
    answer, asked = _resolved(session, wanted)
    if as_json:
        print_json(answer)
        return
    if not answer.known:
        raise NotFound(f"{wanted.text} is well formed, and not known to {', '.join(asked)}")
    retired = " (retired)" if answer.retired else ""
    kind = f"{answer.kind} domain" if answer.kind in DOMAIN_KINDS else answer.kind
    mark = marked("", answer.facts.get("emulated") is True)
    say(f"{answer.id} is the {kind} {answer.name or '(no name)'}{mark}{retired}")
    facts = [
        (name.removesuffix("_at").replace("_", " "), _shown(name, value))
        for name, value in answer.facts.items()
        if value is not None and (name, value) != ("tier", answer.kind)
    ]
    told = asked[-1] if len(asked) > 1 else ""
    show_card(
        [("under", answer.parent or ""), ("source", answer.source), ("told by", told), *facts]
    )


def _resolved(session: Session, wanted: Identifier) -> tuple[IdentifierAnswer, list[str]]:
    """The answer of the first server that knows, and the servers asked."""
    with session.client() as client:
        answer, asked = client.identifier(wanted.text), [client.url]
    while not answer.known and answer.referral is not None and len(asked) <= MOST_REFERRALS:
        url = answer.referral.partition("/v1/")[0].rstrip("/")
        if url in asked:
            break
        with session.anonymous(url) as client:
            answer = client.identifier(wanted.text)
            asked.append(client.url)
    return answer, asked


def _shown(name: str, value: object) -> str:
    """A fact as people read it: a moment as a date, a list by its items."""
    if name.endswith("_at") and isinstance(value, int | float):
        return stamp(value)
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
