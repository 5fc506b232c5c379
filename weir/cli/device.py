"""`weir device`: the catalog of accelerators; every figure has a unit, a source and a grade."""

from __future__ import annotations

import json

import click

from weir.cli.output import Column, Sheet, say, show_card, show_sheet
from weir.cli.session import json_option
from weir.cli.values import UNKNOWN, listed
from weir.core.devices import (
    DeviceModel,
    Figure,
    Precision,
    UnknownDevice,
    all_models,
    find,
    performance,
    to_record,
)
from weir.core.errors import BadInput
from weir.core.units import show_bytes, show_gflops


@click.group()
def device() -> None:
    """The catalog of accelerators, with sources."""


@device.command("list")
@json_option
def list_devices(as_json: bool) -> None:
    """List the models: performance is dense, at 16-bit and at INT8, of one device."""
    models = all_models()
    if as_json:
        click.echo(json.dumps([to_record(m) for m in models], indent=2, ensure_ascii=False))
        return
    sheet = Sheet(
        (
            Column("NAME"),
            Column("KIND"),
            Column("MEMORY", right=True),
            Column("BF16", right=True),
            Column("FP16", right=True),
            Column("INT8", right=True),
            Column("POWER", right=True),
            Column("STACKS", wraps=True),
        )
    )
    for m in models:
        figures = (performance(m, p) for p in (Precision.BF16, Precision.FP16, Precision.INT8))
        cells = (m.memory_bytes, *figures, m.power_w)
        sheet.add(m.name, m.kind, *(_shown(f) for f in cells), listed(m.stacks))
    show_sheet(sheet)
    say()
    say("* measured; else as the maker promises. `weir device show NAME` names the sources.")


@device.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show the model NAME, or an alias of it, with the source and grade of every figure.

    Grades: A the maker's or a benchmark's own, B press and other third parties, C a secondary
    dataset known to have errors.
    """
    try:
        model = find(name)
    except UnknownDevice as error:
        raise BadInput(f"{error}; `weir device list` names them all") from None
    if as_json:
        click.echo(json.dumps(to_record(model), indent=2, ensure_ascii=False))
        return
    say(f"{model.name}: {model.label}")
    show_card(
        [
            ("maker", model.maker),
            ("kind", model.kind),
            ("also called", ", ".join(model.aliases)),
            ("stacks", ", ".join(model.stacks)),
            ("kubernetes", ", ".join(model.kubernetes_resources)),
            ("note", model.note),
        ]
    )
    say()
    show_sheet(_figures(model))


def _figures(model: DeviceModel) -> Sheet:
    sheet = Sheet(
        (
            Column("FIGURE"),
            Column("VALUE", right=True),
            Column("KIND"),
            Column("GRADE"),
            Column("SOURCE", wraps=True),
            Column("NOTE", wraps=True),
        )
    )
    named: list[tuple[str, Figure | None]] = []
    for precision in Precision:
        known = [model.nominal.get(precision), model.measured.get(precision)]
        named += [(precision.value.upper(), f) for f in known if f is not None] or [
            (precision.value.upper(), None)
        ]
    named += [
        ("memory", model.memory_bytes),
        ("memory bandwidth", model.memory_bandwidth_bytes_s),
        ("link bandwidth", model.link_bytes_s),
        ("power", model.power_w),
    ]
    for name, figure in named:
        if figure is None:
            sheet.add(name, UNKNOWN, "", "", "", "", style="dim")
        else:
            cells = (figure.kind, figure.grade, figure.source, figure.note)
            sheet.add(name, _shown(figure, mark=False), *cells)
    return sheet


def _shown(figure: Figure | None, *, mark: bool = True) -> str:
    """A figure with its unit; a measured one has a star where both kinds stand together."""
    if figure is None:
        return UNKNOWN
    star = "*" if mark and figure.kind == "measured" else ""
    if figure.unit == "bytes":
        return show_bytes(figure.value) + star
    if figure.unit == "bytes/s":
        return f"{figure.value / 1e9:g} GB/s{star}"
    if figure.unit in ("GFLOPS", "GOPS"):
        return show_gflops(figure.value, int8=figure.unit == "GOPS") + star
    return f"{figure.value} {figure.unit}{star}"
