"""Several benchmarks in one run: what one lacks stops none of the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.__main__ import main, rows_of
from benchmarks.tables import ROWS, Row, show


def test_one_that_breaks_off_stops_none_and_shows_in_the_table(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("WEIR_TRACES", raising=False)
    assert main(["no_such_benchmark", "packing"]) == 1
    said = capfd.readouterr().out
    assert "broke off" in said
    assert "==> benchmarks.packing" in said
    assert "not run" in said
    assert "0 of 0 figures pass, 0 fall short." in said


def test_figures_are_kept_as_they_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "rows"
    monkeypatch.setenv(ROWS, str(kept))
    rows = [Row("speed", "1 s", "2 s", True), Row("size", "3"), Row("gap", "2 %", "1 %", False)]
    show("One", rows)
    show("Two", [Row("worst", "1", "2", np.bool_(True))])  # type: ignore[arg-type]  # as numpy has it
    assert rows_of(kept) == [*rows, Row("worst", "1", "2", True)]
    assert rows_of(tmp_path / "none") == []
