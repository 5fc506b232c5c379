"""Tables and values on terminals of any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from weir.cli import values
from weir.cli.output import Column, Sheet, show_sheet

LONG_ID = "CN.R1.N2.S3.C1.P2-X"
COLUMNS = (Column("ID"), Column("WHAT", wraps=True), Column("FREE", right=True))


def printed(width: int, *rows: tuple[str, ...]) -> list[str]:
    """The lines of a table on a terminal so wide."""
    sheet, file = Sheet(COLUMNS), io.StringIO()
    for row in rows:
        sheet.add(*row)
    show_sheet(sheet, to=Console(file=file, width=width, force_terminal=True, color_system=None))
    return file.getvalue().splitlines()


def test_a_wide_terminal_has_a_line_a_row() -> None:
    lines = printed(80, (LONG_ID, "a pool of some devices", "8"), ("b", "南方", "12"))
    assert lines == [
        "ID                   WHAT                    FREE",
        f"{LONG_ID}  a pool of some devices     8",
        "b                    南方                      12",
    ]


def test_a_narrow_terminal_wraps_what_may_wrap() -> None:
    lines = printed(46, (LONG_ID, "a pool of some devices", "8"))
    assert max(map(len, lines)) <= 46
    assert LONG_ID in lines[1]
    assert len(lines) == 3


def test_a_very_narrow_terminal_gets_records_with_nothing_cut() -> None:
    lines = printed(24, (LONG_ID, "a pool", "8"), ("b", "c", "9"))
    assert "".join(lines).count(LONG_ID) == 1
    assert [line.split()[0] for line in lines if line] == ["ID", "WHAT", "FREE"] * 2


def test_what_says_the_least_is_left_out_first_and_that_is_said() -> None:
    sheet, file = (
        Sheet((Column("ID", least=1), Column("WHAT"), Column("FREE", least=2))),
        io.StringIO(),
    )
    sheet.add(LONG_ID, "a pool of devices", "8")
    narrow = Console(file=file, width=30, force_terminal=True, color_system=None)
    show_sheet(sheet, to=narrow)
    assert file.getvalue().splitlines() == [
        "WHAT               FREE",
        "a pool of devices  8",
        "without ID; --wide shows all",
    ]
    show_sheet(sheet, to=narrow, wide=True)
    assert f"{LONG_ID}  a pool of devices  8" in file.getvalue()


def test_markup_is_text() -> None:
    assert "[red]" in printed(80, ("a", "[red]x[/red] :smile:", "1"))[1]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "now"),
        (-0.4, "now"),
        (12, "12 s ago"),
        (2.5, "2.5 s ago"),
        (-90, "in 1 min"),
        (7300, "2 h ago"),
        (100_000, "1 d ago"),
        (2 * 86400, "2023-11-13 06:13"),
    ],
)
def test_moments(seconds: float, text: str) -> None:
    assert values.ago(1_700_000_000 - seconds, 1_700_000_000) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "unknown"),
        (0, "0"),
        (1234567, "1 234 567"),
        (63.2184, "63.2"),
        (0.00012, "0.00012"),
        (1234.56, "1 235"),
        (345.67, "345.7"),
        (2.0, "2"),
    ],
)
def test_numbers(value: float | int | None, text: str) -> None:
    assert values.number(value) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "bytes", "unknown"),
        (3 * 2**39, "bytes", "1.5 TiB"),
        (2_000_000, "GFLOPS", "2 PFLOPS"),
        (608_600, "GOPS", "608.6 TOPS"),
        (7, "1", "7"),
        (12.5, "%", "12.5 %"),
    ],
)
def test_amounts_say_their_unit(value: float | int | None, unit: str, text: str) -> None:
    assert values.amount(value, unit) == text


def test_the_operations_of_int8_are_whole_numbers() -> None:
    assert values.amount(32_336_000, "GFLOPS", "int8") == "32.336 POPS"
    assert values.amount(32_336_000, "GFLOPS", "fp16") == "32.336 PFLOPS"


def test_devices_are_marked_when_emulated() -> None:
    name = "huawei-ascend-910b"
    assert values.device(name, emulated=True, count="8") == "8 x huawei-ascend-910b (emulated)"
    assert values.device(name, emulated=False) == name
    assert values.device(None, emulated=False) == "-"
