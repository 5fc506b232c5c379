"""pools, clusters, indicators, id, device, job: the rest that prints."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.builders import NOW, SITE, a_pool, weir
from tests.client.builders import FakeServer
from weir.core.identifiers import root
from weir.wire.jobs import ClusterAnswer, IdentifierAnswer, IndicatorAnswer
from weir.wire.pools import MeasuredHost, PoolAnswer, Shape

POOLS = """\
ID             SITE          POOL  DEVICES                                  FREE   CPU FREE  \
PER DEVICE    PER CORE  LATENCY  STATE   RUNS
CN.S1.C1.P1-U  North Center  npu   32 x huawei-ascend-910b (emulated)  8.5 of 32  64 of 256  \
8.00 CNY/h  0.05 CNY/h   3.2 ms  open       3
CN.S1.C1.P2-U  North Center  cpu   -                                           -   0 of 256  \
         -  0.05 CNY/h  unknown  silent     0
"""


def test_pools() -> None:
    bare = {
        "id": "CN.S1.C1.P2-U",
        "name": "cpu",
        "shape": Shape(cpu_milli=64_000, memory_bytes=2**39),
        "device_model": None,
        "emulated": False,
        "free_devices_milli": 0,
        "free_cpu_milli": 0,
        "latency_us": None,
        "silent": True,
        "runs": 0,
    }
    result = weir({"GET /v1/pools": [a_pool(), a_pool(**bare)]}, "pools")
    assert result.stdout == POOLS


def test_a_claim_that_is_far_from_its_measurement_is_named() -> None:
    pool = a_pool(device_model="nvidia-h100-sxm5", measured_gflops=(("bf16", 100_000),))
    result = weir({"GET /v1/pools": [pool]}, "pools")
    (line,) = (line for line in result.stdout.splitlines() if "measured" in line)
    assert "measured 10 % of what nvidia-h100-sxm5 is said to do at bf16" in line


def test_one_pool_and_what_was_measured_there() -> None:
    host = MeasuredHost(
        at=1_700_000_000,
        host="n1",
        cpus=64,
        library="torch 2.9",
        device="NVIDIA H100",
        memory_bytes_per_s=20 * 2**30,
        disk_read_bytes_per_s=2**30,
    )
    one = a_pool(device_model="nvidia-h100-sxm5", measured_gflops=(("bf16", 744_000),))
    one = one.model_copy(update={"measured_host": host})
    others = [one, a_pool(id="CN.S1.C1.P2-U", name="other")]
    said = weir({"GET /v1/pools": others}, "pools", one.name).stdout
    assert "other" not in said
    assert re.search(r"bf16 +744 TFLOPS +989.4 TFLOPS +75 % +NVIDIA H100", said)
    assert (
        "on n1 with 64 CPUs by torch 2.9, 2023-11-14 22:13 UTC; memory 20.00 GiB/s, "
        "disk written -, read 1.00 GiB/s"
    ) in said
    assert "other: not measured" in weir({"GET /v1/pools": others}, "pools", others[1].id).stdout
    assert "there is no pool none" in weir({"GET /v1/pools": others}, "pools", "none").stderr


def test_a_closed_pool_says_why() -> None:
    pool = a_pool(open=False, closed="open 20-8 (UTC+8)")
    result = weir({"GET /v1/pools": [pool]}, "pools")
    assert "is closed: open 20-8 (UTC+8)" in result.output


def test_pools_as_json() -> None:
    result = weir({"GET /v1/pools": [a_pool()]}, "pools", "--json")
    (pool,) = json.loads(result.stdout)
    assert PoolAnswer.model_validate(pool) == a_pool()


def test_clusters() -> None:
    cluster = ClusterAnswer(
        id="CN.S1.C1-5",
        name="slurm-a",
        site=SITE,
        site_name="North Center",
        executor="slurm",
        direction="down",
        peer_domain=None,
        generation=4,
        silent=False,
        heard_at=NOW - 2.5,
        clock_skew_s=-0.04,
        rtt_us=1500,
        pools=2,
        version="0.1.0",
    )
    lines = weir({"GET /v1/clusters": [cluster]}, "clusters").stdout.splitlines()
    assert lines[1].split("  ")[0] == "CN.S1.C1-5"
    assert "2.5 s ago" in lines[1]
    assert "1.5 ms" in lines[1]
    assert "-0.0 s" in lines[1]


def test_a_cluster_is_removed_by_its_id() -> None:
    server = FakeServer({"DELETE /v1/clusters/CN.S1.C1-5": {}})
    result = weir(server, "cluster", "remove", "CN.S1.C1-5")
    assert (result.exit_code, result.stdout) == (0, "CN.S1.C1-5 is removed\n")


def an_indicator(name: str, value: float | int | None, **by: float | int | None) -> IndicatorAnswer:
    return IndicatorAnswer(
        name=name,
        label=f"The {name}",
        label_zh="",
        unit="%",
        law="weighted mean",
        value=value,
        by=by,
        definition="Busy over all.",
    )


def test_indicators_say_unknown_and_never_0() -> None:
    every = [an_indicator("use", 63.218, north=5, south=None), an_indicator("pue", None)]
    result = weir({"GET /v1/indicators": every}, "indicators", "--by")
    assert result.stdout == (
        "NAME  WHAT       VALUE  ADDS UP BY\n"
        "use   The use   63.2 %  weighted mean\n"
        "        north      5 %\n"
        "        south  unknown\n"
        "pue   The pue  unknown  weighted mean\n"
    )


def test_indicators_of_accelerators_say_how_many_are_emulated() -> None:
    every = [an_indicator("devices", 12, npu=12), an_indicator("devices_emulated", 8)]
    result = weir({"GET /v1/indicators": every}, "indicators", "devices", "--by")
    assert "The devices (8 accelerators emulated)" in result.stdout


def test_an_indicator_that_is_not_there() -> None:
    result = weir({"GET /v1/indicators": [an_indicator("use", 1)]}, "indicators", "uze")
    assert (result.exit_code, "there are: use" in result.stderr) == (1, True)


def an_answer(**changes: Any) -> IdentifierAnswer:
    fields: dict[str, Any] = {
        "id": SITE,
        "kind": "site",
        "name": None,
        "parent": root("CN"),
        "known": False,
        "retired": False,
        "source": "",
        "referral": None,
        "facts": {},
    }
    return IdentifierAnswer.model_validate(fields | changes)


def test_an_identifier_is_followed_without_the_token() -> None:
    there = an_answer(name="North Center", known=True, source="register", facts={"pools": 2})

    def answer(request: Any) -> IdentifierAnswer:
        return (
            there if request.url.host == "nation.test" else an_answer(referral="http://nation.test")
        )

    server = FakeServer({f"GET /v1/identifiers/{SITE}": answer})
    result = weir(server, "id", "resolve", SITE.lower())
    assert result.stdout == (
        f"{SITE} is the site North Center\n"
        f"under    {root('CN')}\nsource   register\ntold by  http://nation.test\npools    2\n"
    )
    assert ["authorization" in r.headers for r in server.asked] == [True, False]


def test_facts_are_shown_as_people_read_them() -> None:
    facts = {"tier": "national", "issued_at": NOW, "domains": [], "region": None}
    answer = an_answer(id=root("CN"), kind="national", name="top", known=True, facts=facts)
    result = weir({f"GET /v1/identifiers/{root('CN')}": answer}, "id", "resolve", root("CN"))
    assert result.stdout.splitlines() == [
        "CN-F is the national domain top",
        "under    CN-F",
        "issued   2023-11-15 06:13:20",
        "domains  none",
    ]
    pool = an_answer(known=True, kind="pool", name="npu", facts={"emulated": True})
    text = weir({f"GET /v1/identifiers/{SITE}": pool}, "id", "resolve", SITE).stdout
    assert text.startswith(f"{SITE} is the pool npu (emulated)\n")


def test_referrals_in_a_circle_end() -> None:
    circle = an_answer(referral="http://weir.test/")
    server = FakeServer({f"GET /v1/identifiers/{SITE}": circle})
    result = weir(server, "id", "resolve", SITE)
    assert (result.exit_code, len(server.asked)) == (1, 1)


def test_an_identifier_with_a_slip_is_not_asked_for() -> None:
    server = FakeServer({})
    result = weir(server, "id", "resolve", "CN.S1-?")
    assert (result.exit_code, server.asked) == (2, [])


def test_devices_say_unknown_and_name_their_sources() -> None:
    listed = weir({}, "device", "list").stdout
    assert "unknown" in listed
    shown = weir({}, "device", "show", "910B").stdout
    assert "huawei-ascend-910b" in shown
    assert "FlagPerf" in shown
    wrong = weir({}, "device", "show", "h10")
    assert wrong.exit_code == 2
    assert "near it: " in wrong.stderr


def test_job_check_sends_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("name: a\ntasks: [{command: [x], count: 3}]\narray: {count: 2}\n")
    server = FakeServer({})
    result = weir(server, "job", "check", str(path), env={"WEIR_URL": ""})
    assert result.stdout == f"{path}: a is good; it asks for 3 x (1 cpu, 256MiB), 2 times\n"
    path.write_text("name: a\n")
    assert weir(server, "job", "check", str(path)).exit_code == 2
    assert server.asked == []


def test_the_schema_is_the_job_files() -> None:
    schema = json.loads(weir({}, "job", "schema").stdout)
    assert "tasks" in schema["required"]


@pytest.mark.parametrize("verb", ["pools", "clusters", "indicators"])
def test_empty_networks_say_so(verb: str) -> None:
    assert weir({f"GET /v1/{verb}": []}, verb).stdout == f"no {verb}\n"
