"""Hosts' and racks' power, as their management controllers tell it by Redfish.

Read of each chassis: EnvironmentMetrics (`PowerWatts`), or, from controllers
that lack it, the older Power (`PowerControl[].PowerConsumedWatts`). A controller that gives no
answer leaves the whole sum unknown: half of a sum would look like a saving.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx

from weir.client.problems import NotUnderstood, Unreachable
from weir.core.errors import BadInput, WeirError
from weir.probes.base import CLUSTER, Look, known, pool
from weir.wire.probes import RedfishProbeSettings

MAX_CHASSIS = 64


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
        """The power of all."""
        watts: float | None = 0.0
        said = []
        for url in self._urls:
            try:
                told = [w for w in self._watts(url) if w is not None]
            except WeirError as error:
                said.append(error.detail)
                told = []
            watts = watts + sum(told) if watts is not None and told else None
        if len(said) == len(self._urls):
            raise Unreachable(said[0])
        return Look(known("it_power", watts, self._place), said=said[:5])

    def kept(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Disconnect."""
        self._http.close()

    def _watts(self, url: str) -> Iterator[float | None]:
        members = self._get(f"{url}/redfish/v1/Chassis").get("Members")
        for member in members[:MAX_CHASSIS] if isinstance(members, list) else []:
            path = member.get("@odata.id") if isinstance(member, dict) else None
            if isinstance(path, str) and path.startswith("/redfish/"):
                yield self._chassis(url, path.rstrip("/"))

    def _chassis(self, url: str, path: str) -> float | None:
        chassis = self._get(url + path)
        if "EnvironmentMetrics" in chassis:
            found = _number(self._get(f"{url}{path}/EnvironmentMetrics").get("PowerWatts"))
            if found is not None:
                return found
        if "Power" in chassis:
            controls = self._get(f"{url}{path}/Power").get("PowerControl")
            told = [_number(c) for c in controls] if isinstance(controls, list) else []
            known_ones = [w for w in told if w is not None]
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


def _number(said: Any) -> float | None:
    """A sensor's reading: by itself, as an excerpt, or in an older control; null is unknown."""
    if isinstance(said, dict):
        said = said.get("Reading", said.get("PowerConsumedWatts"))
    good = isinstance(said, (int, float)) and not isinstance(said, bool)
    return float(said) if good else None
