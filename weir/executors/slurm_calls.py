"""What is asked of a Slurm, whichever way: the calls, what a submission says, how a call can fail.

Laws:
- `submit` either gives the job's id, or raises: `Rejected` if there surely is no job and never will
  be, `Away` if there surely is none yet, `Unclear` if there may be one. Only after `Unclear` has
  anybody to look for it.
- Everything else only reads, or does no harm when repeated, and raises `Away` or `Garbled`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from weir.core.errors import Conflict, NotReady
from weir.executors.slurm_records import Job, Node, Partition


class Away(NotReady):
    """Slurm was not reached, or did not answer; nothing came of the call."""


class Unclear(NotReady):
    """The call may have reached Slurm; what came of it is not known."""


class Rejected(Conflict):
    """Slurm has said no, in its own words."""


AWAY_WORDS = (
    *("unable to contact slurm controller", "connection refused", "no route to host"),
    *("unable to connect to", "unable to establish configuration source", "standby mode"),
    *("temporarily unavailable", "authentication error", "invalid authentication credential"),
    *(
        "communication connection failure",
        "munge",
        "could not open",
        "unable to resolve",
        "configuration file",
    ),
)
"""What Slurm's programs say when a request was not taken in."""

UNCLEAR_WORDS = (
    *("timed out", "zero bytes were transmitted", "unexpected message received"),
    *("connection reset", "broken pipe", "send error", "receive error", "shutdown error"),
)
"""What they say when a request was sent, and no good answer came."""


def failure(text: str) -> NotReady | Rejected:
    """The error that a refused submission's text stands for."""
    said = text.casefold()
    if any(word in said for word in UNCLEAR_WORDS):
        return Unclear(text)
    if any(word in said for word in AWAY_WORDS):
        return Away(text)
    return Rejected(text)


@dataclass(frozen=True, slots=True)
class Component:
    """Equal nodes of one job: so many tasks on each, but for `missing` on the last. Memory and
    `gres` are per node. `exclusive`: no other job is on these nodes.
    """

    nodes: int
    tasks_per_node: int
    cpus_per_task: int
    memory_mib: int
    gres: str = ""
    missing: int = 0
    exclusive: bool = False

    @property
    def tasks(self) -> int:
        return self.nodes * self.tasks_per_node - self.missing


@dataclass(frozen=True, slots=True)
class Submission:
    """A batch job. `minutes` null means as long as the partition allows; `array` counts its tasks.

    With several components it is a heterogeneous job. Its output goes to `output`, of an array that
    of each element to a file of its own: `output` with a point and the element's number.
    """

    name: str
    partition: str
    folder: str
    output: str
    script: str
    components: tuple[Component, ...]
    minutes: int | None = None
    account: str = ""
    qos: str = ""
    reservation: str = ""
    constraint: str = ""
    exclude: str = ""
    licenses: str = ""
    comment: str = ""
    nice: int = 0
    array: int = 0

    @property
    def output_pattern(self) -> str:
        """Where its output goes, in Slurm's way of writing it."""
        return self.output.replace("%", "%%") + ".%a" * bool(self.array)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a job has used, as far as Slurm has kept it: seconds of CPU time, bytes at its peak."""

    elapsed_s: int | None = None
    cpus: int | None = None
    allocated_cpu_s: int | None = None
    used_cpu_s: float | None = None
    peak_memory_bytes: int | None = None


class Slurm(Protocol):
    """One Slurm. Each method is one call; all of them may be slow."""

    def version(self) -> str:
        """Slurm's version, as it says it."""

    def nodes(self) -> tuple[Node, ...]:
        """All nodes."""

    def partitions(self) -> tuple[Partition, ...]:
        """All partitions that this user sees."""

    def jobs(self) -> tuple[Job, ...]:
        """This user's jobs that Slurm still has in memory, ended ones too."""

    def waiting(self) -> dict[str, int]:
        """How many jobs of others wait for room, by partition."""

    def submit(self, job: Submission) -> str:
        """Submit a job and give its id."""

    def cancel(self, jobs: Sequence[str]) -> None:
        """Cancel these jobs; those that have ended or are unknown are passed over."""

    def ended(self, jobs: Sequence[str]) -> tuple[Job, ...]:
        """Those of these jobs whose end is on record, when Slurm's memory has them no more."""

    def usage(self, jobs: Sequence[str]) -> dict[str, Usage]:
        """What these jobs have used, by id; those of which nothing is on record are left out."""

    def close(self) -> None:
        """No more calls."""
