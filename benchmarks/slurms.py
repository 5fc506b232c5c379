"""Real Slurms on loopback for measuring, and networks of Weir over them."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests import slurm
from tests.slurm import OFTEN, Server
from weir.client.http import Client
from weir.core.lifecycle import JobState
from weir.executors.slurm_settings import SlurmSettings
from weir.wire.jobs import Submission, SubmitRequest
from weir.wire.jobspec import JobSpec

LIMIT_S = 300

PACK_S: float = SlurmSettings.model_fields["pack_s"].default
"""What an operator who says nothing has."""

EPILOG = "Epilog=/bin/true"
CENTER = {"scheduling": OFTEN, "more": EPILOG}
"""A Slurm that starts what waits as soon as something ends. Without an epilog, or with `defer`, it
does so only when it next looks at its queue: up to a second later, whoever submits.
"""

_DOMAINS = """
network: {name}
domains:
  - {{name: nation, kind: national}}
  - {{name: region, kind: regional, parent: nation}}
sites:
"""

_SITE = """
  - name: {site}
    domains: [region]
    clusters:
      - name: slurm
        slurm:
          folder: {folder}
          config: {config}{more}
          fold: {fold}
          pack_s: {pack_s:g}
          shares: [{{partition: debug, pool: {site}-pool, emulated: true, queue_ahead: {ahead}}}]
"""


@contextlib.contextmanager
def running(name: str = "c1", **settings: object) -> Iterator[Server]:
    """A Slurm; gone with all that it wrote at the end. Needs root and the packages of the tests."""
    yield from slurm.started(slurm.make(name, **CENTER, **settings))


def network_text(
    servers: Sequence[Server],
    *,
    fold: bool = True,
    pack_s: float = PACK_S,
    commands: Path | None = None,
    ahead: int = 0,
) -> str:
    """A nation and a region with one site for each Slurm, as a network file.

    `commands` is a folder of Slurm's programs, instead of those on the PATH; `ahead` runs may wait
    in each Slurm's own queue; `fold` and `pack_s` are Weir's defaults if not said.
    """
    more = "" if commands is None else f"\n          commands: {commands}"
    sites = [
        _SITE.format(
            site=server.name,
            folder=server.home / f"weir-{'folded' if fold else 'each'}",
            config=server.config,
            more=more,
            ahead=ahead,
            fold=str(fold).lower(),
            pack_s=pack_s,
        )
        for server in servers
    ]
    return _DOMAINS.format(name="slurms") + "".join(sites)


def call_each(server: Server, jobs: int, line: str) -> None:
    """Run a line of shell so many times, one after the other, with Slurm's environment."""
    each = f"for i in $(seq {jobs}); do {line} >/dev/null; done"
    subprocess.run(["sh", "-c", each], env=server.environment, check=True, timeout=LIMIT_S)


def until_pools(client: Client, count: int) -> None:
    """Wait until a domain sees so many pools with something free."""
    until = time.monotonic() + 60
    while sum(pool.free_cpu_milli > 0 for pool in client.pools()) < count:
        if time.monotonic() > until:
            raise SystemExit(f"{count} pools were not reported within a minute")
        time.sleep(0.1)


def submit(client: Client, spec: JobSpec, count: int, key: str) -> list[str]:
    """Submit so many equal jobs in one call; their ids."""
    return submit_all(client, [spec] * count, key)


def submit_all(client: Client, specs: Sequence[JobSpec], key: str) -> list[str]:
    """Submit these jobs in one call; their ids."""
    jobs = tuple(Submission(spec=spec, key=f"{key}-{n}") for n, spec in enumerate(specs))
    return [ids[0] for ids in client.submit(SubmitRequest(jobs=jobs)).ids]


def until_over(client: Client, name: str, every_s: float = 0.1) -> None:
    """Wait until every job of a name has succeeded; asked so often, which costs the server, too."""
    unfinished = [JobState.WAITING, JobState.PLACED, JobState.RUNNING]
    until = time.monotonic() + LIMIT_S
    while client.jobs(state=unfinished, name=name, limit=1).jobs:
        if time.monotonic() > until:
            raise SystemExit(f"jobs of {name!r} have not ended within {LIMIT_S} s")
        time.sleep(every_s)
    failed = client.jobs(state=[JobState.FAILED, JobState.CANCELED], name=name, limit=1).jobs
    if failed:
        raise SystemExit(f"job {failed[0].id} {failed[0].state}: {failed[0].reason}")


def stamped(folder: Path, seconds: float = 0.0) -> list[str]:
    """A command that writes the time of its start into a new file of a folder, and may sleep."""
    line = f'date +%s.%N > "$(mktemp {folder}/XXXXXXXX)"; sleep {seconds:g}'
    return ["/bin/sh", "-c", line]


def starts(folder: Path) -> list[float]:
    """The times that `stamped` has left in a folder, in order."""
    texts = [file.read_text() for file in folder.iterdir()]
    return sorted(float(text) for text in texts if text.endswith("\n"))
