"""What was measured of a pool, as rows and in words: for `weir agent verify` and `weir pools`."""

from __future__ import annotations

from datetime import UTC, datetime

from weir.cli.output import Column, Sheet
from weir.core.devices import Precision
from weir.core.units import show_gflops
from weir.core.verified import Verified
from weir.wire.pools import MeasuredHost

GIB = 2**30


def figures_sheet() -> Sheet:
    """A sheet for `add_figure`."""
    return Sheet(
        (
            Column("POOL"),
            Column("PRECISION"),
            Column("MEASURED", right=True),
            Column("NOMINAL", right=True),
            Column("SHARE", right=True),
            Column("OF"),
        )
    )


def add_figure(sheet: Sheet, pool: str, figure: Verified, of: str) -> None:
    """One precision of a pool; red where it is far from the nominal figure."""
    whole = figure.precision is Precision.INT8
    nominal = "unknown" if figure.nominal is None else show_gflops(figure.nominal, int8=whole)
    share = "-" if figure.share is None else f"{100 * figure.share:.0f} %"
    measured = show_gflops(figure.measured, int8=whole)
    style = "red" if figure.far else ""
    sheet.add(pool, figure.precision, measured, nominal, share, of, style=style)


def how_measured(told: MeasuredHost) -> str:
    """Where, when and how, and what memory and disk did."""
    at = datetime.fromtimestamp(told.at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    library = told.library or "no library"
    memory, wrote, read = (
        "-" if value is None else f"{value / GIB:.2f} GiB/s"
        for value in (
            told.memory_bytes_per_s,
            told.disk_write_bytes_per_s,
            told.disk_read_bytes_per_s,
        )
    )
    return (
        f"on {told.host} with {told.cpus} CPUs by {library}, {at}; memory {memory}, "
        f"disk written {wrote}, read {read}"
    )
