"""`weir job usage` and `weir why --lang`, against a server in this process's hands."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from weir.cli.main import main
from weir.cli.session import Session

NOW = 1_700_000_000.0
GIB = 2**30
RUN: dict[str, Any] = {
    "run": "r-1", "pool": "CN.S1.C1.P1-X", "started_at": NOW - 100, "ended_at": None,
    "held_cpu_milli": 4000, "held_memory_bytes": 8 * GIB, "held_device_milli": 2000,
    "cpu_ms": 150_000, "peak_memory_bytes": 3 * GIB, "device_ms": None,
    "points": [
        {"at": NOW - 50, "cpu_milli": 1000, "memory_bytes": 3 * GIB, "device_milli": None},
        {"at": NOW, "cpu_milli": 2000, "memory_bytes": GIB, "device_milli": None},
    ],
}  # fmt: skip
WAITS = {
    "job": "j-1", "state": "waiting", "text": "It waits for room, with one job ahead of it.",
    "said": [{"code": "room", "values": {"ahead": 1, "held": ""}}],
    "reasons": [
        {"reason": "BUSY", "pools": 2, "needed": "8 free devices", "best": "unknown", "text": ""}
    ],
    "changes": [{"reason": "BUSY", "wanted": "8 tasks", "instead": "4 tasks", "pools": 2}],
}  # fmt: skip


@pytest.fixture(autouse=True)
def somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_URL", "http://nation")
    monkeypatch.setenv("WEIR_TOKEN", "weir_person_x")


def run(answers: dict[str, Any], *arguments: str) -> Result:
    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=answers[request.url.path])

    session = Session(transport=httpx.MockTransport(handle), clock=lambda: NOW)
    return CliRunner().invoke(main, arguments, obj=session)


def test_what_a_job_holds_and_uses() -> None:
    result = run({"/v1/jobs/j-1/usage": {"job": "j-1", "runs": [RUN]}}, "job", "usage", "j-1")
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines()[1:]]
    assert rows[0][-5:] == ["cores", "4.00", "2.00", "1.50", "2.00"]
    assert rows[1][:2] == ["devices", "2.00"]
    assert rows[1][2] == rows[1][3] == rows[1][4] != "0.00"
    assert rows[2] == ["memory", "8", "GiB", "1", "GiB", rows[1][2], "3", "GiB"]


def test_what_the_centers_accounts_have_is_told_where_nothing_was_measured() -> None:
    told: dict[str, object] = {"cpu_ms": None, "peak_memory_bytes": None, "points": []}
    kept = {"elapsed_ms": 90_000, "given_cpu_ms": 360_000}
    answer = {"job": "j-1", "runs": [{**RUN, **told, **kept}]}
    result = run({"/v1/jobs/j-1/usage": answer}, "job", "usage", "j-1")
    assert result.exit_code == 0, result.output
    line = "r-1: the center's accounts have 1m30s on 4.00 cores, 0.100 core-hours"
    assert line in " ".join(result.output.split())


def test_a_job_without_a_run_is_said_to_have_none() -> None:
    result = run({"/v1/jobs/j-1/usage": {"job": "j-1", "runs": []}}, "job", "usage", "j-1")
    assert "has had no run yet" in result.output


def test_why_in_chinese() -> None:
    result = run({"/v1/jobs/j-1/why": WAITS}, "why", "j-1", "--lang", "zh")
    assert result.exit_code == 0, result.output
    assert "j-1 等待中：正在等待空位，前面还有 1 个作业。" in result.stdout
    assert "8 张空闲加速卡" in result.stdout and "未知" in result.stdout
    assert "目前已满" in result.stdout
    assert "8 个任务 → 4 个任务" in result.stdout


def test_a_server_that_says_no_codes_is_shown_as_it_says_it() -> None:
    older = {k: v for k, v in WAITS.items() if k != "said"}
    result = run({"/v1/jobs/j-1/why": older}, "why", "j-1", "--lang", "zh")
    assert "It waits for room, with one job ahead of it." in result.stdout
