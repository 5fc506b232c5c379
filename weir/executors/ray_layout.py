"""How a run lies on nodes: which of its tasks share a bundle, and what each bundle holds.

A bundle lies on one node. Where nothing else is wanted each task is a bundle of its own, and Ray
packs them. Where a group is to be spread, or to have its hosts alone, tasks are placed here, on the
nodes as they are filled now; those that fall on one node are one bundle, and Ray is asked to put
each bundle on another node.

Laws:
- Each task is in exactly one bundle, in the order of the job file within it.
- A bundle holds at least what its tasks ask for; one of an exclusive group holds a whole node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from weir.core.inventory import DEVICE_MILLI, HostShape
from weir.executors.local_hosts import Hosts, Need, TaskPlace
from weir.executors.ray_inventory import Amount
from weir.scheduling.packing import Claim, taken_milli
from weir.wire.pools import PoolFields, Shape

APART = "STRICT_SPREAD"


@dataclass(frozen=True, slots=True)
class Bundle:
    """What is held on one node, and the tasks in it by name."""

    tasks: tuple[str, ...]
    amount: Amount

    @property
    def claim(self) -> Claim:
        """The same as one task of the scheduler's."""
        held = self.amount
        return Claim(held.cpu_milli, held.memory_bytes, held.device_milli, 1)


@dataclass(frozen=True, slots=True)
class Layout:
    """A run on nodes; `strategy` is Ray's word for how its bundles lie, empty for the share's."""

    bundles: tuple[Bundle, ...]
    strategy: str = ""


def task_amount(claim: Claim) -> Amount:
    """What one task of a claim holds."""
    return Amount(claim.cpu_milli, claim.memory_bytes, taken_milli(claim))


def layout_of(needs: Sequence[Need], shape: HostShape, used: Sequence[Amount]) -> Layout:
    """Lay a run on nodes of this shape. `used` is what is taken of each. Where there is no room now
    it is laid on empty ones, to wait for them. Raises ValueError if even these are too few.
    """
    each = tuple(
        Bundle((f"{need.group}-{index}",), _held(need, shape))
        for need in needs
        for index in range(need.claim.count)
    )
    if len(each) == 1 or not any(need.exclusive or need.claim.spread for need in needs):
        return Layout(each)
    places = _places(needs, shape, used)
    if isinstance(places, str):
        places = _places(needs, shape, [Amount()] * len(used))
    if isinstance(places, str):
        raise ValueError(places)
    return Layout(_by_host(needs, places, shape), APART)


def _held(need: Need, shape: HostShape) -> Amount:
    return _whole(shape) if need.exclusive else task_amount(need.claim)


def _whole(shape: HostShape) -> Amount:
    return Amount(shape.cpu_milli, shape.memory_bytes, DEVICE_MILLI * shape.devices)


def _places(
    needs: Sequence[Need], shape: HostShape, used: Sequence[Amount]
) -> tuple[TaskPlace, ...] | str:
    """Which task on which node, or why not."""
    if not used:
        return "there is no node"
    wire = Shape(cpu_milli=shape.cpu_milli, memory_bytes=shape.memory_bytes, devices=shape.devices)
    hosts = Hosts(PoolFields(name="ray", hosts=len(used), shape=wire))
    hosts.book(
        TaskPlace("", 0, number, amount.cpu_milli, amount.memory_bytes, _devices(amount))
        for number, amount in enumerate(used)
        if amount != Amount()
    )
    return hosts.place(needs)


def _devices(amount: Amount) -> tuple[tuple[int, int], ...]:
    whole, part = divmod(amount.device_milli, DEVICE_MILLI)
    taken = [(number, DEVICE_MILLI) for number in range(whole)]
    return tuple([*taken, (whole, part)] if part else taken)


def _by_host(
    needs: Sequence[Need], places: Sequence[TaskPlace], shape: HostShape
) -> tuple[Bundle, ...]:
    found: dict[int, Bundle] = {}
    claims = {need.group: need for need in needs}
    for place in places:
        need = claims[place.group]
        before = found.get(place.host, Bundle((), Amount()))
        amount = before.amount + task_amount(need.claim)
        found[place.host] = replace(
            before,
            tasks=(*before.tasks, f"{place.group}-{place.index}"),
            amount=_whole(shape) if need.exclusive else amount,
        )
    return tuple(found[host] for host in sorted(found))
