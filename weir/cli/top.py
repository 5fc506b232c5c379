"""`weir top`: the network, its sites, its pools and its jobs, live, on a whole terminal.

What is shown is a function of what was asked and of the keys that were pressed (`frame`, `press`);
the loop around it only asks, draws and reads keys.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import click
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from weir.cli.output import clean, console
from weir.cli.session import Session, asks
from weir.cli.values import UNKNOWN, ago, amount, device, where
from weir.client.http import Client
from weir.core.errors import WeirError
from weir.wire.jobs import IndicatorAnswer, JobAnswer
from weir.wire.pools import PoolAnswer

VIEWS = {"n": "network", "s": "sites", "p": "pools", "j": "jobs"}
KEYS = {
    "\x1b[A": "up",
    "\x1bOA": "up",
    "\x1b[B": "down",
    "\x1bOB": "down",
    "\x1b": "esc",
    "\n": "enter",
    "\r": "enter",
}
HELP = "n network  s sites  p pools  j jobs  up/down choose  enter into  esc back  q quit"
JOBS = 200


@dataclass(frozen=True, slots=True)
class Seen:
    """What the server said: `error` says why it is not newer."""

    at: float
    indicators: Sequence[IndicatorAnswer] = ()
    pools: Sequence[PoolAnswer] = ()
    jobs: Sequence[JobAnswer] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """Which view, which row is chosen, and into which site or pool one has gone."""

    view: str = "network"
    row: int = 0
    site: str | None = None
    pool: str | None = None
    over: bool = False


Row = tuple[str, tuple[str, ...]]
"""What a row stands for, and its cells."""


def rows_of(state: State, seen: Seen) -> tuple[tuple[str, ...], list[Row]]:
    """The headings and rows of a view."""
    heads: tuple[str, ...]
    if state.view == "network":
        heads = ("INDICATOR", "VALUE", "ADDS UP BY")
        return heads, [row for i in seen.indicators for row in _indicator(i)]
    pools = [p for p in seen.pools if state.site in (None, p.site)]
    if state.view == "sites":
        return ("SITE", "POOLS", "HOSTS", "ACCELERATORS", "FREE", "STATE"), _sites(seen.pools)
    if state.view == "pools":
        heads = ("POOL", "SITE", "HOSTS", "DEVICE", "FREE", "RUNS", "STATE")
        return heads, [(p.id, _pool(p)) for p in pools]
    jobs = [j for j in seen.jobs if state.pool in (None, j.pool)]
    heads = ("JOB", "NAME", "STATE", "WHO", "WHERE", "SUBMITTED")
    return heads, [(j.id, _job(j, seen.at)) for j in jobs]


PARTS = 8
"""So many parts of what has no total are shown, the largest first."""


def _indicator(found: IndicatorAnswer) -> list[Row]:
    """Its value; of what is not added up, such as performance, each part; nothing if unknown."""
    if found.value is not None:
        return [(found.name, (found.label, amount(found.value, found.unit), found.law))]
    known = [(part, value) for part, value in found.by.items() if value is not None]
    known.sort(key=lambda one: (-one[1], one[0]))
    return [
        (
            f"{found.name} {part}",
            (f"{found.label}: {part}", amount(value, found.unit, part), found.law),
        )
        for part, value in known[:PARTS]
    ]


def _sites(pools: Sequence[PoolAnswer]) -> list[Row]:
    by_site: dict[str, list[PoolAnswer]] = {}
    for pool in pools:
        by_site.setdefault(pool.site, []).append(pool)
    rows: list[Row] = []
    for site, some in sorted(by_site.items(), key=lambda item: item[1][0].site_name):
        devices = sum(p.hosts * p.shape.devices for p in some)
        free = sum(p.free_devices_milli for p in some) / 1000
        silent = sum(p.silent for p in some)
        state = "in touch" if not silent else f"{silent} of {len(some)} pools out of touch"
        hosts = sum(p.hosts for p in some)
        cells = (some[0].site_name, str(len(some)), str(hosts), str(devices), f"{free:g}", state)
        rows.append((site, cells))
    return rows


def _pool(pool: PoolAnswer) -> tuple[str, ...]:
    devices = pool.hosts * pool.shape.devices
    free = (
        f"{pool.free_devices_milli / 1000:g}" if devices else f"{pool.free_cpu_milli // 1000} cores"
    )
    state = "out of touch" if pool.silent else "open" if pool.open else "closed"
    model = device(pool.device_model, pool.emulated, str(devices) if devices else "")
    return pool.name, pool.site_name, str(pool.hosts), model, free, str(pool.runs), state


def _job(job: JobAnswer, now: float) -> tuple[str, ...]:
    submitted = ago(job.submitted_at, now)
    return job.id, job.name, job.state.value, job.submitter, where(job), submitted


def press(state: State, key: str, seen: Seen) -> State:
    """What a key makes of the state."""
    _, rows = rows_of(state, seen)
    chosen = rows[min(state.row, len(rows) - 1)][0] if rows else None
    if key == "q":
        return replace(state, over=True)
    if key in VIEWS:
        return State(VIEWS[key])
    if key == "up":
        return replace(state, row=max(0, state.row - 1))
    if key == "down":
        return replace(state, row=min(max(0, len(rows) - 1), state.row + 1))
    if key == "enter" and chosen is not None:
        if state.view == "network":
            return State("sites")
        if state.view == "sites":
            return State("pools", site=chosen)
        if state.view == "pools":
            return State("jobs", site=state.site, pool=chosen)
    if key == "esc":
        if state.pool is not None:
            return State("pools", site=state.site)
        return State("sites") if state.site is not None else State()
    return state


def frame(state: State, seen: Seen, height: int) -> Group:
    """A whole screen: where one is, the rows that fit around the chosen one, the keys."""
    heads, rows = rows_of(state, seen)
    room = max(1, height - 5)
    row = min(state.row, max(0, len(rows) - 1))
    first = min(max(0, row - room // 2), max(0, len(rows) - room))
    table = Table(box=None, pad_edge=False, expand=True, header_style="bold")
    for head in heads:
        table.add_column(head, no_wrap=True, overflow="ellipsis")
    for number, (_, cells) in enumerate(rows[first : first + room], first):
        texts = [Text(clean(cell)) for cell in cells]
        table.add_row(*texts, style="reverse" if number == row else "")
    within = " > ".join(part for part in (state.site, state.pool) if part)
    title = f"{state.view} {within} ({len(rows)})" if within else f"{state.view} ({len(rows)})"
    clock = time.strftime("%H:%M:%S", time.localtime(seen.at)) if seen.at else UNKNOWN
    top_line = Text(f"weir top   {title}   as of {clock}", style="bold")
    return Group(top_line, Text(clean(seen.error), style="red"), table, Text(HELP, style="dim"))


def look(client: Client, before: Seen, now: float) -> Seen:
    """Ask the server; what it said before stands where it doesn't answer."""
    try:
        page = client.jobs(limit=JOBS)
        return Seen(now, client.indicators(), client.pools(), page.jobs)
    except WeirError as error:
        return replace(before, error=error.detail)


@contextmanager
def keys_one_by_one() -> Iterator[None]:
    """Have the terminal hand over each key as it is pressed."""
    import termios
    import tty

    kept: list[Any] = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, kept)


def read_key(wait_s: float) -> str:
    """The key that is pressed within a time; empty without one."""
    ready, _, _ = select.select([sys.stdin], [], [], wait_s)
    if not ready:
        return ""
    # All of a key's bytes come at once; by the descriptor, so that none waits in a buffer.
    pressed = os.read(sys.stdin.fileno(), 16).decode("utf-8", "replace")
    return KEYS.get(pressed, pressed[:1])


@click.command()
@click.option("--every", type=click.FloatRange(0.5, 3600), default=2.0, show_default=True)
@click.option(
    "--once", is_flag=True, help="Print one screen and end; so does output to no terminal."
)
@click.option("--view", type=click.Choice(list(VIEWS.values())), default="network")
@asks
def top(session: Session, every: float, once: bool, view: str) -> None:
    """Watch the network, its sites, pools and jobs; keys go from one to the other."""
    out, state = console(), State(view)
    with session.client() as client:
        if once or not (sys.stdin.isatty() and sys.stdout.isatty()):
            page = client.jobs(limit=JOBS)
            seen = Seen(session.clock(), client.indicators(), client.pools(), page.jobs)
            out.print(frame(state, seen, 10_000))
            return
        seen = look(client, Seen(0.0), session.clock())
        with keys_one_by_one(), Live(console=out, screen=True, auto_refresh=False) as live:
            due = time.monotonic() + every
            while not state.over:
                live.update(frame(state, seen, out.size.height), refresh=True)
                key = read_key(max(0.0, due - time.monotonic()))
                state = press(state, key, seen) if key else state
                if time.monotonic() >= due:
                    seen = look(client, seen, session.clock())
                    due = time.monotonic() + every
