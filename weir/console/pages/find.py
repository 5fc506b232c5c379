"""Find and submit: a form and a job file kept in step, checked as one types by the one schema.

Without scripts the same form is sent by its buttons; with them, a part of the page comes back.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from weir.console import asking, form, render
from weir.console.pages.job import dump, spec_text
from weir.console.visit import Visit
from weir.control import show as reading
from weir.control.find import find_among
from weir.control.start_range import Start, start_if_submitted
from weir.control.submit import submit
from weir.core.errors import BadInput, Mistake, NotFound, WeirError
from weir.core.lifecycle import JobState
from weir.core.plan import MEANINGS
from weir.core.series import body_of
from weir.scheduling.explain_words import Saying, sentences
from weir.scheduling.policies import POLICIES
from weir.wire.jobs import FindAnswer, FindRequest, Submission, SubmitRequest
from weir.wire.jobspec import JobSpec
from weir.wire.mistakes import read_yaml, validated
from weir.wire.specfile import read_job_file

EXAMPLES = render.HERE / "examples"
"""The jobs of examples/jobs: a link in a checkout, files in an installed package."""
SHOWN = 12
SHOWN_NO = 60
BLANK: dict[str, Any] = {
    "name": "my-job",
    "tasks": [{"cpu": 1, "memory": "512MiB", "command": ["echo", "hello"]}],
    "walltime": "10m",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A job as it is being written: its text, what the text says, and what is wrong with it."""

    text: str
    data: Any = None
    spec: JobSpec | None = None
    mistakes: tuple[Mistake, ...] = ()
    fields: dict[str, str] = field(default_factory=dict)


def draft_of(text: str) -> Draft:
    """A text, read and checked."""
    data: Any = None
    try:
        data, lines = read_yaml(text, "the job")
        spec = validated(JobSpec, data, "the job", lines)
        _check_sources(spec)
    except BadInput as error:
        mistakes = error.mistakes or (Mistake("(file)", error.detail),)
        return Draft(text, data, None, mistakes, form.fields_of(data))
    return Draft(text, data, spec, (), form.fields_of(data))


def _check_sources(spec: JobSpec) -> None:
    """A `source` is a file beside the job file: a browser has none to send along."""
    found = [
        Mistake(f"inputs[{n}].source", "is read by `weir submit` only; paste it as text: instead")
        for n, one in enumerate(spec.inputs)
        if one.source is not None
    ]
    if found:
        raise BadInput("the job names local files", found)


@cache
def templates() -> dict[str, str]:
    """The example jobs, with their files in them, as texts by name."""
    return {p.stem: spec_text(read_job_file(p)) for p in sorted(EXAMPLES.glob("*.yaml"))}


def show(visit: Visit) -> Response:
    """The page: empty, or with a template, or with a job to submit again."""
    query = visit.query
    if job_id := query.get("job"):
        found = reading.show_job(visit.ctx, visit.person, job_id)
        if found.spec is None:
            raise NotFound(f"what job {job_id} runs is only shown to its owner and to operators")
        text = spec_text(found.spec)
    elif name := query.get("template"):
        if name not in templates():
            raise NotFound(f"there is no template {name}; there are {', '.join(templates())}")
        text = templates()[name]
    else:
        text = dump(BLANK)
    return _page(visit, draft_of(text))


def asked(visit: Visit) -> Response:
    """What was typed, checked and asked about; the side that was not edited follows."""
    text = visit.form.get("yaml", "")
    edited = visit.form.get("edited", "yaml")
    if edited == "form":
        before = draft_of(text) if text.strip() else Draft("")
        text = dump(form.merged(before.data, visit.form))
    return _page(visit, draft_of(text), edited)


def submitted(visit: Visit) -> Response:
    """Submit; sent twice, it is there once."""
    text = visit.form.get("yaml", "")
    draft = draft_of(text)
    if draft.spec is None:
        return _page(visit, draft)
    key = hashlib.sha256(f"{visit.form.get('key', '')} {text}".encode()).hexdigest()
    try:
        answer = submit(
            visit.ctx,
            visit.person,
            SubmitRequest(jobs=(Submission(spec=draft.spec, key=f"console {key}"),)),
        )
    except BadInput as error:
        bare = [Mistake(m.field.removeprefix("jobs[0].spec."), m.message) for m in error.mistakes]
        return _page(visit, Draft(text, draft.data, None, tuple(bare), draft.fields))
    ids, array = answer.ids[0], answer.arrays[0] if answer.arrays else None
    at = f"/jobs?array={quote(array)}" if array else f"/jobs/{quote(ids[0])}"
    return RedirectResponse(at, 303)


def _carbon(visit: Visit, places: Collection[str]) -> dict[str, float | None]:
    """What energy emits now at these pools' sites, g CO2e/kWh; None where nobody measures it."""
    known = asking.site_figures(visit) if places else {}
    if not known:
        return {}
    figures = {p.id: known.get(body_of(p.site)) for p in asking.pools(visit) if p.id in places}
    return {pool: one.carbon_g_per_kwh if one else None for pool, one in figures.items()}


def _start(visit: Visit, spec: JobSpec) -> Start | None:
    """When it would start with those ahead of it; None in a network too large to play it."""
    rows = len(asking.pools(visit)) + asking.job_counts(visit).get(JobState.WAITING, 0)
    return start_if_submitted(visit.ctx, spec, visit.person.subject, rows)


def _page(visit: Visit, draft: Draft, edited: str = "") -> Response:
    policy = visit.form.get("policy") or visit.query.get("policy") or ""
    policy = policy if policy in POLICIES else ""
    answer: FindAnswer | None = None
    problem = ""
    if draft.spec is not None:
        try:
            request = FindRequest(spec=draft.spec, policy=policy or None)
            # Only who keeps apart from jobs of their own is told other than everybody.
            user = visit.who.subject if visit.who and draft.spec.apart else ""
            seen = asking.seen(visit, policy)
            answer = visit.recent(
                ("find", draft.text, policy, user),
                lambda: find_among(seen, request, max(SHOWN, SHOWN_NO), user),
            )
        except WeirError as error:
            problem = error.detail
    put_off = tuple(Saying(s.code, s.values) for s in answer.said) if answer else ()
    asks = answer is not None and bool(answer.candidates) and not put_off
    start = _start(visit, draft.spec) if asks and draft.spec else None
    wrong = draft.spec is None or bool(problem)
    places = {c.pool for c in answer.candidates[:SHOWN]} if answer else set()
    return render.page(
        visit,
        "find_parts.html" if visit.by_htmx else "find.html",
        422 if wrong and edited and not visit.by_htmx else 200,
        section="find",
        draft=draft,
        edited=edited,
        answer=answer,
        problem=problem,
        carbon=_carbon(visit, places),
        start=start,
        start_text=sentences(start.said if start else put_off, visit.language),
        put_off=bool(put_off),
        policy=policy,
        policies=POLICIES,
        form_fields=form.FIELDS,
        groups=form.groups_of(draft.data),
        templates=templates(),
        template=visit.query.get("template", ""),
        meanings={str(k): v for k, v in MEANINGS.items()},
        shown=SHOWN,
        key=visit.form.get("key") or secrets.token_hex(12),
        commands=(
            ("weir find JOB.yaml", "POST /v1/find"),
            ("weir submit JOB.yaml", "POST /v1/jobs"),
            ("weir job schema", "GET /v1/schema/job"),
        ),
    )
