"""jobs, show, why: golden texts."""

from __future__ import annotations

import json

from tests.cli.builders import NOW, a_candidate, a_detail, a_job, a_run, weir
from tests.client.builders import FakeServer
from weir.core.lifecycle import JobState
from weir.wire.jobs import (
    ChangeAnswer,
    HistoryAnswer,
    JobDetailAnswer,
    JobsAnswer,
    ReasonAnswer,
    WhyAnswer,
)

WAITING = {
    "state": JobState.WAITING,
    "pool": None,
    "pool_name": None,
    "site_name": None,
    "emulated": None,
    "place": (),
    "started_at": None,
}
PAGE = JobsAnswer(
    jobs=(
        a_job("j-3", **WAITING),
        a_job("j-2"),
        a_job(
            "j-1",
            name="sweep",
            state=JobState.FAILED,
            submitted_at=NOW - 3 * 86400,
            started_at=NOW - 9000,
            ended_at=NOW - 60,
            exit_code=137,
            emulated=False,
            array="a-1",
            array_index=3,
        ),
    ),
    next="j-1",
)

JOBS = """\
ID   NAME      STATE    AT                                    SUBMITTED    RAN  EXIT  BY
j-3  train     waiting  -                                     1 min ago      -     -  li
j-2  train     running  North Center / npu (emulated)         1 min ago    42s     -  li
j-1  sweep[3]  failed   North Center / npu             2023-11-12 06:13  2h29m   137  li
"""


def test_a_page_of_jobs() -> None:
    result = weir({"GET /v1/jobs": PAGE}, "jobs")
    assert result.stdout == JOBS
    assert result.stderr == "there are more: --before j-1\n"


def test_the_page_that_is_asked_for() -> None:
    server = FakeServer({"GET /v1/jobs": JobsAnswer(jobs=(), next=None)})
    result = weir(server, "jobs", "--state", "failed", "--array", "a-1", "--limit", "2")
    assert result.stdout == "no jobs\n"
    assert dict(server.asked[0].url.params) == {"state": "failed", "array": "a-1", "limit": "2"}


def test_jobs_as_json() -> None:
    result = weir({"GET /v1/jobs": PAGE}, "jobs", "--json")
    assert JobsAnswer.model_validate_json(result.stdout) == PAGE
    assert json.loads(result.stdout)["next"] == "j-1"


def test_control_characters_do_not_reach_the_terminal() -> None:
    nasty = a_job(name="a\x1b[2J\nb")
    result = weir({"GET /v1/jobs": JobsAnswer(jobs=(nasty,), next=None)}, "jobs")
    assert "a\\x1b[2J b" in result.stdout


SHOW = """\
j-1 train is running
asks for   2 x (4 x any device, 1 cpu, 256MiB)
at         North Center / npu (emulated)
path       north > north-center
submitted  2023-11-15 06:12:15 (1 min ago) by li
started    42 s ago, ran 42s
priority   50
attempts   1

Runs
RUN  SITE          POOL  DEVICE                         STATE     ASSIGNED  RAN  EXIT  REASON
r-1  North Center  npu   huawei-ascend-910b (emulated)  running  1 min ago  42s     -  -

History
TIME                 AFTER  WHAT
2023-11-15 06:12:15   +0 s  submitted  li
2023-11-15 06:12:38  +23 s  started    by CN.S1.C1-5
"""


def test_show() -> None:
    history = (
        HistoryAnswer(at=NOW - 65, what="submitted", detail="li"),
        HistoryAnswer(at=NOW - 42, what="started", detail="by CN.S1.C1-5"),
    )
    job = a_detail(runs=(a_run(),), history=history)
    assert weir({"GET /v1/jobs/j-1": job}, "show", "j-1").stdout == SHOW
    read = weir({"GET /v1/jobs/j-1": job}, "show", "j-1", "--json").stdout
    assert JobDetailAnswer.model_validate_json(read) == job


WHY_WAITING = """\
j-1 is waiting: no pool has a device with 80 GiB
3 jobs are ahead of it.
Pool npu is being kept free for it.
Waiting does not help: no pool of the network would do, even empty and open.

REASON         POOLS  NEEDED  BEST    THE POOL
DEVICE_MEMORY     41  80 GiB  64 GiB  one of its accelerators has too little memory

What would make it fit:
  DEVICE_MEMORY: 64 GiB instead of 80 GiB admits 41 more pools
"""


def test_why_it_waits() -> None:
    memory = ReasonAnswer(
        reason="DEVICE_MEMORY",
        pools=41,
        needed="80 GiB",
        best="64 GiB",
        text="a device has too little memory",
    )
    answer = WhyAnswer(
        job="j-1",
        state=JobState.WAITING,
        text="no pool has a device with 80 GiB",
        ahead=3,
        held_pool="npu",
        hopeless=True,
        reasons=(memory,),
        changes=(
            ChangeAnswer(reason="DEVICE_MEMORY", wanted="80 GiB", instead="64 GiB", pools=41),
        ),
    )
    assert weir({"GET /v1/jobs/j-1/why": answer}, "why", "j-1").stdout == WHY_WAITING


WHY_PLACED = """\
j-1 is running

                    CHOSEN                             RUNNER-UP
site                North Center                       South
pool                npu                                gpu
devices             8 x huawei-ascend-910b (emulated)  8 x nvidia-h100-sxm5
tasks               2                                  2
price               64.00 CNY/h                        80.00 CNY/h
start               now                                unknown
price term          64 CNY/h costs 0.320               64 CNY/h costs 0.320
latency term        3.2 ms costs 0.033                 3.2 ms costs 0.033
score (lower wins)  0.352                              0.610
"""


def test_why_it_runs_there() -> None:
    other = a_candidate(
        "gpu",
        site_name="South",
        device_model="nvidia-h100-sxm5",
        emulated=False,
        price_micro_per_hour=80_000_000,
        now=False,
        start_in_s=None,
        cost=0.61,
    )
    answer = WhyAnswer(
        job="j-1", state=JobState.RUNNING, text="", chosen=a_candidate(), runner_up=other
    )
    replies = {"GET /v1/jobs/j-1/why": answer, "GET /v1/jobs/j-1": a_detail()}
    assert weir(replies, "why", "j-1").stdout == WHY_PLACED


def test_why_says_how_it_ended_once() -> None:
    text = "It ran on pool P: the only one that fit. It is failed: exit code 3."
    for said, shown in (
        (text, "It ran on pool P: the only one that fit. Exit code 3."),
        ("It is failed: exit code 3.", "exit code 3."),
    ):
        answer = WhyAnswer(job="j-1", state=JobState.FAILED, text=said)
        replies = {"GET /v1/jobs/j-1/why": answer}
        assert weir(replies, "why", "j-1").stdout == f"j-1 has failed: {shown}\n"


def test_why_without_a_runner_up() -> None:
    answer = WhyAnswer(job="j-1", state=JobState.PLACED, text="", chosen=a_candidate())
    replies = {"GET /v1/jobs/j-1/why": answer, "GET /v1/jobs/j-1": a_detail()}
    assert weir(replies, "why", "j-1").stdout.endswith("No other pool could take it.\n")
