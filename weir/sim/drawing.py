"""How a figure becomes SVG text that stands in a page: its look, its colors, nothing too much.

Laws: the same input gives the same text, byte for byte. Colors are names (`var(--ink)`), so that
the page around the plot chooses them, for light and for dark. matplotlib is loaded when a plot is
drawn and not before.
"""

from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING, Any

from weir.core.errors import BadInput

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH_IN = 9.0
COLORS = 8
"""Columns with a color of their own; more repeat them with other dashes."""

INK, MUTED, GRID, SURFACE = "#010203", "#010204", "#010205", "#010206"
SERIES = tuple(f"#0102{n:02x}" for n in range(0x10, 0x10 + COLORS))
NAMES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    SURFACE: "var(--surface)",
    **{color: f"var(--c{n})" for n, color in enumerate(SERIES)},
}
"""Stand-ins that matplotlib understands, and what they become in the page."""

DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 9.5,
    "font.family": "sans-serif",
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "ytick.left": False,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.labelcolor": INK,
}


def need_matplotlib() -> None:
    """Raise `BadInput` if there is no matplotlib: better before a simulation than after it."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise BadInput(
            "The report's plots need matplotlib, and it is not installed: `pip install "
            "matplotlib`, or leave out --out for the table, or take --json for the numbers."
        ) from None


def plot(
    name: str, title: str, draw: Any, height_in: float, rows: int = 1, columns: int = 1
) -> str:
    """The SVG text of what `draw(axes)` draws; `axes` is a flat list of `rows * columns`.

    `name` keeps the ids of this plot apart from those of others in one page.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    settings: Any = {**STYLE, "svg.hashsalt": name}
    with mpl.rc_context(settings):
        figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
        FigureCanvasSVG(figure)
        draw(list(figure.subplots(rows, columns, squeeze=False).ravel()))
        return _text(figure, title)


def _text(figure: Figure, title: str) -> str:
    """The figure as an element for a page: without prolog, metadata, unused ids and fixed size."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    used = set(re.findall(r"#([\w-]+)", text))
    text = re.sub(r' id="([^"]+)"', lambda found: found[0] if found[1] in used else "", text)
    for stand_in, color in NAMES.items():
        text = text.replace(stand_in, color)
    text = re.sub(r"font-family:[^;\"]*;?\s*", "", text)
    text = re.sub(r"(font: [^;\"]*?px) [^;\"]*", r"\1 var(--font)", text)
    head = re.search(r'viewBox="[^"]*"', text)
    assert head is not None, "matplotlib writes a viewBox"
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'{head[0]} role="img" aria-label="{escape(title)}">'
    )
    return opening + text[text.index(">") + 1 :].strip()


def style_of(number: int) -> dict[str, Any]:
    """The color and the dashes of a column, by its number."""
    return {
        "color": SERIES[number % COLORS],
        "linestyle": DASHES[number // COLORS % len(DASHES)],
    }


def color_of(number: int) -> str:
    """The color of a column, for what has no dashes."""
    return SERIES[number % COLORS]
