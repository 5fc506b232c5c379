"""Samples on their way to one parent, kept on disk until it has them; bounded.

Laws:
- What the parent has taken is gone from here; what it may have taken is sent again, which changes
  nothing there.
- Where there is no room for more, the oldest is made coarse first, minutes of ten seconds and
  quarters of minutes; then the oldest is thrown away, and its time is told as a gap. The newest is
  always kept.
- Nothing here is worth waiting for the disk: after a crash of the machine the last samples may
  lack; they are never wrong.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from weir.core.series import Bucket, Key, merged, start_of, wider
from weir.wire.samples import MAX_POINTS, Gap, Point, SampleBlock, pack, points_of

MAX_KEPT = 500_000
"""Points that are kept for a parent that is away."""

BATCH = 20_000
"""Points of one call, about."""

COARSEST = 900

SCHEMA = """
CREATE TABLE IF NOT EXISTS block (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    width INTEGER NOT NULL, begin INTEGER NOT NULL, rows INTEGER NOT NULL, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS gap (begin REAL PRIMARY KEY, until REAL NOT NULL, reason TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """One call's worth: what to send, and what to call it once it was taken."""

    numbers: tuple[int, ...]
    blocks: tuple[SampleBlock, ...]
    gaps: tuple[Gap, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Held:
    """A block that waits, without its data."""

    number: int
    width: int
    begin: int
    rows: int


def to_thin(held: Sequence[Held], most: int) -> tuple[str, list[Held]]:
    """What to do next where there is too much: ("merge" or "drop", the blocks), or ("", []).

    The oldest minute that is over becomes minutes, the oldest quarter of an hour that is over
    quarters; without any, the oldest block goes. Nothing is merged before all of it is there:
    of two halves of one bucket a parent would keep one. The newest block is let be.
    """
    if sum(h.rows for h in held) <= most or len(held) < 2:
        return "", []
    old = sorted(held, key=lambda h: (h.begin, h.number))
    newest = old.pop().begin
    for first in old:
        wide = wider(first.width)
        if first.width >= COARSEST or wide is None or start_of(first.begin, wide) + wide > newest:
            continue
        window = start_of(first.begin, wide)
        inside = [h for h in old if start_of(h.begin, wide) == window]
        if not any(h.width < first.width for h in inside):
            return "merge", [h for h in inside if h.width == first.width]
    return "drop", old[:1]


class Spool:
    """What waits for one parent. Threads may share it."""

    def __init__(self, path: Path, most: int = MAX_KEPT) -> None:
        self._guard, self._most = threading.Lock(), most
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.executescript(SCHEMA)

    def put(self, blocks: Iterable[SampleBlock], gaps: Iterable[Gap] = ()) -> None:
        """Keep these until they are told; makes room if there is none."""
        with self._guard:
            self._db.execute("BEGIN")
            for b in blocks:
                row = (b.width, b.begin, b.rows, b.data)
                self._db.execute(
                    "INSERT INTO block (width, begin, rows, data) VALUES (?, ?, ?, ?)", row
                )
            for gap in gaps:
                self._note_gap(gap)
            self._make_room()
            self._db.execute("COMMIT")

    def take(self) -> Batch | None:
        """The newest that waits, and every gap; None if there is nothing."""
        with self._guard:
            gaps = self._db.execute("SELECT begin, until, reason FROM gap LIMIT 500").fetchall()
            rows = self._db.execute(
                "SELECT number, width, begin, rows, data FROM block ORDER BY begin DESC, number "
                "LIMIT 51"
            ).fetchall()
        chosen: list[tuple[int, int, int, int, str]] = []
        for row in rows[:50]:
            if chosen and sum(r[3] for r in chosen) + row[3] > BATCH:
                break
            chosen.append(row)
        if not chosen and not gaps:
            return None
        return Batch(
            tuple(row[0] for row in chosen),
            tuple(SampleBlock(width=w, begin=b, rows=n, data=d) for _, w, b, n, d in chosen),
            tuple(Gap(begin=b, end=e, reason=r) for b, e, r in gaps),
            more=len(chosen) < len(rows),
        )

    def told(self, batch: Batch) -> None:
        """The parent has these."""
        with self._guard:
            self._db.execute("BEGIN")
            for number in batch.numbers:
                self._db.execute("DELETE FROM block WHERE number = ?", (number,))
            for gap in batch.gaps:
                self._db.execute("DELETE FROM gap WHERE begin = ?", (gap.begin,))
            self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file; what waits stays in it."""
        with self._guard:
            self._db.close()

    def _make_room(self) -> None:
        while True:
            rows = self._db.execute("SELECT number, width, begin, rows FROM block").fetchall()
            what, blocks = to_thin([Held(*row) for row in rows], self._most)
            if what == "merge":
                self._merge(blocks)
            elif what == "drop":
                [block] = blocks
                self._db.execute("DELETE FROM block WHERE number = ?", (block.number,))
                end = block.begin + block.width
                self._note_gap(Gap(begin=block.begin, end=end, reason="no room at the agent"))
            else:
                return

    def _merge(self, held: Sequence[Held]) -> None:
        narrow = held[0].width
        wide = wider(narrow)
        assert wide is not None
        groups: dict[tuple[Key, int], list[tuple[int, Bucket]]] = {}
        for h in held:
            row = self._db.execute(
                "SELECT width, begin, rows, data FROM block WHERE number = ?", (h.number,)
            ).fetchone()
            self._db.execute("DELETE FROM block WHERE number = ?", (h.number,))
            block = SampleBlock(width=row[0], begin=row[1], rows=row[2], data=row[3])
            for point in points_of(block):
                place = (point.key, start_of(point.at, wide))
                groups.setdefault(place, []).append((point.at, point.bucket))
        points = [
            Point(key, at, merged([b for _, b in sorted(group, key=lambda g: g[0])], narrow))
            for (key, at), group in groups.items()
        ]
        points.sort(key=lambda p: p.at)
        for first in range(0, len(points), MAX_POINTS):
            b = pack(wide, points[first : first + MAX_POINTS])
            self._db.execute(
                "INSERT INTO block (width, begin, rows, data) VALUES (?, ?, ?, ?)",
                (b.width, b.begin, b.rows, b.data),
            )

    def _note_gap(self, gap: Gap) -> None:
        """Gaps that touch become one."""
        row = self._db.execute(
            "SELECT begin FROM gap WHERE begin <= ? AND until >= ? ORDER BY begin",
            (gap.begin, gap.begin),
        ).fetchone()
        begin = gap.begin if row is None else row[0]
        self._db.execute(
            "INSERT INTO gap VALUES (?, ?, ?) "
            "ON CONFLICT (begin) DO UPDATE SET until = max(until, excluded.until)",
            (begin, gap.end, gap.reason),
        )
