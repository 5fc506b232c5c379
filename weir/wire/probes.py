"""The `probes` section of an agent's file: where samples come from, and how often."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from weir.wire.base import Wire

Interval = Annotated[float, Field(ge=1, le=3600)]
Timeout = Annotated[float, Field(gt=0, le=600)]
Name = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9_.:+/-]+$")]


class HostProbeSettings(Wire):
    """This machine itself: CPU, memory, disks and network. It stands for a pool, or for none."""

    kind: Literal["host"] = "host"
    name: Name = "host"
    interval_s: Interval = 10
    pool: str | None = Field(None, description="the pool whose only host this machine is")
    disks: tuple[str, ...] = Field(("/",), description="mount points that count as storage")


class ExecutorProbeSettings(Wire):
    """What the resource manager says is held."""

    kind: Literal["executor"] = "executor"
    name: Name = "executor"
    interval_s: Interval = 30


class Query(Wire):
    """One PromQL expression of one's own; its value times `scale` is the metric's."""

    metric: str
    promql: Annotated[str, Field(max_length=4000)]
    part: str = ""
    scale: float = 1.0


class PromPool(Wire):
    """The exporters of one pool: label matchers as PromQL has them, such as `job="dcgm"`.

    Without a pool they speak of the whole site (`site: true`) or of the whole cluster.
    """

    pool: str | None = None
    site: bool = False
    matching: Annotated[str, Field(max_length=1000)] = ""
    mappings: tuple[str, ...] = ()
    queries: tuple[Query, ...] = ()


class PrometheusProbeSettings(Wire):
    """A center's own Prometheus or VictoriaMetrics, asked for sums and not for every device."""

    kind: Literal["prometheus"] = "prometheus"
    name: Name = "prometheus"
    interval_s: Interval = 15
    url: str
    token_file: Path | None = None
    user: str = ""
    password_file: Path | None = None
    ca_file: Path | None = Field(None, description="whose certificate the source has")
    timeout_s: Timeout = 10
    window_s: Annotated[int, Field(ge=10, le=3600)] = Field(
        120, description="over what time rates are taken: at least four scrapes"
    )
    pools: Annotated[tuple[PromPool, ...], Field(min_length=1)]


class CommandProbeSettings(Wire):
    """A command of one's own that prints OpenMetrics."""

    kind: Literal["command"] = "command"
    name: Name = "command"
    interval_s: Interval = 60
    command: Annotated[tuple[str, ...], Field(min_length=1)]
    timeout_s: Timeout = 30


class LinkProbeSettings(Wire):
    """The way to each parent: round trip, jitter and loss of small calls, and what it carries.

    For the bandwidth `bandwidth_bytes` are sent at once, at most every `bandwidth_every_s`.
    """

    kind: Literal["link"] = "link"
    name: Name = "link"
    interval_s: Interval = 30
    tries: Annotated[int, Field(ge=1, le=20)] = 5
    timeout_s: Timeout = 2
    bandwidth_bytes: Annotated[int, Field(ge=0, le=64 * 2**20)] = Field(
        2**20, description="the budget of one measurement; 0: none are made"
    )
    bandwidth_every_s: Annotated[float, Field(ge=60, le=7 * 86400)] = 3600


class RedfishProbeSettings(Wire):
    """Power and temperatures of chassis, as their management controllers tell them."""

    kind: Literal["redfish"] = "redfish"
    name: Name = "redfish"
    interval_s: Interval = 60
    urls: Annotated[tuple[str, ...], Field(min_length=1)]
    user: str = ""
    password_file: Path | None = None
    pool: str | None = None
    timeout_s: Timeout = 10
    ca_file: Path | None = Field(None, description="whose certificates the controllers have")


ProbeSettings = Annotated[
    HostProbeSettings
    | ExecutorProbeSettings
    | PrometheusProbeSettings
    | CommandProbeSettings
    | LinkProbeSettings
    | RedfishProbeSettings,
    Field(discriminator="kind"),
]
