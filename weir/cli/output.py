"""Print tables, cards, JSON and errors.

Laws:
- No cell is cut off. A table that is too wide wraps the columns that may wrap, then leaves out
  columns that say the least, and says so; one that still does not fit is shown a record at a time.
  Where the output is no terminal, or with `--wide`, every column is there and a row is one line.
- Text from elsewhere can't steer the terminal: control characters are shown, not obeyed.
- Answers go to stdout; errors, notes and progress go to stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from weir.core.errors import (
    BadInput,
    Mistake,
    NotAllowed,
    NotReady,
    NotSignedIn,
    TooLarge,
    WeirError,
)

GAP = 2
"""Blanks between two columns."""

LEAST_WRAP = 16
"""A column that may wrap keeps this many characters, or the table becomes records."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, whether it is a number, and whether its cells may wrap.

    Where the terminal is too narrow, columns with a `least` are left out, the lowest first.
    """

    name: str
    right: bool = False
    wraps: bool = False
    least: int = 0


@dataclass(slots=True)
class Sheet:
    """A table: columns and rows of text. A style of a row colors it on a terminal."""

    columns: Sequence[Column]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)

    def add(self, *cells: str, style: str = "") -> None:
        """Append a row, one cell for each column."""
        assert len(cells) == len(self.columns), (cells, self.columns)
        self.rows.append(tuple(clean(cell) for cell in cells))
        self.styles.append(style)


class BadFiles(BadInput):
    """Some input files have mistakes; `found` has each file's."""

    def __init__(self, found: Sequence[tuple[str, BadInput]]) -> None:
        names = ", ".join(name for name, _ in found)
        super().__init__(
            f"there are mistakes in {names}", [m for _, error in found for m in error.mistakes]
        )
        self.found = tuple(found)


def console(*, err: bool = False) -> Console:
    """Where to print: what it gets is text as it is, without markup."""
    file = sys.stderr if err else sys.stdout
    return Console(file=file, highlight=False, markup=False, emoji=False, soft_wrap=True)


def say(text: str = "", style: str = "") -> None:
    """Print a line; the terminal breaks it if it is long."""
    console().print(Text(clean(text), style=style))


def note(text: str) -> None:
    """Print a line that is not part of the answer."""
    console(err=True).print(Text(clean(text), style="dim"))


def show_sheet(
    sheet: Sheet, empty: str = "none", to: Console | None = None, *, wide: bool = False
) -> None:
    """Print a table, or `empty` if it has no rows. With `wide` it takes the room that it needs."""
    out = to or console()
    if not sheet.rows:
        out.print(Text(empty))
        return
    narrow = out.is_terminal and not wide
    shown = _narrowed(sheet, out.width) if narrow else sheet
    widths = _widths(shown)
    room = out.width if narrow else sum(widths) + GAP * len(widths)
    if _least(shown) > room:
        _records(sheet, out)
        return
    _print_lines(_table(shown, widths), out, room)
    left_out = [c.name for c in sheet.columns if c not in shown.columns]
    if left_out:
        (to or console(err=True)).print(
            Text(f"without {', '.join(left_out)}; --wide shows all", style="dim")
        )


def _least(sheet: Sheet) -> int:
    """The least width of a table, its wrapping columns as narrow as they may be."""
    cells = [
        min(w, LEAST_WRAP) if c.wraps else w
        for w, c in zip(_widths(sheet), sheet.columns, strict=True)
    ]
    return sum(cells) + GAP * (len(cells) - 1)


def _narrowed(sheet: Sheet, room: int) -> Sheet:
    """A table without the columns that say the least, as few of them as it takes to fit."""
    kept = list(range(len(sheet.columns)))
    small = sheet
    for number in sorted((c.least, i) for i, c in enumerate(sheet.columns) if c.least):
        if _least(small) <= room:
            break
        kept.remove(number[1])
        small = Sheet(
            [sheet.columns[i] for i in kept],
            [tuple(row[i] for i in kept) for row in sheet.rows],
            sheet.styles,
        )
    return small if _least(small) <= room else sheet


def show_card(pairs: Sequence[tuple[str, str]], to: Console | None = None) -> None:
    """Print names and values under each other; an empty value is left out."""
    out = to or console()
    kept = [(name, clean(value)) for name, value in pairs if value]
    widest = max((cell_len(name) for name, _ in kept), default=0)
    for name, value in kept:
        line = Text.assemble((name + " " * (widest - cell_len(name)), "dim"), "  ", value)
        out.print(line, soft_wrap=True)


def print_json(value: Any, kind: Any = None) -> None:
    """Print a wire model, or some of them, as JSON; `kind` is the type where that is no model."""
    from pydantic import TypeAdapter

    text = TypeAdapter(kind or type(value)).dump_json(value, indent=2)
    click.echo(text.decode())


def clean(text: str) -> str:
    """`text` on one line, with control characters made visible."""
    flat = " ".join(text.split("\n")) if "\n" in text else text
    if flat.isprintable():
        return flat
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in flat)


def print_error(error: WeirError) -> None:
    """Print on stderr what is wrong, every mistake, and a way out."""
    out = console(err=True)
    if isinstance(error, BadFiles):
        for name, of_file in error.found:
            _print_mistakes(out, name, of_file)
        return
    out.print(Text.assemble(("error: ", "bold red"), clean(error.detail)))
    for mistake in error.mistakes:
        out.print(Text(f"  {clean(_placed('', mistake))}"))
    hint = next((h for kind, h in _WAYS_OUT if isinstance(error, kind)), "")
    if hint:
        out.print(Text(hint))


def of_system(error: WeirError | OSError) -> WeirError | None:
    """The error to print; None for one of the system that names no file, such as a closed pipe."""
    if isinstance(error, WeirError):
        return error
    return BadInput(f"{error.filename}: {error.strerror}") if error.filename else None


def exit_code(error: WeirError) -> int:
    """2 for mistakes of the caller, 3 where no server answers, and else 1."""
    if error.status == 503:
        return 3
    return 2 if error.status in (400, 413, 422) else 1


_WAYS_OUT: Sequence[tuple[type[WeirError], str]] = (
    (
        NotSignedIn,
        "Set WEIR_TOKEN_FILE to a file with your token; an operator makes one with "
        "`weir token create NAME --out FILE`.",
    ),
    (
        NotAllowed,
        "An operator can make a token with more roles: `weir token create NAME --role operator`.",
    ),
    (NotReady, "Try again in a few seconds."),
    (TooLarge, "Send less at once, or give large inputs by url."),
)


def _print_mistakes(out: Console, name: str, error: BadInput) -> None:
    out.print(Text.assemble(("error: ", "bold red"), clean(error.detail)))
    for mistake in error.mistakes:
        out.print(Text(clean(_placed(name, mistake))))


def _placed(name: str, mistake: Mistake) -> str:
    where = f"{name}:{mistake.line}" if name and mistake.line else name
    line = f" (line {mistake.line})" if mistake.line and not name else ""
    return f"{where} {mistake.field}{line}: {mistake.message}".lstrip()


def _widths(sheet: Sheet) -> list[int]:
    """The widest cell of each column, in the terminal's characters."""
    heads = [cell_len(column.name) for column in sheet.columns]
    return [max([head, *(cell_len(row[i]) for row in sheet.rows)]) for i, head in enumerate(heads)]


def _table(sheet: Sheet, widths: Sequence[int]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for column, width in zip(sheet.columns, widths, strict=True):
        table.add_column(
            Text(column.name),
            justify="right" if column.right else "left",
            no_wrap=not column.wraps,
            overflow="fold",
            min_width=min(width, LEAST_WRAP) if column.wraps else width,
        )
    for row, style in zip(sheet.rows, sheet.styles, strict=True):
        table.add_row(*(Text(cell) for cell in row), style=style or None)
    return table


def _print_lines(table: Table, out: Console, room: int) -> None:
    """Print without the blanks that rich puts at the ends of lines."""
    for line in out.render_lines(table, out.options.update_width(room), pad=False):
        text = Text.assemble(*((segment.text, segment.style or "") for segment in line))
        text.rstrip()
        out.print(text, soft_wrap=True)


def _records(sheet: Sheet, out: Console) -> None:
    """Each row as a card: the names of the columns at the left."""
    names = [column.name for column in sheet.columns]
    for number, row in enumerate(sheet.rows):
        if number:
            out.print()
        show_card(list(zip(names, row, strict=True)), out)
