"""`weir find`: golden text, JSON, and the mistakes of a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.builders import a_candidate, a_pool, weir
from tests.client.builders import FakeServer
from weir.scheduling.explain_words import Saying, sentences
from weir.wire.jobs import (
    ChangeAnswer,
    FindAnswer,
    ReasonAnswer,
    RejectionAnswer,
    SayingAnswer,
)

JOB = """\
name: train
tasks:
- command: [python, train.py]
  count: 2
  devices: {count: 4}
"""

ANSWER = FindAnswer(
    policy="balanced",
    candidates=(
        a_candidate(),
        a_candidate(
            "gpu",
            site_name="南方中心",
            device_model="nvidia-h100-sxm5",
            emulated=False,
            now=False,
            start_in_s=7300.0,
            groups=(("main", 2, "cuda"),),
            cost=0.61,
        ),
    ),
    rejections=(
        RejectionAnswer(
            pool="CN.S2.C1.P1",
            pool_name="cpu",
            site_name="East",
            reasons=("DEVICE_NONE needed=1 best=0", "REGION needed=north best=east"),
        ),
    ),
    reasons=(
        ReasonAnswer(reason="DEVICE_NONE", pools=1, needed="1", best="0", text="no accelerators"),
        ReasonAnswer(reason="REGION", pools=1, needed="north", best="east", text="elsewhere"),
    ),
    changes=(ChangeAnswer(reason="REGION", wanted="north", instead="any region", pools=1),),
)

GOLDEN = """\
train: 2 of 3 pools can take it (policy balanced)

#  SITE          POOL  DEVICES                            TASKS           PRICE  START   \
LATENCY  SCORE (LOWER IS BETTER)
1  North Center  npu   8 x huawei-ascend-910b (emulated)  2         64.00 CNY/h  now     \
 3.2 ms  0.352 = price 0.320 + latency 0.033
2  南方中心      gpu   8 x nvidia-h100-sxm5               2 (cuda)  64.00 CNY/h  in 2 h  \
 3.2 ms  0.610 = price 0.320 + latency 0.033

NOT AT  POOL            BECAUSE
East    cpu (emulated)  DEVICE_NONE needed=1 best=0; REGION needed=north best=east

REASON       POOLS  NEEDED  BEST  THE POOL
DEVICE_NONE      1  1       0     it has no accelerators
REGION           1  north   east  it is in another region

What would admit more:
  REGION: any region instead of north admits 1 more pool
"""


REPLIES = {
    "POST /v1/find": ANSWER,
    "GET /v1/pools": [a_pool(id="CN.S2.C1.P1"), a_pool(emulated=False)],
}


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("train.yaml").write_text(JOB)
    return "train.yaml"


def test_the_yes_the_no_and_what_would_help(job: str) -> None:
    result = weir(REPLIES, "find", job)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == GOLDEN


def test_when_it_would_start_is_told(job: str) -> None:
    soon = SayingAnswer(code="asked")
    late = {"starts": False, "start": (soon,)}
    result = weir(REPLIES | {"POST /v1/find": ANSWER.model_copy(update=late)}, "find", job)
    there, said, *_ = result.stdout.splitlines()[1:]
    assert there == "There is room, but others go first."
    assert said == sentences([Saying(soon.code, soon.values)])
    at_once = ANSWER.model_copy(update={"starts": True})
    assert weir(REPLIES | {"POST /v1/find": at_once}, "find", job).stdout == GOLDEN


def test_nothing_fits(job: str) -> None:
    memory = ReasonAnswer(
        reason="DEVICE_MEMORY", pools=1, needed="64 GiB", best="unknown", text="too little"
    )
    no = RejectionAnswer(
        pool="CN.S2.C1.P1",
        pool_name="npu",
        site_name="East",
        reasons=("DEVICE_MEMORY needed=64 GiB best=unknown",),
    )
    changes = {"candidates": (), "reasons": (memory,), "rejections": (no,)}
    result = weir(REPLIES | {"POST /v1/find": ANSWER.model_copy(update=changes)}, "find", job)
    assert result.exit_code == 1
    assert "DEVICE_MEMORY needed=64 GiB, and its memory is not known\n" in result.stdout
    assert "What would make it fit:" in result.stdout


def test_nobody_to_ask(job: str) -> None:
    nobody = FindAnswer(policy="balanced", candidates=(), rejections=(), reasons=(), changes=())
    result = weir({"POST /v1/find": nobody}, "find", job)
    assert (result.exit_code, result.stdout) == (
        1,
        "train: no center has joined yet, so there is no pool to ask\n",
    )


def test_json_is_the_wire_model(job: str) -> None:
    result = weir({"POST /v1/find": ANSWER}, "find", "--json", job)
    assert FindAnswer.model_validate_json(result.stdout) == ANSWER


def test_fields_can_be_set_and_the_policy_chosen(job: str) -> None:
    server = FakeServer({"POST /v1/find": ANSWER})
    weir(server, "find", job, "--set", "tasks[0].count=8", "--set", "name=big", "--policy", "fifo")
    sent = json.loads(server.asked[0].content)
    assert (sent["policy"], sent["spec"]["name"]) == ("fifo", "big")
    assert sent["spec"]["tasks"][0]["count"] == 8


def test_a_job_on_the_standard_input() -> None:
    assert weir(REPLIES, "find", "-", stdin=JOB).exit_code == 0


def test_mistakes_are_named_with_file_and_line(job: str) -> None:
    Path("bad.yaml").write_text("name: train\ntasks:\n- command: [a]\n  cpu: much\nwalltim: 1h\n")
    server = FakeServer({})
    result = weir(server, "find", "bad.yaml")
    assert (result.exit_code, result.stdout, server.asked) == (2, "", [])
    first, *lines = result.stderr.splitlines()
    assert first.startswith("error: bad.yaml has ")
    assert any(line.startswith("bad.yaml:4 tasks[0].cpu: ") for line in lines)
    assert any(line.startswith("bad.yaml:5 walltim: is not a field here") for line in lines)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("name", "field=value"),
        ("tasks[9].count=1", "no such field"),
        ("a b=1", "names no field"),
        ("priority=high", "priority"),
    ],
)
def test_settings_that_can_not_be(job: str, setting: str, says: str) -> None:
    result = weir({}, "find", job, "--set", setting)
    assert result.exit_code == 2
    assert says in result.stderr
