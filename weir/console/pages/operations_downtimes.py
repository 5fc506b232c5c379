"""Operations: downtimes of sites, declared before they begin; or afterwards, as an excuse.

A time in the form is one of the viewer's zone: a script sends along how far that is from UTC then.
Without scripts it is one of UTC, and the form says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from starlette.responses import RedirectResponse, Response

from weir.console.pages.operations import page
from weir.console.visit import Visit
from weir.control import downtimes
from weir.core import units
from weir.core.errors import BadInput, Mistake, WeirError
from weir.wire.downtimes import DowntimeRequest
from weir.wire.mistakes import validated

HERE, TAB = "/operations?tab=downtimes", "downtimes"
FARTHEST_MIN = 18 * 60
"""No zone is farther from UTC, in minutes."""


def declare(visit: Visit) -> Response:
    """Declare one; with its mistakes, the form comes back as it was filled in."""
    form = visit.form
    try:
        begins, ends = times_of(form, visit.ctx.now())
        asked: dict[str, object] = {
            "site": form.get("site", ""),
            "begins_at": begins,
            "ends_at": ends,
            "reason": form.get("reason", "").strip(),
        }
        if form.get("excuse"):
            asked["excuse"] = True
        downtimes.declare(visit.ctx, visit.person, validated(DowntimeRequest, asked, "the form"))
    except WeirError as error:
        return page(visit, TAB, error.status, problem=error, typed=form)
    return RedirectResponse(HERE, 303)


def end(visit: Visit) -> Response:
    """End one now; one that has not begun never will."""
    downtimes.end(visit.ctx, visit.form.get("downtime", ""))
    return RedirectResponse(HERE, 303)


def times_of(form: Mapping[str, str], now: float) -> tuple[float | None, float]:
    """When it begins (None: now) and ends, as the form has it. Raises `BadInput`."""
    mistakes = []
    begins: float | None = None
    length = 0
    said = form.get("begins", "").strip()
    if said:
        try:
            begins = _moment(said, form.get("begins_zone", ""))
        except ValueError:
            mistakes.append(Mistake("begins", f"{said[:40]!r} is no time, as 2026-10-05T08:00 is"))
    try:
        length = units.parse_duration_s(form.get("length", "").strip())
    except ValueError as error:
        mistakes.append(Mistake("length", str(error)))
    if mistakes:
        raise BadInput("this downtime can't be declared", mistakes)
    return begins, (now if begins is None else begins) + length


def _moment(said: str, zone: str) -> float:
    """Seconds since 1970 of a local time; `zone` is how many minutes it is ahead of UTC."""
    ahead = int(zone) if zone else 0
    if abs(ahead) > FARTHEST_MIN:
        raise ValueError("no zone is so far from UTC")
    local = datetime.fromisoformat(said)
    if local.tzinfo is None:
        local = local.replace(tzinfo=UTC) - timedelta(minutes=ahead)
    return local.timestamp()
