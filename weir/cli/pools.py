"""`weir pools`: what the network has, what is free, and its price."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from weir.cli.measured_view import add_figure, figures_sheet, how_measured
from weir.cli.output import Column, Sheet, print_json, say, show_sheet
from weir.cli.session import Session, prints, wide_option
from weir.cli.values import NONE, device, latency, price
from weir.core.devices import Precision
from weir.core.errors import NotFound
from weir.core.inventory import DEVICE_MILLI
from weir.core.units import show_cpu_milli, show_devices_milli, show_gflops
from weir.core.verified import verified
from weir.wire.pools import PoolAnswer


@click.command()
@click.argument("pool", required=False)
@wide_option
@prints
def pools(session: Session, pool: str | None, wide: bool, as_json: bool) -> None:
    """List the pools, what is free in them, and what they cost.

    With POOL, an identifier or a name, only those of it, and what was measured there.
    """
    with session.client() as client:
        found = client.pools()
    if pool is not None:
        found = [one for one in found if pool in (one.id, one.name)]
        if not found:
            raise NotFound(f"there is no pool {pool}; `weir pools` lists those that there are")
    if as_json:
        print_json(found, list[PoolAnswer])
        return
    sheet = Sheet(
        (
            Column("ID", least=1),
            Column("SITE", wraps=True),
            Column("POOL"),
            Column("DEVICES", wraps=True),
            Column("FREE", right=True),
            Column("CPU FREE", right=True, least=6),
            Column("PER DEVICE", right=True, least=5),
            Column("PER CORE", right=True, least=2),
            Column("LATENCY", right=True, least=3),
            Column("STATE"),
            Column("RUNS", right=True, least=4),
        )
    )
    for one in found:
        state, style = _state(one)
        sheet.add(*_row(one), state, str(one.runs), style=style)
    show_sheet(sheet, empty="no pools", wide=wide)
    for one in found:
        if one.closed:
            say(f"{one.site_name} / {one.name} is closed: {one.closed}")
        for line in doubts(one):
            say(line)
    if pool is not None:
        _show_measured(found)


def _show_measured(found: Sequence[PoolAnswer]) -> None:
    """What was measured of each of these pools, beside what is nominal, and how."""
    sheet = figures_sheet()
    for one in found:
        of = one.measured_host.device if one.measured_host else one.device_model or NONE
        for figure in verified(one.device_model, one.measured_gflops):
            add_figure(sheet, one.name, figure, of)
    if any(one.measured_gflops for one in found):
        show_sheet(sheet)
    for one in found:
        if one.measured_host is not None:
            say(f"{one.site_name} / {one.name}: measured {how_measured(one.measured_host)}")
        else:
            say(f"{one.site_name} / {one.name}: not measured")


def doubts(pool: PoolAnswer) -> Iterator[str]:
    """Where what the pool's device was measured to do is far from what its model can do."""
    for figure in verified(pool.device_model, pool.measured_gflops):
        if figure.far and figure.nominal is not None and figure.share is not None:
            int8 = figure.precision is Precision.INT8
            yield (
                f"{pool.site_name} / {pool.name}: measured {100 * figure.share:.0f} % of what "
                f"{pool.device_model} is said to do at {figure.precision}: "
                f"{show_gflops(figure.measured, int8=int8)} of "
                f"{show_gflops(figure.nominal, int8=int8)}"
            )


def _row(pool: PoolAnswer) -> tuple[str, ...]:
    total = pool.hosts * pool.shape.devices
    free = f"{show_devices_milli(pool.free_devices_milli)} of {total}"
    cores = show_cpu_milli(pool.hosts * pool.shape.cpu_milli)
    has_price = total and pool.price_micro_per_device_hour
    return (
        pool.id,
        pool.site_name,
        pool.name,
        device(pool.device_model, pool.emulated, str(total)),
        free if total else NONE,
        f"{show_cpu_milli(pool.free_cpu_milli)} of {cores}",
        price(pool.price_micro_per_device_hour, pool.currency) if has_price else NONE,
        price(pool.price_micro_per_core_hour, pool.currency),
        latency(pool.latency_us),
    )


def _state(pool: PoolAnswer) -> tuple[str, str]:
    """What it is, and its color."""
    if pool.silent:
        return "silent", "red"
    if not pool.open:
        return "closed", "dim"
    whole = pool.free_devices_milli >= DEVICE_MILLI or not pool.shape.devices
    return ("open", "") if whole and pool.free_cpu_milli else ("full", "yellow")
