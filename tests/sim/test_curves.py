"""Curves: exact means against a slow sum, repetition, and what is said of irregular series."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.core.errors import BadInput
from weir.sim.curves import Curve, load_curve


def curve(
    values: list[float], step_s: float = 10, start: float = 100, cyclic: bool = False
) -> Curve:
    return Curve("c", "g/kWh", start, step_s, np.array(values, dtype=float), cyclic)


def test_values_hold_until_the_next_step() -> None:
    c = curve([1, 2, 3])
    assert c.at([100, 109.9, 110, 129.9]).tolist() == [1, 1, 2, 3]
    assert np.isnan(c.at([99.9, 130, math.nan, math.inf])).all()
    assert float(c.at(115)) == 2
    assert c.end_epoch_s == 130


def test_a_cyclic_curve_repeats_both_ways() -> None:
    c = curve([1, 2, 3], cyclic=True)
    assert c.at([130, 145, 99, 70, 3100]).tolist() == [1, 2, 3, 1, 1]
    assert float(c.mean(100, 100 + 30 * 1000)) == 2
    assert float(c.mean(125, 135)) == 2


def test_means_of_instants_and_of_what_is_not_covered() -> None:
    c = curve([1, 2, 3])
    assert c.mean([100, 110, 125], [100, 110, 125]).tolist() == [1, 2, 3]
    assert c.mean([100, 120, 105], [130, 130, 115]).tolist() == [2, 3, 1.5]
    assert np.isnan(c.mean([95, 125, 90, math.nan], [105, 131, 95, 110])).all()
    assert c.mean(105, [110, 115]).tolist() == [1, 1.5]
    with pytest.raises(ValueError, match="ends before"):
        c.mean(110, 100)


@given(
    st.lists(st.integers(-5, 900), min_size=1, max_size=9),
    st.integers(-200, 400),
    st.integers(0, 400),
    st.booleans(),
)
def test_means_are_those_of_a_slow_sum(
    values: list[int], t0: int, length: int, cyclic: bool
) -> None:
    c = curve([float(v) for v in values], step_s=10, start=3, cyclic=cyclic)
    seconds = [(t - 3) // 10 for t in range(t0, t0 + length)] or [(t0 - 3) // 10]
    if cyclic:
        expected = sum(values[s % len(values)] for s in seconds) / len(seconds)
        assert float(c.mean(t0, t0 + length)) == pytest.approx(expected, rel=1e-12, abs=1e-9)
    elif all(0 <= s < len(values) for s in seconds):
        expected = sum(values[s] for s in seconds) / len(seconds)
        assert float(c.mean(t0, t0 + length)) == pytest.approx(expected, rel=1e-12, abs=1e-9)
    else:
        assert math.isnan(float(c.mean(t0, t0 + length)))


def test_an_interval_within_one_step_is_exact() -> None:
    c = curve([0.1] * 100_000, cyclic=True)
    assert float(c.mean(100 + 999_990.25, 100 + 999_990.75)) == 0.1


def write(tmp_path: Path, rows: list[str], header: str = "Time,Carbon Intensity (x),Other") -> Path:
    path = tmp_path / "c.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def hourly(*values: object) -> list[str]:
    return [f"2021-01-01 {hour:02}:00:00,{value},0" for hour, value in enumerate(values)]


def test_a_curve_from_a_table(tmp_path: Path) -> None:
    path = write(tmp_path, hourly(1, 2.5, -3))
    for column in ("Carbon Intensity (x)", "carbon"):
        assert load_curve(path, column, "g/kWh").values.tolist() == [1, 2.5, -3]
    c = load_curve(path, 1, "g/kWh", cyclic=True)
    assert c.values.tolist() == [1, 2.5, -3] and c.cyclic
    assert (c.step_s, c.start_epoch_s, c.filled, c.name) == (3600, 1609459200, 0, "c.csv")
    assert load_curve(path, 1, "g/kWh", name="BE").name == "BE"


def test_the_time_may_have_no_name_or_be_unix(tmp_path: Path) -> None:
    path = write(tmp_path, hourly(1, 2), header=",Real price,x")
    assert load_curve(path, "price", "EUR/MWh").values.tolist() == [1, 2]
    path = write(tmp_path, ["1,1600000000,0", "2,1600000900,0"], header="v,t,w")
    c = load_curve(path, "v", "u", time_column="t")
    assert (c.step_s, c.start_epoch_s) == (900, 1.6e9)


def test_short_gaps_take_the_value_before(tmp_path: Path) -> None:
    rows = hourly(1, 2, 3, 4, 5, 6, "", 8)
    del rows[2:4]
    c = load_curve(write(tmp_path, rows), 1, "u")
    assert c.values.tolist() == [1, 2, 2, 2, 5, 6, 6, 8]
    assert c.filled == 3


def fails(path: Path) -> list[tuple[int | None, str, str]]:
    with pytest.raises(BadInput) as caught:
        load_curve(path, 1, "u")
    return [(m.line, m.field, m.message) for m in caught.value.mistakes]


def test_long_gaps_are_mistakes(tmp_path: Path) -> None:
    rows = hourly(*range(20))
    del rows[5:12]
    ((line, field, message),) = fails(write(tmp_path, rows))
    assert (line, field) == (7, "Time") and "28800" in message
    rows = hourly(1, *[""] * 7, 2)
    ((line, field, _),) = fails(write(tmp_path, rows))
    assert (line, field) == (3, "Carbon Intensity (x)")
    assert load_curve(write(tmp_path, rows), 1, "u", longest_gap_s=8 * 3600).filled == 7


def test_irregular_series_are_mistakes(tmp_path: Path) -> None:
    rows = hourly(1, 2, 3)
    odd = [*rows, "2021-01-01 03:30:00,1,0", "2021-01-01 04:35:00,1,0"]
    assert [line for line, *_ in fails(write(tmp_path, odd))] == [5, 6]
    back = [*rows, rows[1], rows[1]]
    assert [line for line, *_ in fails(write(tmp_path, back))] == [5, 6]
    close = [*rows, "2021-01-01 02:00:01,1,0", *hourly(*range(9))[3:]]
    assert fails(write(tmp_path, close))
    assert fails(write(tmp_path, rows[:1]))
    assert fails(write(tmp_path, hourly("", 2)))


def test_bad_cells_and_columns(tmp_path: Path) -> None:
    rows = [*hourly(1, "x", "nan", "inf"), "noon,1,0"]
    assert [line for line, *_ in fails(write(tmp_path, rows))] == [3, 4, 5, 6]
    path = write(tmp_path, hourly(1, 2))
    for column in ("Price", 9, "i"):
        with pytest.raises(BadInput, match="'Time', 'Carbon"):
            load_curve(path, column, "u")


def test_a_curve_has_values_and_steps() -> None:
    for values, step in (([], 1.0), ([1.0], 0.0), ([1.0], math.nan)):
        with pytest.raises(BadInput):
            curve(values, step_s=step)
