"""Submit to running on an idle network: through one tier, and up and down through three."""

from __future__ import annotations

import statistics
import sys
import time

from benchmarks.networks import FIVE, network
from benchmarks.tables import Row, show
from weir.client.http import Client
from weir.core.lifecycle import JOB_FINAL
from weir.wire.jobs import JobDetailAnswer, Submission, SubmitRequest
from weir.wire.jobspec import Devices, JobSpec, Tasks

TIMES = 15
AIM_ONE_S = 1.0
AIM_THREE_S = 3.0
LIMIT_S = 30


def main() -> None:
    """Measure and print."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else TIMES
    here = JobSpec(name="here", tasks=(Tasks(command=("true",)),))
    npu = Devices(count=1, models=("huawei-ascend-910b",))
    there = JobSpec(name="there", tasks=(Tasks(command=("true",), devices=npu),))
    with network(FIVE) as running:
        client = running.servers["region-a"].client
        one = [measured(client, here, 1) for _ in range(times)]
        three = [measured(client, there, 3) for _ in range(times)]
    show(
        f"Latency: submit to running on an idle network, {times} jobs each",
        [row("one tier: a region and its own site", one, AIM_ONE_S),
         row("three tiers: region, nation, other region's site", three, AIM_THREE_S)],
        ["Times are from the submitting region's own clock: submission until it has heard of the "
         "start; the start itself is earlier."],
    )  # fmt: skip


def row(what: str, seconds: list[float], aim: float) -> Row:
    """Median and range against the aim."""
    median = statistics.median(seconds)
    spread = f"{median:.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"
    return Row(what, spread, f"under {aim:.0f} s, median", median < aim)


def measured(client: Client, spec: JobSpec, tiers: int) -> float:
    """Seconds from the submission until the region knows that the job has started."""
    begun = time.perf_counter()
    job = client.submit(SubmitRequest(jobs=(Submission(spec=spec),))).ids[0][0]
    heard: float | None = None
    until = time.monotonic() + LIMIT_S
    while True:
        found: JobDetailAnswer = client.job(job)
        if heard is None and found.started_at is not None:
            heard = time.perf_counter() - begun
        if found.state in JOB_FINAL and heard is not None:
            break
        if time.monotonic() > until:
            raise SystemExit(f"job {job} has not ended within {LIMIT_S} s: {found.state}")
        time.sleep(0.005)
    if found.state != "succeeded" or len(found.place) != tiers:
        raise SystemExit(f"job {job} {found.state} at {found.place}: not what is measured here")
    return heard


if __name__ == "__main__":
    main()
