"""What an operator says of a Ray that is shared: where it is, what is shared, on what terms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from weir.executors.sharing import ShareTerms
from weir.executors.staging_settings import DataSettings, SoftwareSettings
from weir.wire.base import Wire

PoolName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]


class RayShare(ShareTerms):
    """Nodes that are shared, and on what terms. What it says of places and prices goes into its
    pools: one pool for each kind of host among its nodes.
    """

    pool: PoolName | None = Field(None, description="its pool's name; `ray` without it")
    labels: dict[str, str] = Field({}, description="only nodes that have these labels")
    resource: str | None = Field(None, description="which resource counts as the devices")
    device_models: dict[str, str] = Field(
        {}, description="device model by accelerator type or by resource"
    )
    max_devices: Annotated[int, Field(ge=1)] | None = None
    max_hosts: Annotated[int, Field(ge=1)] | None = None
    idle_only: bool = Field(False, description="nothing is free while the center's own work waits")
    strategy: Literal["PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD"] = Field(
        "PACK", description="how the tasks of a gang are laid on nodes"
    )
    runtime_env: dict[str, Any] = Field({}, description="Ray's runtime environment of its runs")


class RaySettings(Wire):
    """A Ray, driven by the Jobs API of its dashboard."""

    kind: Literal["ray"] = "ray"
    url: Annotated[str, Field(pattern=r"^https?://")] = Field(
        "http://127.0.0.1:8265", description="the dashboard's address"
    )
    folder: Path = Field(description="for runs: one path on this machine and on every node")
    shares: tuple[RayShare, ...] = Field((), description="all nodes, as one share, without it")
    token_file: Path | None = Field(None, description="a bearer token for the dashboard")
    python: str = Field("python", description="on the nodes: an interpreter that can import ray")
    path: tuple[str, ...] = Field((), description="folders put first on the jobs' PATH")
    poll_s: Annotated[float, Field(gt=0, le=600)] = 1.0
    look_s: Annotated[float, Field(gt=0, le=3600)] = 3.0
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 60.0
    settle_s: Annotated[float, Field(ge=0, le=600)] = Field(
        10.0, description="how long what a node has written may take to be seen here"
    )
    starting: Annotated[int, Field(ge=1, le=10_000)] = Field(
        16, description="most jobs that Ray is given before the earlier ones have started"
    )
    grace_s: Annotated[float, Field(ge=0, le=60)] = Field(
        2.0, description="from SIGTERM to SIGKILL; Ray itself waits no longer than 3 s"
    )
    stop_runs_on_exit: bool = False
    data: DataSettings = DataSettings()
    software: SoftwareSettings = SoftwareSettings()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.folder.is_absolute():
            raise ValueError("folder must be a path from the root, the same on every node")
        names = [share.pool or "ray" for share in self.shares]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"shares name a pool twice: {', '.join(twice)}; say `pool` in each")
        return self
