"""`weir agent rbac`: the rights that an agent needs in a Kubernetes, as a manifest for kubectl.

They are the least that the executor gets along with: in the namespaces of the jobs to make and
delete Jobs and Secrets, and to read Jobs, pods, their logs, events and use; in the whole cluster to
read nodes and pods, for what is free. It may not read a Secret nor enter a pod, and changes nothing
else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import yaml

from weir.cli.agent_doctor import read_agents
from weir.core.errors import BadInput
from weir.executors.kubernetes_manifest import VOLCANO
from weir.executors.kubernetes_settings import KubernetesSettings
from weir.executors.kubernetes_use import METRICS

RBAC = "rbac.authorization.k8s.io"
LABELS = {"app.kubernetes.io/managed-by": "weir"}

IN_NAMESPACES: Sequence[tuple[str, str, tuple[str, ...]]] = (
    ("batch", "jobs", ("create", "delete", "list")),
    ("", "secrets", ("create", "delete")),
    ("", "pods", ("list",)),
    ("", "pods/log", ("get",)),
    ("", "events", ("list",)),
    (METRICS, "pods", ("list",)),
    (VOLCANO, "podgroups", ("create", "delete")),
    ("kueue.x-k8s.io", "localqueues", ("list",)),
    ("", "resourcequotas", ("list",)),
)
"""What the agent does where its jobs are: API group, resource, verbs."""

IN_THE_CLUSTER: Sequence[tuple[str, str, tuple[str, ...]]] = (
    ("", "nodes", ("list",)),
    ("", "pods", ("list",)),
    ("kueue.x-k8s.io", "clusterqueues", ("list",)),
)
"""What it reads of everything."""


@click.command()
@click.option(
    "--namespace",
    "namespaces",
    multiple=True,
    help="A namespace for the network's jobs; may be given several times.",
)
@click.option("--account", default="weir-agent", show_default=True, help="The service account.")
@click.option(
    "--account-namespace", help="Where the service account is; the first namespace without it."
)
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    help="Take the namespaces from the agent's settings here.",
)
def rbac(
    namespaces: tuple[str, ...], account: str, account_namespace: str | None, home: Path | None
) -> None:
    """Print the rights that an agent needs in a Kubernetes.

    For `kubectl apply -f -`, by somebody who may give rights. The namespaces have to be there.
    """
    if home is not None:
        namespaces = (*namespaces, *_namespaces(home))
    if not namespaces:
        raise BadInput("give --namespace NAME, or --home with the settings of an agent")
    names = tuple(dict.fromkeys(namespaces))
    found = objects(names, account, account_namespace or names[0])
    click.echo(yaml.safe_dump_all(found, sort_keys=False), nl=False)


def objects(namespaces: Sequence[str], account: str, where: str) -> Iterator[dict[str, Any]]:
    """The service account `account` of namespace `where`, its roles and their bindings."""
    yield _object("v1", "ServiceAccount", account, where)
    subject = {"kind": "ServiceAccount", "name": account, "namespace": where}
    for namespace in namespaces:
        role = _object(f"{RBAC}/v1", "Role", account, namespace)
        yield role | {"rules": _rules(IN_NAMESPACES)}
        yield _binding("Role", account, subject, namespace)
    whole = f"{account}-{where}"
    yield _object(f"{RBAC}/v1", "ClusterRole", whole) | {"rules": _rules(IN_THE_CLUSTER)}
    yield _binding("ClusterRole", whole, subject)


def _object(version: str, kind: str, name: str, namespace: str = "") -> dict[str, Any]:
    meta = {"name": name, **({"namespace": namespace} if namespace else {}), "labels": LABELS}
    return {"apiVersion": version, "kind": kind, "metadata": {**meta, "labels": dict(LABELS)}}


def _rules(rules: Sequence[tuple[str, str, tuple[str, ...]]]) -> list[dict[str, Any]]:
    return [
        {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}
        for group, resource, verbs in rules
    ]


def _binding(kind: str, name: str, subject: dict[str, str], namespace: str = "") -> dict[str, Any]:
    return {
        **_object(f"{RBAC}/v1", f"{kind}Binding", name, namespace),
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": name},
        "subjects": [dict(subject)],
    }


def _namespaces(home: Path) -> tuple[str, ...]:
    executors = [agent.executor for agent in read_agents(home / "agents.yaml")]
    return tuple(
        name
        for executor in executors
        if isinstance(executor, KubernetesSettings)
        for name in executor.namespaces
    )
