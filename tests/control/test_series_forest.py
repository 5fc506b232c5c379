"""A random forest of a thousand sites: what a parent adds up is what its leaves add up to."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pytest

from tests.builders import ASCEND, H100, Domain, MakeDomain, pool
from weir.control.authorize import Principal
from weir.control.exchange import exchange
from weir.control.measure import measure
from weir.control.series import accept_samples
from weir.control.series_offers import samples_after
from weir.control.series_roll import roll_up
from weir.control.watch import watch
from weir.core import devices
from weir.core.identifiers import Kind, issue
from weir.core.series import Key, body_of, single, start_of
from weir.core.sketch import quantile, sketch
from weir.store import clusters
from weir.store import series as rows_of
from weir.store.domains import raise_count, set_identity
from weir.store.rows import ClusterRow
from weir.store.series_totals import put_news, read_totals
from weir.wire.exchange import ExchangeRequest
from weir.wire.pools import PoolReport
from weir.wire.samples import Point, SampleBlock, pack

SITES, REGIONS, INDUSTRIES = 1000, 6, 5


def cluster(id: str, site: str, direction: str, peer: str | None = None) -> ClusterRow:
    return ClusterRow(
        id=id,
        name="main",
        site=site,
        site_name=site,
        executor="local",
        direction=direction,
        peer_domain=peer,
        peer_url=None,
        joined_at=0.0,
        generation=0,
        inventory_digest="",
        incarnation="incarnation",
        journal="journal-1",
        observed=0,
        heard_at=None,
        silent=False,
        clock_skew_s=0.0,
        rtt_us=None,
        version="",
        removed_at=None,
    )


@dataclass(frozen=True)
class Truth:
    """What a pool is, and what was measured of it."""

    report: PoolReport
    watts: tuple[int, ...]
    busy: tuple[int, ...]

    @property
    def devices(self) -> int:
        return self.report.hosts * self.report.shape.devices


@dataclass
class Node:
    """A domain of the forest, the sites that report to it, and how long its jobs waited."""

    id: str
    domain: Domain
    parent: Node | None
    ways: dict[str, ClusterRow] = field(default_factory=dict)  # by child
    sites: set[str] = field(default_factory=set)  # of it and of those under it
    waits: list[float] = field(default_factory=list)  # of the same

    def hear(
        self,
        sender: ClusterRow,
        blocks: Sequence[SampleBlock],
        inventory: Sequence[PoolReport] | None = None,
    ) -> None:
        """What a link says, as it says it."""
        who = Principal("t", sender.id, "agent", frozenset({"agent"}), sender.id, {})
        request = self.said(sender, blocks, inventory)
        assert exchange(self.domain.ctx, who, request).refused == ()

    def hear_all(self, said: Iterable[tuple[ClusterRow, list[SampleBlock], list[Truth]]]) -> None:
        """What the agents of its sites say: in one transaction, for there are a thousand."""
        ctx, now = self.domain.ctx, self.domain.clock()
        with ctx.store.write() as tx:
            revision = raise_count(tx, "seq")
            for row, blocks, pools in said:
                clusters.add(tx, row)
                clusters.put_pools(tx, row.id, [t.report for t in pools], revision)
                for block in blocks:
                    assert accept_samples(ctx, tx, row, self.said(row, [block]), now) == ()

    def said(
        self,
        sender: ClusterRow,
        blocks: Sequence[SampleBlock],
        inventory: Sequence[PoolReport] | None = None,
    ) -> ExchangeRequest:
        return ExchangeRequest(
            cluster=sender.id,
            incarnation="incarnation",
            journal="journal-1",
            sent_at=self.domain.clock(),
            samples=tuple(blocks),
            inventory=None if inventory is None else tuple(inventory),
            want=False,
        )

    def tell(self) -> None:
        """The link upward passes on pools and samples, each twice: a link that repeats itself."""
        if self.parent is None:
            return
        link = Principal("t", "node", "link", frozenset({"node"}), f"up {self.id}", {})
        there = self.parent.ways[self.id]
        self.parent.hear(there, (), watch(self.domain.ctx, link, 0, 0).offers)
        for _ in range(2):
            answer = samples_after(self.domain.ctx, link, 0)
            assert not answer.more
            for block in answer.blocks:
                self.parent.hear(there, [block])

    def total(self, width: int, at: int, name: str) -> dict[str, float]:
        with self.domain.ctx.store.read() as tx:
            rows = read_totals(tx, width, at, at + width, [name])
        return {part: value for _, _, part, value in rows}


def grown(make_domain: MakeDomain) -> list[Node]:
    """The nation, regions under it, industries under regions; the nation last."""
    nation = Node("CN-F", make_domain(), None)
    regions = [
        Node(issue("CN-F", Kind.REGIONAL, n + 1), make_domain(f"r{n}", "regional"), nation)
        for n in range(REGIONS)
    ]
    industries = [
        Node(
            issue(regions[n % REGIONS].id, Kind.INDUSTRY, n + 1),
            make_domain(f"i{n}", "industry"),
            regions[n % REGIONS],
        )
        for n in range(INDUSTRIES)
    ]
    for node in [*regions, *industries]:
        assert node.parent is not None
        down = cluster(f"down {node.id}", node.id, "down", node.id)
        up = cluster(f"up {node.id}", node.parent.id, "up", node.parent.id)
        node.parent.ways[node.id] = down
        with node.parent.domain.ctx.store.write() as tx:
            clusters.add(tx, down)
        with node.domain.ctx.store.write() as tx:
            set_identity(tx, node.id, node.parent.id)
            clusters.add(tx, up)
    return [*industries, *regions, nation]


def report(chance: random.Random, nodes: list[Node], at: int) -> dict[str, list[Truth]]:
    """Every site tells what its pools are, draw and do: to one domain or to two, late, twice, out
    of order.
    """
    truth: dict[str, list[Truth]] = {}
    numbers: dict[str, int] = defaultdict(int)
    said: list[tuple[Node, ClusterRow, list[SampleBlock], list[Truth]]] = []
    for _ in range(SITES):
        home, *others = chance.sample(nodes, k=2 if chance.random() < 0.3 else 1)
        numbers[home.id] += 1
        site = issue(home.id, Kind.SITE, numbers[home.id])
        row = cluster(issue(site, Kind.CLUSTER, 1), site, "own")
        truth[site] = [a_pool(chance, row, p + 1) for p in range(chance.randint(1, 3))]
        points = [point for t in truth[site] for point in points_of(t, at)]
        for node in [home, *others]:
            above: Node | None = node
            while above is not None:
                above.sites.add(site)
                above = above.parent
            chance.shuffle(points)
            cut = chance.randint(0, len(points))
            again = points[: chance.randint(0, len(points))]
            parts = [points[:cut], points[cut:]] if chance.random() < 0.2 else [points]
            blocks = [pack(10, part + again) for part in parts]
            said.append((node, row, blocks, truth[site]))
    chance.shuffle(said)
    for node in nodes:
        node.hear_all((row, blocks, pools) for of, row, blocks, pools in said if of is node)
    return truth


def a_pool(chance: random.Random, row: ClusterRow, number: int) -> Truth:
    hosts, model = chance.randint(1, 500), chance.choice((H100, ASCEND, ""))
    shown = pool(
        f"p{number}",
        hosts=hosts,
        devices=chance.choice((4, 8)) if model else 0,
        memory=chance.randint(1, 4000),
        model=model,
        id=issue(row.id, Kind.POOL, number),
        site=row.site,
        site_name=row.site,
        cluster=row.id,
    )
    most = hosts * shown.shape.devices
    return Truth(
        shown,
        tuple(chance.randint(0, 10**9) for _ in range(6)),
        tuple(chance.randint(0, most) for _ in range(6)),
    )


def points_of(truth: Truth, at: int) -> list[Point]:
    series = {"it_power": truth.watts}
    if truth.devices:
        series |= {"devices_busy": truth.busy, "devices_seen": (truth.devices,) * 6}
    return [
        Point(Key(truth.report.id, metric), at + 10 * k, single(float(value)))
        for metric, values in series.items()
        for k, value in enumerate(values)
    ]


def wait(chance: random.Random, node: Node, at: int) -> None:
    """Jobs of a domain's users have started: it keeps how long they waited as a sketch."""
    waits = [chance.lognormvariate(4, 2) for _ in range(chance.randint(1, 200))]
    with node.domain.ctx.store.write() as tx:
        bins = sketch(waits)
        numbers = rows_of.add(tx, [Key(node.id, "job_waits", str(k)) for k in bins], "")
        rows: list[rows_of.Row] = []
        for key, number in numbers.items():
            n = float(bins[int(key.part)])
            rows.append((60, at, number, 1, n, n, n, n))
        rows_of.put(tx, rows)
        put_news(tx, [(60, at)], "")
    above: Node | None = node
    while above is not None:
        above.waits += waits
        above = above.parent


def test_the_nation_adds_up_to_its_leaves(make_domain: MakeDomain) -> None:
    chance = random.Random(20261122)
    nodes = grown(make_domain)
    nation = nodes[-1]
    at = start_of(nation.domain.clock(), 900)
    for node in nodes:
        node.domain.clock.now = at + 70.0
    truth = report(chance, nodes, at)
    for node in nodes:
        wait(chance, node, at)
        node.domain.clock.now = at + 1000.0
    for node in nodes:  # from below upward
        roll_up(node.domain.ctx)
        node.tell()
    assert len(truth) == len(nation.sites) == SITES
    for node in nodes:
        pools = [t for site in node.sites for t in truth[site]]
        check_samples(node, pools, at)
        check_inventory(node, pools)
    # And by whole units: six times the mean is what was measured.
    pools = [t for site in truth.values() for t in site]
    with nation.domain.ctx.store.read() as tx:
        keys = {row.id: row.key for row in rows_of.listed(tx, metrics=["it_power"])}
        buckets = {n: b for n, b in rows_of.at_once(tx, 60, at) if n in keys}
        subjects = {body_of(key.subject) for key in keys.values()}
    assert sum(b.total for b in buckets.values()) == sum(sum(t.watts) for t in pools)
    assert len(subjects) == len(buckets) == len(pools)


def check_samples(node: Node, pools: Sequence[Truth], at: int) -> None:
    """A sum, an amount, a ratio and percentiles, each of what lies under a domain."""
    watts = math.fsum(sum(t.watts) / 6 for t in pools)
    busy = math.fsum(sum(t.busy) / 6 for t in pools if t.devices)
    for width in (60, 900):
        assert node.total(width, at, "it_power")[""] == watts
        assert node.total(width, at, "it_energy")[""] == pytest.approx(watts * 60 / 3.6e6)
        share = node.total(width, at, "devices_busy")[""]
        assert share == 100 * busy / sum(t.devices for t in pools)
        assert node.total(width, at, "job_wait") == {
            "": quantile(sketch(node.waits), 0.5),
            **{f"p{q}": quantile(sketch(node.waits), q / 100) for q in (50, 90, 99)},
        }


def check_inventory(node: Node, pools: Sequence[Truth]) -> None:
    """Every pool once, by however many ways it is seen."""
    found = {i.name: i for i in measure(node.domain.ctx)}
    by_model: Counter[str] = Counter()
    gflops: Counter[str] = Counter()
    for t in pools:
        if t.report.device_model is not None:
            by_model[t.report.device_model] += t.devices
            for precision, figure in devices.find(t.report.device_model).nominal.items():
                gflops[precision] += figure.value * t.devices
    assert found["sites"].value == len(node.sites)
    assert found["pools"].value == len(pools)
    assert found["hosts"].value == sum(t.report.hosts for t in pools)
    assert found["devices"].by == dict(by_model)
    memory = sum(t.report.hosts * t.report.shape.memory_bytes for t in pools)
    assert found["memory"].value == memory
    nominal = found["performance_nominal"].by
    assert {p: v for p, v in nominal.items() if v is not None} == dict(gflops)
