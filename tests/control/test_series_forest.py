"""A random forest of a thousand sites: what a parent adds up is what its leaves add up to."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.builders import Domain, MakeDomain, foreign
from weir.control.authorize import Principal
from weir.control.series import accept_samples
from weir.control.series_offers import samples_after
from weir.control.series_roll import roll_up
from weir.core.identifiers import Kind, issue
from weir.core.series import Key, body_of, single, start_of
from weir.store import clusters
from weir.store import series as rows_of
from weir.store.domains import set_identity
from weir.store.rows import ClusterRow
from weir.store.series_totals import read_totals
from weir.wire.exchange import ExchangeRequest
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


@dataclass
class Node:
    """A domain of the forest, and the sites that report to it."""

    id: str
    domain: Domain
    parent: Node | None
    ways: dict[str, ClusterRow] = field(default_factory=dict)  # by child or site

    def hear(self, said: Iterable[tuple[ClusterRow, SampleBlock]]) -> None:
        ctx, now = self.domain.ctx, self.domain.clock()
        with ctx.store.write() as tx:
            for sender, block in said:
                request = ExchangeRequest(
                    cluster=sender.id,
                    incarnation="incarnation",
                    journal="journal-1",
                    sent_at=now,
                    samples=(block,),
                )
                assert accept_samples(ctx, tx, sender, request, now) == ()

    def total(self, width: int, at: int, name: str) -> float:
        with self.domain.ctx.store.read() as tx:
            [(_, _, _, value)] = [
                row for row in read_totals(tx, width, at, at + width, [name]) if row[2] == ""
            ]
        return value


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


def report(chance: random.Random, nodes: list[Node], at: int) -> dict[str, dict[str, list[int]]]:
    """Every site tells what its pools draw: to one domain or to two, late, twice, out of order."""
    truth: dict[str, dict[str, list[int]]] = defaultdict(dict)
    numbers: dict[str, int] = defaultdict(int)
    rows: dict[str, list[ClusterRow]] = defaultdict(list)
    said: list[tuple[Node, ClusterRow, SampleBlock]] = []
    offered: dict[str, list[str]] = defaultdict(list)
    for _ in range(SITES):
        home, *others = chance.sample(nodes, k=2 if chance.random() < 0.3 else 1)
        numbers[home.id] += 1
        site = issue(home.id, Kind.SITE, numbers[home.id])
        row = cluster(issue(site, Kind.CLUSTER, 1), site, "own")
        points = []
        for p in range(chance.randint(1, 3)):
            pool = issue(row.id, Kind.POOL, p + 1)
            values = [chance.randint(0, 10**9) for _ in range(6)]
            truth[site][pool] = values
            for k, value in enumerate(values):
                key = Key(pool, "it_power")
                points.append(Point(key, at + 10 * k, single(float(value))))
        for node in [home, *others]:
            rows[node.id].append(row)
            chance.shuffle(points)
            cut = chance.randint(0, len(points))
            again = points[: chance.randint(0, len(points))]
            parts = [points[:cut], points[cut:]] if chance.random() < 0.2 else [points]
            for part in parts:
                said.append((node, row, pack(10, part + again)))
        # What lies in another domain's tree is vouched for by the pools that a link offers.
        for node in others:
            above = node
            while above.parent is not None:
                offered[above.id].append(issue(row.id, Kind.POOL, 1))
                above = above.parent
    for node in nodes:
        with node.domain.ctx.store.write() as tx:
            for row in rows[node.id]:
                clusters.add(tx, row)
        if node.parent is not None:
            shown = {id: foreign("p").model_copy(update={"id": id}) for id in offered[node.id]}
            with node.parent.domain.ctx.store.write() as tx:
                link = node.parent.ways[node.id]
                clusters.put_pools(tx, link.id, shown.values(), 1)
    chance.shuffle(said)
    for node in nodes:
        node.hear((row, block) for of, row, block in said if of is node)
    return truth


def test_the_nation_adds_up_to_its_leaves(make_domain: MakeDomain) -> None:
    chance = random.Random(20261122)
    nodes = grown(make_domain)
    nation = nodes[-1]
    at = start_of(nation.domain.clock(), 900)
    for node in nodes:
        node.domain.clock.now = at + 70.0
    truth = report(chance, nodes, at)
    for node in nodes:
        node.domain.clock.now = at + 1000.0
    for node in nodes:  # from below upward, each twice: a link that repeats itself
        roll_up(node.domain.ctx)
        if node.parent is None:
            continue
        link = Principal("t", "node", "link", frozenset({"node"}), f"up {node.id}", {})
        for _ in range(2):
            answer = samples_after(node.domain.ctx, link, 0)
            assert not answer.more
            link_there = node.parent.ways[node.id]
            node.parent.hear((link_there, block) for block in answer.blocks)
    roll_up(nation.domain.ctx)
    pools = [values for site in truth.values() for values in site.values()]
    assert len(truth) == SITES
    assert nation.total(60, at, "it_power") == math.fsum(sum(v) / 6 for v in pools)
    assert nation.total(900, at, "it_power") == math.fsum(sum(v) / 6 for v in pools)
    # And by whole units: six times the mean is what was measured.
    with nation.domain.ctx.store.read() as tx:
        buckets = dict(rows_of.at_once(tx, 60, at))
        subjects = {body_of(row.key.subject) for row in rows_of.listed(tx)}
    assert sum(b.total for b in buckets.values()) == sum(map(sum, pools))
    assert len(subjects) == len(buckets) == len(pools)
