"""What an operator says of a Slurm that is shared: how it is reached, what is shared, as whom."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from weir.executors.sharing import ShareTerms
from weir.executors.staging_settings import DataSettings, SoftwareSettings
from weir.wire.base import Wire
from weir.wire.pools import LevelName

PoolName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]


class SlurmRest(Wire):
    """slurmrestd, instead of the commands. The token is of the user that the agent runs as."""

    url: Annotated[str, Field(pattern=r"^(https?://|unix:/)")]
    user: str
    token_file: Path | None = Field(None, description="a JSON web token, renewed by somebody else")
    key_file: Path | None = Field(None, description="the cluster's key: tokens are made from it")
    version: Annotated[str, Field(pattern=r"^v\d+\.\d+\.\d+$")] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.token_file is None) == (self.key_file is None):
            raise ValueError("needs exactly one of token_file and key_file")
        return self


class SlurmAccount(Wire):
    """As whom jobs are charged: the first entry that fits a job's submitter and domain counts."""

    submitter: str = Field("*", description="a pattern, as in *@physics")
    domain: str = Field("*", description="a pattern for the domain where the job was submitted")
    account: str = ""
    qos: str = ""

    def fits(self, submitter: str, domain: str) -> bool:
        """Whether this entry is for that submitter from that domain."""
        return fnmatchcase(submitter, self.submitter) and fnmatchcase(domain, self.domain)


class SlurmShare(ShareTerms):
    """One partition that is shared, and on what terms. What it says of places and prices goes into
    its pools: one pool for each kind of host that the partition has.
    """

    partition: str
    pool: PoolName | None = Field(None, description="its pool's name; the partition's without it")
    features: tuple[str, ...] = Field((), description="only nodes that have all of these")
    topology: dict[LevelName, str] = Field(
        {},
        description="levels of blocks, the outermost first: a pattern of the feature that names it",
        max_length=8,
    )
    gres: str | None = Field(None, description="which generic resource counts as the devices")
    device_models: dict[str, str] = Field({}, description="device model by GRES type or name")
    max_devices: Annotated[int, Field(ge=1)] | None = None
    max_hosts: Annotated[int, Field(ge=1)] | None = None
    queue_ahead: Annotated[int, Field(ge=0, le=10_000)] = Field(
        0, description="runs that may wait in Slurm's own queue beyond what is free"
    )
    idle_only: bool = Field(False, description="nothing is free while the center's own jobs wait")
    give_way: bool = Field(
        False, description="and runs of the network are stopped, one after the other, until none do"
    )
    account: str = ""
    qos: str = Field("", description="such as one that the center's own jobs preempt")
    reservation: str = ""
    constraint: str = ""
    licenses: str = ""
    nice: Annotated[int, Field(ge=0, le=2**31 - 4)] = 0


class SlurmSettings(Wire):
    """A Slurm, driven by its commands on this machine, or by its slurmrestd."""

    kind: Literal["slurm"] = "slurm"
    folder: Path = Field(description="for runs: one path on this machine and on every node")
    shares: tuple[SlurmShare, ...] = Field((), description="every partition that is up without it")
    accounts: tuple[SlurmAccount, ...] = ()
    rest: SlurmRest | None = None
    commands: Path | None = Field(None, description="folder of sbatch and so on; found without it")
    config: Path | None = Field(None, description="SLURM_CONF for the commands")
    path: tuple[str, ...] = Field((), description="folders put first on the jobs' PATH")
    poll_s: Annotated[float, Field(gt=0, le=600)] = 1.0
    look_s: Annotated[float, Field(gt=0, le=3600)] = 3.0
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 60.0
    settle_s: Annotated[float, Field(ge=0, le=600)] = Field(
        15.0, description="how long a submission may still turn up after its answer was lost"
    )
    fold: bool = Field(True, description="equal jobs that start together become one array")
    pack_s: Annotated[float, Field(ge=0, le=3600)] = Field(
        60.0, description="most expected seconds of short runs in one job, one after the other"
    )
    stop_runs_on_exit: bool = False
    data: DataSettings = DataSettings()
    software: SoftwareSettings = SoftwareSettings()

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [share.partition for share in self.shares]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"shares name a partition twice: {', '.join(twice)}")
        if not self.folder.is_absolute():
            raise ValueError("folder must be a path from the root, the same on every node")
        return self
