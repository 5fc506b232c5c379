"""2,000 trivial jobs through one server and one local agent: jobs and submissions per second.

Beside it, in the same run: the same processes started by a plain loop, 64 at a time, which is the
bound that this machine sets.
"""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.networks import ONE, network
from benchmarks.tables import Row, show
from weir.client.http import Client
from weir.core.lifecycle import JobState
from weir.wire.jobs import Submission, SubmitRequest
from weir.wire.jobspec import JobSpec, Tasks

JOBS = 2000
BATCH = 500
AIM_JOBS = 200
AIM_SUBMISSIONS = 2000
LIMIT_S = 300


def main() -> None:
    """Measure and print."""
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else JOBS
    bound = jobs / plain_loop(jobs)
    with network(ONE) as running:
        client = running.servers["nation"].client
        submit(client, 20, "warm-up")
        wait(client, "warm-up", 20)
        alone = jobs / submit(client, jobs, "measured")
        begun = time.perf_counter()
        wait(client, "measured", jobs)
        drained = time.perf_counter() - begun
        submitted_s = jobs / alone
        end_to_end = jobs / (submitted_s + drained)
    show(
        f"Throughput: {jobs} jobs of `true`, one server (SQLite), one local agent",
        [
            Row("submissions per second, batches of 500", f"{alone:,.0f}", f"{AIM_SUBMISSIONS:,}",
                alone >= AIM_SUBMISSIONS),
            Row("jobs per second, first submission to last result", f"{end_to_end:,.0f}",
                f"{AIM_JOBS}", end_to_end >= AIM_JOBS),
            Row("plain loop of the same processes, per second", f"{bound:,.0f}"),
            Row("share of the plain loop", f"{100 * end_to_end / bound:.0f} %"),
        ],
    )  # fmt: skip


def plain_loop(jobs: int, at_once: int = 64) -> float:
    """Seconds to run as many processes of a shell with `true`, without any scheduler."""
    begun = time.perf_counter()
    running: list[subprocess.Popen[bytes]] = []
    for _ in range(jobs):
        if len(running) == at_once:
            running.pop(0).wait()
        running.append(subprocess.Popen(["/bin/sh", "-c", "true; true"], start_new_session=True))
    for process in running:
        process.wait()
    return time.perf_counter() - begun


def submit(client: Client, jobs: int, name: str) -> float:
    """Submit so many jobs in batches; seconds until the last is acknowledged."""
    spec = JobSpec(name=name, tasks=(Tasks(command=("true",), cpu="1", memory="16MiB"),))
    begun = time.perf_counter()
    for start in range(0, jobs, BATCH):
        count = min(BATCH, jobs - start)
        batch = tuple(Submission(spec=spec, key=f"{name}-{start + n}") for n in range(count))
        client.submit(SubmitRequest(jobs=batch))
    return time.perf_counter() - begun


def wait(client: Client, name: str, jobs: int) -> None:
    """Wait until no job of this name is unfinished, and all of them succeeded."""
    until = time.monotonic() + LIMIT_S
    unfinished = [JobState.WAITING, JobState.PLACED, JobState.RUNNING]
    while client.jobs(state=unfinished, name=name, limit=1).jobs:
        if time.monotonic() > until:
            raise SystemExit(f"not all of the {jobs} jobs have ended within {LIMIT_S} s")
        time.sleep(0.05)
    counted = next(i for i in client.indicators() if i.name == "jobs").by
    if set(counted) != {"succeeded"}:
        raise SystemExit(f"not all jobs succeeded: {dict(counted)}")


if __name__ == "__main__":
    main()
