"""Slurm by slurmrestd, with a JSON web token.

The token is read from its file for each call, so that whoever renews it need tell nobody; or it is
made here from the cluster's key, where the operator trusts the agent with that. Versions 0.0.36 to
0.0.38 want some fields otherwise than those from 0.0.39 on; the newest that the server has is used
unless the settings say which. What ended long ago is asked of slurmdbd, through the same server.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx

from weir.executors import slurm_records
from weir.executors.slurm_calls import (
    Away,
    Component,
    Rejected,
    Submission,
    Unclear,
    Usage,
    failure,
)
from weir.executors.slurm_records import Garbled, Job, Node, Partition
from weir.executors.slurm_words import hosts_of, number, words

TOKEN_S = 600
STANDARD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
UNKNOWN_JOB = {2017, 2021}
"""Slurm's numbers for "no such job" and "ended already"."""


class Rest:
    """One Slurm, by its REST server. `url` is http(s)://host:port, or unix:/path of its socket."""

    def __init__(
        self,
        url: str,
        user: str,
        token: Callable[[], str],
        version: str | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        socket = url.removeprefix("unix:") if url.startswith("unix:") else None
        self._url, self._user, self._token = url, user, token
        self._version = version
        self._http = httpx.Client(
            base_url="http://slurmrestd" if socket else url,
            transport=httpx.HTTPTransport(uds=socket) if socket else None,
            timeout=timeout_s,
            trust_env=False,
            # slurmrestd closes connections when it likes; a call on a closed one would be unclear.
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def close(self) -> None:
        self._http.close()

    def version(self) -> str:
        answer = self._get("slurm", "ping")
        meta = answer.get("meta") or {}
        slurm = meta.get("Slurm") or meta.get("slurm") or {}
        return str(slurm.get("release", "")) if isinstance(slurm, dict) else ""

    def nodes(self) -> tuple[Node, ...]:
        return slurm_records.nodes_of(self._get("slurm", "nodes"))

    def partitions(self) -> tuple[Partition, ...]:
        return slurm_records.partitions_of(self._get("slurm", "partitions"))

    def jobs(self) -> tuple[Job, ...]:
        found = slurm_records.jobs_of(self._get("slurm", "jobs"))
        return tuple(job for job in found if job.user in ("", self._user))

    def waiting(self) -> dict[str, int]:
        wants = {"Resources", "Priority"}
        return Counter(
            partition
            for job in slurm_records.jobs_of(self._get("slurm", "jobs"))
            if job.user != self._user and job.state == "PENDING" and job.reason in wants
            for partition in job.partition.split(",")
        )

    def submit(self, job: Submission) -> str:
        body = body_of(job, self._number())
        try:
            answer = self._call("POST", "slurm", "job/submit", body)
        except httpx.ConnectError as error:
            raise Away(f"{self._url}: {error}") from error
        except httpx.HTTPError as error:
            raise Unclear(f"{self._url}: {_why(error)}") from error
        data = _json(answer)
        id_ = number(data.get("job_id")) or number((data.get("result") or {}).get("job_id"))
        errors = _errors(data)
        if id_:  # with an error beside it: that the job has to wait, for nodes that are down
            return str(id_)
        if answer.status_code in (401, 403):
            raise Away(f"{self._url} takes no token of {self._user}: {answer.text[:200]}")
        if not errors:
            raise Unclear(f"{self._url} gave no job id, but {answer.text[:80]!r}")
        raise failure("; ".join(errors))

    def cancel(self, jobs: Sequence[str]) -> None:
        for job in jobs:
            answer = self._safe("DELETE", "slurm", f"job/{job}")
            data = _json(answer)
            gone = _numbers(data) & UNKNOWN_JOB
            if answer.status_code != 200 and not gone:
                text = "; ".join(_errors(data)) or answer.text[:200]
                if not isinstance(failure(text), Rejected) or answer.status_code in (401, 403):
                    raise Away(f"{self._url}: {text}")

    def ended(self, jobs: Sequence[str]) -> tuple[Job, ...]:
        found = []
        for id_ in jobs:
            entry = self._recorded(id_)
            if entry is not None and (job := _ended(entry)) is not None:
                found.append(job)
        return tuple(found)

    def usage(self, jobs: Sequence[str]) -> dict[str, Usage]:
        entries = {id_: entry for id_ in jobs if (entry := self._recorded(id_)) is not None}
        return {id_: _usage(entry) for id_, entry in entries.items()}

    def _recorded(self, id_: str) -> dict[str, Any] | None:
        """A job as slurmdbd has it; None if it has none, or there is no slurmdbd."""
        answer = self._safe("GET", "slurmdb", f"job/{id_}")
        found = _json(answer).get("jobs") if answer.status_code == 200 else None
        entries = [e for e in found or () if isinstance(e, dict)]
        return entries[-1] if entries else None

    def _get(self, part: str, what: str) -> dict[str, Any]:
        answer = self._safe("GET", part, what)
        if answer.status_code != 200:
            text = "; ".join(_errors(_json(answer))) or answer.text[:200]
            raise Away(f"{self._url} answers {answer.status_code}: {text}")
        return _json(answer, strict=True)

    def _safe(self, method: str, part: str, what: str) -> httpx.Response:
        try:
            return self._call(method, part, what)
        except httpx.HTTPError as error:
            raise Away(f"{self._url}: {_why(error)}") from error

    def _call(self, method: str, part: str, what: str, body: Any = None) -> httpx.Response:
        path = f"/{part}/{self._chosen()}/{what}"
        return self._http.request(method, path, json=body, headers=self._headers())

    def _headers(self) -> dict[str, str]:
        return {"X-SLURM-USER-NAME": self._user, "X-SLURM-USER-TOKEN": self._token()}

    def _chosen(self) -> str:
        """The version of the interface that is spoken: the newest that the server has."""
        if self._version is None:
            try:
                answer = self._http.get("/openapi/v3", headers=self._headers())
            except httpx.HTTPError as error:
                raise Away(f"{self._url}: {_why(error)}") from error
            if answer.status_code != 200:
                raise Away(f"{self._url} answers {answer.status_code}: {answer.text[:200]}")
            found = re.findall(r"/slurm/(v\d+\.\d+\.\d+)/jobs", answer.text.replace("\\/", "/"))
            if not found:
                raise Garbled(f"{self._url} says of no interface that it is Slurm's")
            self._version = max(found, key=_order)
        return self._version

    def _number(self) -> int:
        return _order(self._chosen())[-1]


def token_file(path: Path) -> Callable[[], str]:
    """Tokens from a file, read each time; `scontrol token` may have written it as it prints it."""

    def read() -> str:
        try:
            return path.read_text(encoding="utf-8").strip().removeprefix("SLURM_JWT=")
        except OSError as error:
            raise Away(f"the token in {path} can't be read: {error.strerror}") from error

    return read


def token_maker(key: Path, user: str, now: Callable[[], float]) -> Callable[[], str]:
    """Tokens for this user made from the cluster's key (HS256), each for some minutes."""

    def make() -> str:
        issued = int(now())
        claims = {"iat": issued, "exp": issued + TOKEN_S, "sun": user}
        head = _base64(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        text = f"{head}.{_base64(json.dumps(claims).encode())}"
        try:
            secret = key.read_bytes()
        except OSError as error:
            raise Away(f"the key in {key} can't be read: {error.strerror}") from error
        return f"{text}.{_base64(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"

    return make


def body_of(job: Submission, version: int) -> dict[str, Any]:
    """The request that says this submission, in the fields of interface version 0.0.`version`."""
    parts = [_fields(job, component, version) for component in job.components]
    if len(parts) == 1:
        return {"script": job.script, "job": parts[0]}
    return {"script": job.script, "jobs": parts}


def _fields(job: Submission, part: Component, version: int) -> dict[str, Any]:
    old = version < 39
    fields: dict[str, Any] = {
        "name": job.name,
        "partition": job.partition,
        "current_working_directory": job.folder,
        "standard_output": job.output_pattern,
        "standard_input": "/dev/null",
        "tasks": part.tasks,
        "tasks_per_node": part.tasks_per_node,
        "cpus_per_task": part.cpus_per_task,
    }
    path = STANDARD_PATH
    if old:
        fields |= {"environment": {"PATH": path, "LANG": "C.UTF-8"}, "no_requeue": True}
        fields |= {"nodes": [part.nodes, part.nodes], "memory_per_node": part.memory_mib}
        fields |= {"time_limit": "UNLIMITED" if job.minutes is None else job.minutes}
        fields |= {"gres": part.gres, "constraints": job.constraint, "exclude_nodes": job.exclude}
        fields |= {"open_mode": "append"}
        fields |= {"exclusive": "exclusive"} if part.exclusive else {}
    else:
        fields |= {"environment": [f"PATH={path}", "LANG=C.UTF-8"], "requeue": False}
        fields |= {"minimum_nodes": part.nodes, "maximum_nodes": part.nodes}
        fields |= {"memory_per_node": {"set": True, "number": part.memory_mib}}
        endless = {"set": True, "infinite": True, "number": 0}
        limit = {"set": True, "infinite": False, "number": job.minutes}
        fields |= {"time_limit": endless if job.minutes is None else limit}
        mark = "gres:" if version == 39 else "gres/"
        fields |= {"tres_per_node": f"{mark}{part.gres}" if part.gres else ""}
        fields |= {"constraints": job.constraint}
        fields |= {"shared": ["none"]} if part.exclusive else {}
        fields |= {"excluded_nodes": list(hosts_of(job.exclude))}
    fields |= {"account": job.account, "qos": job.qos, "reservation": job.reservation}
    fields |= {"nice": job.nice} if job.nice else {}
    fields |= {"licenses": job.licenses, "comment": job.comment}
    fields |= {"array": f"0-{job.array - 1}" if job.array else ""}
    return {name: value for name, value in fields.items() if value not in ("", [])}


def _json(answer: httpx.Response, strict: bool = False) -> dict[str, Any]:
    try:
        data = answer.json()
    except ValueError:
        data = None
    if isinstance(data, dict):
        return data
    if strict:
        raise Garbled(f"{answer.url} gives no JSON object: {answer.text[:80]!r}")
    return {}


def _errors(data: dict[str, Any]) -> list[str]:
    found = []
    for entry in data.get("errors") or ():
        if isinstance(entry, dict):
            said = [str(entry[name]) for name in ("error", "description") if entry.get(name)]
            found.append(": ".join(said) or "an error without words")
    return found


def _numbers(data: dict[str, Any]) -> set[int]:
    entries = [e for e in data.get("errors") or () if isinstance(e, dict)]
    return {n for e in entries if (n := number(e.get("error_number", e.get("error_code"))))}


def _ended(entry: dict[str, Any]) -> Job | None:
    """A job as slurmdbd gives it, if it has ended."""
    state, time = entry.get("state") or {}, entry.get("time") or {}
    code, id_ = entry.get("exit_code") or {}, number(entry.get("job_id"))
    found = words(state.get("current") if isinstance(state, dict) else state)
    if id_ is None or not found:
        return None
    signal = number(
        (code.get("signal") or {}).get("signal_id", (code.get("signal") or {}).get("id"))
    )
    group = entry.get("array") or {}
    array, index = number(group.get("job_id")), number(group.get("task_id", group.get("task")))
    job = Job(
        id=str(id_),
        name=str(entry.get("name", "")),
        state=found[0],
        nodes=hosts_of(str(entry.get("nodes") or "")),
        started=number(time.get("start")),
        ended=number(time.get("end")),
        exit_code=None if signal else number(code.get("return_code")),
        signal=signal or None,
        array=str(array) if array else None,
        index=index,
    )
    return job if job.over else None


def _usage(entry: dict[str, Any]) -> Usage:
    time = entry.get("time") or {}
    elapsed, total = number(time.get("elapsed")), time.get("total") or {}
    given = {
        t.get("type"): number(t.get("count"))
        for t in (entry.get("tres") or {}).get("allocated", ())
    }
    cpus = given.get("cpu")
    used = number(total.get("seconds"))
    product = None if cpus is None or elapsed is None else cpus * elapsed
    return Usage(elapsed, cpus, product, None if used is None else float(used), None)


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.lstrip("v").split("."))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
