"""What Weir adds to a Kubernetes: from the submission to the Job made and to its first line, beside
a bare create of the same Job by the API, in turn in one run.

The Kubernetes is the tests' own, on loopback: its kubelet runs commands as processes, so no image
is pulled for either. Weir's settings are the defaults.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.networks import network
from benchmarks.slurm_jobs import spread, timed
from benchmarks.slurms import stamped, submit, until_over, until_pools
from benchmarks.tables import Row, show
from tests import kubernetes
from tests.kubernetes import NAMESPACE, Server
from weir.wire.jobspec import JobSpec, Tasks

TIMES = 15
AIM_ADDED_S = 0.5
JOBS = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"

_NETWORK = """
network: kubernetes
domains:
  - {{name: nation, kind: national}}
  - {{name: region, kind: regional, parent: nation}}
sites:
  - name: cloud
    domains: [region]
    clusters:
      - name: kubernetes
        kubernetes:
          kubeconfig: {kubeconfig}
          namespace: {namespace}
          image: none.example/none
          shares: [{{pool: cloud, emulated: true}}]
"""


def main() -> None:
    """Measure and print."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else TIMES
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as home, running() as server:
        found = measured(server, Path(home), times)
    notes = [
        f"{times} of each, in turn. Created: a watch has seen the Job. Started: its own first line."
    ]
    for what in ("created", "started"):
        plain, weir = found[f"plain {what}"], found[f"weir {what}"]
        show(f"Kubernetes: submit at the region to Job {what}", rows(plain, weir), notes)


def rows(plain: list[float], weir: list[float]) -> list[Row]:
    """The medians, what Weir adds, and how many times as long it takes."""
    before, through = statistics.median(plain), statistics.median(weir)
    added = through - before
    return [
        Row("bare create by the API, median", spread(plain)),
        Row("through the region, median", spread(weir)),
        Row("ratio of the medians", f"{through / before:.2f}"),
        Row("added", f"{added:.2f} s", f"at most {AIM_ADDED_S} s", added <= AIM_ADDED_S),
    ]


@contextmanager
def running() -> Iterator[Server]:
    """A Kubernetes; gone with all that it wrote at the end. Needs root and the tests' build."""
    yield from kubernetes.started(kubernetes.make())


class Created:
    """When Jobs were made, by a watch: the times in which they were seen, in order."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client, self.at = client, list[float]()
        self._ready = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()
        if not self._ready.wait(30):
            raise SystemExit("the Jobs can't be watched")

    def _watch(self) -> None:
        since = self._client.get(JOBS).json()["metadata"]["resourceVersion"]
        query = {"watch": "true", "resourceVersion": since, "timeoutSeconds": "1200"}
        with (
            suppress(httpx2.HTTPError),  # it ends with the server
            self._client.stream("GET", JOBS, params=query, timeout=1300) as lines,
        ):
            self._ready.set()
            for line in lines.iter_lines():
                if json.loads(line)["type"] == "ADDED":
                    self.at.append(time.time())

    def after(self, before: int) -> float:
        """When the one Job was made that has come after so many."""
        until = time.monotonic() + 10
        while len(self.at) == before and time.monotonic() < until:
            time.sleep(0.01)
        if len(self.at) != before + 1:
            raise SystemExit(f"{len(self.at) - before} Jobs were made, not 1")
        return self.at[-1]


def measured(server: Server, home: Path, times: int) -> Mapping[str, list[float]]:
    """Seconds from the call to the Job and to the job's own first line, by a bare create and
    through the region in turn.
    """
    plain, weir = home / "plain", home / "weir"
    for folder in (plain, weir):
        folder.mkdir()
    spec = JobSpec(name="start", tasks=(Tasks(command=tuple(stamped(weir))),))
    found: dict[str, list[float]] = {}
    text = _NETWORK.format(kubeconfig=server.agent, namespace=NAMESPACE)
    with server.client() as client, server.client() as watching, network(text) as up:
        region = up.servers["region"].client
        until_pools(region, 1)
        created = Created(watching)
        for number in range(times):
            body = job(f"plain-{number}", stamped(plain))
            acts: Mapping[str, tuple[Path, Callable[[], object]]] = {
                "plain": (plain, partial(made, client, body)),
                "weir": (weir, partial(submit, region, spec, 1, f"start-{number}")),
            }
            for name, (folder, act) in acts.items():
                before, begun = len(created.at), time.time()
                found.setdefault(f"{name} started", []).append(timed(folder, act))
                found.setdefault(f"{name} created", []).append(created.after(before) - begun)
            until_over(region, "start")
    return found


def job(name: str, command: list[str]) -> dict[str, Any]:
    """The same job as somebody writes it for Kubernetes itself."""
    amounts = {"cpu": "1", "memory": str(2**30)}
    container = {
        "name": "task",
        "image": "none.example/none",
        "command": command,
        "resources": {"requests": amounts},
    }
    pod = {"restartPolicy": "Never", "containers": [container]}
    return {
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}},
    }


def made(client: httpx2.Client, body: Mapping[str, Any]) -> None:
    """Create a Job."""
    answer = client.post(JOBS, json=body)
    if answer.status_code != 201:
        raise SystemExit(f"the Job was not taken: {answer.text}")


if __name__ == "__main__":
    main()
