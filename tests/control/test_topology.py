"""Jobs that lie in one rack, from the job file to the next round, and to the domain above."""

from __future__ import annotations

import pytest

from tests.builders import GIB, Domain, MakeDomain, pool, spec
from weir.core.errors import BadInput
from weir.core.lifecycle import JobState
from weir.wire.pools import Block, Free, PoolReport

ONE = {"cpu": "1", "memory": "1GiB", "devices": {"count": 8}, "command": ["a"]}
IN_A_RACK = {**ONE, "topology": {"required": "rack"}}


def racks(*hosts: int) -> PoolReport:
    """A pool with so many hosts in each rack, all free."""
    free = tuple(
        Free(hosts=n, cpu_milli=64_000, memory_bytes=512 * GIB, devices=((1000, 8),), block=(i,))
        for i, n in enumerate(hosts)
    )
    blocks = tuple(Block(names=(f"r{i}",), hosts=n) for i, n in enumerate(hosts))
    return pool("gpu", hosts=sum(hosts), levels=("rack",), blocks=blocks, free=free)


def test_what_runs_in_a_rack_is_counted_there(domain: Domain) -> None:
    """The small rack is taken whole by the first gang: the next one has the large rack only."""
    north = domain.site("north", racks(2, 3))
    first = domain.submit(spec("first", tasks=[{**IN_A_RACK, "count": 2}]))
    assert domain.round() == 1
    north.run("accepted", "started")
    assert domain.state(first) is JobState.RUNNING
    free = {(f.block, f.hosts) for f in domain.pools()["gpu"].free if f.devices}
    assert free == {((1,), 3)}
    second = domain.submit(spec("second", tasks=[{**IN_A_RACK, "count": 2}]))
    third = domain.submit(spec("third", tasks=[{**IN_A_RACK, "count": 2}]))
    assert domain.round() == 1
    assert [domain.state(j) for j in (second, third)] == [JobState.PLACED, JobState.WAITING]


def test_why_says_that_no_rack_is_large_enough_and_what_would_help(domain: Domain) -> None:
    domain.site("north", racks(1, 1))
    job = domain.submit(spec("large", tasks=[{**IN_A_RACK, "count": 2}]))
    why = domain.why(job)
    assert [(r.reason, r.needed, r.best) for r in why.reasons] == [
        ("BLOCK", "2 tasks, in one rack", "1 task")
    ]
    assert why.hopeless
    assert [(c.reason, c.wanted, c.instead, c.now) for c in why.changes] == [
        ("TOPOLOGY", "rack required", "rack preferred", True)
    ]


def test_a_parent_judges_by_blocks_without_seeing_hosts(make_domain: MakeDomain) -> None:
    """What a run of the child's own has taken of a rack is gone for the parent too."""
    north = make_domain("north", "regional")
    up = north.above()
    site = north.site("works", racks(2, 2))
    [offer] = up.watch().offers
    assert [(b.names, b.hosts) for b in offer.blocks] == [(("r0",), 2), (("r1",), 2)]
    assert {(f.block, f.hosts) for f in offer.free} == {((0,), 2), ((1,), 2)}
    north.submit(spec("own", tasks=[IN_A_RACK]))
    north.round()
    site.run("accepted", "started")
    [offer] = up.watch().offers
    assert {(f.block, f.hosts) for f in offer.free if f.devices} == {((0,), 1), ((1,), 2)}


def test_free_hosts_of_no_known_block_are_a_mistake(domain: Domain) -> None:
    wrong = racks(2).model_copy(update={"blocks": (), "levels": ()})
    with pytest.raises(BadInput) as refused:
        domain.site("north", wrong)
    assert [m.field for m in refused.value.mistakes] == ["inventory[0].free[0].block"]
