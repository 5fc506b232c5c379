"""What a job's data and software ask of a center before it starts."""

from __future__ import annotations

from weir.core import units
from weir.wire.jobspec import JobSpec


def stages(spec: JobSpec, goes_on: bool = False) -> bool:
    """Whether something must be brought or built before the job starts, which may take long.

    `goes_on`: it begins with a checkpoint.
    """
    wishes = (spec.image, spec.requirements, *(i.url for i in spec.inputs))
    return goes_on or any(wish is not None for wish in wishes)


def staging_s(spec: JobSpec, goes_on: bool = False) -> int:
    """How much later than else the job may start, for what must be brought or built; seconds."""
    return units.parse_duration_s(spec.stage_within) if stages(spec, goes_on) else 0
