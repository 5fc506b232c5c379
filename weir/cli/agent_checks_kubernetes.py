"""The checks of a Kubernetes: it answers, its clock, what is shared is there, the agent has its
rights, a Job could be made, and queues that are named are there.

None of them changes anything: a Job is only asked for with `dryRun`. With a probe, one tiny Job
runs in each namespace, and is deleted; where there is a volume for runs, it leaves a file there
that is looked for in the agent's folder.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from email.utils import parsedate_to_datetime
from pathlib import Path

from weir.cli.agent_checks import CLOSE_S, FAR_S, Check, State
from weir.cli.agent_proposal_kubernetes import KUEUE, about
from weir.cli.agent_rbac import IN_NAMESPACES, IN_THE_CLUSTER
from weir.core import units
from weir.core.errors import WeirError
from weir.executors.kubernetes_calls import Kubernetes, Rejected, There, job_path
from weir.executors.kubernetes_inventory import Kind, kinds_of, without_fixtures
from weir.executors.kubernetes_manifest import VOLCANO
from weir.executors.kubernetes_pod import RUNS, user_of
from weir.executors.kubernetes_records import MANAGED, Node, Pod
from weir.executors.kubernetes_script import WORK
from weir.executors.kubernetes_settings import KubernetesSettings

PROBE_S = 120.0
NAME, SEEN = "weir-check", "seen"
RIGHTS = "`weir agent rbac` prints what is missing, for kubectl apply"


def kubernetes_checks(
    settings: KubernetesSettings,
    probe: bool,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Check]:
    """All checks, in order."""
    try:
        with closing(Kubernetes(settings)) as kubernetes:
            yield from _checks(kubernetes, settings, probe, now, sleep)
    except WeirError as error:
        where = settings.kubeconfig or "the pod's service account"
        yield Check("kubernetes", "wrong", error.detail, f"check {where}, and `kubectl version`")


def _checks(
    kubernetes: Kubernetes,
    settings: KubernetesSettings,
    probe: bool,
    now: Callable[[], float],
    sleep: Callable[[float], None],
) -> Iterator[Check]:
    version, groups = kubernetes.version(), kubernetes.groups()
    gang = "" if version.indexed else ", a Job for each task of a gang"
    found = [name for group, name in ((KUEUE, "Kueue"), (VOLCANO, "Volcano")) if group in groups]
    beside = f", with {' and '.join(found)}" if found else ""
    yield Check("kubernetes", "ok", f"{version.text} answers{beside}{gang}")
    yield clock_check(kubernetes.date(), now())
    rights = list(rights_checks(kubernetes, settings, groups))
    yield from rights
    yield from pool_checks(kubernetes, settings)
    submits = [submit_check(kubernetes, name, settings) for name in settings.namespaces]
    yield from submits
    if settings.volume is not None:
        yield folder_check(settings.volume.folder)
    yield from queue_checks(kubernetes, settings, groups)
    if probe and all(check.state == "ok" for check in submits):
        for namespace in settings.namespaces:
            yield probe_check(kubernetes, namespace, settings, now, sleep)


def clock_check(date: str | None, here: float) -> Check:
    """How this machine's time stands to the server's, which is cut to whole seconds."""
    try:
        there = parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        there = None
    if there is None:
        return Check("kubernetes' clock", "not checked", "it tells no time")
    off = here - (there + 0.5)
    if abs(off) <= CLOSE_S:
        return Check("kubernetes' clock", "ok", f"within {CLOSE_S:g} s of this machine's")
    state: State = "wrong" if abs(off) > FAR_S else "warning"
    said = f"this machine is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'}"
    return Check("kubernetes' clock", state, said, "let both keep time by NTP")


def rights_checks(
    kubernetes: Kubernetes, settings: KubernetesSettings, groups: frozenset[str]
) -> Iterator[Check]:
    """Whether the agent's account may do what it has to: one check for each namespace."""
    missing = [
        f"{verb} {resource}"
        for group, resource, verbs in IN_THE_CLUSTER
        for verb in verbs
        if not kubernetes.may(verb, group, resource)
    ]
    yield _rights("rights in all", missing)
    for namespace in settings.namespaces:
        missing = [
            f"{verb} {resource}"
            for group, resource, verbs in IN_NAMESPACES
            if "." not in group or group in groups
            for verb in verbs
            if not kubernetes.may(verb, group, resource, namespace)
        ]
        yield _rights(f"rights in {namespace}", missing)


def _rights(what: str, missing: Sequence[str]) -> Check:
    if missing:
        return Check(what, "wrong", f"may not {', '.join(missing)}", RIGHTS)
    return Check(what, "ok", "all that are needed")


def pool_checks(kubernetes: Kubernetes, settings: KubernetesSettings) -> Iterator[Check]:
    """One for each pool that there would be."""
    try:
        nodes = kubernetes.nodes()
        there: dict[str, list[Pod]] = {}
        for pod in kubernetes.pods(fields="status.phase=Running"):
            there.setdefault(pod.node, []).append(pod)
    except Rejected as error:
        yield Check("pools", "wrong", error.detail, RIGHTS)
        return
    nodes = without_fixtures(nodes, there)
    by_name = {node.name: node for node in nodes}
    kinds = kinds_of(settings.shares, nodes)
    if not kinds:
        yield Check("pools", "wrong", "no node is left for the shares", "see `nodes`, tolerations")
    for kind in kinds:
        yield _pool(kind, by_name)


def _pool(kind: Kind, nodes: dict[str, Node]) -> Check:
    what = f"pool {kind.name}"
    up = sum(nodes[name].ready and not nodes[name].cordoned for name in kind.nodes)
    said = f"{about(kind)}; {up} take jobs"
    if not up:
        return Check(what, "warning", said, "its nodes are down or cordoned: `kubectl get nodes`")
    if kind.resource is not None and kind.model is None:
        return Check(what, "warning", said, f"device_models: {{{kind.resource.name}: ...}}")
    return Check(what, "ok", said)


def submit_check(kubernetes: Kubernetes, namespace: str, settings: KubernetesSettings) -> Check:
    """Whether a Job could be made: asked of the server, which makes none."""
    what = f"submit to {namespace}"
    try:
        kubernetes.create(job_path(namespace), _job(namespace, settings), dry=True)
    except There:
        pass
    except WeirError as error:
        return Check(what, "wrong", error.detail, "quota, admission or rights of the namespace")
    return Check(what, "ok", "a Job would be taken")


def queue_checks(
    kubernetes: Kubernetes, settings: KubernetesSettings, groups: frozenset[str]
) -> Iterator[Check]:
    """Whether the queues that are named are there."""
    members = [(m.namespace or settings.namespace, m.queue) for m in settings.members]
    wanted = [*members, *((settings.namespace, share.queue) for share in settings.shares)]
    for namespace, queue in dict.fromkeys((n, q) for n, q in wanted if q):
        what = f"queue {queue}"
        if KUEUE in groups:
            where = f"/apis/{KUEUE}/v1beta1/namespaces/{namespace}/localqueues"
            try:
                names = [item["metadata"]["name"] for item in kubernetes.list(where)]
            except WeirError as error:
                yield Check(what, "not checked", error.detail)
                continue
            if queue in names:
                yield Check(what, "ok", f"Kueue has it in {namespace}")
            else:
                shown = ", ".join(names) or "none"
                yield Check(what, "wrong", f"{namespace} has {shown}", "name one of Kueue's queues")
        elif VOLCANO in groups:
            yield Check(what, "not checked", "Volcano's queues are of the whole cluster")
        else:
            yield Check(what, "wrong", "there is neither Kueue nor Volcano", "leave `queue` out")


def probe_check(
    kubernetes: Kubernetes,
    namespace: str,
    settings: KubernetesSettings,
    now: Callable[[], float],
    sleep: Callable[[float], None],
) -> Check:
    """Run one tiny Job, and delete it. On a volume it leaves a file, which is to be seen here."""
    what, labels = f"probe in {namespace}", f"job-name={NAME}"
    left = settings.volume.folder / RUNS / NAME if settings.volume is not None else None
    where = job_path(namespace, NAME)
    began, said = now(), "nothing was seen of it"
    try:
        with suppress(There):
            kubernetes.create(job_path(namespace), _job(namespace, settings))
        while now() < began + PROBE_S:
            for pod in kubernetes.pods(namespace, labels):
                task = pod.task
                said = task.said or task.waiting or pod.unscheduled or pod.phase
                if pod.phase == "Succeeded":
                    said = f"a Job ran and ended within {now() - began:.1f} s"
                    return _seen(what, said, left) if left else Check(what, "ok", said)
                if pod.phase == "Failed":
                    return Check(what, "wrong", f"it failed: {pod.said or said}", "see the image")
            sleep(0.5)
    except WeirError as error:
        return Check(what, "wrong", error.detail, RIGHTS)
    finally:
        with suppress(WeirError):
            kubernetes.delete(where)
        if left is not None:
            shutil.rmtree(left, ignore_errors=True)
    fix = f"kubectl --namespace {namespace} describe pods"
    return Check(what, "wrong", f"not over after {PROBE_S:.0f} s: {said}", fix)


def _seen(what: str, said: str, left: Path) -> Check:
    """Whether what the Job has left on the volume is seen in the agent's folder."""
    if (left / "work" / SEEN).exists():
        return Check(what, "ok", f"{said}; what it left on the volume is seen here")
    wrong = f"what a Job has left on the volume is not seen in {left.parent}"
    return Check(what, "wrong", wrong, "is volume.folder the root of what volume.claim names?")


def folder_check(folder: Path) -> Check:
    """Whether the agent can write where it sees the volume. Leaves nothing."""
    try:
        with tempfile.TemporaryDirectory(prefix="weir-check-", dir=folder):
            room = shutil.disk_usage(folder).free
    except OSError as error:
        return Check("volume", "wrong", f"{folder}: {error.strerror}", "mount it; see its rights")
    return Check("volume", "ok", f"{folder} can be written to, {units.show_bytes(room)} free")


def _job(namespace: str, settings: KubernetesSettings) -> dict[str, object]:
    script = "date +%s && wc -c </dev/null && base64 </dev/null"
    container: dict[str, object] = {
        "name": "task",
        "image": settings.image,
        "command": ["/bin/sh", "-c", script],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "16Mi"}},
    }
    pod: dict[str, object] = {"restartPolicy": "Never", "automountServiceAccountToken": False}
    if settings.volume is not None:
        mount = {"name": "volume", "mountPath": WORK, "subPath": f"{RUNS}/{NAME}/work"}
        container["volumeMounts"] = [mount]
        container["command"] = ["/bin/sh", "-c", f"{script} && : >{WORK}/{SEEN}"]
        claim = {"claimName": settings.volume.claim}
        pod["volumes"] = [{"name": "volume", "persistentVolumeClaim": claim}]
    if user := user_of(settings):
        pod["securityContext"] = {"runAsUser": user, "runAsNonRoot": True}
    template = {"spec": {**pod, "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": NAME, "namespace": namespace, "labels": MANAGED},
        "spec": {"backoffLimit": 0, "template": template},
    }
