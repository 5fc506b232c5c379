"""Flows of jobs: what a domain handed on is drawn from there to the site where it is."""

from __future__ import annotations

import re

from tests.builders import foreign, origin, pool, spec
from tests.console.conftest import House
from tests.console.test_drawing import HERE, shown
from weir.console.directory import sites_of
from weir.console.drawing import arcs, network
from weir.control.flows import Flow, flows
from weir.wire.pools import Place


def test_a_job_that_a_child_handed_on_comes_from_there(house: House) -> None:
    east = Place(latitude=31.2, longitude=121.5)
    center = house.domain.site("shanghai", pool("gpu", location=east))
    west = house.domain.below("west")
    behind = foreign("npu", of=west.identifier, location=Place(latitude=30.4, longitude=104.1))
    west.report(behind)
    house.domain.submit(spec("own"))
    handed = origin("w-1", center.named["gpu"], west.identifier)
    house.domain.submit(spec("handed"), who=west.who, origin=handed)
    house.domain.round()
    here, gpu = house.domain.ctx.domain().id or "", center.named["gpu"]
    found = flows(house.domain.ctx)
    assert sorted(found, key=lambda f: f.home) == [
        Flow(here, gpu, 1),
        Flow(west.identifier, gpu, 1),
    ]
    page = house.browser().get("/").text
    [drawn] = re.findall(r'<g class="arcs".*?</g>', page)
    assert drawn.count("<path") == 1 and 'class="f1"' in drawn
    listed = page[page.index('id="flows"') :]
    rows = re.findall(r"<tr><td>(.*?)</td>.*?>shanghai<", listed[: listed.index("</tbody>")])
    assert sorted(rows) == ["nation", "west"]
    assert "jobs that another domain handed on" in page


def test_without_jobs_there_are_no_flows(house: House) -> None:
    house.domain.site("shanghai", pool("gpu"))
    page = house.browser().get("/").text
    assert 'id="flows"' not in page and "handed on" not in page
    assert flows(house.domain.ctx) == []


def test_arcs_lead_to_the_mark_that_stands_for_a_site() -> None:
    pools = [shown(f"p{n}", site=n + 1, domains=(f"CN.R{n % 2}-K",), hops=1) for n in range(80)]
    sites = sites_of(pools)
    tree = network.draw_tree(sites, HERE, "devices")
    assert tree.folded
    far = next(s for s in sites if s.pools[0].domains == ("CN.R1-K",))
    near = next(s for s in sites if s.pools[0].domains == ("CN.R0-K",))
    carried = [
        network.Carried("CN.R0-K", far.id, 7),
        network.Carried("CN.R0-K", near.id, 9),  # within the domain itself: nothing to draw
        network.Carried("CN-F", far.id, 3),  # from here: along the links
        network.Carried("CN.R9-X", far.id, 3),  # from a domain that nobody sees
    ]
    found = arcs.with_arcs(tree, "CN-F", carried)
    assert [look for look, _ in found.arcs] == ["f2"]
    mark = {m.id: m for m in tree.marks}
    to = mark["CN.R1-K"]
    assert found.arcs[0][1].endswith(f"{to.x:.1f} {to.y:.1f}")
