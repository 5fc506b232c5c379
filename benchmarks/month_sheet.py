"""How long the sheet of a month takes: 1,000 sites with 10,000 pools, as a nation's server has it.

    python -m benchmarks.month_sheet [--sites 1000] [--pools 10]

Every pool, every site's meters and every site's link have a bucket of each of their metrics on
every day, and every hour of the first and the last day, which is what a sheet of another zone than
UTC reads; the totals of every hour are there, and every pool was noted. Timed are the use case, and
the sheet as JSON, HTML and CSV.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sized
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from pydantic import TypeAdapter
from sqlalchemy import Connection

from benchmarks.console import network, ways_of
from benchmarks.national_query import METRICS, OF_LINKS, OF_SITES
from tests.builders import Clock, Domain
from weir.cli.report import rendered
from weir.control.reports import month_report
from weir.control.series_roll import Keys, totals_of, write_down
from weir.core.identifiers import Kind, issue
from weir.core.report import MonthReport
from weir.core.series import Key
from weir.store import series as rows_of
from weir.store.engine import open_store
from weir.store.migrate import migrate
from weir.store.series_totals import put_totals

MONTH = "2026-10"
BEGIN = int(datetime(2026, 10, 1, tzinfo=UTC).timestamp())
DAYS, DAY_S, HOUR_S = 31, 86400, 3600


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sites", type=int, default=1000)
    parser.add_argument("--pools", type=int, default=10, help="of each site")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{folder}/weir.db")
        migrate(store)
        domain = Domain(store, Path(folder) / "files", clock=Clock(BEGIN))
        fill(domain, asked.sites, asked.pools)
        domain.clock.now = float(BEGIN + (DAYS + 2) * DAY_S)
        for zone in ("+00:00", "+08:00"):
            timed(f"figures, {zone}", partial(figures, domain, zone))
        found = month_report(domain.ctx, MONTH, "+08:00")
        timed("as JSON, bytes", lambda: TypeAdapter(MonthReport).dump_json(found))
        timed("as HTML, bytes", lambda: rendered(found, "html", "zh").encode())
        timed("as CSV, bytes", lambda: rendered(found, "csv", "en").encode())
        site = found.sites[0].site
        timed("figures of one site", partial(figures, domain, "+08:00", site))
        store.close()


def figures(domain: Domain, zone: str, under: str | None = None) -> Sized:
    """The figures of a sheet."""
    return month_report(domain.ctx, MONTH, zone, under).figures


def fill(domain: Domain, sites: int, pools: int) -> None:
    """A month of a network: pools as links tell them, and buckets as samples would have become."""
    network(domain, sites, sites * pools, random.Random(1))
    write_down(domain.ctx)
    reached = [(pool.id, pool.site) for pool, _ in ways_of(domain)]
    places = sorted({site for _, site in reached})
    keyed = [Key(pool, m) for pool, _ in reached for m in METRICS]
    keyed += [Key(site, m) for site in places for m in OF_SITES]
    keyed += [Key(f"{issue(site, Kind.CLUSTER, 1)}>CN-F", m) for site in places for m in OF_LINKS]
    with domain.ctx.store.write() as tx:
        numbers = sorted(rows_of.add(tx, keyed, "").values())
    keys, chance = Keys(), random.Random(1)
    values = {number: float(chance.randint(1, 1000)) for number in numbers}
    for day in range(DAYS):
        at = BEGIN + day * DAY_S
        with domain.ctx.store.write() as tx:
            put(tx, DAY_S, at, values)
            totals = totals_of(tx, DAY_S, at, keys)
            for hour in range(at, at + DAY_S, HOUR_S):
                put_totals(tx, HOUR_S, hour, totals)
                if day in (0, DAYS - 1):
                    put(tx, HOUR_S, hour, values)


def put(tx: Connection, width: int, at: int, values: Mapping[int, float]) -> None:
    """A bucket of each series, that covers all of its time."""
    n = width // 10
    rows_of.put(tx, [(width, at, s, n, n * v, v, v, v) for s, v in values.items()])


def timed(what: str, act: Callable[[], Sized]) -> None:
    """Do it, and print how long it took and how large what came of it is."""
    begun, used = time.perf_counter(), time.process_time()
    size = len(act())
    wall, spent = time.perf_counter() - begun, time.process_time() - used
    print(f"{what}: {spent:.1f} s of a core, {wall:.1f} s by the clock, {size:,}")


if __name__ == "__main__":
    main()
