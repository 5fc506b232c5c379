"""Every kind of executor, one line each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from weir.executors.base import Executor
from weir.executors.federated import FederatedExecutor
from weir.executors.kubernetes import KubernetesExecutor
from weir.executors.local import LocalExecutor
from weir.executors.ray import RayExecutor
from weir.executors.settings import (
    ExecutorSettings,
    KubernetesSettings,
    LocalSettings,
    RaySettings,
    SlurmSettings,
)
from weir.executors.slurm import SlurmExecutor


def make_executor(
    settings: ExecutorSettings,
    home: Path,
    now: Callable[[], float],
) -> Executor:
    """The executor that these settings describe; what it keeps is under `home`."""
    if isinstance(settings, LocalSettings):
        return LocalExecutor(settings, home, now)
    if isinstance(settings, SlurmSettings):
        return SlurmExecutor(settings, home, now)
    if isinstance(settings, RaySettings):
        return RayExecutor(settings, home, now)
    if isinstance(settings, KubernetesSettings):
        return KubernetesExecutor(settings, home, now)
    return FederatedExecutor(settings, home, now)
