"""What a run of tests prints at its end: the stories, executor by fault, executor by case.

It is all worked out from the reports alone, so that it is the same whichever process ran a test.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.contract import table

FAULTS = (
    "server away at submit",
    "answer lost after the submit",
    "restarted between",
    "job gone from its memory",
    "garbage in its output",
    "slow by 30 s",
    "a version never seen",
)
"""In the order of the table."""


def tell(terminal: pytest.TerminalReporter) -> None:
    """All of it; a part of which nothing was run is left out."""
    parts = {
        "what the stories tell": list(_stories(terminal)),
        "the executors' faults": list(_faults(terminal)),
        "the executors' contract": _contract(terminal, table.EXECUTORS),
        "the probes' faults": _contract(terminal, table.PROBES),
    }
    for title, lines in parts.items():
        if lines:
            terminal.section(title)
        for line in lines:
            terminal.line(line)


def _stories(terminal: pytest.TerminalReporter) -> Iterator[str]:
    """What a story has told of itself (`record_property("story", LINE)`), passed or failed."""
    for outcome in ("passed", "failed"):
        for report in terminal.stats.get(outcome, ()):
            lines = [line for key, line in _properties(report) if key == "story"]
            if lines and report.when == "call":
                yield (
                    report.nodeid.rpartition("::")[2].removeprefix("test_").replace("_", " ") + ":"
                )
                yield from (f"    {line}" for line in lines)


def _properties(report: pytest.TestReport | pytest.CollectReport) -> list[tuple[str, Any]]:
    """What a test has recorded; a file that could not be read has recorded nothing."""
    return report.user_properties if isinstance(report, pytest.TestReport) else []


def _faults(terminal: pytest.TerminalReporter) -> list[str]:
    """Executor by fault; the worst, where one has several tests."""
    worst = list(table.MARKS.values())
    found: dict[tuple[str, str], str] = {}
    for outcome, mark in table.MARKS.items():
        for report in terminal.stats.get(outcome, ()):
            for case, kind in {tuple(v) for name, v in _properties(report) if name == "fault"}:
                found[case, kind] = max(found.get((case, kind), mark), mark, key=worst.index)
    ordered = {key: found[key] for key in sorted(found, key=lambda k: FAULTS.index(k[0]))}
    return list(table.lines(ordered)) if found else []


def _contract(terminal: pytest.TerminalReporter, kinds: Sequence[str]) -> list[str]:
    """Executor, or probe, by case of its contract."""
    found = table.outcomes(terminal.stats, kinds)
    # The processes of a run end in no fixed order: the cases stand in that of the alphabet.
    ordered = {key: found[key] for key in sorted(found)}
    return list(table.lines(ordered)) if found else []
