"""The other probes: this machine, the resource manager, a command, the way up, Redfish."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from tests.builders import pool
from weir.client.http import Client
from weir.client.problems import Unreachable
from weir.core.errors import BadInput
from weir.core.metrics import METRICS, out_of_bounds, refusal
from weir.core.series import single
from weir.probes.base import MAX_SAMPLES, Look, Probe, Sample
from weir.probes.command import CommandProbe
from weir.probes.executor import ExecutorProbe
from weir.probes.federated import FederatedProbe
from weir.probes.host import HostProbe, is_port
from weir.probes.link import LinkProbe
from weir.probes.openmetrics import parse
from weir.probes.redfish import RedfishProbe
from weir.wire.probes import (
    CommandProbeSettings,
    ExecutorProbeSettings,
    HostProbeSettings,
    LinkProbeSettings,
    RedfishProbeSettings,
)
from weir.wire.samples import SamplesAnswer


def values(look: Look) -> dict[tuple[str, str], float]:
    return {(s.metric, s.part): s.value for s in look.samples}


def check(probe: Probe, look: Look) -> None:
    """What every probe gives: metrics that there are, within their bounds."""
    assert probe.name and probe.interval_s >= 1
    for sample in look.samples:
        assert refusal(sample.metric, sample.part) is None, sample
        assert out_of_bounds(METRICS[sample.metric], single(sample.value)) is None, sample
    probe.kept()
    probe.close()


def test_this_machine() -> None:
    probe = HostProbe(HostProbeSettings(pool="cpu", disks=("/",)))
    first, second = probe.look(100.0), probe.look(110.0)
    assert ("network_sent", "") not in values(first), "a rate takes two looks"
    found = values(second)
    assert found[("cpu_seen", "")] == psutil.cpu_count()
    assert found[("memory_seen", "")] == psutil.virtual_memory().total
    assert 0 < found[("storage_used", "")] < found[("storage_total", "")]
    assert ("network_sent", "") in found
    assert {s.place for s in second.samples} == {"pool/cpu"}
    check(probe, second)


def test_a_machine_that_is_no_pool_is_a_host() -> None:
    look = HostProbe(HostProbeSettings(disks=())).look(0.0)
    assert all(s.place.startswith("host/") for s in look.samples)
    assert ("storage_total", "") not in values(look)


COUNTERS = psutil.net_io_counters()


def ports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **hardware: bool) -> None:
    """A machine with these interfaces; those that are hardware have a device."""
    for name, real in hardware.items():
        (tmp_path / name / "device").mkdir(parents=True) if real else (tmp_path / name).mkdir()
    monkeypatch.setattr("weir.probes.host.INTERFACES", tmp_path)


def counters(monkeypatch: pytest.MonkeyPatch, **sent: int) -> None:
    found = {n: COUNTERS._replace(bytes_sent=s, bytes_recv=2 * s) for n, s in sent.items()}
    monkeypatch.setattr(psutil, "net_io_counters", lambda pernic: found)


def test_only_hardware_has_ports_and_traffic(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = {"eth0": True, "eth1": True, "bond0": False, "team0": False, "storage": False}
    ports(monkeypatch, tmp_path, **names, vf0=True)
    (tmp_path / "vf0" / "device" / "physfn").mkdir()
    up = psutil.net_if_stats()["lo"]._replace(isup=True, speed=25_000)
    monkeypatch.setattr(psutil, "net_if_stats", lambda: dict.fromkeys([*names, "vf0"], up))
    probe = HostProbe(HostProbeSettings())
    counters(monkeypatch, **dict.fromkeys([*names, "vf0"], 1000))
    probe.look(0.0)
    counters(monkeypatch, **dict.fromkeys([*names, "vf0", "eth2"], 2000))
    found = values(probe.look(10.0))
    assert found[("network_sent", "")] == 2 * 100
    assert found[("network_received", "")] == 2 * 200
    assert found[("network_ports", "25")] == 2
    monkeypatch.setattr("weir.probes.host.INTERFACES", tmp_path / "none")
    by_name = ["bond0", "team0", "eth0.100", "vlan7", "br0", "wg0", "tun0", "lo"]
    assert [n for n in (*by_name, "eth0", "en0", "ib0") if is_port(n)] == ["eth0", "en0", "ib0"]


def test_a_counter_that_was_reset_gives_no_rate(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ports(monkeypatch, tmp_path, eth0=True)
    probe = HostProbe(HostProbeSettings())
    counters(monkeypatch, eth0=1000)
    probe.look(0.0)
    counters(monkeypatch, eth0=5)
    assert ("network_sent", "") not in values(probe.look(10.0))
    monkeypatch.setattr(psutil, "net_io_counters", lambda pernic: {})
    assert ("network_sent", "") not in values(probe.look(20.0)), "no port is not no traffic"


def test_cpu_in_use_is_known_from_the_second_look_whichever_thread_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    probe = HostProbe(HostProbeSettings())
    times = psutil.cpu_times()

    def passed(user: float, idle: float) -> None:
        now = times._replace(user=times.user + user, idle=times.idle + idle)
        monkeypatch.setattr(psutil, "cpu_times", lambda: now)

    def look() -> float | None:
        with ThreadPoolExecutor(1) as other:
            found = values(other.submit(probe.look, 0.0).result())
        return found.get(("cpu_busy", ""))

    monkeypatch.setattr(psutil, "cpu_count", lambda: 8)
    passed(user=0, idle=0)
    assert look() is None, "there is nothing to compare with yet"
    passed(user=30, idle=10)
    assert look() == pytest.approx(6.0)
    assert look() is None, "no time has passed"


def test_mount_points_of_one_file_system_count_once(tmp_path: Path) -> None:
    one = HostProbe(HostProbeSettings(disks=(str(tmp_path),))).look(0.0)
    two = HostProbe(HostProbeSettings(disks=(str(tmp_path), str(tmp_path.parent)))).look(0.0)
    assert values(two)[("storage_total", "")] == values(one)[("storage_total", "")]
    gone = HostProbe(HostProbeSettings(disks=("/", str(tmp_path / "gone")))).look(0.0)
    assert ("storage_total", "") not in values(gone)
    assert "gone" in gone.said[0]
    assert ("memory_seen", "") in values(gone)


def test_what_the_resource_manager_says_is_held() -> None:
    whole = pool("gpu", hosts=2, devices=8, cpu=64)
    left = whole.free[0].model_copy(update={"hosts": 1})
    half = left.model_copy(update={"cpu_milli": 32_000, "devices": ((1000, 3), (500, 1))})
    report = whole.model_copy(update={"free": (left, half)})
    probe = ExecutorProbe(ExecutorProbeSettings(), lambda: [report])
    look = probe.look(0.0)
    assert values(look) == {
        ("hosts_total", ""): 2,
        ("hosts_idle", ""): 1,
        ("cpu_milli_total", ""): 128_000,
        ("cpu_milli_held", ""): 32_000,
        ("device_milli_total", ""): 16_000,
        ("device_milli_held", ""): 4500,
    }
    assert {s.place for s in look.samples} == {"pool/gpu"}
    check(probe, look)


def command(script: str, **fields: object) -> CommandProbe:
    return CommandProbe(
        CommandProbeSettings.model_validate({"command": [sys.executable, "-c", script], **fields})
    )


def test_a_command_says_what_it_likes_in_openmetrics() -> None:
    probe = command(
        'print("# HELP weir_it_power power\\nweir_it_power{pool=\\"gpu\\"} 5e3 1700000000")\n'
        'print("facility_power{site=\\"true\\"} 7000\\nracks_used{host=\\"a\\"} NaN\\n# EOF")\n'
        'print("devices_health{part=\\"healthy\\"} 3")'
    )
    look = probe.look(0.0)
    assert list(look.samples) == [
        Sample("it_power", 5000.0, "pool/gpu"),
        Sample("facility_power", 7000.0, "site"),
        Sample("devices_health", 3.0, "cluster", "healthy"),
        Sample("probe_left_out", 0.0, "cluster", "command"),
    ]
    check(probe, look)


@pytest.mark.parametrize(
    ("script", "error", "said"),
    [
        ("print('it is fine')", BadInput, "not OpenMetrics"),
        ("print('my_metric 1')", BadInput, "none"),
        ("raise SystemExit(3)", Unreachable, "ended with 3"),
        ("import time; time.sleep(60)", Unreachable, "not done after"),
        ("while True: print('it_power 1' * 1000)", Unreachable, "ended with|not done"),
    ],
)
def test_a_command_that_goes_wrong_is_said_to(
    script: str, error: type[Exception], said: str
) -> None:
    begun = time.monotonic()
    with pytest.raises(error, match=said):
        command(script, timeout_s=3).look(0.0)
    assert time.monotonic() - begun < 30


def test_ten_million_label_values_are_bounded() -> None:
    script = "for n in range(20000): print(f'probe_up{{part=\"{n}\"}} 1')"
    look = command(script).look(0.0)
    *taken, left_out = look.samples
    assert len(taken) == MAX_SAMPLES
    assert left_out == Sample("probe_left_out", 20000.0 - MAX_SAMPLES, "cluster", "command")
    assert "20000" in look.said[0]


def test_the_text_format_is_read() -> None:
    [line] = parse('a_b:c{x="1,2}",y="q\\"u\\\\o\\nte"} -Inf 17 # {trace="x"} 1\n')
    assert (line.name, line.labels) == ("a_b:c", {"x": "1,2}", "y": 'q"u\\o\nte'})
    assert line.value == float("-inf")
    with pytest.raises(BadInput) as failed:
        parse("ok 1\nbad{x=1} 2\nalso\n")
    assert [m.line for m in failed.value.mistakes] == [2, 3]


class Way(Client):
    """A parent that answers some of the calls, after a time on a clock of the test's own."""

    def __init__(self, clock: list[float], took: list[float | None]) -> None:
        self._clock, self._took = clock, took

    def alive(self) -> None:
        took = self._took.pop(0)
        if took is None:
            raise Unreachable("lost")
        self._clock[0] += took

    def close(self) -> None:
        pass


def test_the_way_up_is_tried_a_few_times() -> None:
    clock = [0.0]
    way = Way(clock, [0.020, None, 0.030, 0.020, 0.010])
    connect: Callable[[str, str | None, float], Client] = lambda *_: way  # noqa: E731
    names: dict[str, str | None] = {"http://up": "CN-F"}
    probe = LinkProbe(LinkProbeSettings(), ["http://up"], names.get, connect, lambda: clock[0])
    look = probe.look(0.0)
    assert {s.place for s in look.samples} == {"link/CN-F"}
    assert values(look) == {
        ("link_sent", ""): 5,
        ("link_lost", ""): 1,
        ("link_rtt", ""): pytest.approx(0.010),
        ("link_jitter", ""): pytest.approx(0.010),
    }
    names["http://up"] = None
    assert probe.look(0.0).samples == [], "it is not known yet what it is called"
    check(probe, look)


class Below(Client):
    def __init__(self) -> None:
        self.asked: list[int] = []

    def samples(self, after: int) -> SamplesAnswer:
        self.asked.append(after)
        return SamplesAnswer(after=after + 5)

    def close(self) -> None:
        pass


def test_a_domain_below_is_asked_from_where_it_was_kept(tmp_path: Path) -> None:
    below, notes = Below(), tmp_path / "after"
    probe = FederatedProbe(below, notes)
    probe.look(0.0)
    probe.look(0.0)  # nothing was kept: asked again
    probe.kept()
    probe.look(0.0)
    probe.kept()
    FederatedProbe(below, notes).look(0.0)
    assert below.asked == [0, 0, 5, 10]


REDFISH: dict[str, object] = {
    "/redfish/v1/Chassis": {
        "Members": [{"@odata.id": "/redfish/v1/Chassis/1"}, {"@odata.id": "/redfish/v1/Chassis/2"}]
    },
    "/redfish/v1/Chassis/1": {"EnvironmentMetrics": {}},
    "/redfish/v1/Chassis/1/EnvironmentMetrics": {"PowerWatts": {"Reading": 374.5}},
    "/redfish/v1/Chassis/2": {"Power": {}},
    "/redfish/v1/Chassis/2/Power": {"PowerControl": [{"PowerConsumedWatts": 100}, {}]},
}


def redfish(pages: dict[str, object], *urls: str) -> RedfishProbe:
    def handle(request: httpx.Request) -> httpx.Response:
        found = pages.get(request.url.path) if request.url.host == "bmc" else None
        return httpx.Response(404) if found is None else httpx.Response(200, json=found)

    settings = RedfishProbeSettings(urls=urls or ("https://bmc",), pool="gpu")
    return RedfishProbe(settings, httpx.MockTransport(handle))


def test_power_of_chassis_by_either_schema() -> None:
    probe = redfish(REDFISH)
    look = probe.look(0.0)
    assert list(look.samples) == [
        Sample("it_power", 474.5, "pool/gpu"),
        Sample("it_power", 474.5, "pool/gpu/bmc"),
        Sample("probe_left_out", 0.0, "cluster", "redfish"),
    ]
    check(probe, look)


def test_a_host_is_called_by_its_controller_and_not_by_who_asks() -> None:
    assert set(power(redfish(REDFISH, "https://ann:secret@bmc/").look(0.0))) == {
        "pool/gpu",
        "pool/gpu/bmc",
    }


def power(look: Look) -> dict[str, float]:
    return {s.place: s.value for s in look.samples if s.metric == "it_power"}


def test_half_of_a_sum_is_unknown_and_the_host_s_is_known() -> None:
    look = redfish(REDFISH, "https://bmc", "https://away").look(0.0)
    assert power(look) == {"pool/gpu/bmc": 474.5}
    assert values(look)[("probe_left_out", "redfish")] == 1
    assert len(look.said) == 1
    null = REDFISH | {"/redfish/v1/Chassis/1/EnvironmentMetrics": {"PowerWatts": None}}
    null |= {"/redfish/v1/Chassis/2": {}}
    assert power(redfish(null).look(0.0)) == {}
    with pytest.raises(Unreachable):
        redfish({}, "https://away").look(0.0)
