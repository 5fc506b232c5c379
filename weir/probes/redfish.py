"""Hosts' and racks' power and temperatures, as their management controllers tell it by Redfish.

Power is read of each chassis: EnvironmentMetrics (`PowerWatts`), or, from controllers that lack
it, the older Power (`PowerControl[].PowerConsumedWatts`). A controller that gives no answer leaves
the whole sum unknown: half of a sum would look like a saving. A chassis that stands in another one
which tells its power is not added to that. Temperatures: `weir.probes.thermal`;
of these the largest is told, of the controllers that answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import httpx

from weir.client.problems import NotUnderstood, Unreachable
from weir.core.errors import BadInput, WeirError
from weir.probes import thermal
from weir.probes.base import CLUSTER, Look, Sample, known, pool
from weir.wire.probes import RedfishProbeSettings

MAX_CHASSIS = 64

PARTS = ("CPU", "Memory", "GPU", "Accelerator", "ASIC", "FPGA", "Fan", "StorageDevice",
         "NetworkingDevice")  # fmt: skip
"""What an older control may be of beside the whole chassis."""


class RedfishProbe:
    """Some management controllers, whose hosts are of one pool or of the cluster."""

    def __init__(
        self, settings: RedfishProbeSettings, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.name, self.interval_s = settings.name, settings.interval_s
        self._place = pool(settings.pool) if settings.pool else CLUSTER
        self._urls = [url.rstrip("/") for url in settings.urls]
        auth = None
        if settings.user:
            if settings.password_file is None:
                raise BadInput(f"the probe {settings.name} has a user and no password_file")
            secret = settings.password_file.read_text(encoding="utf-8").strip()
            auth = httpx.BasicAuth(settings.user, secret)
        verify = True if settings.ca_file is None else str(settings.ca_file)
        self._http = httpx.Client(
            timeout=settings.timeout_s,
            auth=auth,
            verify=verify,
            transport=transport,
            trust_env=False,
        )

    def look(self, now: float) -> Look:
        """The power of all, and the hottest of each sort."""
        watts: float | None = 0.0
        hottest: dict[str, float] = {}
        away = 0
        said: list[str] = []
        for url in self._urls:
            told: list[float] = []
            try:
                found = [self._chassis(url, path, hottest, said) for path in self._paths(url)]
                told = _once(found)
            except WeirError as error:
                away += 1
                said.append(error.detail)
            watts = watts + sum(told) if watts is not None and told else None
        if away == len(self._urls):
            raise Unreachable(said[0])
        samples: list[Sample] = known("it_power", watts, self._place)
        for metric, degrees in sorted(hottest.items()):
            samples += known(metric, degrees, self._place)
        return Look(samples, said=said[:5])

    def kept(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Disconnect."""
        self._http.close()

    def _paths(self, url: str) -> Iterator[str]:
        members = self._get(f"{url}/redfish/v1/Chassis").get("Members")
        for member in members[:MAX_CHASSIS] if isinstance(members, list) else []:
            path = member.get("@odata.id") if isinstance(member, dict) else None
            if isinstance(path, str) and path.startswith("/redfish/"):
                yield path.rstrip("/")

    def _chassis(self, url: str, path: str, hottest: dict[str, float], said: list[str]) -> _Power:
        """Its power; its temperatures go into `hottest`, and what kept them from it into `said`."""
        chassis = self._get(url + path)
        watts = self._watts(url, path, chassis)
        try:
            found = thermal.temperatures(chassis, path, lambda at: self._get(url + at))
        except WeirError as error:  # without its temperatures its power is known all the same
            said.append(error.detail)
            found = []
        for metric, degrees in found:
            hottest[metric] = max(degrees, hottest.get(metric, degrees))
        return path, _holder(chassis), watts

    def _watts(self, url: str, path: str, chassis: dict[str, Any]) -> float | None:
        if "EnvironmentMetrics" in chassis:
            found = _number(self._get(f"{url}{path}/EnvironmentMetrics").get("PowerWatts"))
            if found is not None:
                return found
        if "Power" in chassis:
            controls = self._get(f"{url}{path}/Power").get("PowerControl")
            whole = [c for c in controls if _is_whole(c)] if isinstance(controls, list) else []
            known_ones = [w for w in map(_number, whole) if w is not None]
            return sum(known_ones) if known_ones else None
        return None

    def _get(self, address: str) -> dict[str, Any]:
        try:
            answer = self._http.get(address)
        except httpx.RequestError as error:
            raise Unreachable(f"{address} does not answer: {error}") from None
        if answer.status_code != 200:
            raise Unreachable(f"{address} answered {answer.status_code}")
        try:
            said = answer.json()
        except ValueError:
            raise NotUnderstood(f"{address} answered without JSON") from None
        return said if isinstance(said, dict) else {}


_Power = tuple[str, str, float | None]
"""The path of a chassis, that of the chassis it stands in (or nothing), and its power."""


def _once(found: Sequence[_Power]) -> list[float]:
    """What every chassis draws that stands in none which tells: a rack has its hosts' in it."""
    power = {path: watts for path, _, watts in found if watts is not None}
    holders = {path: holder for path, holder, _ in found}

    def counted(path: str) -> bool:
        seen = {path}
        while (path := holders.get(path, "")) and path not in seen:
            seen.add(path)
            if path in power:
                return False
        return True

    return [watts for path, watts in power.items() if counted(path)]


def _holder(chassis: dict[str, Any]) -> str:
    links = chassis.get("Links")
    said = links.get("ContainedBy") if isinstance(links, dict) else None
    at = said.get("@odata.id") if isinstance(said, dict) else None
    return at.rstrip("/") if isinstance(at, str) else ""


def _is_whole(control: Any) -> bool:
    """Whether a control is of the whole chassis: some list what its CPUs draw beside that."""
    return not isinstance(control, dict) or control.get("PhysicalContext") not in PARTS


def _number(said: Any) -> float | None:
    """A sensor's reading: by itself, as an excerpt, or in an older control; null is unknown."""
    if isinstance(said, dict):
        said = said.get("Reading", said.get("PowerConsumedWatts"))
    good = isinstance(said, (int, float)) and not isinstance(said, bool)
    return float(said) if good else None
