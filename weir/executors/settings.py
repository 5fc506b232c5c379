"""The operator's file of an agent: what it drives, what it shares, and where it reports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from weir.executors.kubernetes_settings import KubernetesSettings
from weir.executors.ray_settings import RaySettings
from weir.executors.slurm_settings import SlurmSettings
from weir.executors.staging_settings import DataSettings, SoftwareSettings
from weir.wire.base import Wire
from weir.wire.pools import PoolFields
from weir.wire.probes import ExecutorProbeSettings, LinkProbeSettings, ProbeSettings

__all__ = [
    "AgentFile",
    "AgentSettings",
    "ExecutorSettings",
    "FederatedSettings",
    "KubernetesSettings",
    "LocalSettings",
    "RaySettings",
    "SlurmSettings",
    "Uplink",
]


class LocalSettings(Wire):
    """This machine; or emulated hosts, whose processes run on this machine."""

    kind: Literal["local"] = "local"
    pools: Annotated[tuple[PoolFields, ...], Field(min_length=1)]
    path: tuple[str, ...] = Field((), description="folders put first on the jobs' PATH")
    stop_runs_on_exit: bool = False
    grace_s: Annotated[float, Field(ge=0, le=600)] = 5.0
    data: DataSettings = DataSettings()
    software: SoftwareSettings = SoftwareSettings()


class FederatedSettings(Wire):
    """Another Weir server, one level down or up."""

    kind: Literal["federated"] = "federated"
    url: str
    token_file: Path
    refresh_s: Annotated[float, Field(gt=0, le=3600)] = 1.0


class Uplink(Wire):
    """A parent that this agent reports to."""

    url: str
    token_file: Path
    cluster: str


ExecutorSettings = (
    LocalSettings | FederatedSettings | SlurmSettings | RaySettings | KubernetesSettings
)
"""What an agent may drive."""


class AgentSettings(Wire):
    """One agent: one executor, one or more parents. The first parent issues the identifiers."""

    name: str
    executor: Annotated[ExecutorSettings, Field(discriminator="kind")]
    uplinks: Annotated[tuple[Uplink, ...], Field(min_length=1)]
    probes: tuple[ProbeSettings, ...] = Field(
        (ExecutorProbeSettings(), LinkProbeSettings()),
        description="where samples come from; of a link: from the domain below, besides these",
    )


class AgentFile(Wire):
    """Several agents that run in one process: the two directions of a link, for example."""

    agents: Annotated[tuple[AgentSettings, ...], Field(min_length=1)]
