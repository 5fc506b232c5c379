"""A center's own Prometheus: each vendor's exporter, its units, its blanks; sources that fail."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx
import pytest
import yaml
from pydantic import TypeAdapter

from tests.victoria import put_text, victoria_up
from weir.client.problems import Unreachable
from weir.core.errors import BadInput
from weir.core.metrics import METRICS, refusal
from weir.probes.base import MAX_SAMPLES, Look
from weir.probes.prometheus import PrometheusProbe, check
from weir.probes.prometheus_mappings import MAPPINGS, expression
from weir.wire.probes import ProbeSettings, PrometheusProbeSettings

GIB = 2**30
Answer = Callable[[str], object]


def settings(
    *mappings: str, matching: str = 'job="x"', queries: Sequence[object] = ()
) -> PrometheusProbeSettings:
    pool = {"pool": "gpu", "matching": matching, "mappings": mappings, "queries": queries}
    return PrometheusProbeSettings.model_validate({"url": "http://prometheus", "pools": [pool]})


def vector(*values: object, **labels: str) -> dict[str, object]:
    rows = [{"metric": labels, "value": [1.0, str(v)]} for v in values]
    return {"status": "success", "data": {"resultType": "vector", "result": rows}}


def probe(answer: Answer, *mappings: str, queries: Sequence[object] = ()) -> PrometheusProbe:
    def handle(request: httpx.Request) -> httpx.Response:
        promql = httpx.QueryParams(request.content.decode())["query"]
        said = answer(promql)
        if isinstance(said, httpx.Response):
            return said
        return httpx.Response(200, json=said)

    return PrometheusProbe(settings(*mappings, queries=queries), httpx.MockTransport(handle))


def told(look: Look) -> Mapping[tuple[str, str], float]:
    """What the source says of the pool."""
    of_pool = [s for s in look.samples if s.metric != "probe_left_out"]
    assert {s.place for s in of_pool} <= {"pool/gpu"}
    return {(s.metric, s.part): s.value for s in of_pool}


def left_out(look: Look) -> float:
    """How many values were not taken."""
    [found] = [s for s in look.samples if s.metric == "probe_left_out"]
    assert (found.place, found.part) == ("cluster", "prometheus")
    return found.value


def test_what_gives_nothing_is_unknown_and_never_zero() -> None:
    assert told(probe(lambda _: vector(), "dcgm").look(0)) == {}
    assert told(probe(lambda _: vector("NaN", "+Inf"), "dcgm").look(0)) == {}


def test_what_it_counts_by_becomes_the_part() -> None:
    def ports(promql: str) -> object:
        return vector(3, gbps="100") if "count_values" in promql else vector()

    assert told(probe(ports, "node").look(0)) == {("network_ports", "100"): 3.0}


def test_an_expression_of_ones_own_is_scaled() -> None:
    own = {"metric": "it_power", "promql": "sum(kw{$S})", "scale": 1000}
    asked: list[str] = []

    def answer(promql: str) -> object:
        asked.append(promql)
        return {"status": "success", "data": {"resultType": "scalar", "result": [1, "2.5"]}}

    assert told(probe(answer, queries=[own]).look(0)) == {("it_power", ""): 2500.0}
    assert asked == ['sum(kw{job="x"})']


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500, text="out of memory"),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"status": "success", "data": None}),
        httpx.Response(
            200, json={"status": "success", "data": {"resultType": "vector", "result": [7]}}
        ),
        httpx.Response(422, json={"status": "error", "error": "parse error"}),
        httpx.Response(200, content=b" " * (5 * 2**20)),
    ],
)
def test_a_source_that_answers_garbage_gives_nothing(answer: httpx.Response) -> None:
    with pytest.raises(Unreachable):
        probe(lambda _: answer, "dcgm").look(0)


def test_one_expression_that_fails_keeps_no_other_from_being_asked() -> None:
    def answer(promql: str) -> object:
        return {"status": "error", "error": "no"} if "FB_FREE" in promql else vector(1)

    look = probe(answer, "dcgm").look(0)
    assert len(told(look)) == len(MAPPINGS["dcgm"]) - 1
    assert "device_memory_total" in look.said[0]
    assert left_out(look) == 1
    assert left_out(probe(lambda _: vector(1), "dcgm").look(0)) == 0


def test_too_many_label_values_are_bounded_and_counted() -> None:
    own = {"metric": "network_ports", "promql": "ports{$S}", "part": "speed"}
    rows = [{"metric": {"speed": f"{n}"}, "value": [1, "1"]} for n in range(MAX_SAMPLES + 7)]
    data = {"status": "success", "data": {"resultType": "vector", "result": rows}}
    look = probe(lambda _: data, queries=[own]).look(0)
    assert len(told(look)) == MAX_SAMPLES
    assert left_out(look) == 7


@pytest.mark.real
def test_a_unit_that_changes_is_unknown_and_no_other_figure(tmp_path: Path) -> None:
    """Memory in bytes, power in mW and kelvins, where MiB, W and degrees Celsius were."""
    now = time.time()
    text = """
DCGM_FI_DEV_FB_USED{gpu="0"} 42949672960
DCGM_FI_DEV_FB_FREE{gpu="0"} 42949672960
DCGM_FI_DEV_POWER_USAGE{gpu="0"} 300000
DCGM_FI_DEV_GPU_TEMP{gpu="0"} 338
DCGM_FI_DEV_GPU_UTIL{gpu="0"} 5000
DCGM_FI_DEV_XID_ERRORS{gpu="0"} 0
"""
    with victoria_up(tmp_path) as url:
        put_text(url, labeled(text, "x", now - 5))
        found = PrometheusProbe(settings("dcgm").model_copy(update={"url": url})).look(now)
    assert told(found) == {
        ("devices_health", "healthy"): 1.0,
        ("devices_health", "unhealthy"): 0.0,
    }


@pytest.mark.real
def test_a_counter_that_was_reset_is_no_negative_rate(tmp_path: Path) -> None:
    """Host and meter are restarted in the middle: what is told goes on as before."""
    now = time.time() - 5
    lines = []
    for k in range(9):
        at, passed = now - 120 + 15 * k, 15 * k if k < 5 else 15 * (k - 5) + 5
        text = f"""
node_cpu_seconds_total{{cpu="0",mode="idle"}} {passed / 2}
node_network_transmit_bytes_total{{device="eth0"}} {1000 * passed}
kepler_node_platform_joules_total{{package="0"}} {400 * passed}
"""
        lines.append(labeled(text, "x", at))
    with victoria_up(tmp_path) as url:
        put_text(url, "".join(lines))
        of = settings("node", "kepler").model_copy(update={"url": url})
        found = told(PrometheusProbe(of).look(now))
    assert found[("it_power", "")] == pytest.approx(400, rel=0.15)
    assert found[("network_sent", "")] == pytest.approx(1000, rel=0.15)
    assert found[("cpu_busy", "")] == pytest.approx(0.5, abs=0.1)


def test_mistakes_of_the_settings_are_told_all_at_once() -> None:
    own = {"metric": "nonsense", "promql": "1"}
    with pytest.raises(BadInput) as failed:
        PrometheusProbe(settings("dgcm", "node", queries=[own]))
    assert len(failed.value.mistakes) == 2


@pytest.mark.parametrize("name", MAPPINGS)
def test_mappings_give_metrics_that_there_are(name: str) -> None:
    for metric, part, template in MAPPINGS[name]:
        assert metric in METRICS
        assert part == "gbps" or refusal(metric, part) is None
        for matching in ("", 'job="x"', 'job="x",'):
            filled = expression(template, matching, 120)
            assert (
                "$S" not in filled
                and "$W" not in filled
                and ",}" not in filled
                and "{," not in filled
            )


# What each vendor's exporter says, in its own units: two devices, one of them blank or ill.

BLANK = 9223372036854775794
EXPORTERS = {
    "dcgm": (
        f"""
DCGM_FI_DEV_GPU_UTIL{{gpu="0"}} 50
DCGM_FI_DEV_GPU_UTIL{{gpu="1"}} {BLANK}
DCGM_FI_DEV_FB_USED{{gpu="0"}} 1024
DCGM_FI_DEV_FB_FREE{{gpu="0"}} 3072
DCGM_FI_DEV_FB_USED{{gpu="1"}} {BLANK}
DCGM_FI_DEV_POWER_USAGE{{gpu="0"}} 300.5
DCGM_FI_DEV_POWER_USAGE{{gpu="1"}} {BLANK}
DCGM_FI_DEV_GPU_TEMP{{gpu="0"}} 60
DCGM_FI_DEV_XID_ERRORS{{gpu="0"}} 0
DCGM_FI_DEV_XID_ERRORS{{gpu="1"}} 79
""",
        {
            ("devices_seen", ""): 1.0,
            ("devices_busy", ""): 0.5,
            ("device_memory_used", ""): 1.0 * GIB,
            ("device_memory_total", ""): 4.0 * GIB,
            ("device_power", ""): 300.5,
            ("device_temperature", ""): 60.0,
            ("devices_health", "healthy"): 1.0,
            ("devices_health", "unhealthy"): 1.0,
        },
    ),
    "ascend": (
        """
npu_chip_info_utilization{id="0"} 80
npu_chip_info_utilization{id="1"} 40
npu_chip_info_hbm_used_memory{id="0"} 32768
npu_chip_info_hbm_total_memory{id="0"} 65536
npu_chip_info_power{id="0"} 350.2
npu_chip_info_temperature{id="0"} 55
npu_chip_info_health_status{id="0"} 1
npu_chip_info_health_status{id="1"} -1
""",
        {
            ("devices_seen", ""): 2.0,
            ("devices_busy", ""): 1.2,
            ("device_memory_used", ""): 32.0 * GIB,
            ("device_memory_total", ""): 64.0 * GIB,
            ("device_power", ""): 350.2,
            ("device_temperature", ""): 55.0,
            ("devices_health", "healthy"): 1.0,
            ("devices_health", "unhealthy"): 0.0,
            ("devices_health", "unknown"): 1.0,
        },
    ),
    "cambricon": (
        f"""
mlu_utilization{{mlu="0"}} 25
mlu_memory_used{{mlu="0"}} {12 * GIB}
mlu_memory_total{{mlu="0"}} {48 * GIB}
mlu_power_usage{{mlu="0"}} 200
mlu_temperature{{mlu="0"}} 51
mlu_health{{mlu="0"}} 1
mlu_health{{mlu="1"}} 0
""",
        {
            ("devices_seen", ""): 1.0,
            ("devices_busy", ""): 0.25,
            ("device_memory_used", ""): 12.0 * GIB,
            ("device_memory_total", ""): 48.0 * GIB,
            ("device_power", ""): 200.0,
            ("device_temperature", ""): 51.0,
            ("devices_health", "healthy"): 1.0,
            ("devices_health", "unhealthy"): 1.0,
        },
    ),
    "amd": (
        """
gpu_gfx_activity{gpu_id="0"} 90
gpu_used_vram{gpu_id="0"} 98304
gpu_total_vram{gpu_id="0"} 196608
gpu_average_package_power{gpu_id="0"} 700
gpu_junction_temperature{gpu_id="0"} 70
gpu_health{gpu_id="0"} 1
""",
        {
            ("devices_seen", ""): 1.0,
            ("devices_busy", ""): 0.9,
            ("device_memory_used", ""): 96.0 * GIB,
            ("device_memory_total", ""): 192.0 * GIB,
            ("device_power", ""): 700.0,
            ("device_temperature", ""): 70.0,
            ("devices_health", "healthy"): 1.0,
            ("devices_health", "unhealthy"): 0.0,
        },
    ),
    "metax": (
        """
mx_gpu_usage{deviceId="0",uuid="a",exported_pod="p"} 40
mx_gpu_usage{deviceId="0",uuid="a",exported_pod="q"} 40
mx_gpu_usage{deviceId="1",uuid="b"} 10
mx_memory_used{deviceId="0",uuid="a",type="vram"} 1048576
mx_memory_total{deviceId="0",uuid="a",type="vram"} 67108864
mx_memory_total{deviceId="0",uuid="a",type="xtt"} 12345
mx_chip_hotspot_temp{deviceId="0",uuid="a"} 48
mx_gpu_state{deviceId="0",uuid="a"} 1
mx_gpu_state{deviceId="1",uuid="b"} 0
""",
        {
            ("devices_seen", ""): 2.0,
            ("devices_busy", ""): 0.5,
            ("device_memory_used", ""): 1.0 * GIB,
            ("device_memory_total", ""): 64.0 * GIB,
            ("device_temperature", ""): 48.0,
            ("devices_health", "healthy"): 1.0,
            ("devices_health", "unhealthy"): 1.0,
        },
    ),
    "iluvatar": (
        """
ix_gpu_utilization{gpu="0",uuid="a"} 30
ix_gpu_utilization{gpu="1",uuid="b"} 101
ix_mem_used{gpu="0",uuid="a"} 1024
ix_mem_total{gpu="0",uuid="a"} 32768
ix_power_usage{gpu="0",uuid="a"} 131
ix_temperature{gpu="0",uuid="a"} 57
""",
        {
            ("devices_seen", ""): 1.0,
            ("devices_busy", ""): 0.3,
            ("device_memory_used", ""): 1.0 * GIB,
            ("device_memory_total", ""): 32.0 * GIB,
            ("device_power", ""): 131.0,
            ("device_temperature", ""): 57.0,
        },
    ),
    "hygon": (
        f"""
dcu_utilizationrate{{device_id="x",minor_number="0"}} 75
dcu_usedmemory_bytes{{device_id="x",minor_number="0"}} {2 * GIB}
dcu_memorycap_bytes{{device_id="x",minor_number="0"}} {64 * GIB}
dcu_power_usage{{device_id="x",minor_number="0"}} 109
dcu_temp{{device_id="x",minor_number="0"}} 63
""",
        {
            ("devices_seen", ""): 1.0,
            ("devices_busy", ""): 0.75,
            ("device_memory_used", ""): 2.0 * GIB,
            ("device_memory_total", ""): 64.0 * GIB,
            ("device_power", ""): 109.0,
            ("device_temperature", ""): 63.0,
        },
    ),
    "enflame": (
        f"""
enflame_gcu_usage{{minor_number="2",uuid="a"}} 80
enflame_gcu_usage{{minor_number="3",uuid="b"}} -1
enflame_gcu_memory_used_bytes{{minor_number="2",uuid="a"}} {GIB}
enflame_gcu_memory_total_bytes{{minor_number="2",uuid="a"}} {16 * GIB}
enflame_gcu_power_usage{{minor_number="2",uuid="a"}} 22.2
enflame_gcu_power_consumption{{minor_number="2",uuid="a"}} 56.0
enflame_gcu_temperatures{{minor_number="2",uuid="a"}} 34.5
enflame_gcu_health{{minor_number="2",uuid="a",healthmsg="Healthy"}} 2
enflame_gcu_health{{minor_number="3",uuid="b",healthmsg="Unknown"}} 0
""",
        {
            ("devices_seen", ""): 1.0,
            ("devices_busy", ""): 0.8,
            ("device_memory_used", ""): 1.0 * GIB,
            ("device_memory_total", ""): 16.0 * GIB,
            ("device_power", ""): 56.0,
            ("device_temperature", ""): 34.5,
            ("devices_health", "healthy"): 1.0,
            ("devices_health", "unhealthy"): 0.0,
            ("devices_health", "unknown"): 1.0,
        },
    ),
}


def labeled(text: str, job: str, at: float) -> str:
    """The lines with a job's label, as a scrape would have them, at a time in ms."""
    lines = [line.replace("{", f'{{job="{job}",') for line in text.strip().splitlines()]
    return "\n".join(f"{line} {int(at * 1000)}" for line in lines) + "\n"


@pytest.mark.real
def test_every_vendor_through_a_real_server(tmp_path: Path) -> None:
    now = time.time()
    with victoria_up(tmp_path) as url:
        for name, (text, _) in EXPORTERS.items():
            put_text(url, labeled(text, name, now - 5) + labeled(text, f"other-{name}", now - 5))
        for name, (_, expected) in EXPORTERS.items():
            of = settings(name, matching=f'job="{name}"').model_copy(update={"url": url})
            found = told(PrometheusProbe(of).look(now))
            assert found == pytest.approx(expected), name


@pytest.mark.real
def test_hosts_and_their_power_through_a_real_server(tmp_path: Path) -> None:
    """Counters over two minutes: a core half busy, 1000 bytes and 400 joules a second."""
    now = time.time() - 5
    lines = []
    for k in range(9):
        at, passed = now - 120 + 15 * k, 15 * k
        text = f"""
node_cpu_seconds_total{{cpu="0",mode="idle"}} {1000 + passed / 2}
node_cpu_seconds_total{{cpu="0",mode="user"}} {1000 + passed / 2}
node_memory_MemTotal_bytes{{host="a"}} {8 * GIB}
node_memory_MemAvailable_bytes{{host="a"}} {6 * GIB}
node_filesystem_size_bytes{{fstype="ext4"}} 1000
node_filesystem_free_bytes{{fstype="ext4"}} 400
node_filesystem_size_bytes{{fstype="tmpfs"}} 77
node_network_transmit_bytes_total{{device="eth0"}} {10**9 + 1000 * passed}
node_network_transmit_bytes_total{{device="lo"}} {10**9 + 7777 * passed}
node_network_speed_bytes{{device="eth0"}} 12500000000
kepler_node_platform_joules_total{{package="0"}} {10**6 + 400 * passed}
"""
        lines.append(labeled(text, "x", at))
    with victoria_up(tmp_path) as url:
        put_text(url, "".join(lines))
        found = told(
            PrometheusProbe(settings("node", "kepler").model_copy(update={"url": url})).look(now)
        )
    assert found[("cpu_seen", "")] == 1
    assert found[("cpu_busy", "")] == pytest.approx(0.5, rel=0.05)
    assert found[("memory_used", "")] == 2 * GIB
    assert found[("storage_total", "")] == 1000
    assert found[("storage_used", "")] == 600
    assert found[("network_sent", "")] == pytest.approx(1000, rel=0.05)
    assert found[("network_ports", "100")] == 1
    assert found[("it_power", "")] == pytest.approx(400, rel=0.05)


def test_a_source_that_is_away_is_said_to_be() -> None:
    def away(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(Unreachable, match="does not answer"):
        PrometheusProbe(settings("dcgm"), httpx.MockTransport(away)).look(0)


def test_an_expression_that_is_slow_keeps_no_other_from_being_asked() -> None:
    def answer(promql: str) -> object:
        if "FB_FREE" in promql:
            raise httpx.ReadTimeout("slow")
        return vector(1)

    look = probe(answer, "dcgm").look(0)
    assert {m for m, _ in told(look)} == {m for m, *_ in MAPPINGS["dcgm"]} - {"device_memory_total"}
    assert "device_memory_total: no answer within 10 s" in look.said
    assert left_out(look) == 1


def test_a_source_that_is_slow_throughout_is_asked_less_at_a_look_and_all_in_turn() -> None:
    asked: list[str] = []

    def answer(promql: str) -> object:
        asked.append(promql)
        if len(asked) > 2:
            raise httpx.ReadTimeout("slow")
        return vector(1)

    of = probe(answer, "dcgm")
    look = of.look(0)
    assert (len(asked), left_out(look)) == (5, len(MAPPINGS["dcgm"]) - 2)
    for _ in range(2):
        with pytest.raises(Unreachable, match="answers nothing"):
            of.look(0)
    assert len(set(asked)) == len(MAPPINGS["dcgm"])


def with_login(handle: Callable[[str], bool], **login: object) -> PrometheusProbe:
    """A source that lets in those whose header is accepted."""

    def answer(request: httpx.Request) -> httpx.Response:
        good = handle(request.headers.get("Authorization", ""))
        return httpx.Response(200, json=vector(1)) if good else httpx.Response(401, text="no")

    of = settings("kepler").model_copy(update=login)
    return PrometheusProbe(of, httpx.MockTransport(answer))


def test_a_token_that_was_replaced_is_taken(tmp_path: Path) -> None:
    file, valid, heard = tmp_path / "token", ["one"], list[str]()
    file.write_text("one\n")

    def accepts(header: str) -> bool:
        heard.append(header)
        return header == f"Bearer {valid[0]}"

    of = with_login(accepts, token_file=file)
    assert told(of.look(0)) == {("it_power", ""): 1.0}
    valid[0] = "two"
    with pytest.raises(Unreachable):
        of.look(0)
    file.write_text("two\n")
    kept = file.stat()
    assert told(of.look(0)) == {("it_power", ""): 1.0}
    valid[0] = "six"  # as long as before, at the same time: only the 401 tells that it is another
    file.write_text("six\n")
    os.utime(file, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert told(of.look(0)) == {("it_power", ""): 1.0}
    assert heard[-2:] == ["Bearer two", "Bearer six"]
    file.unlink()
    with pytest.raises(OSError, match="No such file"):
        of.look(0)


def test_a_user_has_a_password(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("secret\n")
    header = httpx.BasicAuth("monitor", "secret")._auth_header
    login = {"user": "monitor", "password_file": file}
    assert told(with_login(header.__eq__, **login).look(0)) == {("it_power", ""): 1.0}
    for wrong in ({"user": "monitor"}, {"password_file": file}, {**login, "token_file": file}):
        with pytest.raises(BadInput) as failed:
            with_login(header.__eq__, **wrong)
        assert len(failed.value.mistakes) == 1
    with pytest.raises(BadInput, match="has no certificates"):
        with_login(header.__eq__, ca_file=file)


def test_answers_are_json_as_prometheus_writes_it() -> None:
    text = json.dumps(vector("4.5"))
    assert told(probe(lambda _: json.loads(text), "kepler").look(0)) == {("it_power", ""): 4.5}


def test_the_documented_section_is_one() -> None:
    page = Path(__file__).parents[2] / "docs" / "monitoring.md"
    [text] = re.findall(r"```yaml\n(.+?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    section = TypeAdapter(tuple[ProbeSettings, ...])
    found = section.validate_python(yaml.safe_load(text)["probes"])
    kinds = {probe.kind for probe in found}
    assert kinds == {"executor", "link", "host", "prometheus", "command", "redfish"}
    for probe in found:
        if isinstance(probe, PrometheusProbeSettings):
            check(probe)
