"""A real Kubernetes for tests: etcd, API server, controller manager and scheduler on loopback, with
nodes whose kubelet is `tests.kubernetes_kubelet`; gone at the end.

Everything is in a folder of its own, on ports of its own. `scripts/build-kubernetes` builds it.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from tests.kubernetes_claims import claim_of
from tests.kubernetes_kubelet import MERGE, Kubelet
from weir.executors.base import Executor
from weir.executors.kubernetes import KubernetesExecutor
from weir.executors.kubernetes_settings import KubernetesSettings

BUILT = Path(os.environ.get("WEIR_CACHE", Path.home() / ".cache" / "weir")) / "kubernetes" / "bin"
PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
CONTROLLERS = "job,garbagecollector,namespace,serviceaccount,resourcequota,podgc"
START_S = 60.0
NODES, CPUS, MEMORY, DEVICES = 4, 8, "16Gi", 2
NAMESPACE, AGENT = "weir", "weir-agent"
PRODUCT = "NVIDIA-H100-80GB-HBM3"


@dataclass
class Server:
    """A Kubernetes under `home`. What it has started it stops, by process."""

    home: Path
    ports: Sequence[int]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    kubelet: Kubelet | None = None
    token: str = ""

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.ports[2]}"

    @property
    def admin(self) -> Path:
        """A kubeconfig of who may do everything."""
        return self.home / "admin.yaml"

    @property
    def agent(self) -> Path:
        """A kubeconfig of the agent's service account, with the rights that the agent asks for."""
        return self.home / "agent.yaml"

    def start(self) -> None:
        """Make everything and start it; returns once all nodes are ready and the agent may act."""
        (self.home / "log").mkdir()
        (self.home / "tokens.csv").write_text('admin-token,admin,admin,"system:masters"\n')
        self._certificate()
        self._spawn(
            *("etcd", f"--data-dir={self.home}/etcd", "--unsafe-no-fsync", "--log-level=error"),
            f"--listen-client-urls=http://127.0.0.1:{self.ports[0]}",
            f"--advertise-client-urls=http://127.0.0.1:{self.ports[0]}",
            f"--listen-peer-urls=http://127.0.0.1:{self.ports[1]}",
        )
        self.start_api()
        self.write_kubeconfig(self.admin, "admin-token")
        common = (f"--kubeconfig={self.admin}", "--leader-elect=false", "--port=0")
        self._spawn(
            *("kube-controller-manager", *common, f"--controllers={CONTROLLERS}"),
            *("--bind-address=127.0.0.1", f"--secure-port={self.ports[3]}"),
            f"--service-account-private-key-file={self.home}/sa.key",
            *("--kube-api-qps=200", "--kube-api-burst=400", "--concurrent-gc-syncs=4"),
        )
        self._spawn(
            *("kube-scheduler", *common, "--bind-address=127.0.0.1"),
            *(f"--secure-port={self.ports[4]}", "--kube-api-qps=200", "--kube-api-burst=400"),
        )
        client = self.client()
        self.kubelet = Kubelet(client, self.home, self.ports[5], self.home / "sa.pem")
        self.kubelet.start()
        for number in range(1, NODES + 1):
            self.add_node(f"node-{number}")
        self.make("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        self.grant()

    def stop(self) -> None:
        """Stop everything that was started."""
        if self.kubelet is not None:
            self.kubelet.stop()
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()

    def start_api(self) -> None:
        self._spawn(
            *("kube-apiserver", f"--etcd-servers=http://127.0.0.1:{self.ports[0]}"),
            *("--bind-address=127.0.0.1", f"--secure-port={self.ports[2]}", "--insecure-port=0"),
            *("--advertise-address=127.0.0.1", f"--cert-dir={self.home}/certs"),
            *("--service-cluster-ip-range=10.96.0.0/16", "--authorization-mode=RBAC"),
            *("--token-auth-file", f"{self.home}/tokens.csv", "--api-audiences=api"),
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.home}/sa.key",
            f"--service-account-signing-key-file={self.home}/sa.key",
            "--disable-admission-plugins=ServiceAccount",
        )
        self.until(self._ready, "the API server")

    def stop_api(self) -> None:
        """Kill the API server; what it was told is in its database."""
        process = self.processes.pop("kube-apiserver")
        process.kill()
        process.wait()

    def client(self) -> httpx2.Client:
        """A client of who may do everything."""
        return httpx2.Client(
            base_url=self.url,
            headers={"Authorization": "Bearer admin-token"},
            verify=False,
            timeout=30,
            limits=httpx2.Limits(max_connections=200),
        )

    def make(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make an object; what is there already stays."""
        with self.client() as client:
            answer = client.post(path, json=body)
        assert answer.status_code in (200, 201, 409), answer.text
        return dict(answer.json())

    def get(self, path: str) -> dict[str, Any]:
        with self.client() as client:
            return dict(client.get(path).json())

    def patch(self, path: str, body: Mapping[str, Any]) -> None:
        with self.client() as client:
            answer = client.patch(path, json=body, headers=MERGE)
        assert answer.status_code == 200, answer.text

    def delete(self, path: str) -> None:
        """Delete an object, and what belongs to it."""
        with self.client() as client:
            client.request("DELETE", path, json={"propagationPolicy": "Background"})

    def pods(self, run: str) -> list[dict[str, Any]]:
        """The pods of a run."""
        items: list[dict[str, Any]] = self.get(f"/api/v1/namespaces/{NAMESPACE}/pods")["items"]
        return [p for p in items if p["metadata"]["name"].startswith(f"weir-{run}-")]

    def jobs(self, run: str) -> list[dict[str, Any]]:
        """The Jobs of a run."""
        found = self.get(f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs")["items"]
        return [j for j in found if j["metadata"]["annotations"].get("weir.network/run") == run]

    def add_node(
        self,
        name: str,
        devices: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        """A node that is ready, with a kubelet."""
        room = {"cpu": str(CPUS), "memory": MEMORY, "pods": "110"}
        room |= devices or {"nvidia.com/gpu": str(DEVICES)}
        said = {"kubernetes.io/hostname": name, "nvidia.com/gpu.product": PRODUCT}
        meta = {"name": name, "labels": labels or said, "annotations": dict(annotations or {})}
        self.make("/api/v1/nodes", {"metadata": meta})
        status = {
            "capacity": room,
            "allocatable": room,
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self.ports[5]}},
        }
        self.patch(f"/api/v1/nodes/{name}/status", {"status": status})
        self.patch(f"/api/v1/nodes/{name}", {"spec": {"taints": None}})

    def grant(self) -> None:
        """Give the agent the rights that `weir agent rbac` asks for, and a token of its account."""
        from weir.cli.agent_rbac import objects

        for body in objects((NAMESPACE,), AGENT, NAMESPACE):
            self.make(collection(body), body)
        self.give_token()

    def give_token(self) -> None:
        """A kubeconfig with a token of the agent's account."""
        where = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{AGENT}/token"
        made = self.make(where, {"spec": {"expirationSeconds": 86400}})
        self.token = str(made["status"]["token"])
        self.write_kubeconfig(self.agent, self.token)

    def write_kubeconfig(self, path: Path, token: str, url: str = "") -> None:
        authority = str(self.home / "certs" / "apiserver.crt")
        cluster = {"server": url} if url else {"server": self.url}
        if not url:
            cluster["certificate-authority"] = authority
        data = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [
                {
                    "name": "test",
                    "context": {"cluster": "test", "user": "test", "namespace": NAMESPACE},
                }
            ],
            "current-context": "test",
        }
        path.write_text(yaml.safe_dump(data))
        path.chmod(0o600)

    def until(self, found: Callable[[], Any], what: str, limit_s: float = START_S) -> Any:
        """What `found` gives once it gives something."""
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            if value := found():
                return value
            time.sleep(0.1)
        raise AssertionError(f"waited in vain for {what}\n{self.tail()}")

    def tail(self) -> str:
        """The ends of the logs."""
        return "\n".join(
            f"{file.name}: {text[-1500:]}"
            for file in sorted((self.home / "log").glob("*.log"))
            if (text := file.read_text(errors="replace"))
        )

    def _ready(self) -> bool:
        with suppress(httpx2.HTTPError), self.client() as client:
            return client.get("/readyz").status_code == 200
        return False

    def _certificate(self) -> None:
        """A key for service accounts, and a certificate of it for the kubelet."""
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                *("-subj", "/CN=kubelet", "-keyout", "sa.key", "-out", "kubelet.crt"),
            ],
            cwd=self.home,
            check=True,
            capture_output=True,
        )
        both = (self.home / "sa.key").read_text() + (self.home / "kubelet.crt").read_text()
        (self.home / "sa.pem").write_text(both)

    def _spawn(self, program: str, *words: str) -> None:
        command = program if program == "etcd" else str(BUILT / program)
        with open(self.home / "log" / f"{program}.log", "ab") as log:
            self.processes[program] = subprocess.Popen(
                [command, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home,
                start_new_session=True,
            )


def collection(body: Mapping[str, Any]) -> str:
    """Where objects of this kind are made."""
    group, _, version = body["apiVersion"].rpartition("/")
    base = f"/apis/{group}/{version}" if group else f"/api/{version}"
    namespace = body["metadata"].get("namespace")
    inside = f"/namespaces/{namespace}" if namespace else ""
    return f"{base}{inside}/{body['kind'].lower()}s"


def make() -> Server:
    """A Kubernetes that is not started, in a folder and on ports of its own; skips without one."""
    absent = [program for program in PROGRAMS if not (BUILT / program).exists()]
    absent += [program for program in ("etcd", "openssl", "unshare") if not shutil.which(program)]
    if absent or os.geteuid() != 0:
        # For `pytest -m real` elsewhere; `make test-real` builds it and takes a skip for a failure.
        pytest.skip(f"Kubernetes' tests need root and {', '.join(absent) or 'nothing else'}")
    home = Path(tempfile.mkdtemp(prefix="weir-kubernetes-", dir="/tmp"))
    return Server(home, _free_ports(6))


def started(server: Server) -> Iterator[Server]:
    """The server, started; gone with all its data at the end."""
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.home, ignore_errors=True)


@pytest.fixture(scope="module")
def kubernetes() -> Iterator[Server]:
    """A Kubernetes for the tests of one file: those of others keep the machine busy."""
    yield from started(make())


def _free_ports(count: int) -> Sequence[int]:
    """So many ports that nobody uses."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


# -- executors over it, for the contract's suite; its processes find it by the environment.

KUBECONFIG_VARIABLE = "WEIR_TEST_KUBERNETES"


def publish(server: Server) -> None:
    """Tell this process, and those that it starts, where the server is."""
    os.environ[KUBECONFIG_VARIABLE] = str(server.agent)


def settings(**changes: Any) -> KubernetesSettings:
    """One share, `pool`: the nodes of the server, with their GPUs."""
    share = {
        "pool": "pool",
        "emulated": True,
        "resource": "nvidia.com/gpu",
        **changes.pop("share", {}),
    }
    value = {
        "kubeconfig": os.environ[KUBECONFIG_VARIABLE],
        "namespace": NAMESPACE,
        "image": "none.example/none",
        "shares": [share],
        "poll_s": 0.2,
        "look_s": 0.5,
        "grace_s": 1,
        **changes,
    }
    return KubernetesSettings.model_validate(value)


def executor(home: Path, **changes: Any) -> Executor:
    """An executor with the agent's rights; jobs may read and write under `home`, and by HTTP here.
    Pods have the Python that runs the tests, and packages of `home`/wheels.
    """
    both = [f"file://{home}/*", "http://127.0.0.1/*"]
    data = {"read": both, "write": both, "inside": ["127.0.0.1"]}
    options = ["--no-index", f"--find-links={home}/wheels", "--only-binary=:all:"]
    own = {"data": data, "software": {"python": sys.executable, "pip_options": options}}
    return KubernetesExecutor(settings(**{**own, **changes}), home / "kubernetes", time.time)


def volume_executor(home: Path) -> Executor:
    """The same, with runs' folders on a volume."""
    claim = claim_of(home / "volume", NAMESPACE, os.environ[KUBECONFIG_VARIABLE])
    return executor(home, volume={"claim": claim, "folder": str(home / "volume"), "settle_s": 1})


def show(server: Server) -> str:
    """All pods, for looking at what went wrong."""
    items = server.get("/api/v1/pods")["items"]
    return json.dumps([{p["metadata"]["name"]: p["status"]} for p in items], indent=1)
