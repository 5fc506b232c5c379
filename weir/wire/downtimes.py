"""Declared downtimes, and what sites were up of a time."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from weir.wire.base import Answer, Wire

Text = Annotated[str, Field(min_length=1, max_length=500)]


class DowntimeRequest(Wire):
    """That a site will be down. `site` is its identifier or its name; without `begins_at` it begins
    now. `excuse`: that it was down, or has been since then; what its availability was is worked
    out anew.
    """

    site: Annotated[str, Field(min_length=1, max_length=120)]
    begins_at: float | None = None
    ends_at: float
    reason: Text
    excuse: bool = False


class DowntimeAnswer(Answer):
    """A declared downtime; one that was ended early has its end there."""

    id: str
    site: str
    site_name: str
    begins_at: float
    ends_at: float
    reason: str
    declared_by: str
    declared_at: float


class AvailabilityAnswer(Answer):
    """How long a site was up. Seconds: `known` in all, `up` of them, `declared` as down.

    In percent: `availability` is up over known, `reliability` up over what is known and was not
    declared. Null where nothing is known.
    """

    site: str
    site_name: str
    known_s: float
    up_s: float
    declared_s: float
    availability: float | None
    reliability: float | None
