"""Which of a resource manager's faults a test is about, for the table at the end (`tests/told.py`).

A test says by `@pytest.mark.fault(CASE)` what it is about; its file and its parameters say whose.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping

import pytest

KINDS: Mapping[str, str] = {
    "test_federated": "federated",
    "test_kubernetes": "kubernetes",
    "test_ray": "ray",
    "test_slurm": "slurm",
}


def kind_of(nodeid: str) -> str:
    """Whose fault a test is about: `tests/executors/test_slurm_faults.py::test_x[rest-1]`."""
    file, _, rest = nodeid.partition("::")
    kind = next(k for start, k in KINDS.items() if f"/{start}" in file)
    return f"{kind}-rest" if kind == "slurm" and "[rest" in rest else kind


PATIENT_S, QUICK_S = 60.0, 10.0
"""How long a call may take: as it is by default, and so that a lost answer is noticed soon."""


def patience_s(request: pytest.FixtureRequest) -> float:
    """How long calls may take in a test."""
    marker = request.node.get_closest_marker("fault")
    return PATIENT_S if marker is not None and marker.args[0].startswith("slow by") else QUICK_S


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    marker = item.get_closest_marker("fault")
    if marker is not None:
        report.user_properties.append(("fault", (marker.args[0], kind_of(item.nodeid))))
    return report
