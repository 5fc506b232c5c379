"""What keeps coming while `weir demo` stays up: a small job every few seconds, in turn by domain.

They are jobs like any other: submitted through the servers' own API, placed by the scheduler, run
as processes. Which comes when is fixed, so that two demonstrations look alike.

Laws:
- Never more than `MOST_OPEN` of them at once, and `MOST` in all: a demonstration that is forgotten
  does not fill its disk.
- A server that does not answer is no end of it: somebody may have killed it to see what happens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from weir.client.sdk import Job, Weir
from weir.core.errors import WeirError
from weir.core.lifecycle import JOB_FINAL
from weir.wire.jobspec import JobSpec
from weir.wire.specfile import read_job_file

FILE = "primes.yaml"
EVERY_S = 8.0
MOST_OPEN = 8
MOST = 1_000


@dataclass(frozen=True, slots=True)
class Wave:
    """One of them: where it is submitted, its software stack, how many tasks and slices."""

    domain: str
    stack: str
    tasks: int
    slices: int


WAVES = (
    Wave("national", "cann", 6, 40),
    Wave("region-east", "cuda", 3, 25),
    Wave("national", "dtk", 5, 30),
    Wave("manufacturing", "neuware", 2, 35),
    Wave("national", "maca", 2, 30),
    Wave("region-west", "dtk", 4, 20),
    Wave("national", "cuda", 4, 30),
    Wave("region-east", "musa", 1, 25),
    Wave("national", "neuware", 1, 40),
    Wave("region-west", "cann", 4, 30),
)


@dataclass(slots=True)
class Stream:
    """The jobs that have come, and when the next one is due. `servers` are the domains by name."""

    spec: JobSpec
    servers: Mapping[str, Weir]
    next_at: float = 0.0
    sent: int = 0
    open: list[Job] = field(default_factory=list)

    def step(self, now: float) -> None:
        """Submit the next one if it is time, and few enough are at work; `now` in seconds."""
        if now < self.next_at or self.sent >= MOST:
            return
        self.next_at = now + EVERY_S
        wave = WAVES[self.sent % len(WAVES)]
        try:
            self.open = [job for job in self.open if job.show().state not in JOB_FINAL]
            if len(self.open) < MOST_OPEN:
                self.open += self.servers[wave.domain].submit_all([with_wave(self.spec, wave)])
                self.sent += 1
        except WeirError:
            # It is away, or refuses: the next one may be taken.
            return


def stream_of(folder: Path, servers: Mapping[str, Weir]) -> Stream:
    """The stream of the example in this folder."""
    return Stream(read_job_file(folder / FILE), servers)


def with_wave(spec: JobSpec, wave: Wave) -> JobSpec:
    """The example's job as this wave has it: one stack, so many tasks, so long."""
    [group] = spec.tasks
    variants = [v for v in group.variants if v.stack == wave.stack]
    command: Sequence[str] = (*(variants[0].command or ()), "--slices", str(wave.slices))
    variant = variants[0].model_copy(update={"command": tuple(command)})
    tasks = group.model_copy(update={"count": wave.tasks, "variants": (variant,)})
    return spec.model_copy(update={"tasks": (tasks,)})
