"""Operations: other queues, another policy, and what last week would have been like under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import RedirectResponse, Response

from weir.console import figures, render
from weir.console.history import scale
from weir.console.pages.operations import page
from weir.console.visit import Visit
from weir.control import policies, replay
from weir.control.queues import set_queues, show_scheduling
from weir.core.errors import BadInput, Mistake, WeirError
from weir.scheduling.policies import POLICIES
from weir.wire.mistakes import validated
from weir.wire.queues import limit_of, queues_in, read_queues
from weir.wire.replays import ReplayMeasure, ReplayRequest, ReplayResult, best_of
from weir.wire.scheduling import SchedulingAnswer

KINDS = ("cpu", "memory", "devices")
QUEUES, POLICIES_TAB = "/operations?tab=queues", "/operations?tab=policies"


@dataclass(frozen=True, slots=True)
class Row:
    """A measure of a replay, a text for each column; `best` are the columns that have the best."""

    label: str
    texts: tuple[str, ...]
    best: frozenset[int]


def apply_queues(visit: Visit) -> Response:
    """All queues as a file; with its mistakes, the file comes back as it was typed."""
    text = visit.form.get("yaml", "")
    try:
        entries = read_queues(text, "the file", none=True)
        set_queues(visit.ctx, visit.person, entries, _seen(visit))
    except WeirError as error:
        return page(visit, "queues", error.status, problem=error, text=text)
    return RedirectResponse(QUEUES, 303)


def change_queue(visit: Visit) -> Response:
    """One queue by its form: changed, made or removed; the others stay."""
    form, rules = visit.form, show_scheduling(visit.ctx)
    name = form.get("name", "").strip()
    listed = [e.model_dump(mode="json", exclude_defaults=True) for e in rules.queues]
    at = next((i for i, e in enumerate(listed) if e["name"] == name), len(listed))
    wanted: dict[str, object] = {"name": name, "weight": form.get("weight", "").strip() or "1"}
    if form.get("parent"):
        wanted["parent"] = form["parent"]
    limits = {kind: form.get(kind, "").strip() for kind in KINDS}
    wanted["quota"] = {kind: limit_of(said) for kind, said in limits.items() if said}
    listed[at : at + 1] = [] if form.get("remove") else [wanted]
    try:
        if form.get("new") and at < len(rules.queues):
            raise BadInput("the queue is there already", [Mistake("name", f"{name} is there")])
        entries = queues_in({"queues": listed}, "the queues", {}, none=True)
        set_queues(visit.ctx, visit.person, entries, _seen(visit))
    except WeirError as error:
        return page(visit, "queues", error.status, problem=error, typed=form)
    return RedirectResponse(QUEUES, 303)


def _seen(visit: Visit) -> int | None:
    """The number of the last change that the form was made after."""
    text = visit.form.get("seen", "")
    return int(text) if text.isascii() and text.isdecimal() else None


def set_policy(visit: Visit) -> Response:
    """Another policy from the next round on."""
    try:
        policies.set_policy(visit.ctx, visit.person, visit.form.get("policy", ""), _seen(visit))
    except WeirError as error:
        return page(visit, "policies", error.status, problem=error)
    return RedirectResponse(POLICIES_TAB, 303)


def ask(visit: Visit) -> Response:
    """Have the last days replayed, and go where the result will be."""
    form = visit.form
    names = [n for n in POLICIES if form.get(f"policy-{n}")]
    asked = {"policies": names, "days": form.get("days", "").strip() or "7"}
    try:
        request = validated(ReplayRequest, asked, "the request")
        made = replay.ask_replay(visit.ctx, visit.person, request)
    except WeirError as error:
        return page(visit, "policies", error.status, problem=error, typed=form)
    return RedirectResponse(f"/operations/replays/{made.id}", 303)


def show(visit: Visit) -> Response:
    """One replay: how far it is, or its result beside what really happened."""
    found = replay.show_replay(visit.ctx, visit.request.path_params["replay"])
    rules = show_scheduling(visit.ctx)
    done = found.result
    return render.page(
        visit,
        "operations_replay.html",
        200,
        section="operations",
        found=found,
        result=done,
        rows=() if done is None else rows_of(done, visit.language),
        rules=rules,
        offered=_offered(found.policies, rules),
        commands=(
            (
                f"weir simulate replay --policy {','.join(found.policies)} --days {found.days:g}",
                f"GET /v1/replays/{found.id}",
            ),
            ("weir policy set NAME", "PUT /v1/policy"),
        ),
    )


def _offered(names: Sequence[str], rules: SchedulingAnswer) -> frozenset[str]:
    """The policies of a replay that could be set now."""
    known = (POLICIES[n] for n in names if n in POLICIES and n != rules.policy)
    return frozenset(p.name for p in known if p.fair or not rules.queues)


def rows_of(result: ReplayResult, language: str = "en") -> tuple[Row, ...]:
    """The measures that any column knows."""
    found = []
    for measure in result.measures:
        values = [column.numbers.get(measure.name) for column in result.columns]
        if any(value is not None for value in values):
            texts = tuple(text_of(measure, value, result.currency, language) for value in values)
            label = measure.label
            if not result.devices:
                label = label.replace("Device-hours", "Core-hours")
            found.append(Row(label, texts, best_of(measure, values)))
    return tuple(found)


def text_of(
    measure: ReplayMeasure, value: float | None, currency: str, language: str = "en"
) -> str:
    """A value with its unit."""
    if value is None:
        return figures.UNKNOWN
    if measure.unit == "s":
        return figures.duration(value, language)
    if measure.unit == "share":
        return figures.percent(value, 1)
    if measure.unit in ("Wh", "g"):
        factor, unit = scale(value, measure.unit)
        return f"{figures.number(value / factor)} {unit}"
    unit = {"work": " h", "times": " ×", "money": f" {currency}"}.get(measure.unit, "")
    return f"{figures.number(value)}{unit}"
