"""The temperatures that one Redfish chassis tells: of a host or a rack, and of the air it takes in.

Asked in this order, and the first that says anything counts:
- ThermalSubsystem's ThermalMetrics: `TemperatureSummaryCelsius` (Intake, Exhaust, Ambient,
  Internal) and `TemperatureReadingsCelsius`.
- Thermal, which older controllers have: `Temperatures[]` with a `PhysicalContext`.
- EnvironmentMetrics' `TemperatureCelsius`, which racks tell.

Laws:
- A sensor that is absent or off, null and what no sensor can read is unknown. Controllers fill the
  places of sensors that don't answer with 0 (and say so in the state), 127, -128, 255 or more.
- A chassis of the type Rack is a rack; any other is a host, or a part of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Get = Callable[[str], dict[str, Any]]
"""Gives the resource at a path; raises a `WeirError` where there is none."""

COLDEST, HOTTEST = -40.0, 125.0
"""What sensors of machines and of their air can read, in degrees Celsius."""

INTAKE = ("Intake", "Ambient", "Room")
SILENT = ("Absent", "Disabled", "UnavailableOffline", "StandbyOffline", "Starting")

Reading = tuple[str, float]
"""Where it is (`PhysicalContext`), and degrees Celsius."""


def temperatures(chassis: dict[str, Any], path: str, get: Get) -> list[tuple[str, float]]:
    """(metric, degrees Celsius) of everything that is known of a chassis at a path."""
    place = "rack" if chassis.get("ChassisType") == "Rack" else "host"
    for told in (_by_subsystem, _by_thermal, _by_environment):
        found = list(told(chassis, path, get))
        if found:
            taken_in = [("intake_temperature", d) for where, d in found if where in INTAKE]
            return [*((f"{place}_temperature", d) for _, d in found), *taken_in]
    return []


def _by_subsystem(chassis: dict[str, Any], path: str, get: Get) -> Iterator[Reading]:
    at = _link(chassis, "ThermalSubsystem", path)
    if at is None:
        return
    metrics = _link(get(at), "ThermalMetrics", at)
    if metrics is None:
        return
    said = get(metrics)
    summary = said.get("TemperatureSummaryCelsius")
    for where, reading in summary.items() if isinstance(summary, dict) else ():
        yield from _known(str(where), reading, "Reading")
    for reading in _listed(said.get("TemperatureReadingsCelsius")):
        yield from _known(str(reading.get("PhysicalContext", "")), reading, "Reading")


def _by_thermal(chassis: dict[str, Any], path: str, get: Get) -> Iterator[Reading]:
    at = _link(chassis, "Thermal", path)
    if at is None:
        return
    for reading in _listed(get(at).get("Temperatures")):
        yield from _known(str(reading.get("PhysicalContext", "")), reading, "ReadingCelsius")


def _by_environment(chassis: dict[str, Any], path: str, get: Get) -> Iterator[Reading]:
    at = _link(chassis, "EnvironmentMetrics", path)
    if at is not None:
        yield from _known("Ambient", get(at).get("TemperatureCelsius"), "Reading")


def _link(resource: dict[str, Any], name: str, path: str) -> str | None:
    """Where a resource says that another one is; beside it, if it only says that there is one."""
    said = resource.get(name)
    if not isinstance(said, dict):
        return None
    at = said.get("@odata.id", f"{path}/{name}")
    return at.rstrip("/") if isinstance(at, str) and at.startswith("/redfish/") else None


def _listed(said: Any) -> list[dict[str, Any]]:
    return [one for one in said if isinstance(one, dict)] if isinstance(said, list) else []


def _known(where: str, reading: Any, field: str) -> Iterator[Reading]:
    if not isinstance(reading, dict):
        return
    status = reading.get("Status")
    state = status.get("State") if isinstance(status, dict) else None
    value = reading.get(field)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or state in SILENT:
        return
    if COLDEST <= value <= HOTTEST:
        yield where, float(value)
