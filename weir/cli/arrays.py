"""An array's id where a job's id is wanted: it stands for all the members."""

from __future__ import annotations

from collections.abc import Sequence

from weir.client.http import Client
from weir.client.sdk import Weir
from weir.core.errors import NotFound
from weir.wire.jobs import JobAnswer


def is_array(name: str) -> bool:
    """Whether an id is of an array; those of jobs begin with another letter."""
    return name.startswith("a")


def members(client: Client, array: str) -> list[JobAnswer]:
    """The members of an array, in order. Raises `NotFound`."""
    found = sorted(Weir.over(client).jobs(array=array), key=lambda m: m.array_index or 0)
    if not found:
        raise NotFound(f"no array {array} is known here; `weir jobs` lists what there is")
    return found


def jobs_of(client: Client, names: Sequence[str]) -> list[str]:
    """The ids of the jobs named, each array's members in its place."""
    found: list[str] = []
    for name in names:
        found += [m.id for m in members(client, name)] if is_array(name) else [name]
    return found


def label(member: JobAnswer) -> str:
    """`sweep[3]` for the fourth member of an array, else the name."""
    return member.name if member.array_index is None else f"{member.name}[{member.array_index}]"
