"""A management controller on loopback: a Redfish tree as a rack's manager and its hosts have it.

The fields and their shapes are those of DMTF's schemas; what sensors read is made up. One host has
the older Thermal and Power, one the newer ThermalSubsystem; the rack has EnvironmentMetrics.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ROOT = "/redfish/v1"
RACK, OLD, NEW = (f"{ROOT}/Chassis/{name}" for name in ("Rack1", "1U-old", "2U-new"))

Tree = dict[str, Any]


def _at(path: str) -> dict[str, str]:
    return {"@odata.id": path}


def _sensor(name: str, context: str, reading: float | None, state: str = "Enabled") -> Any:
    return {
        "Name": name,
        "PhysicalContext": context,
        "ReadingCelsius": reading,
        "UpperThresholdCritical": 95,
        "Status": {"State": state, "Health": None if reading is None else "OK"},
    }


def tree() -> Tree:
    """Every resource by its path."""
    return {
        f"{ROOT}/Chassis": {"Members": [_at(RACK), _at(OLD), _at(NEW)]},
        RACK: {
            "@odata.type": "#Chassis.v1_21_0.Chassis",
            "ChassisType": "Rack",
            "EnvironmentMetrics": _at(f"{RACK}/EnvironmentMetrics"),
            "Links": {"Contains": [_at(OLD), _at(NEW)]},
        },
        f"{RACK}/EnvironmentMetrics": {
            "PowerWatts": {"DataSourceUri": f"{RACK}/Sensors/Power", "Reading": 1240.0},
            "TemperatureCelsius": {"Reading": 24.5},
            "HumidityPercent": {"Reading": 41},
        },
        OLD: {
            "@odata.type": "#Chassis.v1_10_0.Chassis",
            "ChassisType": "RackMount",
            "Thermal": _at(f"{OLD}/Thermal"),
            "Power": _at(f"{OLD}/Power"),
            "Links": {"ContainedBy": _at(RACK)},
        },
        f"{OLD}/Thermal": {
            "Temperatures": [
                _sensor("Inlet Temp", "Intake", 22),
                _sensor("CPU1 Temp", "CPU", 61),
                _sensor("CPU2 Temp", "CPU", 0, "Absent"),
                _sensor("DIMM Temp", "Memory", None),
                _sensor("PCIe Temp", "SystemBoard", 255),
                _sensor("Riser Temp", "SystemBoard", -128),
            ],
            "Fans": [{"Name": "Fan1", "Reading": 7000, "ReadingUnits": "RPM"}],
        },
        f"{OLD}/Power": {
            "PowerControl": [
                {"Name": "Server Power Control", "PowerConsumedWatts": 480},
                {"Name": "CPU Power", "PhysicalContext": "CPU", "PowerConsumedWatts": 190},
            ]
        },
        NEW: {
            "@odata.type": "#Chassis.v1_21_0.Chassis",
            "ChassisType": "Sled",
            "ThermalSubsystem": _at(f"{NEW}/ThermalSubsystem"),
            "EnvironmentMetrics": _at(f"{NEW}/EnvironmentMetrics"),
            "Links": {"ContainedBy": _at(RACK)},
        },
        f"{NEW}/ThermalSubsystem": {
            "ThermalMetrics": _at(f"{NEW}/ThermalSubsystem/ThermalMetrics"),
            "Fans": _at(f"{NEW}/ThermalSubsystem/Fans"),
        },
        f"{NEW}/ThermalSubsystem/ThermalMetrics": {
            "TemperatureSummaryCelsius": {
                "Intake": {"Reading": 26.25},
                "Exhaust": {"Reading": 44.0},
                "Ambient": {"Reading": None},
            },
            "TemperatureReadingsCelsius": [
                {"DeviceName": "CPU1", "Reading": 71.5},
                {"DeviceName": "CPU2", "Reading": None},
            ],
        },
        f"{NEW}/EnvironmentMetrics": {"PowerWatts": {"Reading": 700.0}},
    }


@contextmanager
def controller(
    pages: Tree, user: str, password: str, together: threading.Barrier | None = None
) -> Iterator[str]:
    """Its URL. Whoever does not say who they are is turned away; a page that is a number is the
    status of the answer. `together`: the list of chassis waits for others who are asked for it.
    """
    secret = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path)
            if together is not None and self.path == f"{ROOT}/Chassis":
                together.wait()
            allowed = self.headers.get("Authorization") == secret
            body = json.dumps(page).encode()
            status = 404 if page is None else page if isinstance(page, int) else 200
            self.send_response(status if allowed else 401)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
