"""Claims of volumes that are folders of this machine, for the tests' Kubernetes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import httpx2
import yaml


def claim_of(folder: Path, namespace: str, kubeconfig: str) -> str:
    """The claim of a volume that is this folder; made, and bound, if it is not there. Who may make
    volumes has a kubeconfig beside the one that is given.
    """
    folder.mkdir(exist_ok=True)
    name = f"claim-{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"
    kind = {"apiVersion": "v1", "kind": "PersistentVolume"}
    terms = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    where = {"namespace": namespace, "name": name}
    volume = {
        **kind,
        "metadata": {"name": name},
        "spec": {
            **terms,
            "capacity": {"storage": "1Gi"},
            "hostPath": {"path": str(folder)},
            "claimRef": where,
        },
    }
    bound = {"pv.kubernetes.io/bind-completed": "yes"}  # no controller here does it
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {**where, "annotations": bound},
        "spec": {**terms, "resources": {"requests": {"storage": "1Gi"}}, "volumeName": name},
    }
    config = yaml.safe_load(Path(kubeconfig).with_name("admin.yaml").read_text())
    (cluster,), (user,) = config["clusters"], config["users"]
    headers = {"Authorization": f"Bearer {user['user']['token']}"}
    with httpx2.Client(base_url=cluster["cluster"]["server"], verify=False) as client:
        for path, body in (
            ("/api/v1/persistentvolumes", volume),
            (f"/api/v1/namespaces/{namespace}/persistentvolumeclaims", claim),
        ):
            answer = client.post(path, json=body, headers=headers)
            assert answer.status_code in (201, 409), answer.text
    return name
