"""`weir top`: what is on the screen, and where keys lead."""

from __future__ import annotations

import os
import pty
import select
import sys
import time

import pytest
from rich.console import Console

from tests.cli.builders import NOW, a_job, a_pool
from weir.cli import top
from weir.cli.top import Seen, State, frame, look, press, rows_of
from weir.client.http import Client
from weir.client.problems import Unreachable
from weir.wire.jobs import IndicatorAnswer

PUE = IndicatorAnswer(
    name="pue", label="PUE", label_zh="电能利用效率", unit="1", law="ratio of sums", value=1.25,
    by={}, definition="d",
)  # fmt: skip
POOLS = (
    a_pool(id="CN.S1.C1.P1-U", name="npu", site="CN.S1-1", site_name="north"),
    a_pool(id="CN.S2.C1.P1-U", name="gpu", site="CN.S2-1", site_name="south", silent=True),
)
JOBS = (a_job("j-1", pool="CN.S1.C1.P1-U"), a_job("j-2", pool=None, name="wai\x1b[2Jting"))
SEEN = Seen(NOW, (PUE, PUE.model_copy(update={"value": None, "name": "wue"})), POOLS, JOBS)


def text(state: State, height: int = 30, seen: Seen = SEEN) -> str:
    out = Console(width=110, height=height, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    out.print(frame(state, seen, height))
    return out.export_text()


def went(*keys: str, state: State = State()) -> State:  # noqa: B008
    for key in keys:
        state = press(state, key, SEEN)
    return state


def test_the_network_shows_what_is_known() -> None:
    shown = text(State())
    assert "PUE" in shown and "1.25" in shown
    assert len(rows_of(State(), SEEN)[1]) == 1, "what is unknown takes no room"


def test_what_has_no_total_shows_its_parts() -> None:
    """Performance of different precision is never added up, and is what the network is about."""
    by = {"FP64": 2.0e15, "FP16": 1.5e18, "FP8": None}
    told = {"value": None, "name": "performance", "label": "Performance", "unit": "FLOPS", "by": by}
    shown = text(State(), seen=Seen(NOW, (PUE.model_copy(update=told),)))
    first, second = (line for line in shown.splitlines() if "Performance: " in line)
    assert "FP16" in first and "FP64" in second, "the largest first, what is unknown not at all"


def test_one_goes_from_the_network_down_to_the_jobs_of_a_pool_and_back() -> None:
    assert went("enter").view == "sites"
    into = went("enter", "down", "enter")
    assert (into.view, into.site) == ("pools", "CN.S2-1")
    assert "gpu" in text(into) and "npu" not in text(into) and "out of touch" in text(into)
    jobs = went("s", "enter", "enter")
    assert (jobs.view, jobs.pool) == ("jobs", "CN.S1.C1.P1-U")
    assert [row for row, _ in rows_of(jobs, SEEN)[1]] == ["j-1"]
    assert went("esc", state=jobs) == State("pools", site="CN.S1-1")
    assert went("esc", "esc", "esc", state=jobs) == State()
    assert went("j", "enter", "x", "").view == "jobs", "there is nothing below a job"


def test_the_chosen_row_stays_where_there_are_rows() -> None:
    assert went("s", "up", "up").row == 0
    assert went("s", "down", "down", "down").row == 1
    assert press(State("jobs", row=5), "enter", Seen(NOW)).view == "jobs"
    assert went("q").over


def test_text_from_elsewhere_steers_nothing() -> None:
    assert "\x1b" not in text(State("jobs"))


def test_a_long_list_is_shown_around_the_chosen_row() -> None:
    pools = tuple(a_pool(id=f"CN.S1.C1.P{n}-U", name=f"pool-{n:03}") for n in range(200))
    shown = text(State("pools", row=100), 20, Seen(NOW, pools=pools))
    assert "pool-100" in shown and "pool-000" not in shown
    assert len(shown.splitlines()) <= 20
    assert "(200)" in shown


class Away(Client):
    def __init__(self) -> None:
        pass

    def jobs(self, **_: object) -> None:  # type: ignore[override]
        raise Unreachable("nobody answers")


def test_what_was_seen_stands_while_nobody_answers() -> None:
    seen = look(Away(), SEEN, NOW + 5)
    assert (seen.at, seen.pools, seen.error) == (NOW, POOLS, "nobody answers")
    assert "nobody answers" in text(State(), seen=seen)


def test_keys_are_read_from_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    with os.fdopen(slave, "r") as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        with top.keys_one_by_one():
            found = []
            for pressed in (b"s", b"\x1b[B", b"\r", b"\x1b"):
                os.write(master, pressed)
                found.append(top.read_key(5.0))
            begun = time.monotonic()
            assert top.read_key(0.05) == ""
            assert time.monotonic() - begun < 5
    assert found == ["s", "down", "enter", "esc"]
    assert select.select([master], [], [], 0) is not None
    os.close(master)
