"""Every vendor's exporter, scraped by a real VictoriaMetrics, up to the nation's indicators.

The exporter serves what each vendor's exporter serves, under the vendor's names and in its units;
VictoriaMetrics scrapes it as a center's would; the agent's probe asks it; a region and a nation,
each a process of its own, add up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from tests.network.harness import Network, network_up
from tests.probes.test_prometheus import EXPORTERS, GIB
from tests.victoria import victoria_up
from weir.client.context import read_token
from weir.core.series import body_of

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

JOBS = (*EXPORTERS, "node", "kepler")
MODELS = {
    "dcgm": "nvidia-l20",
    "ascend": "huawei-ascend-910b",
    "cambricon": "cambricon-mlu370-x8",
    "amd": "amd-mi300x",
    "metax": "metax-c550",
    "iluvatar": "iluvatar-bi150",
    "hygon": "hygon-k100",
    "enflame": "enflame-s60",
}

HOSTS = """
node_cpu_seconds_total{{cpu="0",mode="idle"}} {half}
node_cpu_seconds_total{{cpu="0",mode="user"}} {half}
node_memory_MemTotal_bytes {total}
node_memory_MemAvailable_bytes {available}
node_filesystem_size_bytes{{fstype="ext4",mountpoint="/"}} 1000
node_filesystem_free_bytes{{fstype="ext4",mountpoint="/"}} 400
node_filesystem_size_bytes{{fstype="tmpfs",mountpoint="/run"}} 77
node_network_transmit_bytes_total{{device="eth0"}} {sent}
node_network_transmit_bytes_total{{device="lo"}} {loop}
node_network_speed_bytes{{device="eth0"}} 12500000000
"""
POWER = 'kepler_node_platform_joules_total{{package="0"}} {joules}\n'

NETWORK = """
network: vendors
domains:
  - {{name: nation, kind: national}}
  - {{name: region, kind: regional, parent: nation}}
sites:
  - name: center
    domains: [region]
    clusters:
      - name: main
        pools:
{pools}
          - {{name: cpu, emulated: true, hosts: 1, cpu: 2, memory: 2GiB}}
        probes:
          - kind: executor
            interval_s: 10
          - {{kind: link, interval_s: 10, bandwidth_bytes: 33554432}}
          - kind: prometheus
            url: {url}
            interval_s: 10
            window_s: 10
            pools:
{mappings}
              - {{pool: cpu, matching: 'job=~"node|kepler"', mappings: [node, kepler]}}
"""

EXACT: dict[str, tuple[str, float, dict[str, float]]] = {
    # Devices busy: 0.5 of 1, 1.2 of 2, 0.25 of 1, 0.9 of 1, 0.5 of 2, 0.3, 0.75 and 0.8 of 1; what
    # is blank is of neither.
    "devices_busy": ("%", 100 * 5.2 / 10, {}),
    "device_memory_used": (
        "%",
        100 * (1 + 32 + 12 + 96 + 1 + 1 + 2 + 1) / (4 + 64 + 48 + 192 + 64 + 32 + 64 + 16),
        {},
    ),
    "device_power": ("W", 300.5 + 350.2 + 200 + 700 + 131 + 109 + 56, {}),
    "device_temperature": ("Cel", 70, {}),
    "devices_health": ("1", 11, {"healthy": 6, "unhealthy": 3, "unknown": 2}),
    "memory_used": ("%", 25, {}),
    "storage": ("bytes", 1000, {}),
    "storage_used": ("%", 60, {}),
    "network_ports": ("1", 1, {"100": 1}),
    "devices_held": ("%", 0, {}),
    "sources_up": ("%", 100, {}),
}
ABOUT = {"cpu_busy": ("%", 50), "network_traffic": ("bytes/s", 1000), "it_power": ("W", 400)}
"""Rates of counters, which depend on when exactly it was scraped."""


def exported(name: str, begun: float, now: float) -> str:
    """What an exporter says now. That of Ascend puts a time on every line."""
    if name in EXPORTERS:
        text = EXPORTERS[name][0].strip()
        stamp = f" {int(now * 1000)}" if name == "ascend" else ""
        return "".join(f"{line}{stamp}\n" for line in text.splitlines())
    passed = now - begun
    return (HOSTS + POWER).format(
        half=1000 + passed / 2,
        total=8 * GIB,
        available=6 * GIB,
        sent=10**9 + 1000 * passed,
        loop=10**9 + 7777 * passed,
        joules=10**6 + 400 * passed,
    )


class Exporter(BaseHTTPRequestHandler):
    """`/NAME` is an exporter; node-exporter and Kepler are asked for what each of them has."""

    begun = time.time()

    def do_GET(self) -> None:
        name = self.path.strip("/")
        text = exported(name, self.begun, time.time())
        if name in ("node", "kepler"):
            text = "".join(f"{line}\n" for line in text.splitlines() if line.startswith(name))
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what it is asked is no news."""


@contextmanager
def exporter_up() -> Iterator[int]:
    """The port of the exporter."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def scraping(port: int) -> str:
    """The scrape configuration: one job an exporter, each second."""
    jobs = "".join(
        f"  - job_name: {name}\n    metrics_path: /{name}\n    honor_timestamps: true\n"
        f"    static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
        for name in JOBS
    )
    return f"global: {{scrape_interval: 1s}}\nscrape_configs:\n{jobs}"


def network_file(url: str) -> str:
    """A center with a pool for each vendor, and a pool of hosts."""
    pools, mappings = "", ""
    for name in EXPORTERS:
        pools += (
            f"          - {{name: {name}, emulated: true, cpu: 2, memory: 2GiB, devices: 2, "
            f"device_model: {MODELS[name]}}}\n"
        )
        mappings += (
            f"              - {{pool: {name}, matching: 'job=\"{name}\"', mappings: [{name}]}}\n"
        )
    return NETWORK.format(url=url, pools=pools.rstrip(), mappings=mappings.rstrip())


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    home = tmp_path_factory.mktemp("vendors")
    with exporter_up() as port:
        config = home / "scrape.yaml"
        config.write_text(scraping(port))
        with (
            victoria_up(home, f"-promscrape.config={config}") as url,
            network_up(home / "net", network_file(url), together=True) as up,
        ):
            yield up


def test_the_region_says_it_in_the_right_units(network: Network) -> None:
    def whole() -> bool:
        found = {i.name: i for i in network["region"].indicators()}
        return all(found[name].value is not None for name in (*EXACT, *ABOUT))

    network.until("the region has every indicator", whole, 60)
    _check(network, "region")


def test_what_the_way_to_the_region_carries(network: Network) -> None:
    """Measured over a real connection, and told of the one link that there is to the region."""
    here = f">{body_of(network.identifier('region'))}"

    def told() -> list[float | None]:
        (way,) = [i for i in network["region"].indicators() if i.name == "link_bandwidth"]
        return [carries for ends, carries in way.by.items() if ends.endswith(here)]

    (carries,) = network.until("the way's bandwidth is known", told, 60)
    assert carries is not None
    assert carries > 1e7, "loopback carries more than 10 Mbit/s"


def test_the_nation_says_the_same(network: Network) -> None:
    """A minute that both tiers have whole: the totals are equal to the last bit."""
    names = sorted(set(EXACT) - {"sources_up"}) + list(ABOUT)

    def whole() -> float | None:
        """The newest minute but one that the nation has of all of them."""
        minutes = _minutes(network, "nation", names)
        times = sorted(set.intersection(*(set(minutes[name]) for name in names)))
        return times[-2] if len(times) > 1 else None

    at = network.until("the nation has minutes of every indicator", whole, 300)
    below, above = (_minutes(network, domain, names) for domain in ("region", "nation"))
    for name in names:
        assert below[name][at] == above[name][at], name
    _check(network, "nation")


def _check(network: Network, domain: str) -> None:
    """Each indicator as it is now, its unit and its parts."""
    found = {i.name: i for i in network[domain].indicators()}
    for name, (unit, value, by) in EXACT.items():
        assert found[name].unit == unit, name
        assert found[name].value == pytest.approx(value), name
        assert found[name].by == by, name
    for name, (unit, value) in ABOUT.items():
        assert found[name].unit == unit, name
        assert found[name].value == pytest.approx(value, rel=0.1), name


def _minutes(network: Network, domain: str, names: list[str]) -> dict[str, dict[float, Any]]:
    """Value and parts of each indicator, by minute."""
    now = time.time()
    answer = network[domain].history(names=names, begin=str(now - 600), end=str(now), step="1m")
    return {
        i.name: {
            at: (value, {part: dict(points).get(at) for part, points in i.by.items()})
            for at, value in i.points
        }
        for i in answer.indicators
    }


def test_it_answers_as_a_data_source_of_grafana_is_asked(network: Network) -> None:
    token = read_token(network.folder.domain("nation") / "operator.token")
    now = time.time()
    with httpx.Client(
        base_url=network.url("nation"),
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
    ) as grafana:

        def asked(path: str, **form: str) -> Any:
            answer = grafana.post(path, data=form).raise_for_status().json()
            assert answer["status"] == "success"
            return answer["data"]

        power = asked("/api/v1/query", query="sum(weir_device_power)")
        assert power["resultType"] == "vector"
        [row] = power["result"]
        assert float(row["value"][1]) == pytest.approx(EXACT["device_power"][1])

        health = asked("/api/v1/query", query="sum by (part) (weir_devices_health)")
        parts = {r["metric"]["part"]: float(r["value"][1]) for r in health["result"]}
        assert parts == EXACT["devices_health"][2]

        span = {"start": str(now - 300), "end": str(now), "step": "60"}
        busy = asked("/api/v1/query_range", query="sum(weir_devices_busy)", **span)
        assert busy["resultType"] == "matrix"
        [line] = busy["result"]
        assert {round(float(v), 9) for _, v in line["values"]} == {5.2}
        assert "weir_device_power" in grafana.get("/api/v1/label/__name__/values").json()["data"]
