"""Pools of a running server as a network to simulate: what `weir pools --json` shows.

Laws: each pool stands once, by its identifier; all of its hosts are empty; emulated devices count
as real ones. What is wrong is told with its place in the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from weir.core.errors import BadInput, Mistake
from weir.core.inventory import Pool, all_free_in
from weir.wire.mistakes import validated
from weir.wire.pools import PoolAnswer, PoolReport, pool_from


@dataclass(frozen=True, slots=True)
class ShownPools:
    """The pools, and what to know of them."""

    pools: tuple[Pool, ...]
    notes: tuple[str, ...]


def is_shown(text: str) -> bool:
    """Whether a text is that of `weir pools --json` and no network file."""
    return text.lstrip("\ufeff \t\r\n").startswith("[")


def read_shown(text: str, what: str) -> ShownPools:
    """The pools in the output of `weir pools --json`. Raises `BadInput` with every mistake."""
    try:
        listed = json.loads(text.lstrip("\ufeff"))
    except ValueError as error:
        raise BadInput(f"{what} is no JSON: {error}") from None
    mistakes: list[Mistake] = []
    answers: dict[str, PoolAnswer] = {}
    for number, entry in enumerate(listed):
        try:
            found = validated(PoolAnswer, entry, what)
            answers.setdefault(found.id, found)
            mistakes += (
                Mistake(f"[{number}].{field}", message) for field, message in _wrong(found)
            )
        except BadInput as error:
            mistakes += (Mistake(f"[{number}].{m.field}", m.message) for m in error.mistakes)
    if mistakes:
        raise BadInput(f"{what} is not what `weir pools --json` shows", mistakes[:20])
    if not answers:
        raise BadInput(f"{what} has no pools, so there is nowhere to run anything")
    pools = tuple(map(_pool, answers.values()))
    return ShownPools(pools, tuple(_notes(tuple(answers.values()))))


def _wrong(shown: PoolAnswer) -> Iterator[tuple[str, str]]:
    shape, blocks = shown.shape, sum(b.hosts for b in shown.blocks)
    if shown.hosts < 1:
        yield "hosts", "is to be 1 or more"
    if blocks > max(0, shown.hosts):
        yield "blocks", "have more hosts than the pool"
    if any(len(b.names) != len(shown.levels) for b in shown.blocks):
        yield "blocks", "need a name for each of the levels"
    if min(shape.cpu_milli, shape.memory_bytes, shape.devices) < 0:
        yield "shape", "is to have amounts of 0 or more"


def _notes(shown: Sequence[PoolAnswer]) -> Iterator[str]:
    silent = [pool.name for pool in shown if pool.silent]
    if silent:
        listed = ", ".join(silent[:5]) + (" and more" if len(silent) > 5 else "")
        yield f"Pools of clusters that were silent count as they were last seen: {listed}."


def _pool(shown: PoolAnswer) -> Pool:
    told = shown.model_dump(include=set(PoolReport.model_fields))
    pool = pool_from(PoolReport.model_validate(told))
    empty = all_free_in(pool.hosts, pool.shape, pool.blocks)
    return replace(pool, free=empty, emulated=False)
