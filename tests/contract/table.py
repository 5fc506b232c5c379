"""What a contract's suite has shown, as a table: a case a line, an executor or probe a column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pytest

MARKS = {"passed": "yes", "failed": "NO", "error": "NO", "skipped": "skipped"}


def outcomes(
    reports: Mapping[str, Iterable[pytest.TestReport]], kinds: Sequence[str]
) -> dict[tuple[str, str], str]:
    """How each case went for each kind; the worst, where one case is tried several times. Of two
    kinds of which one begins like the other the longer stands first.
    """
    worst = list(MARKS.values())
    found: dict[tuple[str, str], str] = {}
    for outcome, mark in MARKS.items():
        for report in reports.get(outcome, ()):
            if key := _key(report.nodeid, kinds):
                found[key] = max(found.get(key, mark), mark, key=worst.index)
    return found


def _key(nodeid: str, kinds: Sequence[str]) -> tuple[str, str] | None:
    """The case and the kind: `tests/contract/test_x.py::test_case[slurm-1]`."""
    file, _, rest = nodeid.partition("::")
    name, _, parameters = rest.rstrip("]").partition("[")
    kind = next((k for k in kinds if parameters == k or parameters.startswith(f"{k}-")), None)
    if "tests/contract/" not in file or kind is None:
        return None
    return name.removeprefix("test_").replace("_", " "), kind


EXECUTORS = ("slurm-rest", "slurm", "kubernetes-volume", "kubernetes", "ray", "federated", "local")
PROBES = ("prometheus", "command", "redfish", "link", "executor", "domain")


def lines(found: Mapping[tuple[str, str], str]) -> Sequence[str]:
    """The table, a line each; a case that is not for an executor is `-`."""
    kinds = sorted({kind for _, kind in found})
    cases = list(dict.fromkeys(case for case, _ in found))
    wide = max(len(case) for case in cases)
    head = f"{'case':<{wide}}  " + "  ".join(kinds)
    rows = (
        f"{case:<{wide}}  "
        + "  ".join(f"{found.get((case, kind), '-'):<{len(kind)}}" for kind in kinds)
        for case in cases
    )
    return [line.rstrip() for line in (head, *rows)]
