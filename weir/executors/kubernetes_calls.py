"""What is asked of a Kubernetes, and how a call can fail. Objects go and come as plain JSON, so
that every version of the server is understood as far as it goes.

Laws:
- `create` either gives the object, or raises: `Rejected` if there surely is none and never will be,
  `There` if there is one of that name, `Away` if there surely is none yet, `Unclear` if there may
  be one. Names are given here, so repeating it after `Unclear` makes no second object.
- Everything else only reads, or does no harm when repeated, and raises `Away`, `Unclear`,
  `Rejected` or `Garbled`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2
from lightkube.config.client_adapter import Client as Connection
from lightkube.config.client_adapter import ConnectionParams
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError

from weir.core.errors import BadInput, Conflict, NotReady, WeirError
from weir.executors.kubernetes_records import Node, Pod, node_of, pod_of
from weir.executors.kubernetes_settings import KubernetesSettings

PAGE = 500
"""Objects of one answer to a question for all of them: what bounds the memory that it takes."""

T = TypeVar("T")


class Away(NotReady):
    """Kubernetes was not reached, or did not answer; nothing came of the call."""


class Unclear(NotReady):
    """The call may have reached Kubernetes; what came of it is not known."""


class Garbled(NotReady):
    """What came back is not what Kubernetes says."""


class Rejected(Conflict):
    """Kubernetes has said no, in its own words; `number` is HTTP's."""

    number = 0


class There(Rejected):
    """There is an object of that name already."""


@dataclass(frozen=True, slots=True)
class Version:
    """The server's version; `minor` is what counts of it."""

    text: str
    major: int
    minor: int

    @property
    def indexed(self) -> bool:
        """Whether its Jobs number their pods."""
        return (self.major, self.minor) >= (1, 22)


class Kubernetes:
    """One API server. Safe for the executor's few threads; each call is one request."""

    def __init__(self, settings: KubernetesSettings) -> None:
        self._settings = settings
        self._guard = threading.Lock()
        self._client: httpx2.Client | None = None

    def close(self) -> None:
        """Close the connections."""
        with self._guard:
            if self._client is not None:
                self._client.close()
            self._client = None

    def version(self) -> Version:
        """The server's version."""
        data = self._get("/version")
        return _read(lambda: _version(data))

    def groups(self) -> frozenset[str]:
        """The API groups that the cluster has, by name."""
        data = self._get("/apis")
        return _read(lambda: frozenset(group["name"] for group in data["groups"]))

    def nodes(self) -> list[Node]:
        """All nodes."""
        return [node for page in self._pages("/api/v1/nodes", {}) for node in _nodes(page)]

    def pods(self, namespace: str | None = None, labels: str = "", fields: str = "") -> list[Pod]:
        """Pods of a namespace, or of all."""
        query = {"labelSelector": labels, "fieldSelector": fields}
        found: list[Pod] = []
        for page in self._pages(path("v1", "pods", namespace), query):
            found += _pods(page)
        return found

    def list(self, where: str, query: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """All objects at a path."""
        return [item for page in self._pages(where, query or {}) for item in page]

    def read(self, where: str) -> dict[str, Any] | None:
        """One object; None if it is not there."""
        try:
            return self._get(where)
        except Rejected as error:
            if error.number == 404:
                return None
            raise

    def create(self, where: str, body: Mapping[str, Any], dry: bool = False) -> dict[str, Any]:
        """Make an object; with `dry` only ask whether it could be made."""
        query = {"dryRun": "All"} if dry else {}
        return _json(self._send("POST", where, query, body))

    def delete(self, where: str, grace_s: int | None = None, uid: str = "") -> bool:
        """Delete an object and what belongs to it; whether it was there, with `uid` that one."""
        body: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
        }
        if grace_s is not None:
            body["gracePeriodSeconds"] = grace_s
        if uid:
            body["preconditions"] = {"uid": uid}
        try:
            self._send("DELETE", where, {}, body)
        except Rejected as error:
            if error.number in (404, 409):
                return False
            raise
        return True

    def log(
        self, pod: Pod, container: str, limit: int, target: str, since: int | None = None
    ) -> bool:
        """Write what a container has printed, from its beginning or from a time on (whole seconds,
        by its node's clock) and so many bytes at most, into a file; False if nothing is to be had:
        it has not started, or its log is gone.
        """
        where = f"{path('v1', 'pods', pod.namespace, pod.name)}/log"
        query = {"container": container, "limitBytes": str(limit)}
        if since is not None:
            query["sinceTime"] = f"{datetime.fromtimestamp(since, UTC):%Y-%m-%dT%H:%M:%SZ}"
        left = limit
        try:
            with self._connected().stream("GET", where, params=query) as answer:
                if answer.status_code >= 300:
                    answer.read()
                    raise _failure(answer)
                with open(target, "wb") as file:
                    for chunk in answer.iter_raw(65536):
                        file.write(chunk[:left])
                        left -= min(left, len(chunk))
        except Rejected as error:
            if error.number in (400, 404):
                return False
            raise
        except (httpx2.HTTPError, ConfigError) as error:
            raise Away(f"a pod's log did not come: {_why(error)}") from error
        return True

    def may(self, verb: str, group: str, resource: str, namespace: str = "") -> bool:
        """Whether whoever the agent is may do this."""
        name, _, sub = resource.partition("/")
        wish = {"verb": verb, "group": group, "resource": name, "subresource": sub}
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {**wish, "namespace": namespace}},
        }
        where = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        data = _json(self._send("POST", where, {}, body))
        return _read(lambda: bool(data["status"].get("allowed")))

    def date(self) -> str | None:
        """The server's time as it tells it."""
        return self._send("GET", "/version", {}).headers.get("Date")

    # -- what the above is made of ---------------------------------------------------------------

    def _pages(self, where: str, query: Mapping[str, str]) -> Iterator[Sequence[dict[str, Any]]]:
        more = ""
        while True:
            words = {k: v for k, v in query.items() if v} | {"limit": str(PAGE)}
            data = self._get(where, words | ({"continue": more} if more else {}))
            yield _items(data)
            more = (data.get("metadata") or {}).get("continue") or ""
            if not more:
                return

    def _get(self, where: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        return _json(self._send("GET", where, query or {}))

    def _send(
        self,
        method: str,
        where: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
    ) -> httpx2.Response:
        """One request. A token that has gone stale is read anew by the connection itself."""
        try:
            answer = self._connected().request(method, where, params=dict(query), json=body)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise Away(f"Kubernetes can't be reached: {error}") from error
        except (httpx2.HTTPError, ConfigError, OSError) as error:
            # What only reads has surely changed nothing.
            kind = Away if method == "GET" else Unclear
            raise kind(f"Kubernetes did not answer: {_why(error)}") from error
        if answer.status_code < 300:
            return answer
        raise _failure(answer)

    def _connected(self) -> httpx2.Client:
        with self._guard:
            if self._client is None:
                config = configuration(self._settings)
                timeout = httpx2.Timeout(self._settings.timeout_s)
                parameters = ConnectionParams(timeout=timeout, trust_env=False)
                try:
                    self._client = Connection(config, parameters)
                except (OSError, ConfigError, ValueError) as error:
                    raise Away(f"the kubeconfig can't be used: {error}") from error
            return self._client


def configuration(settings: KubernetesSettings) -> SingleConfig:
    """How the server is reached, and as whom. Raises `BadInput`."""
    try:
        if settings.kubeconfig is None:
            found = KubeConfig.from_service_account().get()
        else:
            found = KubeConfig.from_file(settings.kubeconfig).get(settings.context)
    except (ConfigError, OSError, KeyError, ValueError, TypeError) as error:
        where = settings.kubeconfig or "the pod's service account"
        raise BadInput(f"executor.kubeconfig: {where} can't be used: {error}") from error
    if found is None:
        raise BadInput("executor.kubeconfig: it names no cluster")
    return found if found.user else found._replace(user=User())


def path(version: str, kind: str, namespace: str | None, name: str = "", group: str = "") -> str:
    """Where an object, or all of a kind, is."""
    base = f"/apis/{group}/{version}" if group else f"/api/{version}"
    inside = f"/namespaces/{quote(namespace)}" if namespace else ""
    return f"{base}{inside}/{kind}" + (f"/{quote(name)}" if name else "")


def job_path(namespace: str, name: str = "") -> str:
    """Where a Job is, or all of a namespace."""
    return path("v1", "jobs", namespace, name, group="batch")


def _failure(answer: httpx2.Response) -> WeirError:
    """The error that an answer other than yes stands for."""
    text = answer.text[:1000]
    said: dict[str, Any] = {}
    with suppress(ValueError):
        data = answer.json()
        said = data if isinstance(data, dict) else {}
    text = str(said.get("message") or text.strip() or answer.reason_phrase)
    number = answer.status_code
    if number == 409 and said.get("reason") == "AlreadyExists":
        error: Rejected = There(text)
    elif number in (401, 408, 429) or number >= 500:
        # A server that is starting, overloaded or behind a proxy, or a token that is being renewed.
        return Unclear(text) if number in (500, 504) else Away(text)
    else:
        error = Rejected(text)
    error.number = number
    return error


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__


def _json(answer: httpx2.Response) -> dict[str, Any]:
    try:
        data = answer.json()
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise Garbled("what answers is no Kubernetes: it sent no JSON object")
    return data


def _read(read: Callable[[], T]) -> T:
    """What `read` makes of an answer. Raises `Garbled`."""
    try:
        return read()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Garbled(f"what Kubernetes answered can't be understood: {error!r}") from error


def _items(data: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    items = data.get("items")
    if "items" not in data or not isinstance(items, (list, type(None))):
        raise Garbled("what Kubernetes answered is no list")
    return items or []


def _nodes(page: Sequence[dict[str, Any]]) -> list[Node]:
    return _read(lambda: [node_of(item) for item in page])


def _pods(page: Sequence[dict[str, Any]]) -> list[Pod]:
    return _read(lambda: [pod_of(item) for item in page])


def _version(data: Mapping[str, Any]) -> Version:
    digits = [int("".join(c for c in str(data[k]) if c.isdigit())) for k in ("major", "minor")]
    return Version(str(data["gitVersion"]), digits[0], digits[1])


def found_kubeconfig(environment: Mapping[str, str]) -> Path | None:
    """The kubeconfig that kubectl would take; None if there is none."""
    listed = environment.get("KUBECONFIG", "")
    home = environment.get("HOME") or os.path.expanduser("~")
    files = [Path(p) for p in listed.split(os.pathsep) if p] or [Path(home, ".kube", "config")]
    return next((file for file in files if file.is_file()), None)
