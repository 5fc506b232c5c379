"""What holds for every test: ``--no-skips``, examples that repeat in CI, tables at the end."""

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

from tests import told
from tests.databases import new_store, postgres, sqlite_template

__all__ = ["new_store", "postgres", "sqlite_template"]

# No deadline: a slow machine is no failure. In CI the examples are the same at every run.
settings.register_profile("weir", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("weir")

NO_SKIPS = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="a skipped test is a failed test")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[NO_SKIPS] = bool(config.getoption("--no-skips"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if item.config.stash[NO_SKIPS] and not hasattr(report, "wasxfail"):
        _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if collector.config.stash[NO_SKIPS]:
        _fail_if_skipped(report)
    return report


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{reason} (--no-skips)"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    told.tell(terminalreporter)
