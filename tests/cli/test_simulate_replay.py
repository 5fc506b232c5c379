"""simulate replay: asked of a server, waited for, and shown beside what really happened."""

from __future__ import annotations

import json

from tests.cli.builders import NOW, weir
from tests.client.builders import FakeServer, Turns, problem
from weir.wire.replays import LeftOut, ReplayAnswer, ReplayColumn, ReplayMeasure, ReplayResult

RESULT = ReplayResult(
    jobs=1200,
    pools=3,
    begin=NOW - 7 * 86400,
    end=NOW,
    devices=True,
    currency="CNY",
    left_out=(LeftOut(jobs=4, why="have not ended yet"),),
    notes=("The network is empty.",),
    measures=(
        ReplayMeasure(name="mean_wait_s", label="Mean wait", unit="s", better=-1),
        ReplayMeasure(name="utilisation", label="Utilization", unit="share", better=1),
        ReplayMeasure(name="cost", label="Cost", unit="money", better=-1),
        ReplayMeasure(name="of-a-newer-server", label="New", unit="?", better=0),
    ),
    columns=(
        ReplayColumn(policy="", numbers={"mean_wait_s": 7200.0, "utilisation": 0.5, "cost": None}),
        ReplayColumn(
            policy="fair", numbers={"mean_wait_s": 3600.0, "utilisation": 0.5, "cost": None}
        ),
    ),
)
QUEUED = ReplayAnswer(
    id="p-1", asked_by="li", asked_at=NOW, days=7, policies=("fair",), state="queued", share=0,
    detail="",
)  # fmt: skip
RUNNING = QUEUED.model_copy(update={"state": "running", "share": 0.25, "detail": "fair: 9 waiting"})
DONE = QUEUED.model_copy(update={"state": "done", "share": 1.0, "result": RESULT})

TABLE = """\
1200 jobs submitted from 2023-11-08 06:13:20 to 2023-11-15 06:13:20, on 3 pools

             as it was       fair
Mean wait      2.000 h  * 1.000 h
Utilization    50.00 %    50.00 %
* the best of its row
"""


def server(*later: ReplayAnswer) -> FakeServer:
    return FakeServer({"POST /v1/replays": QUEUED, "GET /v1/replays/p-1": Turns(later)})


def test_it_is_waited_for_and_shown() -> None:
    fake = server(RUNNING, DONE)
    result = weir(fake, "simulate", "replay", "--policy", "fair")
    assert result.stdout == TABLE
    assert "fair: 25% of it is done" in result.stderr
    assert "4 jobs are left out: they have not ended yet." in result.stderr
    assert "The network is empty." in result.stderr
    assert json.loads(fake.asked[0].content) == {"policies": ["fair"], "days": 7.0}


def test_as_json_it_is_what_the_server_says() -> None:
    result = weir(server(DONE), "simulate", "replay", "--policy", "fair,fifo", "--json")
    assert ReplayAnswer.model_validate_json(result.stdout) == DONE


def test_one_that_fails_says_why() -> None:
    failed = QUEUED.model_copy(update={"state": "failed", "detail": "it took longer"})
    result = weir(server(failed), "simulate", "replay", "--policy", "fair")
    assert result.exit_code != 0
    assert "the replay has failed: it took longer" in result.stderr


def test_wrong_questions_are_told_before_they_are_asked() -> None:
    fake = server(DONE)
    for arguments in (("--policy", ","), ("--policy", "fair", "--days", "99"), ()):
        assert weir(fake, "simulate", "replay", *arguments).exit_code == 2
    assert fake.asked == []


def test_what_the_server_refuses_is_passed_on() -> None:
    refused = problem(422, "weir.input.invalid", "there is nothing to replay")
    result = weir({"POST /v1/replays": refused}, "simulate", "replay", "--policy", "fair")
    assert (result.exit_code, "nothing to replay" in result.stderr) == (2, True)
