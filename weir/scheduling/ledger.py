"""The ledger of deferrable jobs, in plain loops: what is booked where, until when.

Jobs are taken as they come. One that can't wait is booked where it is the cheapest at once; a
deferrable one at the start within its patience, and in the room, that are the cheapest together and
have space left beside what is booked so far. It is a plan only: where a job runs is decided by the
round in which it starts.

Laws:
- What is decided for a job depends on no job after it.
- Nothing starts before its submission, nor after its patience for being deferred.
- A booking is within the room's size, on the average of every step.
"""

from __future__ import annotations

from math import floor, inf
from typing import Any, NamedTuple

GAIN = 0.05
"""A later start has to be better by this share: less is not worth the wait."""

MOST_STEPS = 24 * 14
"""Starts that are compared at most: two weeks of hours."""

LATER = 24
"""What finds no room within its patience is booked up to so many steps later, as a rule."""


class Asks(NamedTuple):
    """Jobs in the order in which they come; a number each."""

    submit_s: Any
    patience_s: Any
    length_s: Any  # as expected; finite
    klass: Any


class Rooms(NamedTuple):
    """Pools that are equal for every job. Tables are (room, step) and (class, room).

    `total` is what a kW has cost since second 0 at the beginning of a step, weighed, in units times
    hours; `used` what is booked on the average of a step, in the unit of `size`; `cost` is what a
    place costs an hour without energy, infinite where the class can't go.
    """

    size: Any
    total: Any
    used: Any
    cost: Any
    kw: Any
    width: Any


class Found(NamedTuple):
    """What is written down: when a job may start, when it is booked to, and where (-1: nowhere)."""

    eligible_s: Any
    booked_s: Any
    room: Any


def plan_starts(
    asks: Asks, rooms: Rooms, step_s: float, gain: float, later_steps: int, found: Found
) -> None:
    """Write down when each job may start, and book it.

    A later start has to be better by the share `gain`. What finds no room within its patience is
    booked up to `later_steps` later, and may start at once: who knows what ends early.
    """
    for j in range(len(found.eligible_s)):
        first = asks.submit_s[j]
        start, room = first, cheapest_room(asks, rooms, step_s, j, first)
        best = price(asks, rooms, step_s, j, room, first) if room >= 0 else inf
        enough = best - gain * abs(best) if room >= 0 else inf
        for n in range(1, tried(asks, step_s, j)):
            later = floor(first / step_s + n) * step_s
            at = cheapest_room(asks, rooms, step_s, j, later)
            if at < 0:
                continue
            cost = price(asks, rooms, step_s, j, at, later)
            if cost < best and cost < enough:
                start, room, best = later, at, cost
        found.eligible_s[j] = start
        beyond = max(1, tried(asks, step_s, j))
        last = beyond + later_steps
        while room < 0 and beyond < last:
            start = floor(first / step_s + beyond) * step_s
            room = cheapest_room(asks, rooms, step_s, j, start)
            beyond += 1
        found.room[j], found.booked_s[j] = room, start
        if room >= 0:
            book(asks, rooms, step_s, j, room, start)


def tried(asks: Asks, step_s: float, j: int) -> int:
    """One more than the last step within the patience."""
    first = asks.submit_s[j]
    if asks.patience_s[j] >= MOST_STEPS * step_s:
        return MOST_STEPS + 1
    return int(floor((first + asks.patience_s[j]) / step_s) - floor(first / step_s)) + 1


def cheapest_room(asks: Asks, rooms: Rooms, step_s: float, j: int, start: float) -> int:
    """The room where a start then costs least, of those with space; -1 if none has."""
    k = asks.klass[j]
    best, found = inf, -1
    for r in range(len(rooms.size)):
        if rooms.cost[k, r] == inf:
            continue
        cost = price(asks, rooms, step_s, j, r, start)
        if cost < best and has_space(asks, rooms, step_s, j, r, start):
            best, found = cost, r
    return found


def price(asks: Asks, rooms: Rooms, step_s: float, j: int, r: int, start: float) -> float:
    """What an hour costs there on the average of the run, weighed."""
    length = max(asks.length_s[j], 1.0)
    k = asks.klass[j]
    held = until(rooms, step_s, r, start + length) - until(rooms, step_s, r, start)
    return float(rooms.cost[k, r] + rooms.kw[k, r] * held * 3600.0 / length)


def until(rooms: Rooms, step_s: float, r: int, at: float) -> float:
    """What a kW has cost there from second 0 on; after the last step the last rate goes on."""
    last = rooms.total.shape[1] - 2
    n = min(int(at / step_s), last)
    here = rooms.total[r, n]
    return float(here + (rooms.total[r, n + 1] - here) * (at / step_s - n))


def has_space(asks: Asks, rooms: Rooms, step_s: float, j: int, r: int, start: float) -> bool:
    """Whether the room takes the job beside what is booked, from its start to its end."""
    width, end = rooms.width[asks.klass[j], r], start + max(asks.length_s[j], 1.0)
    last = rooms.used.shape[1] - 1
    for n in range(min(int(start / step_s), last), min(int(end / step_s), last) + 1):
        part = (min(end, (n + 1) * step_s) - max(start, n * step_s)) / step_s
        if rooms.used[r, n] + width * max(part, 0.0) > rooms.size[r] * (1 + 1e-9):
            return False
    return True


def book(asks: Asks, rooms: Rooms, step_s: float, j: int, r: int, start: float) -> None:
    """Note that the job holds its part of the room from its start to its end."""
    width, end = rooms.width[asks.klass[j], r], start + max(asks.length_s[j], 1.0)
    last = rooms.used.shape[1] - 1
    for n in range(min(int(start / step_s), last), min(int(end / step_s), last) + 1):
        part = (min(end, (n + 1) * step_s) - max(start, n * step_s)) / step_s
        rooms.used[r, n] += width * max(part, 0.0)
