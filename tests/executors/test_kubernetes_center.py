"""Beside a center's own pods: what they take, what is done to ours, what its rules refuse."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import kubernetes as real
from tests.contract.bench import Bench, order, shell
from tests.kubernetes import NAMESPACE, Server, kubernetes
from weir.core.lifecycle import RunEvent

__all__ = ["kubernetes"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

STARTED, FAILED, REFUSED = RunEvent.STARTED, RunEvent.FAILED, RunEvent.REFUSED
VANISHED, SUCCEEDED = RunEvent.VANISHED, RunEvent.SUCCEEDED
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"


@pytest.fixture
def server(kubernetes: Server) -> Server:
    real.publish(kubernetes)
    return kubernetes


@pytest.fixture
def run(request: pytest.FixtureRequest) -> str:
    """A run's identifier that no other test of this session has."""
    return re.sub(r"[^a-z]+", "-", request.node.name.removeprefix("test_"))[:30].strip("-")


@pytest.fixture
def bench(server: Server, tmp_path: Path) -> Iterator[Bench]:
    with Bench(real.executor, tmp_path) as bench:
        yield bench


@pytest.fixture
def theirs(server: Server) -> Iterator[Any]:
    """Makes pods of the center's own on a node; gone at the end."""
    made: list[str] = []

    def make(name: str, node: str = "node-1", **limits: str) -> None:
        container = {
            "name": "task",
            "image": "theirs",
            "command": ["/bin/sh", "-c", "exec sleep 1000"],
            "resources": {"limits": limits},
        }
        spec: dict[str, Any] = {"containers": [container], "terminationGracePeriodSeconds": 0}
        spec["nodeSelector"] = {"kubernetes.io/hostname": node}
        made.append(f"/api/v1/namespaces/default/pods/{name}")
        server.make("/api/v1/namespaces/default/pods", {"metadata": {"name": name}, "spec": spec})

    yield make
    for path in made:
        server.delete(path)
        server.until(partial(_gone, server, path), "no pod")


def test_what_others_take_is_seen(bench: Bench, theirs: Any) -> None:
    theirs("big", cpu="3", memory="1Gi", **{"nvidia.com/gpu": "1"})

    def seen() -> bool | None:
        (pool,) = bench.executor.pools([])
        free = {(f.cpu_milli, f.devices) for f in pool.free}
        return True if free == {(8000, ((1000, 2),)), (5000, ((1000, 1),))} else None

    assert bench.until(seen, "a pod of others to be counted")


def test_a_cordoned_node_has_nothing_free(bench: Bench, server: Server) -> None:
    server.patch("/api/v1/nodes/node-2", {"spec": {"unschedulable": True}})
    try:
        bench.until(lambda: _hosts(bench) == 3 or None, "three hosts")
    finally:
        server.patch("/api/v1/nodes/node-2", {"spec": {"unschedulable": None}})
    bench.until(lambda: _hosts(bench) == 4 or None, "four hosts")


def test_a_pod_that_the_center_deletes_is_lost_and_runs_nowhere_again(
    bench: Bench, server: Server, tmp_path: Path, run: str
) -> None:
    bench.submit(order(run, shell(f"echo ran >>{tmp_path}/effects; exec sleep 1000")))
    bench.started(run)
    bench.until_file(tmp_path / "effects")
    (pod,) = server.pods(run)
    server.delete(f"{PODS}/{pod['metadata']['name']}")

    end = bench.end(run)
    assert (end.event, end.reason) == (VANISHED, "its pod was deleted at the center")
    server.until(lambda: not server.jobs(run), "no job")


def test_a_job_that_the_center_deletes_is_lost(bench: Bench, server: Server, run: str) -> None:
    bench.submit(order(run, shell("exec sleep 1000")))
    bench.started(run)
    (job,) = server.jobs(run)
    where = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs/{job['metadata']['name']}"
    server.delete(where)

    assert bench.end(run).event is VANISHED


def test_an_evicted_pod_is_lost_with_the_reason(bench: Bench, server: Server, run: str) -> None:
    bench.submit(order(run, shell("exec sleep 1000")))
    bench.started(run)
    (pod,) = server.pods(run)
    said = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."}
    server.patch(f"{PODS}/{pod['metadata']['name']}/status", {"status": said})

    end = bench.end(run)
    assert end.event is VANISHED
    assert end.reason.startswith("evicted from its node (node-")
    assert end.reason.endswith("The node was low on memory.")


def test_a_pod_that_is_preempted_is_lost_with_the_reason(server: Server, tmp_path: Path) -> None:
    where = "/apis/scheduling.k8s.io/v1/priorityclasses"
    for name, value in (("weir-low", -10), ("weir-high", 1000)):
        server.make(where, {"metadata": {"name": name}, "value": value})
    settings = {"share": {"priority_class": "weir-low"}}
    with Bench(lambda home: real.executor(home, **settings), tmp_path) as bench:
        task = shell("exec sleep 1000", cpu=8, count=4)
        bench.submit(order("preempted", task))
        bench.started("preempted")
        spec = {
            "priorityClassName": "weir-high",
            "containers": [
                {
                    "name": "task",
                    "image": "theirs",
                    "command": ["/bin/sh", "-c", "exit 0"],
                    "resources": {"requests": {"cpu": "8"}},
                }
            ],
            "restartPolicy": "Never",
        }
        pods = "/api/v1/namespaces/default/pods"
        server.make(pods, {"metadata": {"name": "urgent"}, "spec": spec})
        end = bench.end("preempted")
        server.delete(f"{pods}/urgent")

    assert end.event is VANISHED
    assert "preempted by a pod of the center's own" in end.reason


def test_an_image_that_does_not_come_fails_the_run(server: Server, tmp_path: Path) -> None:
    with Bench(lambda home: real.executor(home, pull_s=1.0), tmp_path) as bench:
        end = bench.run(order("no-image", image="docker://absent/image:1"))

    assert (end.event, bench.events("no-image")) == (FAILED, [FAILED])
    assert end.reason.startswith("can't start: the image can't be pulled: Back-off pulling")


def test_what_does_not_fit_is_refused_in_the_schedulers_words(
    bench: Bench, theirs: Any, server: Server, run: str
) -> None:
    for number in range(1, 5):
        theirs(f"full-{number}", f"node-{number}", cpu="8")
    where = "/api/v1/namespaces/default/pods/full-4"
    server.until(lambda: server.get(where).get("status", {}).get("phase") == "Running", "pods")
    end = bench.run(order(run, shell("true", cpu=8), start_within_s=3))

    assert end.event is REFUSED
    assert end.reason.startswith("it did not start in time: 0/4 nodes are available")
    assert bench.events(run) == [REFUSED]
    server.until(lambda: not server.pods(run), "no pod")


def test_a_quota_refuses_in_kubernetes_words(bench: Bench, server: Server, run: str) -> None:
    where = f"/api/v1/namespaces/{NAMESPACE}/resourcequotas"
    server.make(where, {"metadata": {"name": "q"}, "spec": {"hard": {"count/jobs.batch": "0"}}})
    try:
        server.until(lambda: server.get(f"{where}/q").get("status", {}).get("hard"), "a quota")
        end = bench.run(order(run))
    finally:
        server.delete(f"{where}/q")

    assert end.event is REFUSED
    assert "exceeded quota" in end.reason


def test_what_a_quota_leaves_is_all_that_is_offered(bench: Bench, server: Server, run: str) -> None:
    def cores() -> int:
        pools = bench.executor.pools([])
        return sum(f.hosts * f.cpu_milli for pool in pools for f in pool.free)

    before = cores()
    where = f"/api/v1/namespaces/{NAMESPACE}/resourcequotas"
    server.make(where, {"metadata": {"name": "q"}, "spec": {"hard": {"requests.cpu": "3"}}})
    try:
        server.until(lambda: server.get(f"{where}/q").get("status", {}).get("hard"), "a quota")
        bench.until(lambda: cores() == 3000 or None, "no more than the quota is free")
        refused = bench.executor.admit([order(run, shell("true", cpu=4))], [])
        assert refused[run].startswith("quota q leaves too little for 1 x 4 CPU")
        gate = bench.home / "gate"
        bench.submit(order(run, shell(f"until [ -e {gate} ]; do sleep 0.1; done", cpu=2)))
        bench.wait(run, STARTED)
        bench.until(lambda: cores() == 1000 or None, "its own run counts once")
        gate.touch()
        assert bench.end(run).event is SUCCEEDED
    finally:
        server.delete(f"{where}/q")
    bench.until(lambda: cores() == before or None, "all of it is free again")


def test_forgotten_runs_leave_nothing(bench: Bench, server: Server, run: str) -> None:
    bench.run(order(run, inputs=[{"path": "x", "text": "secret"}]))
    assert len(server.jobs(run)) == 1
    bench.executor.forget([run])

    server.until(lambda: not server.jobs(run) and not server.pods(run), "no job and no pod")
    secrets = server.get(f"/api/v1/namespaces/{NAMESPACE}/secrets")["items"]
    assert not [s for s in secrets if s["metadata"]["name"].startswith(f"weir-{run}")]


def test_a_second_agent_of_the_cluster_is_somebody_else(
    bench: Bench, tmp_path: Path, run: str
) -> None:
    first = order(run, shell("exec sleep 1000", cpu=5))
    bench.submit(first)
    bench.started(run)
    left = _cpu(bench)
    with Bench(real.executor, tmp_path / "second") as second:
        second.until(lambda: _cpu(second) == left or None, "the first one's pod to count")
        assert sum(f.hosts * f.cpu_milli for f in bench.executor.pools([first])[0].free) > left
        assert second.executor.status([run])[0].event is VANISHED
        end = second.run(order(run, shell("exit 3")))
    assert end.exit_code == 3
    assert bench.executor.status([run])[0].event is STARTED


def test_many_inputs_larger_than_a_secret_arrive(bench: Bench, run: str) -> None:
    text = "0123456789" * 100_000
    inputs = [{"path": f"in/{i}", "text": text} for i in range(3)]
    bench.run(order(run, shell("cat in/* | wc -c; cmp in/0 in/2 && echo same"), inputs=inputs))

    assert bench.text(run) == "3000000\nsame\n"


def test_an_output_for_which_there_is_no_room_fails_the_run(bench: Bench, run: str) -> None:
    script = "head -c 7000000 /dev/zero >big"
    end = bench.run(order(run, shell(script), outputs=[{"path": "big"}]))

    assert end.event is FAILED
    assert "no room for its 6.67 MiB" in end.reason


def test_a_log_is_read_while_its_run_goes_on(bench: Bench, run: str) -> None:
    bench.submit(order(run, shell("echo begun; exec sleep 1000")))
    bench.started(run)

    def read() -> bool | None:
        bench.executor.files(run)
        return True if bench.text(run) == "begun\n" else None

    assert bench.until(read, "the log")


def test_volcano_gets_a_group_of_all_pods(server: Server, tmp_path: Path) -> None:
    _define(server, "scheduling.volcano.sh", "podgroups", "PodGroup")
    try:
        with Bench(real.executor, tmp_path) as bench:
            bench.submit(order("gang", shell("true", count=3), start_within_s=4))
            where = f"/apis/scheduling.volcano.sh/v1beta1/namespaces/{NAMESPACE}/podgroups"
            (group,) = server.until(lambda: server.get(where)["items"], "a group")
            pods = server.until(lambda: server.pods("gang"), "pods")
            assert group["spec"]["minMember"] == 3
            assert pods[0]["spec"]["schedulerName"] == "volcano"
            assert bench.end("gang").event is REFUSED  # there is no Volcano that would start it
            bench.executor.forget(["gang"])
            server.until(lambda: not server.get(where)["items"], "no group")
    finally:
        server.delete(f"{CRDS}/podgroups.scheduling.volcano.sh")


def test_the_agents_rights_are_no_more_than_it_needs(server: Server) -> None:
    with server.client() as admin:
        agent = httpx2.Client(
            base_url=admin.base_url,
            headers={"Authorization": f"Bearer {server.token}"},
            verify=False,
        )
    own, other = f"/api/v1/namespaces/{NAMESPACE}", "/api/v1/namespaces/default"
    with agent:
        allowed = [agent.get(p).status_code for p in ("/api/v1/nodes", PODS, f"{own}/events")]
        denied = [
            agent.get(f"{own}/secrets").status_code,
            agent.get(f"{other}/secrets").status_code,
            agent.delete(f"{PODS}/any").status_code,
            agent.post(f"{PODS}/any/exec").status_code,
            agent.post(f"{other}/pods", json={}).status_code,
            agent.delete("/api/v1/nodes/node-1").status_code,
            agent.get("/apis/rbac.authorization.k8s.io/v1/clusterroles").status_code,
        ]
    assert allowed == [200] * 3
    assert denied == [403] * 7


CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def _define(server: Server, group: str, plural: str, kind: str) -> None:
    """Define a kind of object, as who installs such a system does."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1beta1", "served": True, "storage": True}
    names = {"plural": plural, "kind": kind, "singular": kind.lower(), "listKind": f"{kind}List"}
    spec = {
        "group": group,
        "scope": "Namespaced",
        "names": names,
        "versions": [{**version, "schema": {"openAPIV3Schema": schema}}],
    }
    server.make(CRDS, {"metadata": {"name": f"{plural}.{group}"}, "spec": spec})
    where = f"/apis/{group}/v1beta1/namespaces/{NAMESPACE}/{plural}"
    server.until(lambda: "items" in _get(server, where), "the new kind")
    time.sleep(0.5)


def _get(server: Server, path: str) -> dict[str, Any]:
    try:
        return server.get(path)
    except ValueError:  # before a kind is served the answer is no JSON
        return {}


def _gone(server: Server, path: str) -> bool:
    return server.get(path).get("code") == 404


def _hosts(bench: Bench) -> int:
    return sum(f.hosts for f in bench.executor.pools([])[0].free)


def _cpu(bench: Bench) -> int:
    return sum(f.hosts * f.cpu_milli for f in bench.executor.pools([])[0].free)
