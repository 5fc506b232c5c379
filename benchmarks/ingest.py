"""How many points a second go into SQLite through the exchange's use case, on one core.

    python -m benchmarks.ingest [--series 1000] [--minutes 10] [--victoria]

Clusters send ten-second buckets as agents do, packed, newest last; everything is timed that the
server does with them: unpacking, checking, writing, rolling up, totals. The database is a file with
the settings of a server (WAL, synchronous=FULL).

With `--victoria` a real VictoriaMetrics is fed with the minutes that come of them, five at a time,
as by a server that can't keep up. Others are sent the same samples, ready made, by bare importers:
as lines of text and as Prometheus' remote write, a minute of 10,000 series a call, and the feed's
own bodies, which tell a series once for all its minutes. Each has a data folder of its own; they
are sent to one after the other, with one call under way.
Processor time is told beside time by the clock: on a machine that others use the one is told from
the other. A national node is more like `--clusters 8 --series 5000`.
"""

from __future__ import annotations

import argparse
import itertools
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import psutil

from tests.remote_written import read_body
from tests.victoria import victoria_up
from weir.bootstrap.ids import IdMaker
from weir.control.authorize import Principal, authenticate
from weir.control.begin import begin
from weir.control.context import Context, DomainSettings
from weir.control.exchange import exchange
from weir.control.join import join, make_join_token
from weir.control.series_feed import feed
from weir.control.series_roll import roll_up
from weir.core.series import Key, single, start_of
from weir.store.engine import open_store
from weir.store.files import Files
from weir.store.migrate import migrate
from weir.store.remote_write import body_of, head_of
from weir.store.series_victoria import VictoriaSeries
from weir.wire.exchange import ExchangeRequest
from weir.wire.joining import JoinRequest, JoinTokenRequest
from weir.wire.samples import Point, SampleBlock, pack

METRICS = ("devices_seen", "devices_busy", "device_power", "cpu_seen", "cpu_busy", "memory_used")
NOW = 1_700_000_100.0
FED_EVERY = 5
"""Minutes that VictoriaMetrics is fed with at once, as after a time without it."""


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


class Fed:
    """A real VictoriaMetrics that a domain feeds, and the time that both of them spend on it."""

    def __init__(self, home: Path, store: VictoriaSeries) -> None:
        self.store = store
        self.process = next(
            p for p in psutil.process_iter() if str(home / "victoria") in " ".join(_command(p))
        )
        self.points, self.spent, self.victoria_s = 0, Spent(), 0.0

    def take(self, act: Callable[[], int]) -> None:
        """Time what sends it so many points."""
        before = self.process.cpu_times()
        self.spent.begin()
        self.points += act()
        self.spent.end()
        after = self.process.cpu_times()
        self.victoria_s += after.user + after.system - before.user - before.system

    def say(self, what: str) -> float:
        """Print it; points a second by the clock."""
        rate = self.points / self.spent.wall_s
        print(
            f"{what}: {self.points} points, {rate:,.0f} points/s by the clock; a core of Weir's: "
            f"{self.points / max(self.spent.cpu_s, 1e-9):,.0f}, of VictoriaMetrics': "
            f"{self.points / max(self.victoria_s, 1e-9):,.0f}"
        )
        return rate


def _command(process: psutil.Process) -> Sequence[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return ()


class Kept(VictoriaSeries):
    """Sends on, and keeps what it sent."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.bodies: list[bytes] = []

    def put(self, body: bytes) -> None:
        self.bodies.append(body)
        super().put(body)


class Lines(VictoriaSeries):
    """Takes lines of text."""

    def put(self, body: bytes) -> None:
        self.call("POST", "/api/v1/import/prometheus", content=body)


Minute = list[tuple[tuple[tuple[str, str], ...], int, float]]
"""labels, time and value of one sample a series"""


def size(body: bytes) -> int:
    """How many samples it has."""
    return sum(len(samples) for samples in read_body(body).values())


def minutes_of(body: bytes) -> list[Minute]:
    """A body's samples, a minute after the other."""
    found: dict[int, Minute] = {}
    for labels, samples in read_body(body).items():
        for at, value in samples:
            found.setdefault(at, []).append((labels, at, value))
    return [found[at] for at in sorted(found)]


def encoded(minute: Minute) -> bytes:
    """A minute as Prometheus would send it."""
    heads = [head_of(labels) for labels, _, _ in minute]
    return body_of(heads, [(minute[0][1], [value for _, _, value in minute])])


def lines_of(minute: Minute) -> bytes:
    """A minute as lines of text."""
    return "".join(
        f"{dict(labels)['__name__']}{{{_inner(labels)}}} {value!r} {at}\n"
        for labels, at, value in minute
    ).encode()


def _inner(labels: Sequence[tuple[str, str]]) -> str:
    return ",".join(f'{name}="{value}"' for name, value in labels if name != "__name__")


@contextmanager
def fed(home: Path, wanted: bool) -> Iterator[Sides | None]:
    """Four servers: one for the domain, three for bare importers."""
    if not wanted:
        yield None
        return
    places = [home / name for name in ("fed", "bodies", "lines", "again")]
    for place in places:
        place.mkdir()
    with ExitStack() as stack:
        mine, bodies, lines, again = (stack.enter_context(victoria_up(place)) for place in places)
        yield Sides(
            Fed(places[0], Kept(mine)),
            Fed(places[1], VictoriaSeries(bodies)),
            Fed(places[2], Lines(lines)),
            Fed(places[3], VictoriaSeries(again)),
        )


class Sides:
    """The domain's VictoriaMetrics and bare importers', which get the same in turn."""

    def __init__(self, mine: Fed, bodies: Fed, lines: Fed, again: Fed) -> None:
        self.mine, self.bodies, self.lines, self.again = mine, bodies, lines, again
        self.warm = False

    def turn(self, ctx: Context) -> None:
        """Feed what is new; then send the same, ready made.

        The first minute is sent and not timed: all series are new then, to all.
        """
        kept = self.mine.store
        assert isinstance(kept, Kept)
        kept.bodies.clear()
        if self.warm:
            self.mine.take(lambda: feed(ctx))
        else:
            feed(ctx)
        bodies = list(kept.bodies)
        singles = [minute for body in bodies for minute in minutes_of(body)]
        for side, pieces in (
            (self.again, [(body, size(body)) for body in bodies]),
            (self.bodies, [(encoded(minute), len(minute)) for minute in singles]),
            (self.lines, [(lines_of(minute), len(minute)) for minute in singles]),
        ):

            def post(side: Fed = side, pieces: list[tuple[bytes, int]] = pieces) -> int:
                for piece, _ in pieces:
                    side.store.put(piece)
                return sum(samples for _, samples in pieces)

            if self.warm:
                side.take(post)
            else:
                post()
        self.warm = self.warm or bool(bodies)

    def say(self) -> None:
        """How the rates stand to each other."""
        mine = self.mine.say("the feed")
        for side, what in (
            (self.lines, "lines of text, a minute a call"),
            (self.bodies, "remote write, a minute a call"),
            (self.again, "the feed's own bodies"),
        ):
            bare = side.say(f"a bare importer of {what}")
            print(f"    the feed reaches {100 * mine / bare:.0f} % of it by the clock (aim 70 %)")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clusters", type=int, default=4)
    parser.add_argument("--series", type=int, default=1000, help="of each cluster")
    parser.add_argument("--minutes", type=int, default=15)
    parser.add_argument("--victoria", action="store_true", help="feed a VictoriaMetrics too")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        fed(Path(folder), asked.victoria) as sides,
    ):
        run(asked, Path(folder), sides)


def run(asked: argparse.Namespace, folder: Path, sides: Sides | None) -> None:
    """Send, roll up, feed; then say how quickly each of it went."""
    clock = Clock()
    ctx = new_context(folder, clock)
    if sides is not None:
        ctx = replace(ctx, victoria=sides.mine.store)
    whos = joined(ctx, asked.clusters)
    written, took, rolling = 0, Spent(), Spent()
    for cluster, who in whos:
        exchange(ctx, who, request_of(cluster, clock(), hello=True))
    for minute in range(asked.minutes):
        begin_at = int(clock.now)
        clock.now += 60
        calls = [
            (who, request_of(cluster, clock(), samples=(block,)))
            for cluster, who in whos
            for block in blocks_of(cluster, asked.series, begin_at, 6)
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
        if sides is not None and minute % FED_EVERY == 1:
            sides.turn(ctx)
    size = (folder / "weir.db").stat().st_size / 2**20
    ctx.store.close()
    print(f"{asked.clusters * asked.series} series, {written} points, file {size:.0f} MiB")
    cpu, wall = took.cpu_s, took.wall_s
    print(
        f"exchange: {written / cpu:,.0f} points/s of one core, {written / wall:,.0f} by the clock"
    )
    cpu, wall = cpu + rolling.cpu_s, wall + rolling.wall_s
    print(f"with roll-ups and totals: {written / cpu:,.0f} and {written / wall:,.0f} points/s")
    if sides is not None:
        sides.say()


def joined(ctx: Context, clusters: int) -> list[tuple[str, Principal]]:
    """So many clusters, each with whom it is known as."""
    found = []
    for n in range(clusters):
        token = make_join_token(ctx, JoinTokenRequest(kind="site", name=f"site-{n}"))
        newcomer = JoinRequest(cluster="main", executor="local")
        answer = join(ctx, authenticate(ctx, token.token), newcomer)
        found.append((answer.cluster, authenticate(ctx, answer.token)))
    return found


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
