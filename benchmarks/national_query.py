"""How long the national page's question takes: every indicator, the last 24 h at 15 min.

    python -m benchmarks.national_query [--sites 1000] [--pools 10] [--calls 200]

Every pool, every site's meters and every site's link have a bucket of each of their metrics at
every quarter of an hour, in an SQLite file; the totals are worked out by the same code that the
server runs. Asked is the use case, and its answer as JSON.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.ingest import Clock, new_context
from weir.control.context import Context
from weir.control.indicators import history
from weir.control.series_roll import Keys, totals_of, write_down
from weir.core.identifiers import Kind, issue
from weir.core.indicator_readings import Total
from weir.core.series import Key
from weir.store import series as rows_of
from weir.store.series_totals import put_totals

METRICS = (
    "devices_seen",
    "devices_busy",
    "it_power",
    "device_milli_total",
    "device_milli_held",
)
OF_SITES = ("facility_power", "carbon_emission", "water_use", "site_seconds", "site_up_seconds")
OF_LINKS = (
    "link_rtt",
    "link_jitter",
    "link_sent",
    "link_lost",
    "link_bandwidth",
    "link_certificate",
)
WIDTH, STEPS = 900, 96


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sites", type=int, default=1000)
    parser.add_argument("--pools", type=int, default=10, help="of each site")
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument(
        "--steps", type=int, default=STEPS, help="that have buckets; the others have totals only"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clock = Clock()
        clock.now += 86_400
        ctx = new_context(Path(folder), clock)
        sites = [issue("CN-F", Kind.SITE, n + 1) for n in range(asked.sites)]
        clusters = [issue(site, Kind.CLUSTER, 1) for site in sites]
        pools = [issue(c, Kind.POOL, n + 1) for c in clusters for n in range(asked.pools)]
        with ctx.store.write() as tx:
            keyed = [Key(p, m) for p in pools for m in METRICS]
            keyed += [Key(s, m) for s in sites for m in OF_SITES]
            keyed += [Key(f"{c}>CN-F", m) for c in clusters for m in OF_LINKS]
            keyed += [Key(p, "devices_health", h) for p in pools for h in ("healthy", "unhealthy")]
            numbers = rows_of.add(tx, keyed, "")
        begin = int(clock.now) - 86_400
        chance, keys, working = random.Random(1), Keys(), []
        totals: Sequence[Total] = ()
        for step in range(STEPS):
            at = begin + step * WIDTH
            with ctx.store.write() as tx:
                if step < asked.steps:
                    rows: list[rows_of.Row] = []
                    for number in numbers.values():
                        value = float(chance.randint(1, 1000))
                        rows.append((WIDTH, at, number, 90, value * 90, value, value, value))
                    rows_of.put(tx, rows)
                if step < asked.steps:
                    begun = time.process_time()
                    totals = totals_of(tx, WIDTH, at, keys)
                    working.append(time.process_time() - begun)
                put_totals(tx, WIDTH, at, totals)  # the newest that were worked out
        write_down(ctx)
        ask(ctx, begin, int(clock.now), asked.calls)
        begun = time.perf_counter()
        history(ctx, begin, clock.now, WIDTH, under=sites[0])
        print(f"one site: {1000 * (time.perf_counter() - begun):.0f} ms")
        size = (Path(folder) / "weir.db").stat().st_size / 2**20
        ctx.store.close()
    print(
        f"totals of a quarter, {len(numbers)} series: {statistics.median(working):.2f} s of a core"
    )
    print(f"file: {size:.0f} MiB")


def ask(ctx: Context, begin: int, end: int, calls: int) -> None:
    """Ask again and again; says the median and the 99th percentile."""
    wall, cpu, answer = [], [], ""
    for _ in range(calls):
        begun, used = time.perf_counter(), time.process_time()
        answer = history(ctx, begin, end, WIDTH).model_dump_json()
        wall.append(1000 * (time.perf_counter() - begun))
        cpu.append(1000 * (time.process_time() - used))
    for name, times in (("by the clock", wall), ("of a core", cpu)):
        p99 = sorted(times)[int(0.99 * (len(times) - 1))]
        print(
            f"all indicators, 24 h at 15 min, {name}: median {statistics.median(times):.0f} ms, "
            f"p99 {p99:.0f} ms"
        )
    print(f"answer: {len(answer) / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
