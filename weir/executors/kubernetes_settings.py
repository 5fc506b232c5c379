"""What an operator says of a Kubernetes that is shared: how it is reached, what, on what terms."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from weir.executors.sharing import ShareTerms
from weir.executors.staging_settings import DataSettings
from weir.wire.base import Wire
from weir.wire.pools import LevelName

PoolName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
Label = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]


class Toleration(Wire):
    """A taint that the network's pods tolerate, as Kubernetes writes it."""

    key: str = ""
    operator: Literal["Equal", "Exists"] = "Equal"
    value: str = ""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""

    def tolerates(self, key: str, value: str, effect: str) -> bool:
        """Whether a taint with these words is tolerated."""
        if self.effect and self.effect != effect:
            return False
        if self.key and self.key != key:
            return False
        return self.operator == "Exists" or self.value == value


class KubernetesMember(Wire):
    """Where jobs of whom go: the first entry that fits a job's submitter and domain counts."""

    submitter: str = Field("*", description="a pattern, as in *@physics")
    domain: str = Field("*", description="a pattern for the domain where the job was submitted")
    namespace: Label | None = None
    queue: str = Field("", description="a Kueue LocalQueue there, or a queue of Volcano")
    priority_class: str = ""

    def fits(self, submitter: str, domain: str) -> bool:
        """Whether this entry is for that submitter from that domain."""
        return fnmatchcase(submitter, self.submitter) and fnmatchcase(domain, self.domain)


class KubernetesShare(ShareTerms):
    """Some of the nodes, and on what terms. What it says of places and prices goes into its pools:
    one pool for each kind of node.
    """

    pool: PoolName | None = Field(None, description="its pool's name; told by the nodes without it")
    nodes: dict[str, str] = Field({}, description="only nodes with all of these labels")
    topology: dict[LevelName, str] = Field(
        {"zone": "topology.kubernetes.io/zone"},
        description="levels of blocks, the outermost first, each with the label that names it",
        max_length=8,
    )
    tolerations: tuple[Toleration, ...] = ()
    resource: str | None = Field(None, description="which extended resource counts as the devices")
    device_models: dict[str, str] = Field(
        {}, description="device model by resource, or by what a node's label says of its product"
    )
    max_devices: Annotated[int, Field(ge=1)] | None = None
    max_hosts: Annotated[int, Field(ge=1)] | None = None
    idle_only: bool = Field(False, description="nothing is free while the center's own pods wait")
    queue: str = Field("", description="a Kueue LocalQueue, or a queue of Volcano")
    queue_ahead: Annotated[int, Field(ge=0, le=10_000)] = Field(
        0, description="runs that may wait in Kueue's queue beyond what is free"
    )
    priority_class: str = Field("", description="such as one that the center's own pods preempt")
    runtime_class: str = ""
    image: str = Field("", description="for jobs that name none, here")


class KubernetesVolume(Wire):
    """A claim of a volume that pods of many nodes mount, and that the agent sees as a folder."""

    claim: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")] = Field(
        description="a PersistentVolumeClaim of this name in each namespace of jobs"
    )
    folder: Path = Field(description="where the agent sees the root of that volume")
    settle_s: Annotated[float, Field(ge=0, le=600)] = Field(
        10.0, description="how long what a pod has written may take to be seen in the folder"
    )

    @field_validator("folder")
    @classmethod
    def _whole(cls, folder: Path) -> Path:
        if not folder.is_absolute():
            raise ValueError("folder must be a whole path, from / on")
        return folder


class KubernetesSoftware(Wire):
    """How pods come by Python packages that a job names: by an environment, built beside them."""

    python: str | None = Field(
        None, description="the Python in the image below; without it no environments are built"
    )
    image: str = Field(
        "", description="for jobs that name packages; the one of all jobs without it"
    )
    pip_options: tuple[str, ...] = Field(
        ("--only-binary=:all:",), description="options of `pip install`; who may see pods sees them"
    )
    build_s: Annotated[int, Field(gt=0, le=86400)] = 1800
    keep: Annotated[int, Field(ge=1)] = Field(20, description="environments kept on the volume")


class KubernetesSettings(Wire):
    """A Kubernetes, by a kubeconfig, or by the service account of the pod that the agent is in."""

    kind: Literal["kubernetes"] = "kubernetes"
    kubeconfig: Path | None = Field(None, description="the pod's service account without it")
    context: str | None = Field(None, description="of the kubeconfig; its current one without it")
    namespace: Label = Field(description="for the jobs of everybody who is not in `members`")
    members: tuple[KubernetesMember, ...] = ()
    shares: tuple[KubernetesShare, ...] = Field((), description="every node without it")
    image: str = Field(description="for jobs that name none; it needs a shell and coreutils")
    image_pull_secrets: tuple[str, ...] = ()
    gangs: Literal["auto", "plain", "volcano"] = Field(
        "auto", description="who starts the tasks of a job together: Volcano, where it is there"
    )
    user: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(
        None, description="numeric user of all tasks; the image's own without it"
    )
    data: DataSettings = DataSettings()
    software: KubernetesSoftware = KubernetesSoftware()
    volume: KubernetesVolume | None = Field(
        None, description="where runs' folders, fetched inputs and environments are"
    )
    hardened: bool = Field(True, description="no capabilities, no new privileges, default seccomp")
    poll_s: Annotated[float, Field(gt=0, le=600)] = 1.0
    look_s: Annotated[float, Field(gt=0, le=3600)] = 5.0
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 60.0
    grace_s: Annotated[int, Field(ge=0, le=3600)] = Field(
        10, description="between telling a task to stop and killing it"
    )
    pull_s: Annotated[float, Field(gt=0, le=86400)] = Field(
        120.0, description="how long an image may fail to come before the run fails"
    )
    stop_runs_on_exit: bool = False

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [share.pool for share in self.shares if share.pool]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"shares name a pool twice: {', '.join(twice)}")
        return self

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Every namespace that jobs may go to."""
        said = [member.namespace for member in self.members if member.namespace]
        return tuple(dict.fromkeys([self.namespace, *said]))

    def member_of(self, submitter: str, domain: str) -> KubernetesMember:
        """What is said of jobs of this submitter from this domain."""
        found = next((m for m in self.members if m.fits(submitter, domain)), KubernetesMember())
        return found if found.namespace else found.model_copy(update={"namespace": self.namespace})
