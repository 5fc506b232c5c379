"""One network for the stories in which no process is killed; and at the end of a run of tests what
the stories have told of themselves (`record_property("story", LINE)`), passed or failed.
"""

from collections.abc import Iterator

import pytest

from tests.network.harness import Network, network_up
from tests.network.networks import COUNTRY


@pytest.fixture(scope="package")
def country(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    home = tmp_path_factory.mktemp("country")
    with network_up(home, COUNTRY, "--lease", "12", together=True) as network:
        yield network


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """At the end: the stories' logs."""
    told = [
        (report.nodeid.rpartition("::")[2].removeprefix("test_").replace("_", " "), lines)
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, ())
        if getattr(report, "when", "") == "call"
        and (lines := [value for name, value in report.user_properties if name == "story"])
    ]
    if told:
        terminalreporter.section("what the stories tell")
    for story, lines in told:
        terminalreporter.line(f"{story}:")
        for line in lines:
            terminalreporter.line(f"    {line}")
