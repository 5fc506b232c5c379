"""The page docs/lifecycle.md, generated from the tables of `weir.core.lifecycle`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from weir.core.lifecycle import JOB_TRANSITIONS, RUN_TRANSITIONS, JobState, RunState

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)

COMMAND = "python -c 'from weir.core.diagrams import page; print(page(), end=\"\")'"
"""Prints the page; run in the repository, into docs/lifecycle.md."""

INTRODUCTION = f"""\
# Lifecycle

A job is what somebody asked for; a run is one attempt of it on one cluster. Both are state machines
whose tables stand in `weir/core/lifecycle.py`, and an event that a table does not list never moves
anything. An arrow is labeled with the events that take it.

This page is generated from the tables and a test holds it equal to them. After a change of a table:

```sh
{COMMAND} > docs/lifecycle.md
```
"""

RUN_NOTE = """\
## A run

An agent answers an assignment with *accepted* or *refused*. A run is *lost* when its cluster has
been silent for too long; what it says when it is heard again is true, and the job decides what to
make of it. *Vanished*: the agent is there, and has no such run.
"""

JOB_NOTE = """\
## A job

A job has at most one run that counts. *Requeued*: that run was refused, failed with tries left, or
was lost, and the job is placed again. A waiting job that starts, succeeds or fails has a lost run
that came back. Only a job that another domain handed over, pinned to a pool, is *refused*: it goes
back to that domain.
"""


def page() -> str:
    """The page as Markdown, with a Mermaid diagram for each table."""
    return "\n".join(
        (
            INTRODUCTION,
            RUN_NOTE,
            diagram(RunState.ASSIGNED, RUN_TRANSITIONS),
            JOB_NOTE,
            diagram(JobState.WAITING, JOB_TRANSITIONS),
        )
    )


def diagram(first: S, table: Mapping[tuple[S, E], S]) -> str:
    """A table as a Mermaid state diagram: one arrow from a state to another, all its events on it.

    A state without a way out is an end.
    """
    arrows: dict[tuple[S, S], list[str]] = {}
    for (state, event), after in table.items():
        arrows.setdefault((state, after), []).append(event)
    ends = dict.fromkeys(after for after in table.values() if after not in {s for s, _ in table})
    lines = [
        f"[*] --> {first}",
        *(f"{a} --> {b}: {', '.join(events)}" for (a, b), events in arrows.items()),
        *(f"{end} --> [*]" for end in ends),
    ]
    body = "".join(f"    {line}\n" for line in lines)
    return f"```mermaid\nstateDiagram-v2\n{body}```\n"
