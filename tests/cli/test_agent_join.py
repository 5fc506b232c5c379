"""`weir agent join`: what is said of pools, and that nothing is spent on a mistake."""

from __future__ import annotations

import time
from dataclasses import replace
from email.utils import formatdate
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.cli.builders import weir
from tests.client.builders import FakeServer, problem
from weir.cli.agent_checks import Prober, domain_checks
from weir.client.http import Client
from weir.core.device_access import ACCESS
from weir.executors import looks
from weir.executors.looks import DevicesFound, Found, SlurmFound
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
    fake = FakeServer(
        {
            "POST /v1/join": answer,
            "GET /": lambda _: root(time.time()),
            "GET /readyz": {"status": "ready"},
            "GET /openapi.json": {"much": "x" * 30_000},
            "GET /v1/domain": problem(403, "weir.auth.forbidden", "to read takes the role viewer"),
        }
    )
    for place in ("weir.cli.agent_join.Client", "weir.cli.agent_checks.Client"):
        monkeypatch.setattr(place, partial(Client, transport=fake.transport))
    monkeypatch.setattr("weir.cli.agent_checks.Prober", partial(Prober, transport=fake.transport))
    monkeypatch.setattr(looks, "look", lambda _: Found())
    monkeypatch.chdir(tmp_path)
    Path("once.token").write_text("once\n")
    Path("pools.yaml").write_text(POOLS)
    return fake


def join(server: FakeServer, *options: str) -> str:
    common = ("agent", "join", "http://east.test", "--home", "works", "--token-file", "once.token")
    result = weir(server, *common, *options)
    assert (result.exit_code == 0) == joined(server), result.output
    return result.output


def joined(server: FakeServer) -> bool:
    """Whether a token was spent."""
    return any(asked.method == "POST" for asked in server.asked)


def root(date: float) -> httpx.Response:
    """What a server says of itself, at a time."""
    said = {"name": "east", "kind": "regional", "version": "1.2.3"}
    return httpx.Response(200, json=said, headers={"Date": formatdate(date, usegmt=True)})


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
    again = weir(
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
    assert "joined east as cluster CN.R1.S1.C1-A" in again.output
    assert written() == before
    text = Path("works/agents.yaml").read_text()
    assert text.startswith("# What this agent drives"), "the comments are kept"
    (agent,) = yaml.safe_load(text)["agents"]
    assert [u["url"] for u in agent["uplinks"]] == ["http://east.test", "http://works.test"]


def test_joined_again_with_another_token_the_file_stays_as_it_is(server: FakeServer) -> None:
    join(server)
    text = Path("works/agents.yaml").read_text()
    join(server)
    assert Path("works/agents.yaml").read_text() == text


def test_comments_that_are_in_the_way_are_lost_and_that_is_said(server: FakeServer) -> None:
    join(server)
    path = Path("works/agents.yaml")
    (agent,) = yaml.safe_load(path.read_text())["agents"]
    turned = dict(sorted(agent.items(), reverse=True))  # the uplinks are not at the end any more
    path.write_text(f"# mine\n{yaml.safe_dump({'agents': [turned]}, sort_keys=False)}")
    other = ("agent", "join", "http://works.test", "--home", "works", "--token-file", "once.token")
    result = weir(server, *other)
    assert "written anew, without the comments that it had" in result.stderr
    (found,) = yaml.safe_load(path.read_text())["agents"]
    assert [u["url"] for u in found["uplinks"]] == ["http://east.test", "http://works.test"]


# -- looking, proposing, checking ------------------------------------------------------------------


def test_a_dry_run_shows_the_file_and_the_checks_and_spends_nothing(server: FakeServer) -> None:
    common = ("agent", "join", "http://east.test", "--home", "works", "--token-file", "once.token")
    result = weir(server, *common, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "agents:\n- name: local\n  executor:\n    kind: local\n" in result.output
    assert "  # uplinks: joining writes them\n" in result.output
    assert "ok           domain             east (regional, version 1.2.3) answers" in result.output
    assert "ok           token              the domain knows it" in result.output
    assert not joined(server)
    assert not Path("works").exists()


def test_what_weir_can_not_drive_is_said(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Found(
        slurm=SlurmFound(set_up=False, error="fatal: no configuration source"),
        kubernetes="/root/.kube/config, https://k8s:6443",
        ray="10.0.0.1:6379",
        devices=(
            DevicesFound("cnmon", "MLU370-X8", 4, "cambricon-mlu370-x8"),
            DevicesFound("hl-smi", "HL-225", 8, "intel-gaudi-2"),
            DevicesFound("npu-smi", "Ascend 9000", 8),
        ),
    )
    monkeypatch.setattr(looks, "look", lambda _: found)
    said = join(server)
    assert "found Slurm's commands, and no Slurm set up for them" in said
    assert "found Kubernetes (/root/.kube/config, https://k8s:6443)" in said
    assert "found Ray (10.0.0.1:6379), whose dashboard does not answer: " in said
    assert "4 x MLU370-X8 are left out: there is no /dev/cambricon_dev0" in said
    assert "8 x HL-225 are left out: the local executor hands out devices of amd, camb" in said
    assert "8 x Ascend 9000 are left out: the catalog does not know them" in said
    assert "uses this machine, as cluster local: pools cpu" in said
    assert [pool["shape"]["devices"] for pool in written()] == [0]


def test_devices_that_are_there_are_offered(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for number in range(2):
        (tmp_path / f"davinci{number}").touch()
    for maker, node in (("huawei", "davinci{}"), ("nvidia", "nvidia{}")):
        there = replace(ACCESS[maker], node=str(tmp_path / node))
        monkeypatch.setitem(ACCESS, maker, there)
    found = (
        DevicesFound("npu-smi", "910B3", 2, "huawei-ascend-910b3"),
        DevicesFound("nvidia-smi", "Tesla T4", 1, "nvidia-t4"),
    )
    monkeypatch.setattr(looks, "look", lambda _: Found(devices=found))
    said = join(server)
    (pool,) = written()
    assert (pool["name"], pool["shape"]["devices"]) == ("npu", 2)
    assert pool["device_model"] == "huawei-ascend-910b3"
    assert f"1 x Tesla T4 are left out: there is no {tmp_path / 'nvidia0'}" in said


def test_the_link_is_measured_by_what_everybody_may_fetch(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(n * 0.25 for n in range(100))
    found = {c.what: c for c in domain_checks("http://east.test", lambda: next(ticks))}
    # A quarter of a second for each call: 30 kB beyond the round trip take no measurable time.
    assert found["link"].state == "ok"
    assert "250 ms there and back" in found["link"].said
    assert "fetched in 250 ms" in found["link"].said
    slow = iter([0, 1, 1, 2, 2, 3, 3, 5, 5, 7, 7, 9])
    found = {c.what: c for c in domain_checks("http://east.test", lambda: next(slow))}
    assert found["link"].state == "warning"
    assert "at least 29.3 KiB a second" in found["link"].said
    server.replies["GET /openapi.json"] = {"little": "x"}
    found = {c.what: c for c in domain_checks("http://east.test")}
    assert found["link"].state == "not checked"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (
            {"GET /v1/domain": problem(401, "weir.auth.required", "this token has expired")},
            "wrong        token              this token has expired; ask the domain's operator",
        ),
        (
            {"GET /": httpx.ConnectError("refused")},
            "wrong        domain             http://east.test can't be reached",
        ),
        ({"GET /": {"hello": 1}}, "http://east.test answers, and is no Weir server"),
        (
            {"GET /": lambda _: root(time.time() - 3600)},
            "wrong        clock              3600 s ahead of the domain's; let both keep time",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_fix_and_no_token_is_spent(
    server: FakeServer, reply: dict[str, Any], said: str
) -> None:
    server.replies |= reply
    output = join(server)
    assert said in output
    assert "not joined, and the token is not spent" in output
    assert not joined(server)
    assert not Path("works/agents.yaml").exists()


def test_a_clock_that_is_a_little_off_is_no_reason_not_to_join(server: FakeServer) -> None:
    server.replies["GET /"] = lambda _: root(time.time() + 20)
    assert "warning      clock              20 s behind the domain's" in join(server)
    assert joined(server)


def test_anyway_joins_although_something_is_wrong(server: FakeServer) -> None:
    server.replies["GET /"] = lambda _: root(time.time() + 3600)
    assert "wrong        clock" in join(server, "--anyway")
    assert joined(server)


def test_a_persons_token_is_no_join_token(server: FakeServer) -> None:
    Path("once.token").write_text("weir_person_abc\n")
    assert "it is no join token, but one of kind 'person'" in join(server)
    assert not joined(server)


@pytest.mark.parametrize(
    ("found", "options", "said"),
    [
        (Found(), ("--executor", "slurm"), "there is no sbatch and scontrol here"),
        (
            Found(slurm=SlurmFound(set_up=True, error="Unable to contact slurm controller")),
            (),
            "does not answer: Unable to contact slurm controller. Look at `scontrol ping`",
        ),
        (
            Found(),
            ("--executor", "slurm", "--pools", "pools.yaml"),
            "--pools is for --executor loc",
        ),
        (Found(), ("--folder", "/shared"), "--folder and --partition are for a Slurm"),
        (Found(), ("--volume", "runs:/mnt"), "--image and --volume are for a Kubernetes"),
    ],
)
def test_what_can_not_be_driven_is_refused(
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    found: Found,
    options: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.setattr(looks, "look", lambda _: found)
    assert said in " ".join(join(server, *options).split())
    assert server.asked == []


def test_a_slurm_that_is_away_can_be_passed_over(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = SlurmFound(set_up=True, error="Unable to contact slurm controller")
    monkeypatch.setattr(looks, "look", lambda _: Found(slurm=away))
    assert "found a Slurm that does not answer" in join(server, "--executor", "local")


def test_another_executor_needs_another_home(server: FakeServer) -> None:
    join(server)
    server.asked.clear()
    assert "this agent drives local already" in join(server, "--executor", "slurm")


def test_run_says_what_writes_its_settings(tmp_path: Path) -> None:
    result = weir({}, "agent", "run", "--home", str(tmp_path))
    assert result.exit_code == 2
    assert "`weir agent join` or `weir agent link` writes it" in result.stderr


def written() -> list[dict[str, Any]]:
    (agent,) = yaml.safe_load(Path("works/agents.yaml").read_text())["agents"]
    pools: list[dict[str, Any]] = agent["executor"]["pools"]
    return pools
