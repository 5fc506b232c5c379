"""`weir queues`: who shares the domain, what each queue may hold, holds, and has held of late; and
other queues while the server runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from weir.cli.output import Column, Sheet, print_json, say, show_sheet
from weir.cli.session import Session, prints, wide_option
from weir.cli.values import NONE, number
from weir.core.errors import NotFound
from weir.core.units import show_bytes, show_cpu_milli, show_devices_milli
from weir.wire.queues import (
    Amounts,
    QueueAnswer,
    QueueEntry,
    limit_of,
    queues_in,
    queues_text,
    read_queues_file,
    unknown_queue,
)
from weir.wire.scheduling import QueuesRequest, SchedulingAnswer


def _cpu(milli: int) -> str:
    return f"{show_cpu_milli(milli)} cpu"


def _devices(milli: int) -> str:
    return f"{show_devices_milli(milli)} devices"


WORDS: Sequence[Callable[[int], str]] = (_cpu, show_bytes, _devices)
"""Each resource's amount with its unit."""


@click.group(invoke_without_command=True)
@wide_option
@prints
@click.pass_context
def queues(ctx: click.Context, session: Session, wide: bool, as_json: bool) -> None:
    """List the queues of the domain, each below its parent; or change them.

    OF LATE is what a queue's jobs held on the average, fading over a week. SHARE is the largest
    part of the domain that it holds and has held, by its weight: the least goes next.
    """
    if ctx.invoked_subcommand is None:
        _list(session, wide, as_json)


def _list(session: Session, wide: bool, as_json: bool) -> None:
    with session.client() as client:
        found = client.queues()
    if as_json:
        print_json(found, list[QueueAnswer])
        return
    sheet = Sheet(
        (
            Column("QUEUE"),
            Column("WEIGHT", right=True),
            Column("QUOTA", wraps=True),
            Column("BORROWS", wraps=True, least=2),
            Column("HOLDS", wraps=True),
            Column("OF LATE", wraps=True, least=3),
            Column("SHARE", right=True),
            Column("RUNNING", right=True, least=1),
            Column("WAITING", right=True),
        )
    )
    parents = {q.name: q.parent for q in found}
    for queue in found:
        sheet.add(
            "  " * _depth(queue.name, parents) + queue.name,
            number(queue.weight),
            _amounts(queue.nominal, "no limit"),
            _borrows(queue),
            _amounts(_none_for_zero(queue.holds), "nothing"),
            _amounts(_none_for_zero([round(v) for v in queue.past]), "nothing"),
            f"{number(round(100 * queue.share, 1))} %",
            str(queue.running),
            str(queue.waiting),
        )
    show_sheet(sheet, empty="this domain has no queues", wide=wide)


def _depth(name: str, parents: Mapping[str, str | None]) -> int:
    depth, above = 0, parents.get(name)
    while above is not None and depth < len(parents):
        depth, above = depth + 1, parents.get(above)
    return depth


def _amounts(values: Amounts, nothing: str) -> str:
    said = [show(v) for show, v in zip(WORDS, values, strict=True) if v is not None]
    return ", ".join(said) or nothing


def _borrows(queue: QueueAnswer) -> str:
    """What it may borrow of each thing that it has a quota of."""
    said = [
        "any" if more is None else show(more)
        for show, most, more in zip(WORDS, queue.nominal, queue.borrow, strict=True)
        if most is not None
    ]
    return ", ".join(said) or NONE


def _none_for_zero(values: Sequence[int]) -> Amounts:
    cpu, memory, milli = (v or None for v in values)
    return cpu, memory, milli


@queues.command()
@prints
def show(session: Session, as_json: bool) -> None:
    """Print the queues as a file that `weir queues apply` reads."""
    with session.client() as client:
        found = client.scheduling()
    if as_json:
        print_json(found)
    else:
        click.echo(queues_text(found.queues), nl=False)


@queues.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@prints
def apply(session: Session, file: Path, as_json: bool) -> None:
    """Take the queues of FILE instead of those that there are, from the next round on.

    FILE is as for `weir serve --queues`; `queues: []` removes all. What waits in a queue that is
    gone keeps waiting, beside the topmost queues.
    """
    entries = read_queues_file(Path("/dev/stdin") if str(file) == "-" else file, none=True)
    with session.client() as client:
        _tell(client.set_queues(QueuesRequest(queues=entries)), as_json)


@queues.command("set")
@click.argument("name")
@click.option("--parent", metavar="QUEUE", help="The queue above it; '' for none.")
@click.option("--weight", type=float, help="Its weight among its siblings.")
@click.option("--cpu", metavar="N[+M]", help="It owns N cores, and may borrow M more.")
@click.option("--memory", metavar="N[+M]", help="The same of memory, as in 1TiB+512GiB.")
@click.option("--devices", metavar="N[+M]", help="The same of accelerators.")
@prints
def set_queue(session: Session, name: str, as_json: bool, **changes: Any) -> None:
    """Change the queue NAME, or make it, from the next round on.

    What is not said stays as it is. Without +M a queue may borrow without limit; `none` instead of
    N[+M] takes a limit away.
    """
    with session.client() as client:
        found = client.scheduling()
        entries = [e.model_dump(mode="json", exclude_defaults=True) for e in found.queues]
        entry = next((e for e in entries if e["name"] == name), None)
        if entry is None:
            entry = {"name": name}
            entries.append(entry)
        _change(entry, **changes)
        _tell(client.set_queues(_checked(entries, found)), as_json)


@queues.command()
@click.argument("name")
@prints
def remove(session: Session, name: str, as_json: bool) -> None:
    """Remove the queue NAME, which has none below it."""
    with session.client() as client:
        found = client.scheduling()
        names = [e.name for e in found.queues]
        if name not in names:
            raise NotFound(unknown_queue(name, names) if names else "this domain has no queues")
        left = [
            e.model_dump(mode="json", exclude_defaults=True) for e in found.queues if e.name != name
        ]
        _tell(client.set_queues(_checked(left, found)), as_json)


def _change(
    entry: dict[str, Any],
    parent: str | None,
    weight: float | None,
    **limits: str | None,
) -> None:
    """Write what was said into a queue as people write it."""
    if parent is not None:
        entry["parent"] = parent or None
    if weight is not None:
        entry["weight"] = weight
    quota = dict(entry.get("quota", {}))
    for kind, said in limits.items():
        if said == "none":
            quota.pop(kind, None)
        elif said is not None:
            quota[kind] = limit_of(said)
    entry["quota"] = quota


def _checked(entries: Sequence[Mapping[str, Any]], found: SchedulingAnswer) -> QueuesRequest:
    """To be set if nobody has changed anything in between."""
    queues: tuple[QueueEntry, ...] = queues_in({"queues": entries}, "the queues", {}, none=True)
    return QueuesRequest(queues=queues, seen=found.number)


def _tell(answer: SchedulingAnswer, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    elif answer.queues:
        say(f"the queues are now {', '.join(q.name for q in answer.queues)}")
    else:
        say("this domain has no queues now")
