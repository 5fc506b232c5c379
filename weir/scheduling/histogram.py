"""Free hosts as a histogram: equal ones gathered, in one order; amounts taken off any of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from weir.core.inventory import FreeShape

Free = tuple[FreeShape, ...]
Devices = tuple[tuple[int, int], ...]


def tidy(shape: FreeShape) -> FreeShape:
    """The same host with its devices in canonical form: gathered, in order, nothing used up."""
    devices = shape.devices
    if not devices or (len(devices) == 1 and devices[0][0] and devices[0][1]):
        return shape
    return replace(shape, devices=devices_of(devices))


def devices_of(devices: Iterable[tuple[int, int]]) -> Devices:
    """Devices as (milli, count): equal ones gathered, in order, nothing used up."""
    counts: dict[int, int] = {}
    for milli, count in devices:
        counts[milli] = counts.get(milli, 0) + count
    return tuple(sorted([(m, n) for m, n in counts.items() if m > 0 and n > 0]))


def with_hosts(shape: FreeShape, hosts: int) -> FreeShape:
    """So many of these hosts."""
    return FreeShape(shape.cpu_milli, shape.memory_bytes, shape.devices, hosts, shape.block)


def gather(shapes: Iterable[FreeShape]) -> Free:
    """What `inventory.merged` gives, without making shapes anew that stay as they are."""
    found: dict[tuple[int, int, Devices, tuple[int, ...]], FreeShape] = {}
    for shape in shapes:
        key = shape.cpu_milli, shape.memory_bytes, shape.devices, shape.block
        same = found.get(key)
        found[key] = shape if same is None else with_hosts(shape, shape.hosts + same.hosts)
    if len(found) == 1:
        return tuple(found.values())
    return tuple([found[key] for key in sorted(found)])


def drain(free: Free, cpu_milli: int, memory_bytes: int, device_milli: int) -> Free:
    """Consume these amounts from any host, fullest first, as far as there is any."""
    free = _consume(free, cpu_milli, lambda s: s.cpu_milli, _without_cpu)
    free = _consume(free, memory_bytes, lambda s: s.memory_bytes, _without_memory)
    return _consume(free, device_milli, lambda s: s.device_milli, _without_devices)


def _consume(
    free: Free,
    amount: int,
    held: Callable[[FreeShape], int],
    without: Callable[[FreeShape, int], FreeShape],
) -> Free:
    """Take `amount` of one resource: all that whole hosts hold, and the rest from one more."""
    done = []
    for shape in free:
        each = held(shape)
        emptied = min(shape.hosts, amount // each) if each else 0
        amount -= emptied * each
        last = 1 if amount and each and emptied < shape.hosts else 0
        if emptied:
            done.append(with_hosts(without(shape, each), emptied))
        if last:
            done.append(with_hosts(without(shape, amount), 1))
            amount = 0
        if shape.hosts > emptied + last:
            done.append(with_hosts(shape, shape.hosts - emptied - last))
    return gather(done)


def _without_cpu(shape: FreeShape, amount: int) -> FreeShape:
    return replace(shape, cpu_milli=shape.cpu_milli - amount)


def _without_memory(shape: FreeShape, amount: int) -> FreeShape:
    return replace(shape, memory_bytes=shape.memory_bytes - amount)


def _without_devices(shape: FreeShape, amount: int) -> FreeShape:
    """The most used devices go first; one of them may keep a part."""
    left: list[tuple[int, int]] = []
    for milli, count in sorted(shape.devices):
        gone = min(count, amount // milli) if milli else count
        amount -= gone * milli
        left.append((milli, count - gone))
        if amount and gone < count:
            left += [(milli, -1), (milli - amount, 1)]
            amount = 0
    return replace(shape, devices=devices_of(left))
