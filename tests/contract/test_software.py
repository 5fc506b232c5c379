"""Python packages that a job names, for the executors that build environments of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.bench import KINDS, Bench, order, shell
from tests.contract.conftest import params, started
from tests.executors.test_staging_software import wheel
from weir.core.lifecycle import RunEvent
from weir.wire.exchange import RunOrder


@pytest.fixture(params=params(("local", "kubernetes", "kubernetes-volume")))
def kind(request: pytest.FixtureRequest) -> str:
    return started(request)


@pytest.fixture
def bench(kind: str, tmp_path: Path) -> Iterator[Bench]:
    wheel(tmp_path / "wheels", "weirtestpkg", "1.5")
    with Bench(KINDS[kind], tmp_path) as bench:
        yield bench


def needing(requirements: str, run: str, count: int = 1) -> RunOrder:
    script = "python -c 'import weirtestpkg, sys; print(weirtestpkg.VERSION, sys.prefix)'"
    inputs = [{"path": "in/packages.txt", "text": requirements}]
    tasks = shell(script, count=count)
    return order(run, tasks, inputs=inputs, requirements="in/packages.txt")


def test_packages_that_a_job_names_are_first_on_the_path_of_its_tasks(
    bench: Bench, kind: str
) -> None:
    [pool] = bench.executor.pools([])
    assert "environments" in pool.traits
    for run, count in (("a", 2), ("b", 1)):
        end = bench.run(needing("weirtestpkg==1.5\n", run, count))
        assert (end.event, end.reason) == (RunEvent.SUCCEEDED, "")
    said = {bench.text("a"), bench.text("a", "main-1/stdout"), bench.text("b")}
    assert {text.split()[0] for text in said} == {"1.5"}
    assert len(said) == 1  # by its content it has one name, wherever it was built
    told = bench.text("a", "data.log") + bench.text("b", "data.log")
    assert "built in" in told
    assert ("it was here" in told) == (kind != "kubernetes")  # there each pod has its own


def test_a_package_that_is_not_to_be_had_fails_the_run_in_pips_words(bench: Bench) -> None:
    end = bench.run(needing("weirtestpkg==9.9\n", "r"))
    assert end.event is RunEvent.FAILED
    assert end.reason.startswith("pip install failed: ERROR: No matching distribution found for")
    assert bench.events("r") == [RunEvent.FAILED]
    assert "from versions: 1.5" in bench.text("r", "data.log")


def test_what_names_no_package_is_not_built(bench: Bench) -> None:
    end = bench.run(needing("--index-url https://evil.example\n", "r"))
    reason = "requirements: '--index-url https://evil.example' names no package of an index"
    assert (end.event, end.reason) == (RunEvent.FAILED, reason)
