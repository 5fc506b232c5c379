"""The console at national size: how long each page's first byte takes, and what a page weighs.

    python -m benchmarks.console [--sites 1000] [--pools 10000] [--jobs 100000] [--rounds 20]

A domain is filled with sites, pools and jobs, and its server runs in this process, asked over a
real socket, without scheduling rounds. A link is heard of before each request. Aims: first byte at
p95 within 300 ms, 600 kB compressed with all assets. `cpu` is what a request takes of a core, the
client's and background work included: it tells more than the clock on a busy machine.
"""

from __future__ import annotations

import argparse
import gzip
import math
import random
import re
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import uvicorn
from sqlalchemy import bindparam, insert, select, update

from tests.builders import Cluster, Domain, foreign, spec
from weir.api.app import make_app
from weir.api.wakeups import Wakeups
from weir.bootstrap.garbage import collect_seldom
from weir.bootstrap.turns import take_short_turns
from weir.console import app as console
from weir.control.network import load_network
from weir.control.sessions import sign_in
from weir.control.show import list_jobs
from weir.core import identifiers
from weir.core.inventory import Pool
from weir.core.lifecycle import JobState
from weir.core.series import Key, start_of
from weir.store import series as rows_of
from weir.store.engine import open_store
from weir.store.migrate import migrate
from weir.store.tables import job, run
from weir.wire.jobs import Submission
from weir.wire.pools import Place, PoolReport

MODELS = ("nvidia-h100-sxm5", "huawei-ascend-910b", "hygon-k100", "cambricon-mlu370-x8")
PROBES = ("executor", "link", "host")
AIM_S, AIM_BYTES = 0.3, 600_000
BATCH = 1000


def network(domain: Domain, sites: int, pools: int, chance: random.Random) -> list[Cluster]:
    """Sites behind four regions, and the links to these."""
    links = [domain.below(f"region-{n}") for n in range(4)]
    for number, link in enumerate(links):
        reports = [
            pool_of(link, number, site + 1, n + 1, chance)
            for site in range(number, sites, 4)
            for n in range(pools // sites)
        ]
        link.report(*reports)
    return links


def pool_of(
    link: Cluster, region: int, site: int, number: int, chance: random.Random
) -> PoolReport:
    """A pool with invented size, place and price."""
    place = Place(
        region=f"r{region}",
        country="CN",
        latitude=chance.uniform(22, 42),
        longitude=chance.uniform(100, 122),
    )
    found = foreign(
        f"pool-{number}",
        of=link.identifier,
        site=site,
        model=chance.choice(MODELS),
        hosts=chance.randint(2, 64),
        location=place,
        price_micro_per_device_hour=chance.randint(2, 20) * 10**6,
    )
    identifier = identifiers.issue(found.cluster, identifiers.Kind.POOL, number)
    return found.model_copy(update={"id": identifier})


def fill_jobs(domain: Domain, count: int, chance: random.Random) -> None:
    """Jobs of ten shapes: one in ten waits, one in twenty runs, the others have ended."""
    ways = [(p.id, c) for p, c in ways_of(domain)]
    for start in range(0, count, BATCH):
        asked = [
            Submission(spec=spec(f"job-{n % 50}", devices=n % 10 + 1, count=2, walltime="4h"))
            for n in range(start, min(start + BATCH, count))
        ]
        domain.submit_all(*asked)
    with domain.ctx.store.write() as tx:
        rows = tx.execute(select(job.c.id)).scalars().all()
        ended, running, runs = [], [], []
        for number, row in enumerate(rows):
            pool, cluster = chance.choice(ways)
            began = domain.ctx.now() - 60 - number % 90_000
            if number % 20 == 1:
                running.append({"b_id": row, "pool": pool, "run": f"{row}-1", "began": began})
                runs.append(run_row(row, pool, cluster, began))
            elif number % 10:
                state = JobState.FAILED if number % 37 == 0 else JobState.SUCCEEDED
                ended.append({"b_id": row, "pool": pool, "state": state, "began": began})
        here = job.c.id == bindparam("b_id")
        began_at = {"pool": bindparam("pool"), "started_at": bindparam("began"), "attempts": 1}
        done: dict[str, Any] = {"state": bindparam("state"), "ended_at": bindparam("began") + 50}
        tx.execute(update(job).where(here).values(**began_at, **done), ended)
        at_work = {"state": JobState.RUNNING, "run": bindparam("run")}
        tx.execute(update(job).where(here).values(**began_at, **at_work), running)
        tx.execute(insert(run), runs)


def fill_samples(domain: Domain) -> None:
    """A day of what each site's agent tells of itself: three probes, and its cores."""
    keys = [
        Key(identifiers.issue(site, identifiers.Kind.CLUSTER, 1), metric, part)
        for site in sorted({pool.site for pool, _ in ways_of(domain)})
        for metric, part in (
            *(("probe_tried", probe) for probe in PROBES),
            *(("probe_up", probe) for probe in PROBES),
            ("cpu_milli_total", ""),
        )
    ]
    now = domain.ctx.now()
    with domain.ctx.store.write() as tx:
        numbers = rows_of.add(tx, keys, "").values()
        for width, most in ((900, 97), (60, 6)):
            for n in range(most):
                at = start_of(now, width) - n * width
                rows_of.put(tx, [(width, at, number, 6, 6.0, 1, 1, 1) for number in numbers])


def ways_of(domain: Domain) -> list[tuple[Pool, str]]:
    """Every pool, and the cluster by which it is reached."""
    with domain.ctx.store.read() as tx:
        found = load_network(domain.ctx, tx, domain.ctx.now())
    return [(state.pool, state.cluster) for state in found.pools()]


def run_row(job_id: str, pool: str, cluster: str, began: float) -> dict[str, Any]:
    """A run that holds one device."""
    return {
        "id": f"{job_id}-1", "job": job_id, "cluster": cluster, "pool": pool, "state": "running",
        "groups": [["main", 1, None]], "claims": [[1000, 2**30, 1000, 1]], "revision": 1,
        "start_within_s": 60.0, "assigned_at": began, "started_at": began, "reason": "",
        "place": [], "cancel": False,
    }  # fmt: skip


@contextmanager
def serving(domain: Domain, wakeups: Wakeups) -> Iterator[str]:
    """The server without its scheduling rounds, which would be measured along."""
    app = make_app(domain.ctx, wakeups)
    console.install(app)
    collect_seldom()  # both as `weir serve` does
    take_short_turns()
    config = uvicorn.Config(app, port=0, log_level="error", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


def first_byte(http: httpx.Client, path: str) -> tuple[float, str, int]:
    """Seconds until the answer begins, the page, and its bytes on the wire."""
    begun = time.perf_counter()
    with http.stream("GET", path, headers={"Accept": "text/html"}) as answer:
        seconds = time.perf_counter() - begun
        raw = b"".join(answer.iter_raw())
        assert answer.status_code == 200, (path, answer.status_code)
        text = gzip.decompress(raw) if answer.headers.get("content-encoding") == "gzip" else raw
    return seconds, text.decode(), len(raw)


def weight(http: httpx.Client, page: str, known: dict[str, int]) -> int:
    """Bytes of all that a page loads, as they are sent."""
    total = 0
    for at in set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page)):
        if at not in known:
            with http.stream("GET", at) as answer:
                known[at] = sum(len(b) for b in answer.iter_raw())
        total += known[at]
    return total


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("sites", 1000), ("pools", 10_000), ("jobs", 100_000), ("rounds", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked, chance = parser.parse_args(), random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{Path(folder) / 'weir.db'}")
        migrate(store)
        wakeups = Wakeups()
        domain = Domain(store, Path(folder) / "files", lease_s=86400.0)
        links = network(domain, asked.sites, asked.pools, chance)
        fill_jobs(domain, asked.jobs, chance)
        fill_samples(domain)
        session = sign_in(domain.ctx, domain.operator_token or "").secret
        with serving(domain, wakeups) as url:
            cookies = {"weir-nation": session}
            with httpx.Client(base_url=url, cookies=cookies, timeout=60) as http:
                measure(http, pages_of(domain), links, asked.rounds)


def pages_of(domain: Domain) -> list[str]:
    """One address of each page."""
    pool = ways_of(domain)[0][0]
    listed = list_jobs(domain.ctx, states=("running",), limit=1).jobs[0].id
    return [
        "/", "/?view=tree", "/resources", "/resources?device=hygon-k100&sort=price&page=7",
        f"/resources/sites/{pool.site}", f"/resources/pools/{pool.id}", "/find",
        "/jobs", "/jobs?state=failed", "/jobs?view=timeline", f"/jobs/{listed}", "/monitoring",
        "/monitoring/devices_allocated", "/monitoring/freshness",
        f"/monitoring/freshness?under={pool.site}", "/monitoring/links", "/operations",
        "/operations?tab=policies", "/commands",
    ]  # fmt: skip


def p95(ordered: Sequence[float]) -> float:
    """The value that 95 of 100 are no larger than, by nearest rank; of 20 the 19th."""
    return ordered[max(0, math.ceil(0.95 * len(ordered)) - 1)]


def measure(http: httpx.Client, pages: list[str], links: list[Cluster], rounds: int) -> None:
    """Ask for every page in turn, and print what came of it."""
    known: dict[str, int] = {}
    print(f"{'page':<52} {'median':>8} {'p95':>8} {'first':>8} {'cpu':>8} {'page':>8} {'all':>8}")
    for path in pages:
        times, cpu, text, size = [], [], "", 0
        for number in range(rounds + 1):
            links[number % 4].exchange()
            busy = time.process_time()
            seconds, text, size = first_byte(http, path)
            times.append(seconds)
            cpu.append(time.process_time() - busy)
        first, times = times[0], sorted(times[1:])
        high = p95(times)
        total = size + weight(http, text, known)
        wrong = " over the aim" if high > AIM_S or total > AIM_BYTES else ""
        print(
            f"{path[:52]:<52} {1000 * median(times):5.0f} ms {1000 * high:5.0f} ms "
            f"{1000 * first:5.0f} ms {1000 * median(cpu[1:]):5.0f} ms "
            f"{size / 1000:5.0f} kB {total / 1000:5.0f} kB{wrong}",
            flush=True,
        )


if __name__ == "__main__":
    main()
