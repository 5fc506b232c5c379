"""Hosts' and racks' power and temperatures, as their management controllers tell it by Redfish.

Power is read of each chassis: EnvironmentMetrics (`PowerWatts`), or, from controllers that lack
it, the older Power (`PowerControl[].PowerConsumedWatts`). Temperatures: `weir.probes.thermal`; of
these the largest is told, of the controllers that answer.

Laws:
- Each controller's power is a sample of its own, of a host of the pool. The pool's is told beside
  them only where every controller tells its own: half of a sum would look like a saving. Where a
  pool tells its power, that of its hosts is not added.
- A chassis that stands in another one which tells its power is not added to that. One that is
  listed and not there (404) has none; one that fails leaves its controller's power unknown.
- PARALLEL controllers are asked at once, those first that answered the last time. A look ends with
  its interval, whoever has not answered by then.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from weir.client.problems import NotUnderstood, Unreachable
from weir.core.errors import BadInput, NotFound, WeirError
from weir.probes import thermal
from weir.probes.base import CLUSTER, Look, Sample, bounded, host, known, pool
from weir.probes.credentials import FromFile, connect
from weir.wire.probes import RedfishProbeSettings

PARALLEL = 16
MAX_CHASSIS = 4096
"""Most chassis of one controller: one that lists more has gone wrong."""

PARTS = ("CPU", "Memory", "GPU", "Accelerator", "ASIC", "FPGA", "Fan", "StorageDevice",
         "NetworkingDevice")  # fmt: skip
"""What an older control may be of beside the whole chassis."""


@dataclass(slots=True)
class Told:
    """What one controller told: watts of all that it manages, the hottest of each sort, and what
    went wrong. None is unknown.
    """

    watts: float | None = None
    hottest: dict[str, float] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    answered: bool = False


class RedfishProbe:
    """Some management controllers, whose hosts are of one pool or of the cluster."""

    def __init__(
        self, settings: RedfishProbeSettings, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.name, self.interval_s = settings.name, settings.interval_s
        self._place = pool(settings.pool) if settings.pool else CLUSTER
        self._urls = [url.rstrip("/") for url in settings.urls]
        self._limit_s = max(settings.interval_s, settings.timeout_s)
        self._away: frozenset[str] = frozenset()
        auth = None
        if settings.user:
            if settings.password_file is None:
                raise BadInput(f"the probe {settings.name} has a user and no password_file")
            auth = FromFile(settings.password_file, settings.user)
        self._http = connect(settings.timeout_s, auth, settings.ca_file, transport)

    def look(self, now: float) -> Look:
        """The power of each, of all where all tell theirs, and the hottest of each sort."""
        told = self._ask_all()
        self._away = frozenset(url for url, one in told.items() if not one.answered)
        said = [line for one in told.values() for line in one.said]
        if len(self._away) == len(told):
            raise Unreachable(said[0])
        samples: list[Sample] = []
        watts = [one.watts for one in told.values() if one.watts is not None]
        if len(watts) == len(told):
            samples += known("it_power", sum(watts), self._place)
        for metric in sorted({m for one in told.values() for m in one.hottest}):
            most = max(one.hottest[metric] for one in told.values() if metric in one.hottest)
            samples += known(metric, most, self._place)
        for url, one in told.items():
            samples += known("it_power", one.watts, host(_host_of(url), self._place))
        kept, beyond = bounded(samples, self.name, len(told) - len(watts))
        return Look(kept, said=(*said[:5], *beyond))

    def kept(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Disconnect."""
        self._http.close()

    def _ask_all(self) -> dict[str, Told]:
        """What every controller tells, in the order of the settings."""
        order = sorted(self._urls, key=self._away.__contains__)
        workers = concurrent.futures.ThreadPoolExecutor(PARALLEL, f"probe {self.name}")
        try:
            asked = {url: workers.submit(self._ask, url) for url in order}
            done, _ = concurrent.futures.wait(asked.values(), self._limit_s)
        finally:
            workers.shutdown(wait=False, cancel_futures=True)
        late = f"has not told all within {self._limit_s:g} s"
        return {
            url: asked[url].result() if asked[url] in done else Told(said=[f"{url} {late}"])
            for url in self._urls
        }

    def _ask(self, url: str) -> Told:
        told = Told()
        found: list[_Power] = []
        whole = True
        try:
            for path in self._paths(url):
                try:
                    found.append(self._chassis(url, path, told))
                except NotFound as gone:
                    told.said.append(gone.detail)
                except NotUnderstood as error:
                    told.said.append(error.detail)
                    whole = False
        except WeirError as error:
            told.said.append(error.detail)
            return told
        told.answered = True
        watts = _once(found)
        told.watts = sum(watts) if watts and whole else None
        return told

    def _paths(self, url: str) -> Iterator[str]:
        """Of every chassis, page by page."""
        page: str | None = "/redfish/v1/Chassis"
        pages, count = set(), 0
        while page is not None and page not in pages:
            pages.add(page)
            answer = self._get(url + page)
            members = answer.get("Members")
            for member in members if isinstance(members, list) else []:
                path = member.get("@odata.id") if isinstance(member, dict) else None
                if isinstance(path, str) and path.startswith("/redfish/"):
                    count += 1
                    if count > MAX_CHASSIS:
                        raise NotUnderstood(f"{url} lists more than {MAX_CHASSIS} chassis")
                    yield path.rstrip("/")
            following = answer.get("Members@odata.nextLink")
            there = isinstance(following, str) and following.startswith("/redfish/")
            page = following if there else None

    def _chassis(self, url: str, path: str, told: Told) -> _Power:
        """Its power; its temperatures go into `told`, with what kept them from it."""
        chassis = self._get(url + path)
        watts = self._watts(url, path, chassis)
        try:
            found = thermal.temperatures(chassis, path, lambda at: self._get(url + at))
        except WeirError as error:  # without its temperatures its power is known all the same
            told.said.append(error.detail)
            found = []
        for metric, degrees in found:
            told.hottest[metric] = max(degrees, told.hottest.get(metric, degrees))
        return path, _holder(chassis), watts

    def _watts(self, url: str, path: str, chassis: dict[str, Any]) -> float | None:
        if "EnvironmentMetrics" in chassis:
            found = _number(self._there(f"{url}{path}/EnvironmentMetrics").get("PowerWatts"))
            if found is not None:
                return found
        if "Power" in chassis:
            controls = self._there(f"{url}{path}/Power").get("PowerControl")
            whole = [c for c in controls if _is_whole(c)] if isinstance(controls, list) else []
            known_ones = [w for w in map(_number, whole) if w is not None]
            return sum(known_ones) if known_ones else None
        return None

    def _there(self, address: str) -> dict[str, Any]:
        """A resource; nothing where it is spoken of and not there."""
        try:
            return self._get(address)
        except NotFound:
            return {}

    def _get(self, address: str) -> dict[str, Any]:
        try:
            answer = self._http.get(address)
        except httpx.RequestError as error:
            raise Unreachable(f"{address} does not answer: {error}") from None
        if answer.status_code in (404, 410):
            raise NotFound(f"{address} answered {answer.status_code}")
        if answer.status_code in (401, 403):
            raise Unreachable(f"{address} answered {answer.status_code}")
        if answer.status_code != 200:
            raise NotUnderstood(f"{address} answered {answer.status_code}")
        try:
            said = answer.json()
        except ValueError:
            raise NotUnderstood(f"{address} answered without JSON") from None
        return said if isinstance(said, dict) else {}


_Power = tuple[str, str, float | None]
"""The path of a chassis, that of the chassis it stands in (or nothing), and its power."""


def _host_of(url: str) -> str:
    """A controller's name, with its port if that is said: never who is to be asked as."""
    return urlsplit(url).netloc.rpartition("@")[2]


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
