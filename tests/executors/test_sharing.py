"""When a center shares and how much of a month, and that its own jobs come first."""

from __future__ import annotations

from calendar import timegm
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.contract.bench import order, shell
from tests.executors.test_slurm_inventory import node, partition
from weir.core.lifecycle import RunEvent
from weir.executors.local_run import End
from weir.executors.sharing import DAY_S, Gate, ShareTerms, closed_text, left_s, spans_of
from weir.executors.slurm_pools import EACH_S, Pools
from weir.executors.slurm_runs import Run as SlurmRun
from weir.executors.slurm_settings import SlurmShare
from weir.executors.slurm_words import Gres
from weir.wire.exchange import RunOrder


def at(day: int, hour: float, month: int = 11) -> float:
    return timegm((2026, month, day, 0, 0, 0)) + hour * 3600


NIGHT: dict[str, Any] = {"hours": "20-8", "utc_offset": 8}


@pytest.mark.parametrize(
    ("hours", "offset", "hour", "left"),
    [
        ("20-8", 0, 21.0, 11.0),
        ("20-8", 0, 7.5, 0.5),
        ("20-8", 0, 8.0, 0.0),
        ("20-8", 0, 12.0, 0.0),
        ("20-8", 8, 12.0, 12.0),  # 20:00 there
        ("12:30-13:30,20-8", 0, 13.0, 0.5),
        ("8-12,12-14", 0, 9.0, 5.0),
    ],
)
def test_what_is_left_of_the_hours(hours: str, offset: int, hour: float, left: float) -> None:
    assert left_s(hours, offset, at(3, hour)) == left * 3600


@given(
    st.lists(st.tuples(st.integers(0, 23), st.integers(0, 24)), min_size=1, max_size=3),
    st.integers(0, DAY_S - 1),
)
def test_hours_hold_exactly_as_long_as_is_said(spans: list[tuple[int, int]], second: int) -> None:
    fit = [(a, b) for a, b in spans if a != b % 24]
    if not fit:
        return
    hours = ",".join(f"{a}-{b}" for a, b in fit)

    def inside(moment: float) -> bool:
        hour = moment % DAY_S / 3600
        return any(a <= hour < b if a < b else hour >= a or hour < b for a, b in fit)

    left = left_s(hours, 0, second)
    assert (left > 0) == inside(second)
    if 0 < left < DAY_S:
        assert inside(second + left - 1)
        assert not inside(second + left)


@pytest.mark.parametrize("hours", ["", "20", "8-8", "0-24", "25-3", "8:75-9", "8-9;10-11"])
def test_hours_that_say_nothing_are_a_mistake_in_the_file(hours: str) -> None:
    with pytest.raises(ValidationError):
        ShareTerms(hours=hours)


def test_why_nothing_new_is_taken() -> None:
    share = ShareTerms(**NIGHT, device_hours=100)
    assert closed_text(share, 0, at(3, 5)) == "open 20-8 (UTC+8)"
    assert closed_text(share, 99 * 3600, at(3, 13)) == ""
    used_up = "the 100 device-hours of 2026-12 are used up"
    assert closed_text(share, 100 * 3600, at(30, 17)) == used_up  # the month there


@dataclass
class Run:
    order: RunOrder
    pool: str
    started: float | None
    end: End | None = None

    @property
    def id(self) -> str:
        return self.order.run


def run(name: str, started: float | None, ended: float | None = None, devices: int = 2) -> Run:
    wanted = order(name, shell("true", count=2, devices={"count": devices}))
    end = None if ended is None else End(RunEvent.SUCCEEDED, ended)
    return Run(wanted, "pool", started, end)


class Desk:
    """A gate with its file, its runs and its clock."""

    def __init__(self, folder: Path, **terms: Any) -> None:
        self.share, self.runs, self.now = ShareTerms(**terms), list[Run](), at(10, 12)
        self.path = folder / "sharing.db"
        self.open()

    def open(self) -> None:
        self.gate = Gate(self.path, [self.share], lambda: self.runs, lambda: self.now)

    def forget(self) -> None:
        self.gate.charge(self.runs, {"pool": self.share})
        self.runs = []

    @property
    def closed(self) -> str:
        return self.gate.closed("pool", self.share)


def test_a_budget_counts_what_runs_and_what_has_run_and_is_kept(tmp_path: Path) -> None:
    desk = Desk(tmp_path, device_hours=10)
    desk.runs = [run("a", at(10, 10), at(10, 11)), run("b", at(10, 11)), run("c", None)]
    assert desk.closed == ""  # 4 and 4 device-hours
    desk.now += 1800
    assert "used up" in desk.closed
    desk.now -= 1800
    desk.runs[1].end = End(RunEvent.SUCCEEDED, desk.now)
    for _ in range(2):
        desk.forget()
        assert desk.closed == ""
    desk.open()
    desk.runs = [run("b", at(10, 11), at(10, 12)), run("d", at(10, 11.5))]  # b counts once
    assert "used up" in desk.closed


def test_a_month_has_what_ran_in_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path, device_hours=10, utc_offset=8)
    desk.runs = [run("a", at(30, 13), at(30, 19))]  # 3 hours before midnight there, 3 after
    desk.now = at(30, 15.9)
    assert "2026-11" in desk.closed
    desk.now = at(30, 19)
    desk.forget()
    assert "2026-12" in desk.closed
    desk.now = at(31, 17, month=12)
    assert desk.closed == ""


def test_a_run_that_would_not_end_in_the_hours_is_not_taken(tmp_path: Path) -> None:
    desk = Desk(tmp_path, hours="20-8", end_in_hours=True)
    desk.now = at(3, 6)
    wanted = {h: order(f"r{h}", walltime=f"{h}h") for h in (1, 3)}
    assert desk.gate.refusal(wanted[1], "pool", desk.share) == ""
    assert "has to end within 20-8, and it would" in desk.gate.refusal(
        wanted[3], "pool", desk.share
    )
    assert "needs a wall time" in desk.gate.refusal(order("r"), "pool", desk.share)


# -- a Slurm's pools -------------------------------------------------------------------------------


def slurm(tmp_path: Path, now: list[float], crowded: bool = False, **terms: Any) -> Pools:
    share = SlurmShare(partition="batch", pool="pool", **terms)
    gate = Gate(tmp_path / "sharing.db", [share], list, lambda: now[0])
    made = Pools([share], {}, gate=gate)
    look(made, crowded)
    return made


def look(made: Pools, crowded: bool) -> None:
    nodes = [node("n1", gres=(Gres("gpu", "h100", 8),))]
    made.take(nodes, [partition("batch", "n1")], ["batch"] if crowded else [], lambda _: {})


def test_outside_of_its_hours_a_pool_is_closed_and_says_when_it_opens(tmp_path: Path) -> None:
    now = [at(3, 5)]
    made = slurm(tmp_path, now, **NIGHT, end_in_hours=True, max_walltime_s=86_400)
    (report,) = made.reports([], False)
    assert (report.open, report.closed) == (False, "open 20-8 (UTC+8)")
    refused = made.refusals([order("r", walltime="1h")], [], [])
    assert refused == {"r": "pool pool takes nothing new now: open 20-8 (UTC+8)"}
    now[0] = at(3, 22.02)
    (report,) = made.reports([], False)
    assert (report.open, report.closed) == (True, "")
    assert report.max_walltime_s == 2 * 3600 - 300  # told in steps, to the lower side
    assert made.refusals([order("r", walltime="1h")], [], []) == {}


def test_runs_give_way_one_after_the_other_while_the_centers_own_jobs_wait(tmp_path: Path) -> None:
    made = slurm(tmp_path, [at(3, 5)], crowded=True, give_way=True)
    runs = []
    for number in range(3):
        one = SlurmRun(order(f"r{number}"), "pool", str(tmp_path), 0.0)
        one.started = 100.0 + number if number else None
        runs.append(one)
    assert made.reports([], False)[0].free == ()
    assert made.giving_way(runs, 1000.0) is runs[2]
    assert made.giving_way(runs[:2], 1000.0 + EACH_S / 2) is None
    assert made.giving_way(runs[:2], 1000.0 + EACH_S) is runs[1]
    assert made.giving_way(runs[:1], 1000.0 + 2 * EACH_S) is None  # it has not even started
    look(made, crowded=False)
    assert made.giving_way(runs, 1000.0 + 3 * EACH_S) is None


def test_spans_pass_no_midnight() -> None:
    assert spans_of("20-8") == ((72_000, 86_400), (0, 28_800))
    assert spans_of("20-24") == ((72_000, 86_400),)
