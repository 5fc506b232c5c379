"""Scores, starts and changes as people read them."""

from __future__ import annotations

from tests.cli.builders import SPEC, a_candidate, a_detail, weir
from weir.cli.values import term_value, terms
from weir.core.lifecycle import JobState
from weir.wire.jobs import (
    ChangeAnswer,
    FindAnswer,
    ReasonAnswer,
    SayingAnswer,
    TermAnswer,
    WhyAnswer,
)

TERMS = (
    TermAnswer(name="price", value=64.0, unit="CNY/h", cost=0.32),
    TermAnswer(name="start", value=0.0, unit="s", cost=0.0),
    TermAnswer(name="run", value=5400.0, unit="s", cost=0.75),
    TermAnswer(name="energy", value=2.5, unit="kW", cost=0.0),
    TermAnswer(name="carbon", value=None, unit="kg/h", cost=0.07),
    TermAnswer(name="data", value=120.0, unit="GB", cost=1.2),
    TermAnswer(name="spare", value=0.25, unit="share", cost=0.125),
)


def test_a_score_names_the_parts_that_count() -> None:
    assert terms(a_candidate(terms=TERMS, cost=2.465)) == (
        "2.465 = price 0.320 + running time 0.750 + carbon 0.070 + data to move 1.200"
        " + left idle 0.125"
    )


def test_each_term_is_in_its_unit() -> None:
    assert [term_value(t) for t in TERMS] == [
        "64 CNY/h", "0s", "1h30m", "2.5 kW", "unknown", "120 GB", "25 %",
    ]  # fmt: skip
    guessed = TermAnswer(name="run", value=5400.0, unit="s (estimated)", cost=0.75)
    assert term_value(guessed) == "1h30m (estimated)"


def test_why_shows_every_term_that_says_something() -> None:
    nothing = (*TERMS, TermAnswer(name="latency", value=None, unit="ms", cost=0.0))
    answer = WhyAnswer(
        job="j-1", state=JobState.RUNNING, text="", chosen=a_candidate(terms=nothing, cost=2.465)
    )
    shown = weir({"GET /v1/jobs/j-1/why": answer, "GET /v1/jobs/j-1": a_detail()}, "why", "j-1")
    rows = {" ".join(line.split()[:-1]) for line in shown.stdout.splitlines()}
    assert "running time term 1h30m costs 0.750" in rows
    assert "carbon term unknown costs 0.070" in rows
    assert "energy term 2.5 kW costs 0.000" in rows
    assert not any(row.startswith("latency") for row in rows)


def test_why_says_when_it_should_start_and_what_would_start_at_once() -> None:
    answer = WhyAnswer(
        job="j-1",
        state=JobState.WAITING,
        text="It waits for room. It should start in 12 min to 2 h.",
        start_s=(700, 7200),
        reasons=(
            ReasonAnswer(reason="DEFERRED", pools=2, needed="its time to start", best="in 2.0 h",
                         text=""),
        ),
        changes=(
            ChangeAnswer(reason="BUSY", wanted="8 tasks", instead="4 tasks", pools=1, now=True),
            ChangeAnswer(reason="REGION", wanted="east", instead="west", pools=2, now=True),
            ChangeAnswer(reason="PRICE", wanted="2.00", instead="3.00", pools=1),
        ),
    )  # fmt: skip
    shown = weir({"GET /v1/jobs/j-1/why": answer}, "why", "j-1").stdout
    assert "It should start in 12 min to 2 h." in shown
    assert "the job is not to start yet" in shown
    assert shown.splitlines()[-3:] == [
        "  tasks: 4 tasks instead of 8 tasks: it would start at once",
        "  REGION: west instead of east admits 2 more pools, and it would start at once",
        "  PRICE: 3.00 instead of 2.00 admits 1 more pool",
    ]


def test_show_tells_queue_preemption_and_the_earliest_start() -> None:
    detail = a_detail(queue="physics", preemptible=True, start_after=1_700_003_600.0)
    shown = weir({"GET /v1/jobs/j-1": detail}, "show", "j-1").stdout
    assert "physics" in shown
    assert "another job may push it out" in shown
    assert "2023-11-15 07:13:20 (in 1 h)" in shown


def test_find_leaves_out_what_costs_nothing() -> None:
    found = FindAnswer(
        policy="balanced", candidates=(a_candidate(terms=TERMS, cost=2.465),), rejections=(),
        reasons=(), changes=(),
    )  # fmt: skip
    shown = weir({"POST /v1/find": found}, "find", "-", stdin=SPEC.model_dump_json()).stdout
    assert "running time 0.750" in shown
    assert "energy" not in shown


def test_find_says_when_a_job_that_can_wait_would_start() -> None:
    said = SayingAnswer(code="would_price", values={"by_s": 10_800.0, "percent": 38})
    found = FindAnswer(
        policy="cheapest", candidates=(a_candidate(),), rejections=(), reasons=(), changes=(),
        said=(said,),
    )  # fmt: skip
    shown = weir({"POST /v1/find": found}, "find", "-", stdin=SPEC.model_dump_json()).stdout
    words = " ".join(shown.split())
    assert "it would wait, and start in 3 h: it is then expected to cost 38 % less" in words
