"""Jobs: the list with filters, newest first, and the same jobs as a timeline across sites."""

from __future__ import annotations

from shlex import quote
from typing import TypedDict
from urllib.parse import urlencode

from starlette.responses import Response

from weir.console import asking, render
from weir.console.drawing import timeline
from weir.console.visit import Visit
from weir.control import show as reading
from weir.core.lifecycle import JobState

PAGE, ON_TIMELINE = 50, 200
VIEWS = {"list": "List", "timeline": "Timeline"}


class Chosen(TypedDict):
    """Which jobs are listed."""

    states: tuple[str, ...]
    name: str | None
    submitter: str | None
    array: str | None
    pool: str | None


def show(visit: Visit) -> Response:
    """A page of jobs."""
    query = visit.query
    view = "timeline" if query.get("view") == "timeline" else "list"
    states = tuple(s for s in query.getlist("state") if s in set(JobState))
    name, submitter = query.get("name", "").strip(), query.get("submitter", "").strip()
    size = ON_TIMELINE if view == "timeline" else PAGE
    chosen: Chosen = {
        "states": states,
        "name": name or None,
        "submitter": submitter or None,
        "array": query.get("array") or None,
        "pool": query.get("pool") or None,
    }
    before, after = query.get("before") or None, query.get("after") or None
    newer = None
    if after is not None:
        newer = reading.list_jobs(visit.ctx, **chosen, after=after, limit=size + 1)
    between = newer is not None and len(newer.jobs) > size
    if newer is not None and between:
        found = newer.model_copy(update={"jobs": newer.jobs[1:]})
    else:  # newer ones that leave nothing beyond their page are the newest
        found = reading.list_jobs(visit.ctx, **chosen, before=before, limit=size)
    newest = not before and not between
    counts = asking.job_counts(visit)
    return render.page(
        visit,
        "jobs.html",
        section="jobs",
        live=newest,
        newest=newest,
        view=view,
        views=VIEWS,
        jobs=found.jobs,
        following=found.next,
        states=tuple(JobState),
        chosen=states,
        counts=counts,
        name=name,
        submitter=submitter,
        filters=bool(states or name or submitter or query.get("array") or query.get("pool")),
        timeline=timeline.draw(found.jobs, visit.ctx.now()) if view == "timeline" else None,
        commands=(_same(chosen, None if after else before, size),),
    )


def _same(chosen: Chosen, before: str | None, size: int) -> tuple[str, str]:
    """The same page by command and by HTTP; of one that lies after a job, its first."""
    asked: list[tuple[str, str]] = [("state", s) for s in chosen["states"]]
    others = {
        "submitter": chosen["submitter"],
        "name": chosen["name"],
        "array": chosen["array"],
        "pool": chosen["pool"],
        "before": before,
        "limit": str(size),
    }
    asked += [(name, value) for name, value in others.items() if value]
    words = "".join(f" --{name} {quote(value)}" for name, value in asked)
    return f"weir jobs{words}", f"GET /v1/jobs?{urlencode(asked)}"
