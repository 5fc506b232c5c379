"""`weir agent join`: what is said of pools, and that nothing is spent on a mistake."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.builders import weir
from tests.client.builders import FakeServer
from weir.client.http import Client
from weir.wire.joining import JoinAnswer

POOLS = """\
latency: 4ms
pools:
  - {name: here, detect: true}
  - name: npu
    emulated: true
    hosts: 4
    cpu: 32
    memory: 256GiB
    devices: 8
    device_model: Ascend 910B
    price_per_core_hour: 0.60
"""
HERE = ("--region", "east", "--country", "CN", "--latitude", "31.3", "--longitude", "120.58")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeServer:
    answer = JoinAnswer(
        identifier="CN.R1.S1-C",
        cluster="CN.R1.S1.C1-A",
        token="lasting",
        parent="CN.R1-K",
        parent_name="east",
    )
    fake = FakeServer({"POST /v1/join": answer})
    monkeypatch.setattr("weir.cli.agent_join.Client", partial(Client, transport=fake.transport))
    monkeypatch.chdir(tmp_path)
    Path("once.token").write_text("once\n")
    Path("pools.yaml").write_text(POOLS)
    return fake


def join(server: FakeServer, *options: str) -> str:
    common = ("agent", "join", "http://east.test", "--home", "works", "--token-file", "once.token")
    result = weir(server, *common, *options)
    assert result.exit_code == (0 if server.asked else 2), result.output
    return result.output


def test_place_and_prices_hold_for_this_machine(server: FakeServer) -> None:
    said = join(server, *HERE, "--price-per-core-hour", "0.15")
    assert "now run: weir agent run --home works" in said
    (pool,) = written()
    assert (pool["name"], pool["hosts"], pool["emulated"]) == ("cpu", 1, False)
    assert pool["location"] == {
        "region": "east",
        "country": "CN",
        "latitude": 31.3,
        "longitude": 120.58,
    }
    assert (pool["price_micro_per_core_hour"], pool["price_micro_per_device_hour"]) == (150_000, 0)


def test_pools_are_written_as_in_a_network_file(server: FakeServer) -> None:
    join(server, "--pools", "pools.yaml", *HERE, "--price-per-core-hour", "0.15")
    here, npu = written()
    assert [p["price_micro_per_core_hour"] for p in (here, npu)] == [150_000, 600_000]
    assert [p["latency_us"] for p in (here, npu)] == [4000, 4000]
    assert (npu["shape"]["devices"], npu["device_model"]) == (8, "huawei-ascend-910b")


def test_a_mistake_is_told_before_the_token_is_spent(server: FakeServer) -> None:
    Path("pools.yaml").write_text("pools:\n  - {name: here, detect: true, cpus: 4}\n")
    assert "cpus (line 2): is not a field here; did you mean cpu?" in join(
        server, "--pools", "pools.yaml"
    )
    assert "price_per_core_hour: " in join(server, "--price-per-core-hour", "much")
    assert server.asked == []


def test_a_second_domain_leaves_the_pools_as_they_were(server: FakeServer) -> None:
    join(server, *HERE)
    before = written()
    again = server.asked[:]
    weir(
        server,
        "agent",
        "join",
        "http://works.test",
        "--home",
        "works",
        "--token-file",
        "once.token",
        "--region",
        "west",
    )
    assert written() == before
    assert len(server.asked) == len(again) + 1


def test_run_says_what_writes_its_settings(tmp_path: Path) -> None:
    result = weir({}, "agent", "run", "--home", str(tmp_path))
    assert result.exit_code == 2
    assert "`weir agent join` or `weir agent link` writes it" in result.stderr


def written() -> list[dict[str, Any]]:
    (agent,) = yaml.safe_load(Path("works/agents.yaml").read_text())["agents"]
    pools: list[dict[str, Any]] = agent["executor"]["pools"]
    return pools
