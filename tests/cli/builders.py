"""Answers with everything usual filled in, and the command run against a fake server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from click.testing import CliRunner, Result

from tests.client.builders import URL, FakeServer
from weir.cli.main import main
from weir.cli.session import Session
from weir.core.identifiers import Kind, issue, root
from weir.core.lifecycle import JobState, RunState
from weir.wire.jobs import (
    CandidateAnswer,
    JobAnswer,
    JobDetailAnswer,
    RunAnswer,
    TermAnswer,
)
from weir.wire.jobspec import JobSpec
from weir.wire.pools import Free, Place, PoolAnswer, Shape

NOW = 1_700_000_000.0
"""The fake clock's time: 2023-11-14 22:13:20 UTC."""

SPEC = JobSpec.model_validate(
    {
        "name": "train",
        "tasks": [{"command": ["python", "train.py"], "count": 2, "devices": {"count": 4}}],
    }
)


SITE = issue(root("CN"), Kind.SITE, 1)


def a_job(job: str = "j-1", **changes: Any) -> JobAnswer:
    return JobAnswer.model_validate(_job(job) | changes)


def a_detail(job: str = "j-1", **changes: Any) -> JobDetailAnswer:
    more = {"spec": SPEC, "path": (), "runs": (), "history": ()}
    return JobDetailAnswer.model_validate(_job(job) | more | changes)


def a_run(run: str = "r-1", **changes: Any) -> RunAnswer:
    fields = {
        "id": run,
        "cluster": "CN.S1.C1-5",
        "pool": "CN.S1.C1.P1-U",
        "pool_name": "npu",
        "site_name": "North Center",
        "device_model": "huawei-ascend-910b",
        "emulated": True,
        "state": RunState.RUNNING,
        "assigned_at": NOW - 60,
        "started_at": NOW - 42,
        "ended_at": None,
        "exit_code": None,
        "reason": "",
        "place": (),
    }
    return RunAnswer.model_validate(fields | changes)


def a_candidate(pool: str = "npu", **changes: Any) -> CandidateAnswer:
    fields = {
        "pool": f"CN.S1.C1.{pool}",
        "pool_name": pool,
        "site_name": "North Center",
        "cluster": "CN.S1.C1-5",
        "device_model": "huawei-ascend-910b",
        "emulated": True,
        "groups": (("main", 2, None),),
        "price_micro_per_hour": 64_000_000,
        "currency": "CNY",
        "now": True,
        "start_in_s": 0,
        "terms": (
            TermAnswer(name="price", value=64.0, unit="CNY/h", cost=0.32),
            TermAnswer(name="latency", value=3.25, unit="ms", cost=0.0325),
        ),
        "cost": 0.3525,
    }
    return CandidateAnswer.model_validate(fields | changes)


def a_pool(**changes: Any) -> PoolAnswer:
    fields = {
        "id": "CN.S1.C1.P1-U",
        "name": "npu",
        "site": SITE,
        "site_name": "North Center",
        "cluster": "CN.S1.C1-5",
        "hosts": 4,
        "shape": Shape(cpu_milli=64_000, memory_bytes=2**39, devices=8),
        "free": (Free(hosts=1, cpu_milli=64_000, memory_bytes=2**39, devices=((1000, 8),)),),
        "free_devices_milli": 8500,
        "free_cpu_milli": 64_000,
        "device_model": "huawei-ascend-910b",
        "emulated": True,
        "open": True,
        "silent": False,
        "fabric": "hccs",
        "fabric_gbps": 392,
        "traits": (),
        "location": Place(),
        "industries": (),
        "domains": (),
        "hops": 0,
        "latency_us": 3250,
        "price_micro_per_device_hour": 8_000_000,
        "price_micro_per_core_hour": 50_000,
        "currency": "CNY",
        "max_walltime_s": None,
        "measured_gflops": (),
        "runs": 3,
        "heard_at": NOW - 3,
    }
    return PoolAnswer.model_validate(fields | changes)


def weir(
    server: FakeServer | Mapping[str, Any],
    *arguments: str,
    env: Mapping[str, str | None] | None = None,
    stdin: str | None = None,
) -> Result:
    """`weir ARGUMENTS`, with a fake server, clock and zone, on a pipe."""
    fake = server if isinstance(server, FakeServer) else FakeServer(server)
    clock = [NOW]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    session = Session(transport=fake.transport, clock=lambda: clock[0], sleep=sleep)
    settings = {"WEIR_URL": URL, "WEIR_TOKEN": "secret", "WEIR_HOME": "/nonexistent", **(env or {})}
    return CliRunner().invoke(main, arguments, obj=session, env=settings, input=stdin)


def _job(job: str) -> dict[str, Any]:
    return {
        "id": job,
        "name": "train",
        "state": JobState.RUNNING,
        "submitter": "li",
        "priority": 50,
        "submitted_at": NOW - 65,
        "started_at": NOW - 42,
        "ended_at": None,
        "exit_code": None,
        "reason": "",
        "pool": "CN.S1.C1.P1-U",
        "pool_name": "npu",
        "site_name": "North Center",
        "emulated": True,
        "place": ("north", "north-center"),
        "array": None,
        "array_index": None,
        "root_job": job,
        "attempts": 1,
    }
