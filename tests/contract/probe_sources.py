"""Sources of samples that go wrong, one for each kind of probe: over real sockets and processes."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.builders import pool as reported
from weir.client.http import Client
from weir.core.errors import NotReady
from weir.probes.base import MAX_SAMPLES, Probe
from weir.probes.command import CommandProbe
from weir.probes.executor import ExecutorProbe
from weir.probes.federated import FederatedProbe
from weir.probes.link import LinkProbe
from weir.probes.prometheus import PrometheusProbe
from weir.probes.redfish import RedfishProbe
from weir.wire.pools import PoolReport
from weir.wire.probes import (
    CommandProbeSettings,
    ExecutorProbeSettings,
    LinkProbeSettings,
    PrometheusProbeSettings,
    RedfishProbeSettings,
)

TIMEOUT_S = 1
POWER = 474.5
"""What a source that is well says: W of its pool."""

Fault = str
VALUES: Mapping[Fault, str] = {
    "well": str(POWER), "nan": "NaN", "infinite": "+Inf", "negative": "-5", "absurd": "1e300",
}  # fmt: skip
"""Faults that are of the value alone, and what is said in its place."""


@contextmanager
def source(kind: str, fault: Fault, folder: Path) -> Iterator[Probe]:
    """A probe of this kind, whose source has this fault."""
    if kind == "command":
        yield _command(fault)
    elif kind == "executor":
        yield ExecutorProbe(ExecutorProbeSettings(), _pools(fault))
    elif fault == "away":
        with socket.socket() as nobody:  # bound, so that nobody else listens there
            nobody.bind(("127.0.0.1", 0))
            yield _over_http(
                kind, f"http://127.0.0.1:{nobody.getsockname()[1]}", folder, _patience_s(fault)
            )
    else:
        with _serving(kind, fault) as url:
            yield _over_http(kind, url, folder, _patience_s(fault))


def _command(fault: Fault) -> CommandProbe:
    script = {
        "away": "raise SystemExit(3)",
        "hangs": "import time; time.sleep(600)",
        "garbage": "print('<html>it works</html>')",
        "many": f"for n in range({2 * MAX_SAMPLES}): print('probe_up{{part=\"%d\"}} 1' % n)",
    }.get(fault, f"print('weir_it_power{{pool=\"gpu\"}} {VALUES.get(fault)}')")
    command = [sys.executable, "-c", script]
    return CommandProbe(
        CommandProbeSettings.model_validate(
            {"command": command, "timeout_s": 2 * _patience_s(fault)}
        )
    )


def _pools(fault: Fault) -> Callable[[], list[PoolReport]]:
    def pools() -> list[PoolReport]:
        if fault == "away":
            raise NotReady("the resource manager does not answer")
        return [reported("gpu", hosts=3)]

    return pools


def _patience_s(fault: Fault) -> int:
    """Many values take their time on a busy machine, and none of them is late."""
    return 20 * TIMEOUT_S if fault == "many" else TIMEOUT_S


def _over_http(kind: str, url: str, folder: Path, timeout_s: int) -> Probe:
    if kind == "prometheus":
        own = {"metric": "it_power", "promql": "sum(watts{$S})", "part": ""}
        many = {"metric": "probe_up", "promql": "many{$S}", "part": "part"}
        pools = [{"pool": "gpu", "queries": [own, many]}]
        of = {"url": url, "pools": pools, "timeout_s": timeout_s}
        return PrometheusProbe(PrometheusProbeSettings.model_validate(of))
    if kind == "redfish":
        return RedfishProbe(RedfishProbeSettings(urls=(url,), pool="gpu", timeout_s=timeout_s))
    if kind == "link":
        settings = LinkProbeSettings(tries=2, timeout_s=timeout_s, bandwidth_bytes=0)
        return LinkProbe(settings, [url], lambda _: "CN-F")
    return FederatedProbe(Client(url, "token", timeout_s), folder / "after")


@contextmanager
def _serving(kind: str, fault: Fault) -> Iterator[str]:
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("")

        def do_POST(self) -> None:
            said = self.rfile.read(int(self.headers.get("content-length") or 0))
            self._answer(said.decode())

        def _answer(self, asked: str) -> None:
            if fault == "hangs":
                over.wait(60)
                return
            body = (
                "<html>it works</html>"
                if fault == "garbage"
                else _page(kind, fault, self.path, asked)
            )
            self.send_response(404 if body is None else 200)
            self.send_header("content-length", str(len((body or "").encode())))
            self.end_headers()
            self.wfile.write((body or "").encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        over.set()
        server.shutdown()
        server.server_close()


def _page(kind: str, fault: Fault, path: str, asked: str) -> str | None:
    if kind == "prometheus":
        value, rows = VALUES.get(fault, str(POWER)), []
        if "many" not in asked:
            rows = [{"metric": {}, "value": [1, value]}]
        elif fault == "many":
            rows = [
                {"metric": {"part": f"p{n}"}, "value": [1, "1"]} for n in range(2 * MAX_SAMPLES)
            ]
        return json.dumps({"status": "success", "data": {"resultType": "vector", "result": rows}})
    if kind == "redfish":
        reading = {"nan": "null", "infinite": '"n/a"'}.get(fault, VALUES.get(fault))
        one = "/redfish/v1/Chassis/1"
        return {
            "/redfish/v1/Chassis": f'{{"Members": [{{"@odata.id": "{one}"}}]}}',
            one: '{"EnvironmentMetrics": {}}',
            f"{one}/EnvironmentMetrics": f'{{"PowerWatts": {{"Reading": {reading}}}}}',
        }.get(path)
    return "{}"
