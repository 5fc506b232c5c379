"""The numbers of a simulation, against what can be counted by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sim.stories import a_pool, an_outcome, jobs
from weir.sim.results import (
    BY_NAME,
    EVERY,
    facts_of,
    mean_of,
    measures_of,
    per_site,
    per_text,
)
from weir.sim.shown import UNKNOWN, cells, label
from weir.sim.summary import Run, columns, summary_of, to_json

NAN = float("nan")


def test_a_small_story_counted_by_hand() -> None:
    # Eight devices for 100 s. The second job waits 10 s, the third never starts.
    load = jobs([0, 10, 20], [50, 80, 5], device_milli=[4000, 8000, 16000])
    found = measures_of(an_outcome(load, [0, 20, NAN], [50, 100, NAN]))
    assert (found["jobs"], found["placed"], found["finished"], found["never_started"]) == (
        3,
        2,
        2,
        1,
    )
    assert found["mean_wait_s"] == 5
    assert found["median_wait_s"] == 5
    assert found["max_wait_s"] == 10
    assert found["mean_jct_s"] == (50 + 90) / 2
    assert found["mean_jct_h"] == pytest.approx(70 / 3600)
    assert found["mean_slowdown"] == pytest.approx((1 + 90 / 80) / 2)
    assert found["makespan_s"] == 100
    assert found["utilisation"] == pytest.approx((4 * 50 + 8 * 80) / (8 * 100))
    assert found["wall_s"] == 0.25
    assert found["cost"] is None
    assert found["carbon_g"] is None
    assert set(found) == {m.name for m in EVERY}


def test_a_short_run_counts_as_ten_seconds_in_its_slowdown() -> None:
    found = measures_of(an_outcome(jobs([0, 0], [1, 20]), [29, 0], [30, 20]))
    assert found["mean_slowdown"] == (30 / 10 + 1) / 2


def test_a_job_of_no_length_that_waits_for_nothing_has_slowdown_one() -> None:
    assert measures_of(an_outcome(jobs([5], [0]), [5], [5]))["mean_slowdown"] == 1


def test_slowdown_is_over_the_run_that_counted_not_over_what_a_preemption_threw_away() -> None:
    load = jobs([0], [100])
    lost: dict[str, Any] = {"busy_s": np.array([160.0]), "lost_s": np.array([60.0])}
    found = measures_of(an_outcome(load, [0], [200], **lost))
    assert found["mean_slowdown"] == 2
    assert found["lost_h"] == pytest.approx(60 / 3600)
    assert found["utilisation"] == pytest.approx(160 / (8 * 200))


def test_cores_count_where_there_are_no_devices() -> None:
    load = jobs([0], [10], device_milli=[0], cpu_milli=[3000], tasks=[2])
    outcome = an_outcome(load, [0], [10], [a_pool(devices=0, cores=12)])
    assert measures_of(outcome)["utilisation"] == 0.5
    assert not summary_of(outcome).devices
    assert label(BY_NAME["work_h"], False) == "Core-hours used"


def test_jobs_that_never_end_leave_devices_unallocated() -> None:
    load = jobs([0, 1, 2], [math.inf] * 3, device_milli=[500, 6000, 4000])
    found = measures_of(an_outcome(load, [0, 1, NAN], [NAN] * 3, busy_s=np.full(3, NAN)))
    assert found["unallocated_gpu_percent"] == pytest.approx(100 * 1.5 / 8)
    assert found["placed"] == 2
    assert found["utilisation"] is None
    assert found["makespan_s"] is None


def test_nothing_that_started_gives_no_means_and_no_warning() -> None:
    found = measures_of(an_outcome(jobs([0, 3], [1, 1]), [NAN, NAN], [NAN, NAN]))
    assert found["never_started"] == 2
    assert found["mean_wait_s"] is None
    assert found["mean_jct_s"] is None


def test_sites_members_and_what_is_done_away() -> None:
    pools = [a_pool("a", "north", 4), a_pool("b", "south", 4), a_pool("c", "south", 8)]
    load = jobs(
        [0, 0, 0],
        [100, 100, 50],
        device_milli=[4000, 4000, 2000],
        home=["north", "north", "south"],
        user=["li", "wang", "li"],
    )
    outcome = an_outcome(
        load, [0, 0, 0], [100, 100, 50], pools, [0, 1, 2], price=np.array([1.0, 2.0, NAN])
    )
    facts = facts_of(outcome)
    north, south = per_site(outcome, facts)
    assert (north["name"], north["capacity"], north["utilisation"]) == ("north", 4, 1)
    assert north["demand"] == 2  # its members asked for twice what it has
    assert (south["capacity"], south["jobs"]) == (12, 2)
    assert south["utilisation"] == pytest.approx((400 + 100) / 1200)
    homes = {row["name"]: row for row in per_text(load.home, facts)}
    assert homes["north"]["away_share"] == 0.5
    assert homes["south"]["away_share"] == 0
    assert homes["north"]["cost"] == 3
    assert homes["south"]["cost"] is None
    users = per_text(load.user, facts)
    assert [row["name"] for row in users] == ["li", "wang"]  # who used most comes first
    assert measures_of(outcome)["away_share"] == pytest.approx(400 / 900)


def test_a_site_where_nothing_ran_is_idle_not_unknown() -> None:
    pools = [a_pool("a", "north"), a_pool("b", "south"), a_pool("c", "west", devices=0)]
    outcome = an_outcome(jobs([0], [10]), [0], [10], pools)
    found = [row["utilisation"] for row in per_site(outcome, facts_of(outcome))]
    assert found == [1 / 8, 0, None]  # the west has none of what is counted


def test_a_home_that_is_no_site_says_nothing_of_away() -> None:
    outcome = an_outcome(jobs([0], [1], home=["queue-1"]), [0], [1])
    assert measures_of(outcome)["away_share"] is None


@given(
    st.lists(
        st.tuples(
            st.floats(0, 1e6),
            st.floats(0, 1e5),
            st.floats(0, 1e5),
            st.integers(0, 4),
            st.booleans(),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_parts_add_up_to_the_whole(
    rows: list[tuple[float, float, float, int, bool]],
) -> None:
    rows = sorted(rows)
    submit, wait, run = (np.array([row[i] for row in rows]) for i in range(3))
    starts = np.where([row[4] for row in rows], submit + wait, NAN)
    load = jobs(submit.tolist(), run.tolist(), user=[f"u{row[3]}" for row in rows])
    outcome = an_outcome(load, starts, starts + run, [a_pool(devices=1000)])
    facts, whole = facts_of(outcome), measures_of(outcome)
    users = per_text(load.user, facts)
    for name in ("jobs", "never_started", "work_h"):
        total = sum(row[name] or 0 for row in users)
        assert total == pytest.approx(whole[name] or 0)
    utilization = whole["utilisation"]
    assert utilization is None or 0 <= utilization <= 1 + 1e-9
    slowdown = whole["mean_slowdown"]
    assert slowdown is None or slowdown >= 1


def test_numbers_of_a_row_share_a_unit_and_keep_four_digits() -> None:
    wait = BY_NAME["mean_wait_s"]
    assert cells(wait, [8.0047, 4.028], "CNY") == ["8.005 s", "4.028 s"]
    assert cells(wait, [2388443.8, 97156.0, None], "CNY") == ["27.64 d", "1.12 d", UNKNOWN]
    assert cells(wait, [90, 0], "CNY") == ["90.00 s", "0 s"]
    assert cells(BY_NAME["jobs"], [18239], "CNY") == ["18 239"]
    assert cells(BY_NAME["jobs"], [10.5], "CNY") == ["10.5"]
    assert cells(BY_NAME["utilisation"], [0.4661], "CNY") == ["46.61 %"]
    assert cells(BY_NAME["cost"], [1234.5, 999.0], "CNY") == ["1 234 CNY", "999 CNY"]
    assert cells(BY_NAME["cost"], [2_500_000], "EUR") == ["2.500 million EUR"]
    assert cells(BY_NAME["moved_bytes"], [3 * 2**30], "CNY") == ["3.000 GiB"]


def test_every_unit_of_the_table_can_be_written() -> None:
    for measure in EVERY:
        assert len(cells(measure, [1, None, 0.0, 12345.678], "CNY")) == 4


def test_seeds_become_one_column_with_their_mean() -> None:
    runs = []
    for seed, wait in ((1, 10.0), (2, 30.0)):
        outcome = an_outcome(jobs([0], [10]), [wait], [wait + 10])
        runs.append(Run("fifo", "as it is", seed, summary_of(outcome)))
    only = columns(runs)[0]
    assert only.numbers["mean_wait_s"] == 20
    assert only.extremes("mean_wait_s") == (10, 30)
    assert only.numbers["jobs"] == 1
    assert only.numbers["cost"] is None
    assert mean_of([only.first.numbers])["mean_wait_s"] == 10


def test_columns_are_named_for_what_sets_them_apart() -> None:
    kept = summary_of(an_outcome(jobs([0], [1]), [0], [1]))
    two = [Run(p, n, 0, kept) for n in ("as it is", "hosts a=+1") for p in ("fifo", "sjf")]
    assert [c.label for c in columns(two[:2])] == ["fifo", "sjf"]
    assert [c.label for c in columns(two[::2])] == ["as it is", "hosts a=+1"]
    assert [c.label for c in columns(two)][3] == "sjf, hosts a=+1"


def test_json_has_every_number_and_no_nan() -> None:
    import json

    outcome = an_outcome(jobs([0, 1], [1, 1], home=["north", "x"]), [0, NAN], [1, NAN])
    found = to_json(Run("fifo", "as it is", 0, summary_of(outcome)))
    assert {m.name for m in EVERY} <= set(found)
    json.dumps(found, allow_nan=False)
