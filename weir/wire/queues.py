"""A domain's queues as people write them, and as the server tells of them.

The file of `weir serve --queues`, and `queues:` of a domain in the network file, are one list:

    queues:
      - {name: science, weight: 2}
      - name: physics
        parent: science
        quota:
          devices: {nominal: 8, borrow: 4}
          memory: {nominal: 1TiB}

What a queue may borrow is without limit where it is not said. Every mistake is told at once, with
its field and line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import Field, model_validator

from weir.core import units
from weir.core.errors import BadInput, Mistake
from weir.wire.base import Answer, Wire
from weir.wire.jobspec import Name, text_of
from weir.wire.mistakes import Path as FieldPath
from weir.wire.mistakes import count_of, line_of, read_yaml, show_path, validated

Amounts = tuple[int | None, int | None, int | None]
"""CPU in thousandths, memory in bytes, devices in thousandths; None: no limit, or not known."""

CpuAmount = Annotated[str, text_of(units.parse_cpu_milli)]
MemoryAmount = Annotated[str, text_of(units.parse_bytes)]
DeviceAmount = Annotated[str, text_of(units.parse_milli_devices)]


class _Limit(Wire):
    """What a queue owns of something, and what it may hold beyond that of what others leave."""

    nominal: str | None = None
    borrow: str | None = None

    @model_validator(mode="after")
    def _owned(self) -> Self:
        if self.nominal is None:
            raise ValueError("needs nominal, what the queue owns; borrow is what comes on top")
        return self


class CpuLimit(_Limit):
    """CPU cores."""

    nominal: CpuAmount | None = None
    borrow: CpuAmount | None = None


class MemoryLimit(_Limit):
    """Main memory."""

    nominal: MemoryAmount | None = None
    borrow: MemoryAmount | None = None


class DeviceLimit(_Limit):
    """Accelerators."""

    nominal: DeviceAmount | None = None
    borrow: DeviceAmount | None = None


class Quota(Wire):
    """What a queue may hold; what is left out has no limit."""

    cpu: CpuLimit | None = None
    memory: MemoryLimit | None = None
    devices: DeviceLimit | None = None

    def nominal(self) -> Amounts:
        """What the queue owns."""
        c, m, d = self.cpu, self.memory, self.devices
        return _amounts(
            None if c is None else c.nominal,
            None if m is None else m.nominal,
            None if d is None else d.nominal,
        )

    def borrow(self) -> Amounts:
        """What it may hold beyond that."""
        c, m, d = self.cpu, self.memory, self.devices
        return _amounts(
            None if c is None else c.borrow,
            None if m is None else m.borrow,
            None if d is None else d.borrow,
        )


def _amounts(cpu: str | None, memory: str | None, devices: str | None) -> Amounts:
    return (
        None if cpu is None else units.parse_cpu_milli(cpu),
        None if memory is None else units.parse_bytes(memory),
        None if devices is None else units.parse_milli_devices(devices),
    )


class QueueEntry(Wire):
    """One queue: below `parent`, by `weight` among its siblings."""

    name: Name
    parent: Name | None = None
    weight: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    quota: Quota = Quota()


class AnyQueues(Wire):
    """Queues, or none: what is set while a server runs."""

    queues: tuple[QueueEntry, ...]


class QueuesFile(AnyQueues):
    """The file of `weir serve --queues`."""

    queues: Annotated[tuple[QueueEntry, ...], Field(min_length=1)]


class QueueAnswer(Answer):
    """A queue as its domain sees it; amounts are (cpu_milli, memory_bytes, device_milli).

    `holds` is what its jobs hold now, `past` what they held on the average of late, both with all
    queues below it. `share` is the largest part of the domain's resources that the two are
    together, by the queue's weight: at each fork the queue with the least goes next.
    """

    name: str
    parent: str | None
    weight: float
    nominal: Amounts
    borrow: Amounts
    holds: tuple[int, int, int]
    past: tuple[float, float, float]
    share: float
    waiting: int
    running: int


def read_queues_file(path: Path, *, none: bool = False) -> tuple[QueueEntry, ...]:
    """The queues in a file, as `read_queues`. Raises `BadInput` with every mistake, its field and
    line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} can't be read: {error}") from None
    return read_queues(text, str(path), none=none)


def queues_text(entries: Iterable[QueueEntry]) -> str:
    """The queues as a YAML text, which `read_queues` reads as they are."""
    listed = [e.model_dump(mode="json", exclude_defaults=True) for e in entries]
    return yaml.safe_dump({"queues": listed}, sort_keys=False, allow_unicode=True)


def entry_of(
    name: str, parent: str | None, weight: float, nominal: Amounts, borrow: Amounts
) -> QueueEntry:
    """A queue as people write it, from its amounts: exactly those."""
    kinds = (("cpu", _milli_text), ("memory", _bytes_text), ("devices", _milli_text))
    quota = {
        kind: {"nominal": text(most)} | ({} if more is None else {"borrow": text(more)})
        for (kind, text), most, more in zip(kinds, nominal, borrow, strict=True)
        if most is not None
    }
    return QueueEntry.model_validate(
        {"name": name, "parent": parent, "weight": weight, "quota": quota}
    )


def limit_of(said: str) -> dict[str, str]:
    """A limit as it is written in short, nominal and what may be borrowed: `8+4`, `8`."""
    nominal, _, borrow = said.replace(" ", "").partition("+")
    return {"nominal": nominal} | ({"borrow": borrow} if borrow else {})


def limit_text(entry: QueueEntry, kind: str) -> str:
    """The limit of a kind (cpu, memory, devices) as `limit_of` reads it; empty if there is none."""
    limit = getattr(entry.quota, kind)
    return "" if limit is None else "+".join(filter(None, (limit.nominal, limit.borrow)))


def _milli_text(milli: int) -> str:
    return f"{milli}m" if milli % 1000 else str(milli // 1000)


def _bytes_text(size: int) -> str:
    power = next((p for p in range(4, 0, -1) if size and size % 1024**p == 0), 0)
    return f"{size // 1024**power}{('', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"


def read_queues(text: str, what: str, *, none: bool = False) -> tuple[QueueEntry, ...]:
    """The queues in a YAML or JSON text; `none` if there may be none in it. Raises `BadInput` with
    every mistake.
    """
    data, lines = read_yaml(text, what)
    return queues_in(data, what, lines, none=none)


def queues_in(
    data: Any, what: str, lines: Mapping[FieldPath, int], *, none: bool = False
) -> tuple[QueueEntry, ...]:
    """The same of plain data; `lines` says where its fields stand in a text."""
    listed = data.get("queues") if isinstance(data, dict) else None
    found = [
        Mistake(show_path(path), message, line_of(path, lines))
        for path, message in cross_checked(listed, ("queues",))
    ]
    try:
        model: type[AnyQueues] = AnyQueues if none else QueuesFile
        queues = validated(model, data, what, lines).queues
    except BadInput as error:
        found.extend(error.mistakes)
    else:
        if not found:
            return queues
    found = sorted(dict.fromkeys(found), key=lambda m: (m.line or 0, m.field))
    raise BadInput(f"{what} has {count_of(found)}", found)


def cross_checked(listed: Any, path: FieldPath) -> Iterator[tuple[FieldPath, str]]:
    """What queues say of each other that can't be; `listed` is plain data that stands at `path`.

    Anything of a wrong shape is left to the models.
    """
    entries = [
        ((*path, index), entry)
        for index, entry in enumerate(listed if isinstance(listed, list) else [])
        if isinstance(entry, dict)
    ]
    names = {e["name"]: e for _, e in reversed(entries) if isinstance(e.get("name"), str)}
    seen: set[str] = set()
    for where, entry in entries:
        name, parent = entry.get("name"), entry.get("parent")
        if isinstance(name, str) and name in seen:
            yield (*where, "name"), f"there is another queue named {name!r}"
            continue
        if isinstance(name, str):
            seen.add(name)
        if isinstance(parent, str) and parent not in names:
            yield (*where, "parent"), unknown_queue(parent, names)
        elif isinstance(name, str) and (way := _circle(name, names)):
            yield (*where, "parent"), f"the parents lead in a circle: {' -> '.join(way)}"


def _circle(name: str, names: dict[str, dict[str, Any]]) -> list[str]:
    """The way from a queue up to itself; empty if its parents end somewhere."""
    way, above = [name], names[name].get("parent")
    while isinstance(above, str) and above in names and above not in way:
        way.append(above)
        above = names[above].get("parent")
    return [*way, name] if above == name else []


def unknown_queue(name: str, names: Any) -> str:
    """That there is no such queue, and which ones are near."""
    near = get_close_matches(name, list(names), n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}"
    return f"there is no queue {name!r}; {hint}"
