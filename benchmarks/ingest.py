"""How many points a second go into SQLite through the exchange's use case, on one core.

    python -m benchmarks.ingest [--series 1000] [--minutes 10]

Clusters send ten-second buckets as agents do, packed, newest last; everything is timed that the
server does with them: unpacking, checking, writing, rolling up, totals. The database is a file with
the settings of a server (WAL, synchronous=FULL).
"""

from __future__ import annotations

import argparse
import itertools
import random
import tempfile
import time
from pathlib import Path

from weir.bootstrap.ids import IdMaker
from weir.control.authorize import authenticate
from weir.control.begin import begin
from weir.control.context import Context, DomainSettings
from weir.control.exchange import exchange
from weir.control.join import join, make_join_token
from weir.control.series_roll import roll_up
from weir.core.series import Key, single, start_of
from weir.store.engine import open_store
from weir.store.files import Files
from weir.store.migrate import migrate
from weir.wire.exchange import ExchangeRequest
from weir.wire.joining import JoinRequest, JoinTokenRequest
from weir.wire.samples import Point, SampleBlock, pack

METRICS = ("devices_seen", "devices_busy", "device_power", "cpu_seen", "cpu_busy", "memory_used")
NOW = 1_700_000_100.0


class Clock:
    def __init__(self) -> None:
        self.now = float(start_of(NOW, 900))

    def __call__(self) -> float:
        return self.now


class Spent:
    """Time spent: of this process on the processor, and by the clock."""

    def __init__(self) -> None:
        self.cpu_s = self.wall_s = 0.0

    def begin(self) -> None:
        self._begun = time.process_time(), time.perf_counter()

    def end(self) -> None:
        self.cpu_s += time.process_time() - self._begun[0]
        self.wall_s += time.perf_counter() - self._begun[1]


def new_context(home: Path, clock: Clock) -> Context:
    """A domain over a new database file."""
    store = open_store(f"sqlite:///{home / 'weir.db'}")
    migrate(store)
    secrets = itertools.count(1)
    ctx = Context(
        store=store,
        files=Files(str(home / "files")),
        now=clock,
        new_id=IdMaker(time.time),
        new_secret=lambda: f"secret-{next(secrets)}",
        wake=lambda _key: None,
        settings=DomainSettings(),
        version="benchmark",
    )
    begin(ctx, "nation", "national", "CN")
    return ctx


def blocks_of(cluster: str, series: int, begin_at: int, times: int) -> list[SampleBlock]:
    """A cluster's samples: so many series at so many times, in calls of about 20,000 points."""
    chance = random.Random(cluster)
    hosts = -(-series // len(METRICS))
    keys = [Key(f"{cluster}/h{h}", m) for h in range(hosts) for m in METRICS][:series]
    points = [
        Point(key, begin_at + 10 * t, single(round(chance.random() * 64, 2)))
        for t in range(times)
        for key in keys
    ]
    return [pack(10, points[first : first + 20_000]) for first in range(0, len(points), 20_000)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clusters", type=int, default=4)
    parser.add_argument("--series", type=int, default=1000, help="of each cluster")
    parser.add_argument("--minutes", type=int, default=15)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clock = Clock()
        ctx = new_context(Path(folder), clock)
        joined = []
        for n in range(asked.clusters):
            token = make_join_token(ctx, JoinTokenRequest(kind="site", name=f"site-{n}"))
            newcomer = JoinRequest(cluster="main", executor="local")
            joined.append(join(ctx, authenticate(ctx, token.token), newcomer))
        whos = [authenticate(ctx, j.token) for j in joined]
        written, took, rolling = 0, Spent(), Spent()
        for j, who in zip(joined, whos, strict=True):
            exchange(ctx, who, request_of(j.cluster, clock(), hello=True))
        for _ in range(asked.minutes):
            begin_at = int(clock.now)
            clock.now += 60
            calls = [
                (who, request_of(j.cluster, clock(), samples=(block,)))
                for j, who in zip(joined, whos, strict=True)
                for block in blocks_of(j.cluster, asked.series, begin_at, 6)
            ]
            took.begin()
            for who, request in calls:
                answer = exchange(ctx, who, request)
                assert answer.refused == (), answer.refused
            took.end()
            written += sum(b.rows for _, request in calls for b in request.samples)
            rolling.begin()
            roll_up(ctx)
            rolling.end()
        size = (Path(folder) / "weir.db").stat().st_size / 2**20
        ctx.store.close()
    print(f"{asked.clusters * asked.series} series, {written} points, file {size:.0f} MiB")
    cpu, wall = took.cpu_s, took.wall_s
    print(
        f"exchange: {written / cpu:,.0f} points/s of one core, {written / wall:,.0f} by the clock"
    )
    cpu, wall = cpu + rolling.cpu_s, wall + rolling.wall_s
    print(f"with roll-ups and totals: {written / cpu:,.0f} and {written / wall:,.0f} points/s")


def request_of(cluster: str, now: float, **said: object) -> ExchangeRequest:
    return ExchangeRequest.model_validate(
        {
            "cluster": cluster,
            "incarnation": "incarnation-1",
            "journal": "journal-1",
            "sent_at": now,
            "want": False,
            **said,
        }
    )


if __name__ == "__main__":
    main()
