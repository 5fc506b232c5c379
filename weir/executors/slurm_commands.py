"""Slurm by its commands: sbatch, squeue, scontrol, scancel, sacct.

Nodes, partitions and jobs are read as text with named fields, which all versions give alike and
which costs a fraction of their JSON (docs/slurm.md has the figures); JSON is what slurmrestd gives.
The commands run with an environment of their own, so a job inherits nothing from the agent.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from weir.executors import slurm_text
from weir.executors.slurm_calls import (
    Away,
    Component,
    Rejected,
    Submission,
    Unclear,
    Usage,
    failure,
)
from weir.executors.slurm_records import Job, Node, Partition
from weir.executors.slurm_words import mebibytes, number

Number = TypeVar("Number", int, float)

STANDARD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
IDS_AT_ONCE = 500

_SAID = re.compile(r"^(?:sbatch|scancel|squeue|scontrol|sacct): (?:error|fatal): ", re.MULTILINE)
_FAILED = re.compile(r"(?:job submission|allocation|submit) .*?failed: (.+)", re.IGNORECASE)


class Commands:
    """One Slurm, by the commands on this machine. `folder` holds them, `config` is SLURM_CONF."""

    def __init__(self, folder: str = "", config: str = "", timeout_s: float = 60.0) -> None:
        self._folder, self._timeout_s = folder, timeout_s
        path = f"{folder}:{STANDARD_PATH}" if folder else STANDARD_PATH
        self._environment = {"PATH": path, "LANG": "C.UTF-8", "HOME": os.path.expanduser("~")}
        if config:
            self._environment["SLURM_CONF"] = config
        self._user = str(os.geteuid())
        self._without_accounting = False

    def close(self) -> None:
        """Nothing is held."""

    def version(self) -> str:
        words = self._read("scontrol", "--version").split()
        return words[-1] if words else ""

    def nodes(self) -> tuple[Node, ...]:
        return slurm_text.nodes_of(self._read("scontrol", "show", "node", "-d", "-o", "-a"))

    def partitions(self) -> tuple[Partition, ...]:
        return slurm_text.partitions_of(self._read("scontrol", "show", "partition", "-o", "-a"))

    def jobs(self) -> tuple[Job, ...]:
        """One call, whatever the number of jobs; Slurm picks out this user's."""
        options = ("-h", "-r", "-a", "-t", "all", "-u", self._user)
        return slurm_text.jobs_of(self._read("squeue", *options, "-O", slurm_text.JOB_FORMAT))

    def waiting(self) -> dict[str, int]:
        text = self._read("squeue", "-h", "-a", "-t", "PENDING", "-o", "%U|%P|%r")
        rows = slurm_text.rows_of(text, 3)
        wants = {"Resources", "Priority"}
        return Counter(
            partition
            for user, partitions, reason in rows
            if user != self._user and reason in wants
            for partition in partitions.split(",")
        )

    def submit(self, job: Submission) -> str:
        try:
            done = self._run(("sbatch", *options_of(job)), job.script)
        except subprocess.TimeoutExpired:
            raise Unclear(f"sbatch has not answered within {self._timeout_s:.0f} s") from None
        if done.returncode == 0:
            last = (done.stdout.strip().splitlines() or [""])[-1]
            id_ = last.partition(";")[0].strip()
            if id_.isdigit():
                return id_
            raise Unclear(f"sbatch gave no job id, but {last[:80]!r}")
        text = _SAID.sub("", done.stderr).strip()
        said = _FAILED.search(text)
        if said is not None:
            raise failure(said[1].strip())
        error = failure(text)
        if done.returncode < 0 or (isinstance(error, Rejected) and not _refusal(done.stderr)):
            raise Unclear(f"sbatch ended with {done.returncode}: {text[:200]}")
        raise error

    def cancel(self, jobs: Sequence[str]) -> None:
        for ids in _some(jobs):
            done = self._answer(("scancel", "--quiet", *ids))
            text = _SAID.sub("", done.stderr).strip()
            if done.returncode != 0 and isinstance(failure(text), Away | Unclear):
                raise Away(text)

    def ended(self, jobs: Sequence[str]) -> tuple[Job, ...]:
        found: list[Job] = []
        for ids in _some(jobs):
            text = self._accounting(ids, slurm_text.ENDED_FIELDS)
            found += [job for job in slurm_text.ended_of(text) if job.over]
        return tuple(found)

    def usage(self, jobs: Sequence[str]) -> dict[str, Usage]:
        fields = ("JobIDRaw", *slurm_text.USAGE_FIELDS, "JobID")
        found: dict[str, Usage] = {}
        for ids in _some(jobs):
            text = self._accounting(ids, fields, steps=True)
            for row in slurm_text.rows_of(text, len(fields)):
                raw, _, step = row[0].partition(".")
                leader, _, component = row[-1].partition(".")[0].partition("+")
                id_ = leader if component else raw  # the components of one job are one
                found[id_] = _with(found.get(id_, Usage()), row, bool(step))
        return found

    def _accounting(self, ids: Sequence[str], fields: Sequence[str], steps: bool = False) -> str:
        """sacct, from slurmdbd; without one from the completion file, if that can be read."""
        options = ["-P", "-n", "-j", ",".join(ids), f"--format={','.join(fields)}"]
        if not steps:
            options.insert(0, "-X")
        if not self._without_accounting:
            done = self._answer(("sacct", *options))
            if done.returncode == 0:
                return done.stdout
            if "disabled" not in done.stderr:
                raise Away(_SAID.sub("", done.stderr).strip()[:200] or "sacct failed")
            self._without_accounting = True
        # A failure says that there is no such file, or not for us: then nothing is on record.
        done = self._answer(("sacct", "-c", *[o for o in options if o != "-X"]))
        return done.stdout if done.returncode == 0 else ""

    def _read(self, *command: str) -> str:
        done = self._answer(command)
        if done.returncode != 0:
            text = _SAID.sub("", done.stderr).strip()
            raise Away(f"{command[0]}: {text[:200] or f'ended with {done.returncode}'}")
        return done.stdout

    def _answer(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        try:
            return self._run(command, None, {"SLURM_TIME_FORMAT": "%s"})
        except subprocess.TimeoutExpired:
            late = f"{command[0]} has not answered within {self._timeout_s:.0f} s"
            raise Away(late) from None

    def _run(
        self, command: Sequence[str], given: str | None, also: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        program = os.path.join(self._folder, command[0])
        try:
            return subprocess.run(
                [program, *command[1:]],
                input="" if given is None else given,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=self._timeout_s,
                env={**self._environment, **(also or {})},
                cwd="/",
            )
        except OSError as error:
            raise Away(f"{program} can't be run: {error.strerror}") from error


def options_of(job: Submission) -> list[str]:
    """The options of sbatch that say this submission; components are parted by a colon."""
    said = ["--parsable", f"--job-name={job.name}", f"--chdir={job.folder}"]
    said += [f"--output={job.output_pattern}", "--open-mode=append", "--export=ALL"]
    said += ["--no-requeue", "--input=/dev/null"]
    said += [f"--comment={job.comment}"] if job.comment else []
    said += [f"--array=0-{job.array - 1}"] if job.array else []
    said += [f"--licenses={job.licenses}"] if job.licenses else []
    for number_, component in enumerate(job.components):
        said += [":"] if number_ else []
        said += [*_place(job), *_size(component)]
    return said


def _place(job: Submission) -> Iterator[str]:
    yield f"--partition={job.partition}"
    yield f"--time={'UNLIMITED' if job.minutes is None else job.minutes}"
    for option, value in (
        *(("account", job.account), ("qos", job.qos), ("reservation", job.reservation)),
        *(("constraint", job.constraint), ("exclude", job.exclude)),
    ):
        if value:
            yield f"--{option}={value}"
    if job.nice:
        yield f"--nice={job.nice}"


def _size(component: Component) -> Iterator[str]:
    yield f"--nodes={component.nodes}"
    yield f"--ntasks={component.tasks}"
    yield f"--ntasks-per-node={component.tasks_per_node}"
    yield f"--cpus-per-task={component.cpus_per_task}"
    yield f"--mem={component.memory_mib}M"
    if component.gres:
        yield f"--gres={component.gres}"
    if component.exclusive:
        yield "--exclusive"


def _refusal(text: str) -> bool:
    """Whether a command has said itself what was wrong, and did not just end."""
    return "error:" in text or "fatal:" in text


def _some(jobs: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(jobs), IDS_AT_ONCE):
        yield jobs[start : start + IDS_AT_ONCE]


def _with(usage: Usage, row: Sequence[str], step: bool) -> Usage:
    """What is known of a job's usage, with one more row: a component's, or a step's."""
    _, elapsed, cpus, allocated, used, peak, *_ = row
    peak_mib = mebibytes(peak)
    peak_bytes = _most(usage.peak_memory_bytes, None if peak_mib is None else peak_mib * 2**20)
    if step:
        return replace(usage, peak_memory_bytes=peak_bytes)
    count, seconds = number(cpus), number(elapsed)
    product = None if count is None or seconds is None else count * seconds
    given = number(allocated)
    return Usage(
        _most(usage.elapsed_s, seconds),
        _sum(usage.cpus, count),
        _sum(usage.allocated_cpu_s, product if given is None else given),
        _sum(usage.used_cpu_s, _clock(used)),
        peak_bytes,
    )


def _most(one: Number | None, other: Number | None) -> Number | None:
    return other if one is None else one if other is None else max(one, other)


def _sum(one: Number | None, other: Number | None) -> Number | None:
    return other if one is None else one if other is None else one + other


def _clock(text: str) -> float | None:
    """Seconds of `[days-][hours:]minutes:seconds[.fraction]`."""
    days, _, rest = text.rpartition("-")
    parts = rest.split(":")
    if not text:
        return None
    try:
        total = float(days or 0) * 86400
        for place, part in zip((1, 60, 3600), reversed(parts), strict=False):
            total += float(part) * place
    except ValueError:
        return None
    return total
