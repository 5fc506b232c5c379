"""Samples on their way: kept until told, thinned where there is no room, gaps marked as gaps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from weir.agent.spool import Spool
from weir.core.series import Bucket, Key, single
from weir.wire.samples import Gap, Point, SampleBlock, pack, points_of

KEYS = [Key(f"CN.S1.C1.P{n}-A", "it_power") for n in range(1, 6)]
BEGIN = 1_700_000_100  # a quarter of an hour begins


def turn(k: int) -> SampleBlock:
    """The five series' samples of the k-th ten seconds."""
    return pack(10, [Point(key, BEGIN + 10 * k, single(float(k))) for key in KEYS])


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    found = Spool(tmp_path / "samples.db", most=300)
    yield found
    found.close()


def everything(spool: Spool) -> tuple[dict[tuple[int, Key, int], Bucket], list[Gap]]:
    points: dict[tuple[int, Key, int], Bucket] = {}
    gaps: list[Gap] = []
    while (batch := spool.take()) is not None:
        for block in batch.blocks:
            for p in points_of(block):
                assert (block.width, p.key, p.at) not in points, "each bucket once, whole"
                points[(block.width, p.key, p.at)] = p.bucket
        gaps += batch.gaps
        spool.told(batch)
    return points, gaps


def test_the_newest_goes_first_and_what_was_told_is_gone(spool: Spool) -> None:
    assert spool.take() is None
    for k in range(60):
        spool.put([turn(k)])
    first = spool.take()
    assert first is not None and first.more
    assert first.blocks[0].begin == BEGIN + 590
    assert spool.take() == first, "not told, it is sent again"
    points, gaps = everything(spool)
    assert len(points) == 60 * 5
    assert gaps == []


def test_what_waits_outlives_the_agent(tmp_path: Path, spool: Spool) -> None:
    spool.put([turn(0)], [Gap(begin=1.0, end=2.0, reason="r")])
    again = Spool(tmp_path / "samples.db")
    batch = again.take()
    assert batch is not None and len(batch.blocks) == 1 and len(batch.gaps) == 1
    again.close()


def test_without_room_the_oldest_is_made_coarse_and_nothing_is_lost(spool: Spool) -> None:
    """Two hours without a parent, in room for ten minutes: minutes and quarters are left."""
    turns = 720
    for k in range(turns):
        spool.put([turn(k)])
    points, gaps = everything(spool)
    assert gaps == []
    assert len(points) <= 300
    widths = {width for width, _, _ in points}
    assert {10, 900} <= widths
    for key in KEYS:
        mine = {at: b for (_, of, at), b in points.items() if of == key}
        assert sum(b.n for b in mine.values()) == turns
        assert sum(b.total for b in mine.values()) == sum(range(turns))
    newest = max(at for _, _, at in points)
    assert (10, KEYS[0], newest) in points, "the newest is as it was"
    assert newest == BEGIN + 10 * (turns - 1)


def test_at_last_the_oldest_goes_and_its_time_is_a_gap(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "small.db", most=130)
    for k in range(90 * 30):
        spool.put([turn(k)])
    points, gaps = everything(spool)
    assert len(points) <= 130
    [gap] = gaps
    assert gap.begin == BEGIN
    assert gap.end % 900 == 0
    assert "no room" in gap.reason
    assert min(at for _, _, at in points) == gap.end, "known or marked, nothing in between"
    spool.close()
