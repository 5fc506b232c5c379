"""Tables of text (CSV, tab separated) in chunks of rows, as lists of texts by column.

Laws:
- No more than one chunk is in memory at a time.
- A CSV whose header has semicolons or tabs and no comma is parted by those.
- A row that has not the fields of the header is a fault, and is left out of its chunk.
- Line numbers are the file's own: comments, blank lines and line breaks in quotes are counted.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

from weir.core.errors import BadInput, Mistake
from weir.sim.loaders.faults import Faults, quoted
from weir.sim.loaders.opening import opened

ROWS_PER_CHUNK = 8_192

_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows: `lines[i]` is where row i ends in the file, `columns[name][i]` its text."""

    lines: list[int]
    columns: Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a table is written. `names` are its columns if the file has no header.

    `comments` takes the lines before the header that begin with `#`, without it.
    """

    delimiter: str = ","
    names: Sequence[str] | None = None
    quotes: bool = True
    comments: list[str] | None = None


def read_table(
    path: str | Path,
    faults: Faults,
    needed: Sequence[str],
    optional: Sequence[str] = (),
    layout: Layout | None = None,
) -> Iterator[Chunk]:
    """Chunks with the columns in `needed`, and those of `optional` that the file has.

    Raises `BadInput` at once for a file that can't be read, is empty, is no text, or lacks a
    column; rows that are too long or too short go to `faults`.
    """
    layout = layout or Layout()
    with opened(path) as stream:
        try:
            yield from _read(stream, faults, needed, optional, layout)
        except UnicodeDecodeError as error:
            raise BadInput(f"{path} is no UTF-8 text: {error.reason}") from None
        except csv.Error as error:
            raise BadInput(f"{path} is no table: {error}") from None


def columns_of(path: str | Path, layout: Layout | None = None) -> list[str]:
    """The names in the header of a CSV. Raises `BadInput`."""
    with opened(path) as stream:
        try:
            header, _, _ = _header(_text(stream), str(path), layout or Layout())
        except (UnicodeDecodeError, csv.Error) as error:
            raise BadInput(f"{path} is no table: {error}") from None
    return header


def _text(stream: BinaryIO) -> io.TextIOWrapper:
    return io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")


def _header(
    text: Iterable[str], path: str, layout: Layout
) -> tuple[list[str], Iterator[list[str]], int]:
    """The names of the columns, the rows after them, and the lines that came before the rows."""
    lines = iter(text)
    before = 0
    first = next(lines, None)
    while first is not None and (not first.strip() or _is_comment(first, layout)):
        before += 1
        first = next(lines, None)
    if first is None:
        raise BadInput(f"{path} is empty")
    rest = csv.reader(
        _again(first, lines),
        delimiter=_parted_by(first, layout),
        quoting=csv.QUOTE_MINIMAL if layout.quotes else csv.QUOTE_NONE,
    )
    if layout.names is not None:
        return list(layout.names), rest, before
    return [name.strip() for name in next(rest)], rest, before


def _parted_by(header: str, layout: Layout) -> str:
    """What parts the cells: semicolons or tabs, if a header that should have commas has none."""
    others = (each for each in ";\t" if each in header)
    plain = layout.delimiter == "," and layout.names is None and "," not in header
    return next(others, ",") if plain else layout.delimiter


def _is_comment(line: str, layout: Layout) -> bool:
    if layout.comments is None or not line.startswith("#"):
        return False
    layout.comments.append(line[1:].strip("\r\n"))
    return True


def _again(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _read(
    stream: BinaryIO,
    faults: Faults,
    needed: Sequence[str],
    optional: Sequence[str],
    layout: Layout,
) -> Iterator[Chunk]:
    header, rows, before = _header(_text(stream), faults.path, layout)
    wanted = _positions(header, faults.path, needed, optional)
    line: int = before + getattr(rows, "line_num", 0)
    any_row = False
    while block := list(islice(rows, ROWS_PER_CHUNK)):
        lines = _lines(block, line)
        line = lines[-1]
        if set(map(len, block)) != {len(header)}:
            block, lines = _whole(block, lines, len(header), faults)
        any_row = any_row or bool(block) or faults.count > 0
        if block:
            columns = {name: list(map(itemgetter(at), block)) for name, at in wanted.items()}
            yield Chunk(lines, columns)
    if not any_row:
        raise BadInput(f"{faults.path} has a header but no rows")


def _lines(rows: list[list[str]], before: int) -> list[int]:
    """The line on which each row ends: cells in quotes may have line breaks inside."""
    lines = []
    for row in rows:
        before += 1
        text = "".join(row)
        if "\n" in text or "\r" in text:
            before += sum(len(_BREAK.findall(cell)) for cell in row)
        lines.append(before)
    return lines


def _whole(
    rows: list[list[str]], lines: list[int], width: int, faults: Faults
) -> tuple[list[list[str]], list[int]]:
    """The rows that have a cell a column. Blank ones are passed over, the others are faults."""
    good: list[list[str]] = []
    where: list[int] = []
    for row, line in zip(rows, lines, strict=True):
        if len(row) == width:
            good.append(row)
            where.append(line)
        elif any(cell.strip() for cell in row):
            faults.add(line, "(row)", f"has {len(row)} fields, but there are {width} columns")
    return good, where


def _positions(
    header: Sequence[str], path: str, needed: Sequence[str], optional: Sequence[str]
) -> dict[str, int]:
    """Where each wanted column is. Raises `BadInput` for those that are missing or there twice."""
    mistakes: list[Mistake] = []
    there = ", ".join(map(quoted, header))
    for name in dict.fromkeys((*needed, *optional)):
        if name not in header and name in needed:
            message = f"there is no such column; the columns are {there}"
            mistakes.append(Mistake(name, message))
        elif header.count(name) > 1:
            mistakes.append(Mistake(name, "the header has this column more than once"))
    if mistakes:
        raise BadInput(f"{path} has not the columns that are needed", mistakes)
    return {name: header.index(name) for name in (*needed, *optional) if name in header}
