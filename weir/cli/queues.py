"""`weir queues`: who shares the domain, what each queue may hold, holds, and has held of late."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import click

from weir.cli.output import Column, Sheet, print_json, show_sheet
from weir.cli.session import Session, prints, wide_option
from weir.cli.values import NONE, number
from weir.core.units import show_bytes, show_cpu_milli, show_devices_milli
from weir.wire.queues import Amounts, QueueAnswer


def _cpu(milli: int) -> str:
    return f"{show_cpu_milli(milli)} cpu"


def _devices(milli: int) -> str:
    return f"{show_devices_milli(milli)} devices"


WORDS: Sequence[Callable[[int], str]] = (_cpu, show_bytes, _devices)
"""Each resource's amount with its unit."""


@click.command()
@wide_option
@prints
def queues(session: Session, wide: bool, as_json: bool) -> None:
    """List the queues of the domain, each below its parent.

    OF LATE is what a queue's jobs held on the average, fading over a week. SHARE is the largest
    part of the domain that it holds and has held, by its weight: the least goes next.
    """
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
