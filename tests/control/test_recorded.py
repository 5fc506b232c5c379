"""What a domain has seen, taken home: its jobs as a workload, its pools as a network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.builders import Domain, MakeDomain, spec
from tests.cli.builders import weir
from tests.client.builders import FakeServer
from tests.control.test_replaying import two_ran
from weir.control.replay import past_jobs
from weir.control.show import list_pools
from weir.core.errors import BadInput
from weir.sim.loaders.own import load_own

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def week(make_domain: MakeDomain) -> Domain:
    """Two jobs have run for an hour each, one after the other; one waits."""
    domain = two_ran(make_domain)
    domain.submit(spec("waits", count=999))
    return domain


def test_last_weeks_jobs_in_tomorrows_network(week: Domain, tmp_path: Path) -> None:
    server = FakeServer(
        {"GET /v1/past-jobs": past_jobs(week.ctx, 7), "GET /v1/pools": list_pools(week.ctx)}
    )
    jobs, pools = tmp_path / "week.jsonl", tmp_path / "pools.json"
    said = weir(server, "simulate", "record", str(jobs), "--days", "7")
    assert said.exit_code == 0, said.stderr
    assert "2 jobs" in said.stdout
    assert "1 jobs are left out: they have not ended yet." in said.stderr
    pools.write_text(weir(server, "pools", "--json").stdout)

    load = load_own(jobs)
    assert load.duration_s.tolist() == [3600, 3600]
    assert load.estimate_s.tolist() == [7200, 7200]
    assert load.device_milli.tolist() == [8000, 8000]
    assert load.epoch_s > 0

    call = ("simulate", "network", str(pools), "--workload", str(jobs), "--policy", "easy")
    result = weir({}, *call, "--what-if", "hosts gpu=x2", "--what-if", "price gpu=+1", "--json")
    assert result.exit_code == 0, result.stderr
    now, larger, dearer = json.loads(result.stdout)["runs"]
    assert (now["max_wait_s"], now["makespan_s"]) == (3600, 7200)
    assert (larger["max_wait_s"], larger["makespan_s"]) == (0, 3600)
    assert dearer["cost"] == pytest.approx(1.5 * now["cost"])


def test_nothing_has_run_yet(make_domain: MakeDomain) -> None:
    with pytest.raises(BadInput, match="nothing to simulate"):
        past_jobs(make_domain().ctx, 7)
