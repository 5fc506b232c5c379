"""Quantities: what people write is read exactly, and what is doubtful is refused with a reason."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.core import units

amounts = st.integers(min_value=0, max_value=units.LARGEST)
parsers: list[Callable[[Any], int]] = [
    units.parse_bytes,
    units.parse_cpu_milli,
    units.parse_duration_s,
    units.parse_gflops,
    units.parse_milli_devices,
    units.parse_price_micro,
]

NONSENSE: list[Any] = [
    *(True, False, None, [], b"1", -1, -0.5, "-1", "-1GiB", "", "  ", "nan", "inf", "-inf"),
    *(float("nan"), float("inf"), 10**5000, 1e300, "1e999", "9" * 60, "9" * 5000, "x" * 10**6),
    *("1,000", "1_000", "1 000", "one", "GiB", "+1", "1..2", "0x10", "１GiB", "80 frogs"),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80GiB", 80 * 2**30),
        ("80 gib", 80 * 2**30),
        ("512MB", 512_000_000),
        ("1.5TiB", 1_649_267_441_664),
        ("64Gi", 64 * 2**30),
        ("1kB", 1000),
        ("7B", 7),
        ("2EiB", 2**61),
        ("65536", 65536),
        (65536, 65536),
        (0, 0),
    ],
)
def test_memory_is_binary_or_decimal_as_it_says(text: str | int, expected: int) -> None:
    assert units.parse_bytes(text) == expected


def test_a_fraction_of_a_gibibyte_never_comes_out_as_less_than_was_asked() -> None:
    asked = Fraction(11, 10) * 2**30
    assert asked <= units.parse_bytes("1.1GiB") < asked + 1


@pytest.mark.parametrize("text", ["80G", "80g", "1.5T"])
def test_a_letter_that_slurm_and_kubernetes_read_differently_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"alone is ambiguous, say [GT]B or [GT]iB"):
        units.parse_bytes(text)


def test_bits_are_not_taken_for_bytes() -> None:
    with pytest.raises(ValueError, match="means bits"):
        units.parse_bytes("100Gb")


@pytest.mark.parametrize(
    ("value", "expected"),
    [("500m", 500), ("2", 2000), (2, 2000), (0.5, 500), ("0.001", 1), (0.1, 100), ("1.5", 1500)],
)
def test_cpus_may_be_fractions(value: str | int | float, expected: int) -> None:
    assert units.parse_cpu_milli(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("1:30:00", 5400),
        ("90 min", 5400),
        ("1 hour 30 minutes", 5400),
        (5400, 5400),
        ("5400", 5400),
        ("90s", 90),
        ("2d", 172_800),
        ("1w2d", 777_600),
        ("1-12:00:00", 129_600),
        ("100:00:59", 360_059),
        ("0", 0),
    ],
)
def test_durations_have_many_forms(value: str | int, expected: int) -> None:
    assert units.parse_duration_s(value) == expected


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("90:00", "colons part hours, minutes and seconds"),
        ("1:75:00", "under 60"),
        ("30m1h", "largest to the smallest"),
        ("1h1h", "each once"),
        ("1h30", "30 has no unit"),
        ("3mo", "the unit 'mo' is unknown"),
        ("0.5s", "finer than 1 second"),
    ],
)
def test_a_doubtful_duration_is_refused_with_the_reason(value: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        units.parse_duration_s(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 PFLOPS", 2_000_000),
        ("400TFLOPS", 400_000),
        ("900 GFLOPS", 900),
        ("608.6 TOPS", 608_600),
        ("1.2EFLOPS", 1_200_000_000),
        ("989.4 tflop/s", 989_400),
        ("5000 MFLOPS", 5),
    ],
)
def test_performance_is_counted_in_billions_a_second(text: str, expected: int) -> None:
    assert units.parse_gflops(text) == expected


@pytest.mark.parametrize("value", [400, 400.0, "400"])
def test_a_performance_without_a_unit_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"the unit is needed.*400 TFLOPS"):
        units.parse_gflops(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, 1000), (8, 8000), ("8", 8000), (0.25, 250), ("250m", 250), ("2000m", 2000), (0, 0)],
)
def test_devices_are_whole_or_a_share_of_one(value: str | int | float, expected: int) -> None:
    assert units.parse_milli_devices(value) == expected


@pytest.mark.parametrize("value", [1.5, "1500m", "2.001"])
def test_a_device_and_a_half_is_refused(value: str | float) -> None:
    with pytest.raises(ValueError, match="a share is less than one device, and more are whole"):
        units.parse_milli_devices(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("2.50", 2_500_000), (2.5, 2_500_000), (3, 3_000_000), (0.1, 100_000), (1e-06, 1), ("0", 0)],
)
def test_money_is_exact_to_a_millionth(value: str | int | float, expected: int) -> None:
    assert units.parse_price_micro(value) == expected


@pytest.mark.parametrize(
    ("parse", "value"),
    [
        (units.parse_bytes, "0.5"),
        (units.parse_cpu_milli, "0.5m"),
        (units.parse_duration_s, 0.5),
        (units.parse_gflops, "1 MFLOPS"),
        (units.parse_milli_devices, 0.0001),
        (units.parse_price_micro, "0.0000001"),
    ],
)
def test_what_is_finer_than_the_smallest_step_is_refused_not_rounded(
    parse: Callable[[Any], int], value: str | float
) -> None:
    with pytest.raises(ValueError, match=r"finer than .* the smallest step; write for example"):
        parse(value)


@pytest.mark.parametrize("parse", parsers)
def test_nonsense_is_refused_in_a_sentence_that_shows_the_right_form(
    parse: Callable[[Any], int],
) -> None:
    for value in NONSENSE:
        with pytest.raises(ValueError, match=r" is not a.*: .+; write for example ") as caught:
            parse(value)
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("parse", "most", "more"),
    [
        (units.parse_bytes, str(2**62), str(2**62 + 1)),
        (units.parse_bytes, "4EiB", "4.1EiB"),
        (units.parse_duration_s, 2**62, 2**62 + 1),
        (units.parse_price_micro, 2**62 // 10**6, 2**62 // 10**6 + 1),
    ],
)
def test_the_bound_is_what_a_database_column_holds(
    parse: Callable[[Any], int], most: Any, more: Any
) -> None:
    assert 0 < parse(most) <= 2**62
    with pytest.raises(ValueError, match="absurdly large"):
        parse(more)


@given(st.integers(0, 10**12) | st.integers(0, 10**9).map(lambda n: n / 1000))
def test_a_number_and_its_text_are_the_same_amount(value: int | float) -> None:
    parsers: tuple[Callable[[Any], int], ...] = (units.parse_cpu_milli, units.parse_price_micro)
    for parse in parsers:
        assert parse(value) == parse(str(value))


@given(st.integers(0, 10**12), st.integers(0, 999))
def test_decimals_are_decimals_however_large(whole: int, thousandths: int) -> None:
    text = f"{whole}.{thousandths:03d}"
    assert units.parse_cpu_milli(text) == whole * 1000 + thousandths
    assert units.parse_price_micro(text) == (whole * 1000 + thousandths) * 1000
    assert units.parse_gflops(f"{text} TFLOPS") == whole * 1000 + thousandths


@given(amounts)
def test_what_is_printed_exactly_reads_back_exactly(amount: int) -> None:
    assert units.parse_cpu_milli(units.show_cpu_milli(amount)) == amount
    assert units.parse_duration_s(units.show_duration_s(amount)) == amount
    assert units.parse_price_micro(units.show_price_micro(amount)) == amount


@given(st.integers(0, 999) | st.integers(0, 10**6).map(lambda n: n * 1000))
def test_devices_read_back_as_they_were_printed(amount: int) -> None:
    assert units.parse_milli_devices(units.show_devices_milli(amount)) == amount


@given(amounts)
def test_what_is_cut_for_people_is_close_and_never_claims_more(amount: int) -> None:
    shown = units.parse_bytes(units.show_bytes(amount))
    assert shown <= amount <= shown + shown // 100 + 1
    for int8 in (False, True):
        shown = units.parse_gflops(units.show_gflops(amount, int8=int8))
        assert shown <= amount <= shown + shown // 10_000 + 1


def test_people_see_familiar_units() -> None:
    assert [units.show_bytes(n) for n in (0, 1023, 80 * 2**30, 80 * 2**30 - 1, 3 * 2**39)] == [
        "0 B", "1023 B", "80 GiB", "79.99 GiB", "1.5 TiB",
    ]  # fmt: skip
    assert units.show_bytes(1024) == "1 KiB"
    assert units.show_gflops(900) == "900 GFLOPS"
    assert units.show_gflops(989_400) == "989.4 TFLOPS"
    assert units.show_gflops(2_000_000) == "2 PFLOPS"
    assert units.show_gflops(788_000_000_000) == "788 EFLOPS"
    assert units.show_gflops(1_590_000_000_000) == "1590 EFLOPS"
    assert units.show_gflops(608_600, int8=True) == "608.6 TOPS"
    assert [units.show_cpu_milli(n) for n in (0, 500, 1500, 100_000)] == ["0", "0.5", "1.5", "100"]
    assert [units.show_devices_milli(n) for n in (250, 1750, 8000)] == ["0.25", "1.75", "8"]
    assert [units.show_duration_s(n) for n in (0, 59, 5400, 90_061)] == [
        "0s", "59s", "1h30m", "1d1h1m1s",
    ]  # fmt: skip
    assert [units.show_price_micro(n) for n in (0, 2_500_000, 1, -2_500_000, -1)] == [
        "0.00", "2.50", "0.000001", "-2.50", "-0.000001",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "show",
    [
        units.show_bytes,
        units.show_cpu_milli,
        units.show_devices_milli,
        units.show_duration_s,
        units.show_gflops,
    ],
)
def test_less_than_nothing_is_a_fault_and_is_not_printed(show: Callable[[int], str]) -> None:
    with pytest.raises(ValueError, match="no less than nothing"):
        show(-1)
