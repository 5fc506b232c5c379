"""`weir find`: where a job could run, and why not elsewhere."""

from __future__ import annotations

from collections.abc import Collection

import click

from weir.cli.inputs import read_specs
from weir.cli.output import Column, Sheet, print_json, say, show_sheet
from weir.cli.reasons import show_changes, show_reasons, spoken
from weir.cli.session import Session, prints
from weir.cli.values import (
    candidate_device,
    candidate_latency,
    candidate_start,
    candidate_tasks,
    marked,
    price,
    terms,
)
from weir.scheduling.explain_words import Saying, sentence, sentences
from weir.wire.jobs import FindAnswer, FindRequest
from weir.wire.jobspec import JobSpec


@click.command()
@click.argument("file")
@click.option("--policy", metavar="NAME", help="Rank by this policy instead of the server's.")
@click.option("--set", "settings", multiple=True, metavar="FIELD=VALUE", help="Replace a field.")
@prints
def find(
    session: Session, file: str, policy: str | None, settings: tuple[str, ...], as_json: bool
) -> None:
    """Where could the job in FILE run? Nothing is submitted.

    Shows every pool that can take it, best first; then every other pool with all its reasons; then
    the reasons counted, and what would make the job fit. FILE may be - for the standard input.
    The exit code is 1 if no pool can take it.
    """
    spec = read_specs([file], settings)[0]
    with session.client() as client:
        answer = client.find(FindRequest(spec=spec, policy=policy))
        emulated: set[str] = set()
        if answer.rejections and not as_json:
            emulated = {pool.id for pool in client.pools() if pool.emulated}
    if as_json:
        print_json(answer)
    else:
        show_answer(answer, spec, emulated)
    if not answer.candidates:
        raise click.exceptions.Exit(1)


def show_answer(answer: FindAnswer, spec: JobSpec, emulated: Collection[str]) -> None:
    """Print the yes, the no, the counted reasons, and what would help.

    `emulated` are the ids of the emulated pools among those that say no.
    """
    yes, no = len(answer.candidates), len(answer.rejections)
    if not yes + no:
        say(f"{spec.name}: no center has joined yet, so there is no pool to ask")
        return
    pools = "pool" if yes + no == 1 else "pools"
    say(f"{spec.name}: {yes} of {yes + no} {pools} can take it (policy {answer.policy})")
    for one in answer.said:
        say(sentence(Saying(one.code, one.values)))
    if answer.starts is False:
        if answer.candidates and answer.candidates[0].now:
            say("There is room, but others go first.")
        if answer.start:
            say(sentences((Saying(one.code, one.values) for one in answer.start), "en"))
    if answer.candidates:
        say()
        show_sheet(_candidates(answer, spec))
    if answer.rejections:
        say()
        show_sheet(_rejections(answer, emulated))
    if answer.reasons:
        say()
        show_reasons(answer.reasons)
    if answer.changes:
        say()
        say("What would admit more:" if yes else "What would make it fit:")
        show_changes(answer.changes)


def _candidates(answer: FindAnswer, spec: JobSpec) -> Sheet:
    sheet = Sheet(
        (
            Column("#", right=True),
            Column("SITE", wraps=True),
            Column("POOL"),
            Column("DEVICES", wraps=True),
            Column("TASKS", wraps=True),
            Column("PRICE", right=True),
            Column("START"),
            Column("LATENCY", right=True),
            Column("SCORE (LOWER IS BETTER)", wraps=True),
        )
    )
    for rank, found in enumerate(answer.candidates, 1):
        sheet.add(
            str(rank),
            found.site_name,
            found.pool_name,
            candidate_device(found, spec),
            candidate_tasks(found),
            price(found.price_micro_per_hour, found.currency),
            candidate_start(found),
            candidate_latency(found),
            terms(found),
            style="" if found.now else "dim",
        )
    return sheet


def _rejections(answer: FindAnswer, emulated: Collection[str]) -> Sheet:
    sheet = Sheet((Column("NOT AT", wraps=True), Column("POOL"), Column("BECAUSE", wraps=True)))
    for rejection in answer.rejections:
        pool = marked(rejection.pool_name, rejection.pool in emulated)
        sheet.add(rejection.site_name, pool, "; ".join(map(spoken, rejection.reasons)))
    return sheet
