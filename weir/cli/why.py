"""`weir why`: why a job stands where it stands."""

from __future__ import annotations

import click

from weir.cli.arrays import is_array, members
from weir.cli.output import Column, Sheet, print_json, say, show_sheet
from weir.cli.reasons import show_changes, show_reasons
from weir.cli.session import Session, prints
from weir.cli.values import (
    NONE,
    candidate_device,
    candidate_start,
    candidate_tasks,
    in_words,
    price,
    style_of,
    term_name,
    term_value,
)
from weir.cli.why_translated import show_translated, translated
from weir.scheduling.explain_words import LANGUAGES
from weir.wire.jobs import CandidateAnswer, JobAnswer, WhyAnswer
from weir.wire.jobspec import JobSpec

MOST_NUMBERS = 8
"""So many members of an array are named beside what is said of them."""


@click.command()
@click.argument("job")
@click.option(
    "--lang", type=click.Choice(LANGUAGES), default="en", help="The language of the answer."
)
@prints
def why(session: Session, job: str, lang: str, as_json: bool) -> None:
    """Why does JOB wait, or run where it runs? Of an array: how many of its jobs."""
    with session.client() as client:
        if is_array(job):
            _show_array([(m, client.why(m.id)) for m in members(client, job)], as_json, lang)
            return
        answer = client.why(job)
        if as_json:
            print_json(answer)
            return
        if lang != "en":
            show_translated(answer, lang)
            return
        spec = None if answer.chosen is None else client.job(job).spec
    show_answer(answer, spec)


def _show_array(answers: list[tuple[JobAnswer, WhyAnswer]], as_json: bool, lang: str) -> None:
    """Print each sentence once, with the members that it is said of."""
    if as_json:
        print_json([answer for _, answer in answers], list[WhyAnswer])
        return
    said: dict[tuple[str, str], list[str]] = {}
    for member, answer in answers:
        text = said_once(answer) if lang == "en" else translated(answer, lang)
        said.setdefault((answer.state.value, text), []).append(str(member.array_index))
    sheet = Sheet(
        (
            Column("STATE"),
            Column("JOBS", right=True),
            Column("NUMBERS", wraps=True),
            Column("WHY", wraps=True),
        )
    )
    for (state, text), numbers in said.items():
        shown = ", ".join(numbers[:MOST_NUMBERS]) + (", ..." if numbers[MOST_NUMBERS:] else "")
        sheet.add(state, str(len(numbers)), shown, text or NONE)
    show_sheet(sheet)


def show_answer(answer: WhyAnswer, spec: JobSpec | None) -> None:
    """Print the state, then the reasons and changes, or the terms of the choice."""
    text = said_once(answer)
    colon = f": {text}" if text else ""
    say(f"{answer.job} {in_words(answer.state)}{colon}", style_of(answer.state))
    if answer.ahead:
        say("1 job is ahead." if answer.ahead == 1 else f"{answer.ahead} jobs are ahead of it.")
    if answer.held_pool is not None:
        say(f"Pool {answer.held_pool} is being kept free for it.")
    if answer.hopeless and answer.reasons:
        say("Waiting does not help: no pool of the network would do, even empty and open.", "red")
    if answer.reasons:
        say()
        show_reasons(answer.reasons)
    if answer.changes:
        say()
        say("What would make it fit:")
        show_changes(answer.changes)
    if answer.chosen is not None:
        say()
        show_sheet(_choice(answer.chosen, answer.runner_up, spec))
        if answer.runner_up is None:
            say("No other pool could take it.")


def said_once(answer: WhyAnswer) -> str:
    """The server's text without the state, which stands before it already."""
    text = answer.text.replace(f" It is {answer.state}: ", " ")
    text = text.removeprefix(f"It is {answer.state}: ").removeprefix(f"It is {answer.state}; ")
    return text.replace("exit code", "Exit code", 1) if ". exit code" in text else text


def _choice(chosen: CandidateAnswer, other: CandidateAnswer | None, spec: JobSpec | None) -> Sheet:
    """The winner beside the runner-up, fact by fact and term by term."""
    sheet = Sheet((Column(""), Column("CHOSEN", wraps=True), Column("RUNNER-UP", wraps=True)))
    facts = (
        ("site", lambda c: c.site_name),
        ("pool", lambda c: c.pool_name),
        ("devices", lambda c: candidate_device(c, spec)),
        ("tasks", candidate_tasks),
        ("price", lambda c: price(c.price_micro_per_hour, c.currency)),
        ("start", candidate_start),
    )
    for name, fact in facts:
        sheet.add(name, fact(chosen), NONE if other is None else fact(other))
    for name in dict.fromkeys(t.name for c in (chosen, other) if c is not None for t in c.terms):
        if any(_said(c, name) for c in (chosen, other)):
            sheet.add(f"{term_name(name)} term", _term(chosen, name), _term(other, name))
    sum_of = f"{other.cost:.3f}" if other is not None else NONE
    sheet.add("score (lower wins)", f"{chosen.cost:.3f}", sum_of)
    return sheet


def _said(found: CandidateAnswer | None, name: str) -> bool:
    """Whether a term says anything: it is known, or counts."""
    terms = () if found is None else found.terms
    return any(t.name == name and (t.value is not None or t.cost) for t in terms)


def _term(found: CandidateAnswer | None, name: str) -> str:
    """`2.5 CNY/h costs 0.310`."""
    term = None if found is None else next((t for t in found.terms if t.name == name), None)
    return NONE if term is None else f"{term_value(term)} costs {term.cost:.3f}"
