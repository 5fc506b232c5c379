"""What Slurm says of its nodes, partitions and jobs, whichever way it was asked; read from JSON.

`slurm_text` reads the same from the text forms. A record that lacks what makes it one is left out;
an answer in which nothing looks as it should is `Garbled`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from weir.core.errors import NotReady
from weir.executors import slurm_words
from weir.executors.slurm_words import Gres, gres_of, hosts_of, number, words


class Garbled(NotReady):
    """An answer of Slurm's that can't be understood: nothing is concluded from it."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node: what it has, what of it is allocated, and the words of its state in capitals."""

    name: str
    cpus: int
    memory_mib: int
    state: frozenset[str]
    alloc_cpus: int = 0
    alloc_mib: int = 0
    threads: int = 1
    machine: str = ""
    gres: tuple[Gres, ...] = ()
    gres_used: tuple[Gres, ...] = ()
    features: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether something new can start there, as far as the state says."""
        return not self.state & slurm_words.UNUSABLE

    @property
    def reserved(self) -> bool:
        return bool(self.state & slurm_words.RESERVED)


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition. `max_minutes` is null without a limit; `exclusive`: a node for one job."""

    name: str
    nodes: tuple[str, ...]
    up: bool = True
    default: bool = False
    hidden: bool = False
    max_minutes: int | None = None
    exclusive: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One job, or one task of an array, or one component of a heterogeneous job.

    `leader` is the job that a component belongs to; `array` and `index` where it is of an array.
    `started` and `ended` are seconds since 1970. `exit_code` is of the script, `signal` what killed
    it.
    """

    id: str
    name: str
    state: str
    reason: str = ""
    nodes: tuple[str, ...] = ()
    started: float | None = None
    ended: float | None = None
    restarts: int = 0
    exit_code: int | None = None
    signal: int | None = None
    leader: str | None = None
    array: str | None = None
    index: int | None = None
    user: str = ""
    partition: str = ""

    @property
    def over(self) -> bool:
        """Whether it has ended and holds nothing."""
        return self.state in slurm_words.ENDED

    @property
    def holds(self) -> bool:
        """Whether it holds what it was given."""
        return not self.over and self.state not in slurm_words.WAITING


def nodes_of(answer: Any) -> tuple[Node, ...]:
    """The nodes of an answer with `nodes`. Raises `Garbled`."""
    return tuple(_read(answer, "nodes", _node))


def partitions_of(answer: Any) -> tuple[Partition, ...]:
    """The partitions of an answer with `partitions`. Raises `Garbled`."""
    return tuple(_read(answer, "partitions", _partition))


def jobs_of(answer: Any) -> tuple[Job, ...]:
    """The jobs of an answer with `jobs`. Raises `Garbled`."""
    return tuple(_read(answer, "jobs", _job))


def _read(answer: Any, what: str, reader: Any) -> Iterable[Any]:
    if not isinstance(answer, dict) or not isinstance(answer.get(what), list):
        raise Garbled(f"Slurm's answer has no list of {what}")
    entries = answer[what]
    found = []
    for entry in entries:
        try:
            found.append(reader(entry))
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
    if entries and not found:
        raise Garbled(f"none of the {len(entries)} {what} in Slurm's answer can be read")
    return found


def _node(entry: Mapping[str, Any]) -> Node:
    cpus, memory = number(entry["cpus"]), number(entry["real_memory"])
    if cpus is None or memory is None:
        raise ValueError("a node without CPUs or memory")
    state = {*words(entry["state"]), *words(entry.get("state_flags", ()))}
    return Node(
        name=str(entry["name"]),
        cpus=number(entry.get("effective_cpus")) or cpus,
        memory_mib=max(0, memory - (number(entry.get("specialized_memory")) or 0)),
        state=frozenset(state),
        alloc_cpus=number(entry.get("alloc_cpus")) or 0,
        alloc_mib=number(entry.get("alloc_memory")) or 0,
        threads=number(entry.get("threads")) or 1,
        machine=str(entry.get("architecture") or ""),
        gres=gres_of(entry.get("gres") or ""),
        gres_used=gres_of(entry.get("gres_used") or ""),
        features=_names(entry.get("active_features") or entry.get("features")),
        partitions=_names(entry.get("partitions")),
    )


def _partition(entry: Mapping[str, Any]) -> Partition:
    nodes, flags = entry["nodes"], words(entry.get("flags", ()))
    state, limit = entry.get("state"), entry.get("max_time_limit")
    if isinstance(nodes, dict):  # 23 and later: grouped
        nodes = nodes.get("configured", "")
        state = (entry.get("partition") or {}).get("state", "UP")
        limit = (entry.get("maximums") or {}).get("time")
        flags = (*flags, *words((entry.get("partition") or {}).get("flags", ())))
        shares = (entry.get("maximums") or {}).get("oversubscribe") or {}
        if "EXCLUSIVE" in words(shares.get("flags", ())):
            flags = (*flags, "EXCLUSIVE")
    return Partition(
        name=str(entry["name"]),
        nodes=hosts_of(str(nodes)),
        up="UP" in words(state),
        default="DEFAULT" in flags,
        hidden="HIDDEN" in flags or "ROOT_ONLY" in flags,
        max_minutes=number(limit) or None,
        exclusive="EXCLUSIVE" in flags,
    )


def _job(entry: Mapping[str, Any]) -> Job:
    id_ = number(entry["job_id"])
    states = words(entry["job_state"])
    if id_ is None or not states:
        raise ValueError("a job without an id or a state")
    code, signal = _exit(entry.get("exit_code"))
    leader, array = number(entry.get("het_job_id")), number(entry.get("array_job_id"))
    return Job(
        id=str(id_),
        name=str(entry.get("name") or ""),
        state=COMPLETING if COMPLETING in states else states[0],
        reason=str(entry.get("state_reason") or "").removeprefix("None"),
        nodes=hosts_of(str(entry.get("nodes") or "")),
        started=number(entry.get("start_time")) or None,
        ended=number(entry.get("end_time")) or None,
        restarts=number(entry.get("restart_cnt")) or 0,
        exit_code=code,
        signal=signal,
        leader=str(leader) if leader else None,
        array=str(array) if array else None,
        index=number(entry.get("array_task_id")),
        user=str(entry.get("user_name") or ""),
        partition=str(entry.get("partition") or ""),
    )


def _exit(value: Any) -> tuple[int | None, int | None]:
    """The exit code and the signal of a wait status, or of the object that later versions give."""
    if isinstance(value, dict) and "return_code" in value:
        signal = value.get("signal") or {}
        return number(value["return_code"]), number(signal.get("id")) or None
    return exit_of_status(number(value))


def exit_of_status(status: int | None) -> tuple[int | None, int | None]:
    """The exit code and the signal of a wait status."""
    if status is None:
        return None, None
    return (None, status & 0x7F) if status & 0x7F else (status >> 8, None)


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split(",")
    return tuple(str(v) for v in value or () if str(v) not in ("", "(null)"))


COMPLETING = slurm_words.COMPLETING
