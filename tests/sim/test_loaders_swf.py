"""Standard Workload Format: what is read, what is left out, and what is said of bad rows."""

import gzip
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.core.errors import BadInput
from weir.sim.loaders import swf
from weir.sim.loaders.digits import rows_of
from weir.sim.loaders.swf import load_swf, swf_header

HEADER = """\
; Version: 2.2
; UnixStartTime: 749458803
; MaxProcs: 128
;
"""


def row(
    job: int, submit: object = 0, run: object = 10, processors: object = 4, **fields: object
) -> str:
    cells = {
        "requested": -1,
        "estimate": -1,
        "status": 1,
        "user": 7,
        "queue": -1,
        "partition": -1,
    } | fields
    return (
        f"{job} {submit} -1 {run} {processors} -1 -1 {cells['requested']} {cells['estimate']} -1 "
        f"{cells['status']} {cells['user']} 1 -1 {cells['queue']} {cells['partition']} -1 -1\n"
    )


def log(tmp_path: Path, *rows: str, header: str = HEADER) -> Path:
    path = tmp_path / "log.swf"
    path.write_text(header + "".join(rows))
    return path


def test_a_row_is_one_task_of_its_processors(tmp_path: Path) -> None:
    path = log(
        tmp_path,
        row(11, 100, 60, 4, estimate=120, user=3, partition=2, queue=5),
        row(12, 103.5, 0, -1, requested=16, queue=5, user=-1),
    )
    jobs = load_swf(path)
    assert jobs.ids == ("11", "12")
    assert jobs.submit_s.tolist() == [0.0, 3.5]
    assert jobs.epoch_s == 749458903.0
    assert jobs.duration_s.tolist() == [60.0, 0.0]
    assert jobs.estimate_s[0] == 120 and math.isnan(jobs.estimate_s[1])
    assert jobs.tasks.tolist() == [1, 1]
    assert jobs.cpu_milli.tolist() == [4000, 16000]
    assert [jobs.user.of_row(i) for i in (0, 1)] == ["3", ""]
    assert [jobs.home.of_row(i) for i in (0, 1)] == ["partition-2", "queue-5"]
    assert "128" in jobs.notes[0]


def test_jobs_can_be_split_into_tasks(tmp_path: Path) -> None:
    jobs = load_swf(log(tmp_path, row(1, processors=3), row(2, processors=9)), cores_per_task=4)
    assert jobs.tasks.tolist() == [1, 3]
    assert jobs.cpu_milli.tolist() == [3000, 4000]


def test_rows_that_are_no_jobs_are_left_out_and_counted(tmp_path: Path) -> None:
    path = log(
        tmp_path,
        row(1, run=-1),
        row(2, processors=-1),
        row(3, run=0, status=5),
        row(4, run=30, status=5),
        row(5, status=2),
        row(6, status=3),
        row(7, processors=0, requested=0),
        row(8, run=0, status=0),
    )
    jobs = load_swf(path)
    assert jobs.ids == ("4", "8")
    text = "\n".join(jobs.notes)
    assert "3 of 8 rows left out: without a run time" in text
    assert "1 of 8 rows left out: canceled" in text
    assert "2 of 8 rows left out: parts" in text


def test_a_clock_that_goes_backwards_is_sorted_and_noted(tmp_path: Path) -> None:
    jobs = load_swf(log(tmp_path, row(1, 50), row(2, 20), row(3, 50), row(4, 20)))
    assert jobs.ids == ("2", "4", "1", "3")
    assert jobs.submit_s.tolist() == [0, 0, 30, 30]
    assert any("backwards 2 times, first on line 6" in note for note in jobs.notes)


def test_backwards_is_seen_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swf, "_BLOCK", 64)
    jobs = load_swf(log(tmp_path, *(row(i, 1000 - i) for i in range(9)), header=""))
    assert any("backwards 8 times, first on line 2" in note for note in jobs.notes)


def test_packed_by_content_and_not_by_name(tmp_path: Path) -> None:
    path = tmp_path / "packed"
    path.write_bytes(gzip.compress((HEADER + row(1)).encode()))
    assert load_swf(path).ids == ("1",)
    assert swf_header(path)["MaxProcs"] == "128"


def test_a_cut_archive_is_a_mistake_of_the_input(tmp_path: Path) -> None:
    path = tmp_path / "cut.swf.gz"
    whole = gzip.compress((HEADER + "".join(row(i) for i in range(1000))).encode())
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match="can't be read"):
        load_swf(path)


def test_bad_rows_are_named_with_line_field_and_content(tmp_path: Path) -> None:
    path = log(
        tmp_path,
        row(1),
        "1 2 3\n",
        row(2, run="soon"),
        row(3, run=-7),
        row(4, submit=-1),
        row(5, processors=1.5),
        row(6, run="nan"),
    )
    with pytest.raises(BadInput) as caught:
        load_swf(path)
    assert str(path) in caught.value.detail and "6 mistakes" in caught.value.detail
    found = [(m.line, m.field) for m in caught.value.mistakes]
    assert found == [
        (6, "(row)"),
        (7, "run time"),
        (8, "run time"),
        (9, "submit time"),
        (10, "allocated processors"),
        (11, "run time"),
    ]
    assert "3 fields" in caught.value.mistakes[0].message
    assert "'soon'" in caught.value.mistakes[1].message


@pytest.mark.parametrize("block", [64, 4 << 20])
def test_twenty_mistakes_are_shown_and_the_rest_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(swf, "_BLOCK", block)
    with pytest.raises(BadInput) as caught:
        load_swf(log(tmp_path, *(row(i, run="x") for i in range(50))))
    assert [m.line for m in caught.value.mistakes] == list(range(5, 25))
    assert "50 mistakes" in caught.value.detail and "30 more" in caught.value.detail


@pytest.mark.parametrize("text", ["", "\n\n", "; Version: 2\n"])
def test_a_log_without_rows(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match="has no jobs"):
        load_swf(log(tmp_path, header=text))


def test_a_log_of_which_nothing_can_be_replayed_says_why(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="1 of 1 rows left out"):
        load_swf(log(tmp_path, row(1, run=-1)))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file"):
        load_swf(tmp_path / "no.swf")


def test_the_last_line_needs_no_newline_and_windows_lines_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "log.swf"
    path.write_bytes((row(1) + row(2)).replace("\n", "\r\n").encode().rstrip())
    assert load_swf(path).ids == ("1", "2")


def test_bytes_that_are_no_log(tmp_path: Path) -> None:
    path = tmp_path / "log.swf"
    path.write_bytes(bytes(range(256)) * 100)
    with pytest.raises(BadInput):
        load_swf(path)
    path.write_bytes(b"7" * (3 << 20))
    with pytest.raises(BadInput):
        load_swf(path)


tokens = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.floats().map(repr),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    st.text("0123456789.-+e", min_size=1, max_size=20),
    st.sampled_from(["007", ".5", "5.", "-.5", "-", ".", "--1", "1_0", "inf", "1.2.3"]),
)


def as_python_does(token: str) -> float:
    try:
        return math.nan if "_" in token else float(token)
    except ValueError:
        return math.nan


@given(st.lists(st.lists(tokens, min_size=1, max_size=4), max_size=8))
def test_digits_are_read_as_python_reads_them(lines: list[list[str]]) -> None:
    text = "".join("  ".join(line) + " \n" for line in lines).encode()
    rows = rows_of(text, 3, (0, 2), b";")
    right = [(at, line) for at, line in enumerate(lines) if len(line) == 3]
    assert rows.lines.tolist() == [at for at, _ in right]
    assert rows.odd.tolist() == [at for at, line in enumerate(lines) if len(line) != 3]
    expected = np.array([[as_python_does(line[0]), as_python_does(line[2])] for _, line in right])
    np.testing.assert_array_equal(rows.values, expected.reshape(-1, 2))
