"""A job: its way through the tiers, its states, why it waits or went there, logs, files, cancel."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from urllib.parse import quote

import yaml
from starlette.responses import RedirectResponse, Response, StreamingResponse

from weir.console import asking, render
from weir.console.drawing import usage
from weir.console.visit import Visit
from weir.control import show as reading
from weir.control.cancel import cancel
from weir.control.indicators import history
from weir.control.job_usage import job_usage
from weir.core.errors import NotFound
from weir.core.lifecycle import JOB_FINAL, JobState
from weir.core.plan import MEANINGS
from weir.scheduling.explain_words import Saying, sentences
from weir.wire.jobs import FilesAnswer, JobDetailAnswer, WhyAnswer
from weir.wire.jobspec import JobSpec
from weir.wire.usage import RunUsageAnswer

PIECE = 2**20
LOGS = ("stdout", "stderr")
TAIL = 64 * 2**10
"""So much of a log stands in the page itself; scripts bring the rest as it grows."""


def show(visit: Visit) -> Response:
    """The page."""
    job_id = visit.request.path_params["job"]
    found = reading.show_job(visit.ctx, visit.person, job_id)
    mine = _is_mine(visit, found)
    log = visit.query.get("log", "stdout")
    log = log if log in LOGS else "stdout"
    files = (
        reading.list_files(visit.ctx, visit.person, job_id)
        if mine
        else FilesAnswer(run=None, files=())
    )
    why = asking.why(visit, job_id, found.state, found.attempts)
    used = next(reversed(job_usage(visit.ctx, job_id).runs), None)
    tail, size = _tail(visit, job_id, log, files) if mine else ("", 0)
    return render.page(
        visit,
        "job.html",
        section="jobs",
        live=False if found.state in JOB_FINAL else job_id,
        job=found,
        mine=mine,
        ended=found.state in JOB_FINAL,
        steps=steps(found),
        why=why,
        why_text=sentences((Saying(s.code, s.values) for s in why.said), visit.language),
        used=used,
        spent=spent(found, why, visit.ctx.now()),
        plots=[] if used is None else _plots(visit, used),
        files=files,
        log=log,
        logs=LOGS,
        tail=tail,
        tail_size=size,
        spec=None if found.spec is None else spec_text(found.spec),
        domain_row=visit.ctx.domain(),
        meanings={str(k): v for k, v in MEANINGS.items()},
        commands=(
            (f"weir show {job_id}", f"GET /v1/jobs/{job_id}"),
            (f"weir why {job_id}", f"GET /v1/jobs/{job_id}/why"),
            (f"weir job usage {job_id}", f"GET /v1/jobs/{job_id}/usage"),
            (f"weir logs {job_id} --follow", f"GET /v1/jobs/{job_id}/files/{log}?wait_s=20"),
            (f"weir cancel {job_id}", f"POST /v1/jobs/{job_id}/cancel"),
        ),
    )


def _plots(visit: Visit, run: RunUsageAnswer) -> list[usage.Plot]:
    """What its newest run used; what its pool did where its own devices are not told of."""
    now = visit.ctx.now()
    begin, end = run.started_at, run.ended_at or now
    busy: tuple[tuple[float, float], ...] = ()
    if begin is not None and end > begin and run.held_device_milli:
        step_s = max(60.0, (end - begin) / usage.MOST_POINTS)
        past = history(visit.ctx, begin, end, step_s, names=("devices_busy",), under=run.pool)
        busy = next((i.points for i in past.indicators), ())
    return usage.plots(run, now, busy)


def steps(job: JobDetailAnswer) -> list[tuple[JobState, float | None, str]]:
    """The states that a job goes through: (state, since when, `done`, `now` or `ahead`)."""
    ended = job.state in JOB_FINAL
    placed = job.runs[-1].assigned_at if job.runs else None
    order = [
        (JobState.WAITING, job.submitted_at),
        (JobState.PLACED, placed),
        (JobState.RUNNING, job.started_at),
        (job.state if ended else JobState.SUCCEEDED, job.ended_at),
    ]
    at = next(n for n, (s, _) in reversed(list(enumerate(order))) if s == job.state)
    if ended:  # what it never came to is left out
        order = [o for o in order if o[1] is not None]
        at = len(order) - 1
    return [
        (state, when if n <= at else None, "now" if n == at else "done" if n < at else "ahead")
        for n, (state, when) in enumerate(order)
    ]


def spent(job: JobDetailAnswer, why: WhyAnswer, now: float) -> str | None:
    """What its newest run has taken at the price that it was placed for; None where either is not
    known, or it is free.
    """
    if why.chosen is None or not why.chosen.price_micro_per_hour or job.started_at is None:
        return None
    hours = max(0.0, (job.ended_at or now) - job.started_at) / 3600
    micro = round(why.chosen.price_micro_per_hour * hours)
    amount = "< 0.01" if 0 < micro < 10_000 else f"{micro / 1e6:,.2f}"
    return f"{amount} {why.chosen.currency}"


def spec_text(spec: JobSpec) -> str:
    """A job as YAML, as people write it: what has its default is left out."""
    data = spec.model_dump(mode="json", exclude_defaults=True)
    for tasks in data.get("tasks", ()):
        if tasks.get("cpu", "").isdigit():
            tasks["cpu"] = int(tasks["cpu"])
    return dump(data)


class _Dumper(yaml.SafeDumper):
    """YAML as people write it: text of several lines as a block, short lists on one line."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _list(dumper: yaml.SafeDumper, value: list[object]) -> yaml.SequenceNode:
    short = all(isinstance(v, (str, int, float)) and "\n" not in str(v) for v in value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=short)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)


def dump(data: object) -> str:
    """Plain data as YAML."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


def _is_mine(visit: Visit, job: JobDetailAnswer) -> bool:
    """Whether the visitor may read its files: whose spec is shown, may."""
    return job.spec is not None


def _tail(visit: Visit, job_id: str, log: str, files: FilesAnswer) -> tuple[str, int]:
    size = next((f.size for f in files.files if f.name == log), 0)
    start = max(0, size - TAIL)
    data, size, _ = reading.read_file(visit.ctx, visit.person, job_id, log, start, TAIL)
    return data.decode(errors="replace"), start + len(data)


def canceled(visit: Visit) -> Response:
    """Cancel, and back to the job."""
    job_id = visit.request.path_params["job"]
    cancel(visit.ctx, visit.person, job_id)
    return RedirectResponse(f"/jobs/{quote(job_id)}", 303)


def download(visit: Visit) -> Response:
    """A file of a job, always as a download: it is not this server's own word."""
    job_id, name = visit.request.path_params["job"], visit.request.path_params["name"]
    files = reading.list_files(visit.ctx, visit.person, job_id)
    size = next((f.size for f in files.files if f.name == name), None)
    if size is None:
        there = ", ".join(f.name for f in files.files) or "none"
        raise NotFound(f"job {job_id} has no file {name} here; its files: {there}")

    def pieces() -> Iterator[bytes]:
        offset = 0
        while offset < size:
            data, _, _ = reading.read_file(
                visit.ctx, visit.person, job_id, name, offset, min(PIECE, size - offset)
            )
            if not data:
                return
            offset += len(data)
            yield data

    base = name.rsplit("/", 1)[-1]
    kind = mimetypes.guess_type(base)[0] or "application/octet-stream"
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(base)}"}
    return StreamingResponse(pieces(), media_type=kind, headers=headers)
