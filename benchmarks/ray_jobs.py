"""What Weir adds to a Ray: time to start, beside a plain call of the Jobs API in one run."""

from __future__ import annotations

import contextlib
import os
import statistics
import tempfile
from functools import partial
from pathlib import Path

import httpx

from benchmarks.networks import network
from benchmarks.slurm_jobs import spread, timed
from benchmarks.slurms import stamped, submit, until_over, until_pools
from benchmarks.tables import Row, show
from tests import ray_cluster
from tests.ray_cluster import Cluster, started
from weir.wire.jobspec import JobSpec, Tasks

TIMES = 10
AIM_ADDED_S = 0.5

NETWORK = """
network: ray
domains:
  - {{name: nation, kind: national}}
  - {{name: region, kind: regional, parent: nation}}
sites:
  - name: center
    domains: [region]
    clusters:
      - name: ray
        ray:
          url: {url}
          folder: {folder}
          shares: [{{pool: pool, emulated: true}}]
"""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as home:
        running = contextlib.contextmanager(started)
        with running(ray_cluster.make(), nodes=1) as cluster:
            ray_cluster.publish(cluster)
            plain, weir = added_latency(cluster, Path(home))
    added = statistics.median(weir) - statistics.median(plain)
    show(
        "Ray: submit at the region to started",
        [
            Row("plain call of the Jobs API, median", spread(plain)),
            Row("through the region, median", spread(weir)),
            Row("added", f"{added:.2f} s", f"at most {AIM_ADDED_S} s", added <= AIM_ADDED_S),
        ],
        [f"In turn, {TIMES} times each. Ray itself starts a supervisor for each job."],
    )


def added_latency(cluster: Cluster, home: Path) -> tuple[list[float], list[float]]:
    """Seconds from the call to the job's own first line, by the API and through the region."""
    plain, weir = home / "plain", home / "weir"
    plain.mkdir()
    weir.mkdir()
    script = home / "plain.sh"
    script.write_text(stamped(plain)[-1] + "\n")
    spec = JobSpec(name="start", tasks=(Tasks(command=tuple(stamped(weir)), memory="64MiB"),))
    found: tuple[list[float], list[float]] = ([], [])
    text = NETWORK.format(url=os.environ[ray_cluster.URL_VARIABLE], folder=home / "shared")
    with network(text) as up:
        client = up.servers["region"].client
        until_pools(client, 1)
        for number in range(TIMES):
            found[0].append(timed(plain, partial(call, cluster, script, number)))
            found[1].append(timed(weir, partial(submit, client, spec, 1, f"start-{number}")))
            until_over(client, "start")
    return found


def call(cluster: Cluster, script: Path, number: int) -> None:
    """Submit a job that runs a script, by the Jobs API."""
    job = {
        "submission_id": f"plain-{number}",
        "entrypoint": f"exec sh {script}",
        "entrypoint_num_cpus": 1,
        "entrypoint_memory": 64 * 2**20,
    }
    httpx.post(f"{cluster.url}/api/jobs/", json=job, timeout=60).raise_for_status()


if __name__ == "__main__":
    main()
