"""What Ray's dashboard says of its nodes and jobs, read from its JSON.

Laws:
- A record that lacks what makes it one is left out; an answer in which nothing looks as it should
  is `Garbled`, and nothing is concluded from it.
- A word that is not known is no mistake: an unknown status is of a job that goes on.
- Amounts become Weir's integers: CPU and devices in thousandths, memory in bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from weir.core.errors import NotReady

PENDING, RUNNING, STOPPED = "PENDING", "RUNNING", "STOPPED"
ENDED = frozenset({STOPPED, "SUCCEEDED", "FAILED"})

DEVICES = {
    "GPU": ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ONEAPI_DEVICE_SELECTOR"),
    "NPU": ("ASCEND_RT_VISIBLE_DEVICES",),
    "TPU": ("TPU_VISIBLE_CHIPS",),
    "HPU": ("HABANA_VISIBLE_MODULES",),
    "neuron_cores": ("NEURON_RT_VISIBLE_CORES",),
    "RBLN": ("RBLN_DEVICES",),
    "FURIOSA": ("FURIOSA_VISIBLE_DEVICES",),
}
"""Resources that Ray itself knows to be devices, and by which variable it tells their numbers."""

_USAGE = re.compile(
    r"^(?P<used>[\d.]+(?:e[-+]?\d+)?)(?P<used_unit>[KMGTP]?i?B)?"
    r"/(?P<total>[\d.]+(?:e[-+]?\d+)?)(?P<total_unit>[KMGTP]?i?B)? (?P<name>\S+)"
    r"(?: \((?P<pg_used>[\d.]+(?:e[-+]?\d+)?)(?P<pg_used_unit>[KMGTP]?i?B)? used of "
    r"(?P<pg_total>[\d.]+(?:e[-+]?\d+)?)(?P<pg_total_unit>[KMGTP]?i?B)? reserved in placement"
    r" groups\))?\s*$"
)
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40, "P": 2**50}


class Garbled(NotReady):
    """An answer of Ray's that can't be understood: nothing is concluded from it."""


@dataclass(frozen=True, slots=True)
class Node:
    """One living node. `total` and `used` are by resource: memory in bytes, all else in
    thousandths; what is reserved in placement groups is used. `used` is None where Ray does not
    say.
    """

    id: str
    host: str
    total: Mapping[str, int]
    used: Mapping[str, int] | None = None
    accelerator: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def device_names(self) -> tuple[str, ...]:
        """Resources that may be devices: those that Ray knows, then those that somebody named."""
        plain = ("CPU", "memory", "object_store_memory")
        able = [n for n, v in self.total.items() if n not in plain and ":" not in n and v >= 1000]
        return tuple(sorted(able, key=lambda n: (n != "GPU", n not in DEVICES, -self.total[n], n)))


@dataclass(frozen=True, slots=True)
class Job:
    """One submitted job. `started` and `ended` in seconds since 1970: when Ray took it in, and when
    it ended.
    """

    id: str
    status: str
    message: str = ""
    error: str = ""
    node: str = ""
    started: float | None = None
    ended: float | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        return self.status in ENDED


def usage_of(text: str) -> dict[str, tuple[int, int]]:
    """`1.5/16.0 CPU` and so on, a line each: what is used and what there is, by resource.

    Of placement groups Ray counts what is used inside; here all that they reserve counts.
    """
    found = {}
    for line in text.splitlines():
        match = _USAGE.match(line.strip())
        if match is None:
            continue
        used, total = _number(match, "used"), _number(match, "total")
        if match["pg_total"] is not None:
            used += _number(match, "pg_total") - _number(match, "pg_used")
        found[match["name"]] = (max(0, round(used)), round(total))
    return found


def _number(match: re.Match[str], name: str) -> float:
    unit = match[f"{name}_unit"]
    scale = _UNITS[unit.rstrip("B").rstrip("i")] if unit else 1000
    return float(match[name]) * scale


def nodes_of(answer: Any) -> tuple[Node, ...]:
    """The nodes in an answer to `/nodes?view=summary`. Raises `Garbled`."""
    try:
        data = answer["data"]
        summary, usage = data["summary"], data.get("nodeLogicalResources") or {}
        rows = [row["raylet"] for row in summary if isinstance(row, dict) and row.get("raylet")]
        hosts = [row.get("hostname", "") for row in summary if row.get("raylet")]
    except (KeyError, TypeError, AttributeError):
        raise Garbled("Ray's dashboard does not tell of its nodes as it should") from None
    if not isinstance(usage, dict):
        raise Garbled("Ray's dashboard does not tell of its resources as it should")
    found = (_node(row, str(host), usage) for row, host in zip(rows, hosts, strict=True))
    return tuple(node for node in found if node is not None)


def _node(row: Any, host: str, usage: Mapping[str, Any]) -> Node | None:
    if not isinstance(row, dict) or not isinstance(row.get("nodeId"), str):
        return None
    if row.get("state", "ALIVE") != "ALIVE":
        return None
    said = row.get("resourcesTotal")
    total = _amounts(said if isinstance(said, dict) else {})
    text = usage.get(row["nodeId"])
    told = usage_of(text) if isinstance(text, str) else {}
    # The text has the resources' names as they are, the other writes them in another way.
    total = {name: total.get(name, most) for name, (_, most) in told.items()} or total
    types = [name.partition(":")[2] for name in total if name.startswith("accelerator_type:")]
    labels = row.get("labels")
    return Node(
        id=row["nodeId"],
        host=host,
        total=total,
        used={name: used for name, (used, _) in told.items()} if told else None,
        accelerator=types[0] if types else "",
        labels={str(k): str(v) for k, v in labels.items()} if isinstance(labels, dict) else {},
    )


def _amounts(said: Mapping[str, Any]) -> dict[str, int]:
    found = {}
    for name, value in said.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        name = {"objectStoreMemory": "object_store_memory"}.get(name, name)
        name = name.replace("acceleratorType:", "accelerator_type:")
        found[name] = round(value if name.endswith("memory") else 1000 * value)
    return found


def jobs_of(answer: Any) -> tuple[Job, ...]:
    """The submitted jobs in an answer to `/api/jobs/`. Raises `Garbled`."""
    if not isinstance(answer, list):
        raise Garbled("Ray's dashboard gives no list of jobs")
    return tuple(job for row in answer if (job := job_of(row)) is not None)


def job_of(row: Any) -> Job | None:
    """One job; None for what was not submitted, as a driver of its own."""
    if not isinstance(row, dict) or not isinstance(row.get("submission_id"), str):
        return None
    metadata = row.get("metadata")
    return Job(
        metadata=metadata if isinstance(metadata, dict) else {},
        id=row["submission_id"],
        status=str(row.get("status") or "").upper(),
        message=str(row.get("message") or ""),
        error=str(row.get("error_type") or ""),
        node=str(row.get("driver_node_id") or ""),
        started=_seconds(row.get("start_time")),
        ended=_seconds(row.get("end_time")),
    )


def _seconds(value: Any) -> float | None:
    return value / 1000 if isinstance(value, int | float) and value > 0 else None
