"""Jobs: the list with filters, newest first, and the same jobs as a timeline across sites."""

from __future__ import annotations

from starlette.responses import Response

from weir.console import asking, render
from weir.console.drawing import timeline
from weir.console.visit import Visit
from weir.control import show as reading
from weir.core.lifecycle import JobState

PAGE, ON_TIMELINE = 50, 200
VIEWS = {"list": "List", "timeline": "Timeline"}


def show(visit: Visit) -> Response:
    """A page of jobs."""
    query = visit.query
    view = "timeline" if query.get("view") == "timeline" else "list"
    states = tuple(s for s in query.getlist("state") if s in set(JobState))
    name, submitter = query.get("name", "").strip(), query.get("submitter", "").strip()
    found = reading.list_jobs(
        visit.ctx,
        states=states,
        name=name or None,
        submitter=submitter or None,
        array=query.get("array") or None,
        pool=query.get("pool") or None,
        before=query.get("before") or None,
        limit=ON_TIMELINE if view == "timeline" else PAGE,
    )
    counts = asking.job_counts(visit)
    options = "".join(f" --state {s}" for s in states)
    asked = "&".join(f"state={s}" for s in states)
    return render.page(
        visit,
        "jobs.html",
        section="jobs",
        live=not query.get("before"),
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
        commands=((f"weir jobs{options}", f"GET /v1/jobs{'?' if asked else ''}{asked}"),),
    )
