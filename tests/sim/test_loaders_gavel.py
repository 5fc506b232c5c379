"""Gavel's traces and throughputs."""

import json
from pathlib import Path

import numpy as np
import pytest

from weir.core.errors import BadInput
from weir.sim.loaders.gavel import gavel_kind, load_gavel, load_throughputs


def line(
    job: str, steps: object, scale: object, arrival: object, weight: object = 1, slo: object = -1
) -> str:
    return (
        f"{job}\tpython3 x.py\tfolder\t--steps\t1\t{steps}\t{scale}\t{weight}\t{slo}\t{arrival}\n"
    )


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "jobs.trace"
    path.write_text(text)
    return path


def test_a_line_is_a_gang_of_whole_devices(tmp_path: Path) -> None:
    text = line("LM (batch size 5)", 1000, 4, 0) + line("A3C", 7, 1, 46317.5)
    jobs = load_gavel(write(tmp_path, text))
    assert jobs.tasks.tolist() == [4, 1]
    assert jobs.device_milli.tolist() == [1000, 1000]
    assert jobs.duration_s.tolist() == [1000, 7]
    assert jobs.submit_s.tolist() == [0, 46317.5]
    assert [jobs.kind.of_row(i) for i in (0, 1)] == ["LM (batch size 5) x4", "A3C x1"]
    assert any("steps" in note for note in jobs.notes)


def test_what_is_not_used_is_noted(tmp_path: Path) -> None:
    text = line("A", 1, 1, 9, weight=5) + line("A", 1, 1, 3, slo=1.5)
    jobs = load_gavel(write(tmp_path, text))
    notes = "\n".join(jobs.notes)
    assert "1 jobs have a weight" in notes and "1 jobs have an SLO" in notes
    assert "backwards 1 times" in notes
    assert jobs.ids == ("1", "0")


def test_mistakes(tmp_path: Path) -> None:
    text = line("A", -1, 1, 0) + line("A", 1, 0, "x") + "A\tb\n" + line("", 1.5, 1, -3)
    with pytest.raises(BadInput) as caught:
        load_gavel(write(tmp_path, text))
    assert sorted((m.line, m.field) for m in caught.value.mistakes) == [
        (1, "total steps"),
        (2, "arrival"),
        (2, "scale factor"),
        (3, "(row)"),
        (4, "arrival"),
        (4, "job type"),
        (4, "total steps"),
    ]


def test_an_empty_trace(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="empty"):
        load_gavel(write(tmp_path, ""))


def throughputs(tmp_path: Path, data: object) -> Path:
    path = tmp_path / "t.json"
    path.write_text(json.dumps(data))
    return path


def test_throughputs_of_jobs_alone(tmp_path: Path) -> None:
    path = throughputs(
        tmp_path,
        {
            "k80": {"('A3C', 1)": {"null": 3.5, "('LM', 1)": [1, 2]}},
            "v100": {"('A3C', 1)": {"null": 7}, "('LM', 2)": {"null": 0.0}},
        },
    )
    found = load_throughputs(path)
    assert found.job_types == ("A3C", "LM")
    assert found.scales == (1, 2)
    assert found.device_types == ("k80", "v100")
    assert found.steps_per_s.shape == (2, 2, 2)
    assert found.of(gavel_kind("A3C", 1)).tolist() == [3.5, 7]
    rows = found.table((gavel_kind("LM", 2), gavel_kind("LM", 1), "LM", "no x9", "A3C x8"))
    np.testing.assert_array_equal(rows[0], [np.nan, 0])
    assert rows.shape == (5, 2) and np.isnan(rows[1:]).all()


def test_throughputs_that_are_none(tmp_path: Path) -> None:
    path = throughputs(
        tmp_path,
        {"k80": {"A3C": {"null": 1}, "('A', 1)": {"null": -1}, "('B', 1)": {}}, "v100": 3},
    )
    with pytest.raises(BadInput) as caught:
        load_throughputs(path)
    assert {m.field for m in caught.value.mistakes} == {
        "k80.A3C",
        "k80.('A', 1)",
        "k80.('B', 1)",
        "v100",
    }
    for text in ("[]", "{}", '{"k80": {}}', "{", "\\xff"):
        path.write_text(text)
        with pytest.raises(BadInput):
            load_throughputs(path)
