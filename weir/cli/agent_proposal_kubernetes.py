"""What `weir agent join` proposes for a Kubernetes: how it is found, its settings, and their lines.

Laws:
- Nothing is changed in the cluster, and nothing of a kubeconfig is copied: the settings name it.
- Every node that takes pods without a toleration is proposed; the others are named with their
  taints.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import yaml

from weir.core import units
from weir.core.errors import BadInput, Conflict, WeirError
from weir.executors.kubernetes_calls import Kubernetes, Rejected, configuration, found_kubeconfig
from weir.executors.kubernetes_inventory import Kind, kinds_of
from weir.executors.kubernetes_records import Node
from weir.executors.kubernetes_settings import (
    KubernetesSettings,
    KubernetesShare,
    KubernetesVolume,
)
from weir.executors.looks import POD_TOKEN
from weir.wire.mistakes import validated
from weir.wire.pools import PoolFields

IMAGE = "docker.io/library/debian:stable-slim"
"""For jobs that name no image: it has a shell and coreutils, and no accelerator's libraries."""

VOLUME_HELP = (
    "Kubernetes: a volume for runs, by the name of its claim in the namespace of jobs and the "
    "folder where this machine sees its root. With it files and checkpoints may have any size."
)

LOOK_S = 15.0
KUEUE = "kueue.x-k8s.io"


@dataclass(frozen=True, slots=True)
class KubernetesFound:
    """An API server: how it is reached. `error` is why it does not answer."""

    kubeconfig: Path | None
    namespace: str
    server: str
    version: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class KubernetesProposal:
    """Settings, and what the file says of the pools that follow from them."""

    settings: KubernetesSettings
    notes: tuple[str, ...]


def look_for_server(
    environment: Mapping[str, str], pod_token: Path = POD_TOKEN
) -> KubernetesFound | None:
    """The API server of the kubeconfig that kubectl would take, or of the pod that this is in; None
    if there is neither.
    """
    kubeconfig = found_kubeconfig(environment)
    if kubeconfig is None and not pod_token.exists():
        return None
    settings = _settings(kubeconfig, "default", LOOK_S)
    try:
        config = configuration(settings)
        found = KubernetesFound(kubeconfig, config.namespace, config.cluster.server)
    except WeirError as error:
        return KubernetesFound(kubeconfig, "", "", error=error.detail)
    try:
        with closing(Kubernetes(settings)) as kubernetes:
            version = kubernetes.version().text
    except WeirError as error:
        return KubernetesFound(kubeconfig, found.namespace, found.server, error=error.detail)
    return KubernetesFound(kubeconfig, found.namespace, found.server, version)


def kubernetes_proposal(
    found: KubernetesFound,
    namespace: str | None,
    image: str | None,
    terms: PoolFields,
    volume: KubernetesVolume | None = None,
) -> KubernetesProposal:
    """One share of all nodes that take pods, on these terms as far as anything was said of them.

    Raises `Conflict` if it does not answer, or has no node for jobs.
    """
    names = ("location", "latency_us", "currency")
    prices = ("price_micro_per_device_hour", "price_micro_per_core_hour")
    said = {name: getattr(terms, name) for name in (*names, *prices)}
    settings = _settings(found.kubeconfig, namespace or found.namespace or "default", 60.0)
    try:
        with closing(Kubernetes(settings)) as kubernetes:
            nodes, groups = kubernetes.nodes(), kubernetes.groups()
            queues = _queues(kubernetes, settings.namespace) if KUEUE in groups else []
    except Rejected as error:
        raise Conflict(
            f"Kubernetes refuses: {error.detail}. Give the agent's account its rights: "
            "`weir agent rbac`"
        ) from None
    except WeirError as error:
        raise Conflict(f"Kubernetes does not answer: {error.detail}") from None
    share = KubernetesShare(**said, queue=queues[0] if len(queues) == 1 else "")
    said_too = {"shares": (share,), "image": image or IMAGE, "volume": volume}
    settings = settings.model_copy(update=said_too)
    kinds = kinds_of(settings.shares, nodes)
    if not kinds:
        raise Conflict("no node of this Kubernetes takes pods of everybody; see their taints")
    return KubernetesProposal(settings, tuple(_notes(kinds, nodes, queues)))


def volume_of(text: str | None) -> KubernetesVolume | None:
    """The volume that CLAIM:FOLDER says. Raises BadInput."""
    if text is None:
        return None
    claim, colon, folder = text.partition(":")
    if not colon:
        raise BadInput("--volume is CLAIM:FOLDER, as in weir-runs:/mnt/weir-runs")
    return validated(KubernetesVolume, {"claim": claim, "folder": folder}, "--volume")


def cluster_name(found: KubernetesFound) -> str:
    """A name for the cluster: that of its server, as far as it can be one here."""
    host = re.sub(r"^\w+://|[:/].*$", "", found.server)
    plain = re.sub(r"[^a-z0-9._-]", "-", host.lower()).strip("-._")[:63]
    return plain if plain and not plain[0].isdigit() else "kubernetes"


def _settings(kubeconfig: Path | None, namespace: str, timeout_s: float) -> KubernetesSettings:
    path = Path(os.path.abspath(kubeconfig)) if kubeconfig else None
    return KubernetesSettings(
        kubeconfig=path, namespace=namespace, image=IMAGE, timeout_s=timeout_s
    )


def _queues(kubernetes: Kubernetes, namespace: str) -> list[str]:
    """Kueue's queues in a namespace. Without the right to see them there are none."""
    try:
        items = kubernetes.list(f"/apis/{KUEUE}/v1beta1/namespaces/{namespace}/localqueues")
    except Rejected:
        return []
    return [str(item["metadata"]["name"]) for item in items]


def about(kind: Kind) -> str:
    """A pool in a few words."""
    shape = kind.shape
    words = f"{len(kind.nodes)} x {units.show_cpu_milli(shape.cpu_milli)} CPU, "
    words += units.show_bytes(shape.memory_bytes)
    if kind.resource is None:
        return words
    shared = ", in shares too" if kind.device_mib is not None else ""
    model = kind.model or "a model that is not known: say it in device_models"
    return f"{words}, {shape.devices} x {kind.resource.name} ({model}{shared})"


def _notes(kinds: Sequence[Kind], nodes: Sequence[Node], queues: Sequence[str]) -> Iterator[str]:
    for kind in kinds:
        yield f"{kind.name}: {about(kind)}"
    taken = {name for kind in kinds for name in kind.nodes}
    for node in nodes:
        if node.name not in taken:
            taints = ", ".join(f"{t.key}:{t.effect}" for t in node.taints)
            yield f"not {node.name}: {f'tolerates only who says so ({taints})' if taints else ''}"
    if len(queues) > 1:
        yield f"Kueue has several queues, choose one by `queue`: {', '.join(queues)}"


def kubernetes_lines(proposal: KubernetesProposal) -> Iterator[str]:
    """The executor's lines in the file, with comments."""
    settings = proposal.settings
    yield "    kind: kubernetes"
    if settings.kubeconfig is not None:
        yield f"    kubeconfig: {_flow(str(settings.kubeconfig))}"
    yield "    # Where the network's jobs are; `weir agent rbac` prints the rights that are needed."
    yield f"    namespace: {_flow(settings.namespace)}"
    yield "    # For jobs that name no image: it needs a shell and coreutils."
    yield f"    image: {_flow(settings.image)}"
    yield "    # What is shared; nodes that are alike are one pool. A share may also say: nodes"
    yield "    # (only those with these labels), tolerations, resource (what counts as devices),"
    yield "    # device_models, max_devices, max_hosts, idle_only, priority_class, queue,"
    yield "    # runtime_class, price_micro_per_device_hour."
    for note in proposal.notes:
        yield f"    # {note}"
    yield "    shares:"
    for share in settings.shares:
        said = share.model_dump(mode="json", exclude_defaults=True)
        lines = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=1000).splitlines()
        yield f"    - {lines[0]}"
        yield from (f"      {line}" for line in lines[1:])
    yield "    # A volume for runs that the agent sees too, for files and checkpoints of any size:"
    if settings.volume is not None:
        said = settings.volume.model_dump(mode="json", exclude_defaults=True)
        yield f"    volume: {_flow(said)}"
    else:
        yield "    # volume: {claim: NAME, folder: /where/the/agent/sees/its/root}"
    yield "    # The Python of an image, so that jobs may name packages:"
    yield '    # software: {python: /usr/local/bin/python3, image: "python:3.12-slim"}'
    yield "    # Whose jobs go where; the first entry that fits counts:"
    yield '    # members: [{submitter: "*@physics", namespace: physics, queue: physics}]'


def no_server() -> BadInput:
    """What is said where a Kubernetes is asked for, and none is found."""
    return BadInput("there is no kubeconfig here, and this is no pod: set KUBECONFIG")


def _flow(value: str | dict[str, str]) -> str:
    """A text, or several by name, as YAML writes it on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("...\n").strip()
