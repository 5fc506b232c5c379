"""Every executor that drives a server is tried with every fault."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.executors.conftest import KINDS, kind_of
from tests.told import FAULTS

HERE = Path(__file__).parent
MARK = re.compile(r'@pytest\.mark\.fault\("(.*?)"\)\n(?:@.*\n)*def (\w+)')


@pytest.mark.parametrize("kind", sorted(KINDS.values()))
def test_every_fault_is_tried_with_every_executor(kind: str) -> None:
    files = [path for path in HERE.glob("test_*.py") if path.name.startswith(f"test_{kind}")]
    said = {case for path in files for case, _ in MARK.findall(path.read_text())}
    assert said == set(FAULTS)


def test_the_two_ways_to_slurm_are_two_columns() -> None:
    assert kind_of("tests/executors/test_slurm_faults.py::test_x[rest]") == "slurm-rest"
    assert kind_of("tests/executors/test_slurm_faults.py::test_x[commands]") == "slurm"
