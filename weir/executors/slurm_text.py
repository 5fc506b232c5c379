"""What Slurm's commands print, read: one line a node, a partition or a job, of any version.

The commands are asked for fields by name and parted by `|`; lines that are none of ours (warnings,
banners) are passed over. A line of the right form with wrong content is passed over as well; an
answer without one right line where there must be some is `Garbled`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from weir.executors.slurm_records import COMPLETING, Garbled, Job, Node, Partition, exit_of_status
from weir.executors.slurm_words import fields_of, gres_of, hosts_of, minutes, number, words

JOB_FIELDS = (
    *("JobID", "State", "Reason", "StartTime", "EndTime", "NodeList", "RestartCnt", "exit_code"),
    *("HetJobID", "ArrayJobID", "ArrayTaskID", "UserName", "Partition", "Name"),
)
"""What `squeue --Format` is asked for; the name comes last, for people may write anything in it."""

JOB_FORMAT = ",".join(f"{name}:|" for name in JOB_FIELDS)

ENDED_FIELDS = ("JobIDRaw", "State", "Start", "End", "NodeList", "ExitCode", "JobID", "JobName")
"""What `sacct --format` is asked for."""

USAGE_FIELDS = ("ElapsedRaw", "AllocCPUS", "CPUTimeRAW", "TotalCPU", "MaxRSS")
"""What `sacct --format` is asked for when it is about usage, between `JobIDRaw` and `JobID`."""


def nodes_of(text: str) -> tuple[Node, ...]:
    """`scontrol show node --details --oneliner`. Raises `Garbled`."""
    found = [n for line in text.splitlines() if (n := _node(fields_of(line))) is not None]
    if not found:
        raise Garbled("scontrol shows no node")
    return tuple(found)


def partitions_of(text: str) -> tuple[Partition, ...]:
    """`scontrol show partition --oneliner`. Raises `Garbled`."""
    found = []
    for line in text.splitlines():
        fields = fields_of(line)
        if "PartitionName" not in fields:
            continue
        found.append(
            Partition(
                name=fields["PartitionName"],
                nodes=hosts_of(fields.get("Nodes", "")),
                up=fields.get("State", "UP") == "UP",
                default=fields.get("Default") == "YES",
                hidden="YES" in (fields.get("Hidden"), fields.get("RootOnly")),
                max_minutes=minutes(fields.get("MaxTime", "")),
                exclusive=fields.get("OverSubscribe", fields.get("Shared")) == "EXCLUSIVE",
            )
        )
    if not found:
        raise Garbled("scontrol shows no partition")
    return tuple(found)


def jobs_of(text: str) -> tuple[Job, ...]:
    """`squeue --noheader --Format JOB_FORMAT`, times as seconds since 1970. Raises `Garbled`."""
    lines = [line for line in text.splitlines() if line.strip()]
    found = [job for line in lines if (job := _job(line)) is not None]
    if lines and not found:
        raise Garbled(f"none of the {len(lines)} lines of squeue can be read")
    return tuple(found)


def ended_of(text: str) -> Iterator[Job]:
    """`sacct --parsable2 --noheader --format ENDED_FIELDS`, allocations only."""
    for values in _rows(text, len(ENDED_FIELDS)):
        id_, state, start, end, nodes, code, shown, name = values
        exit_code, _, signal = code.partition(":")
        if not id_.isdigit() or not state:
            continue
        array, _, index = shown.partition("_")
        killed = number(signal) or None
        yield Job(
            id=id_,
            name=name,
            state=state.split()[0].rstrip("+"),  # `CANCELLED by 0`
            nodes=hosts_of(nodes),
            started=_seconds(start),
            ended=_seconds(end),
            exit_code=None if killed else number(exit_code),
            signal=killed,
            array=array if index else None,
            index=number(index),
        )


def rows_of(text: str, count: int) -> list[tuple[str, ...]]:
    """The rows of a `--parsable2` answer that have so many fields."""
    return [tuple(values) for values in _rows(text, count)]


def _rows(text: str, count: int) -> Iterable[Sequence[str]]:
    for line in text.splitlines():
        values = line.split("|", count - 1)
        if len(values) == count:
            yield [value.strip() for value in values]


def _node(fields: dict[str, str]) -> Node | None:
    cpus = number(fields.get("CPUEfctv") or fields.get("CPUTot"))
    memory = number(fields.get("RealMemory"))
    if "NodeName" not in fields or cpus is None or memory is None:
        return None
    features = fields.get("ActiveFeatures", "")
    return Node(
        name=fields["NodeName"],
        cpus=cpus,
        memory_mib=max(0, memory - (number(fields.get("MemSpecLimit")) or 0)),
        state=frozenset(words(fields.get("State", "UNKNOWN"))),
        alloc_cpus=number(fields.get("CPUAlloc")) or 0,
        alloc_mib=number(fields.get("AllocMem")) or 0,
        threads=number(fields.get("ThreadsPerCore")) or 1,
        machine=fields.get("Arch", ""),
        gres=gres_of(fields.get("Gres", "")),
        gres_used=gres_of(fields.get("GresUsed", "")),
        features=tuple(f for f in features.split(",") if f not in ("", "(null)")),
        partitions=tuple(p for p in fields.get("Partitions", "").split(",") if p),
    )


def _job(line: str) -> Job | None:
    # Thousands of these are read each second or two, so without detours.
    values = line.split("|", len(JOB_FIELDS) - 1)
    if len(values) != len(JOB_FIELDS) or not values[0].isdigit() or not values[1]:
        return None
    id_, state, reason, start, end, nodes, restarts, status, leader, array, index = values[:11]
    code, signal = exit_of_status(int(status)) if status.isdigit() else (None, None)
    element = index.isdigit()
    return Job(
        id_,
        values[13].removesuffix("|"),
        _state(state),
        "" if reason == "None" else reason,
        _hosts(nodes) if nodes else (),
        _seconds(start),
        _seconds(end),
        int(restarts) if restarts.isdigit() else 0,
        code,
        signal,
        leader if leader.isdigit() else None,
        array if element else None,
        int(index) if element else None,
        values[11],
        values[12],
    )


@lru_cache(maxsize=256)
def _state(text: str) -> str:
    states = words(text)
    return COMPLETING if COMPLETING in states else states[0] if states else ""


@lru_cache(maxsize=4096)
def _hosts(text: str) -> tuple[str, ...]:
    return hosts_of(text)


def _seconds(word: str) -> float | None:
    return float(word) if word.isdigit() and word != "0" else None
