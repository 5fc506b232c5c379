"""Names of domains go from neighbor to neighbor; each has the say on its own."""

from __future__ import annotations

from tests.builders import Domain, MakeDomain, pool
from weir.control.domain_names import known_names
from weir.core import identifiers
from weir.core.identifiers import Kind


def below(domain: Domain) -> str:
    """The identifier of an industry domain under the first region."""
    return identifiers.issue(identifiers.issue(domain.id, Kind.REGIONAL, 1), Kind.INDUSTRY, 1)


def test_a_domain_knows_itself_and_its_neighbors(domain: Domain) -> None:
    assert known_names(domain.ctx) == {domain.id: "nation"}
    west = domain.below("west")
    assert known_names(domain.ctx) == {domain.id: "nation", west.identifier: "west"}


def test_a_name_two_links_away_is_told_on_and_not_back(domain: Domain) -> None:
    west, east = domain.below("west"), domain.below("east")
    works = below(domain)
    west.exchange(domains={west.identifier: "west", works: "works"}, want=False)
    assert known_names(domain.ctx)[works] == "works"
    assert east.watch().domains == {
        domain.id: "nation",
        west.identifier: "west",
        works: "works",
    }
    assert works not in west.watch().domains
    west.exchange(domains={works: "mill"}, want=False)
    assert known_names(domain.ctx)[works] == "mill"
    west.exchange(domains={}, want=False)
    assert works not in known_names(domain.ctx)


def test_nobody_renames_a_domain_or_its_neighbors(domain: Domain) -> None:
    west, east = domain.below("west"), domain.below("east")
    west.exchange(domains={domain.id: "mine", east.identifier: "nobody"}, want=False)
    names = known_names(domain.ctx)
    assert (names[domain.id], names[east.identifier]) == ("nation", "east")


def test_what_is_no_domain_or_no_name_is_left_out(domain: Domain) -> None:
    site = domain.site("suzhou", pool("gpu"))
    west, works = domain.below("west"), below(domain)
    west.exchange(domains={site.id: "x", "CN.R9-0": "y", works: "<b>"}, want=False)
    site.exchange(domains={works: "works"}, want=False)
    assert set(known_names(domain.ctx)) == {domain.id, west.identifier}


def test_a_child_hears_of_its_parents_other_children(make_domain: MakeDomain) -> None:
    north = make_domain("north", "regional")
    up = north.above()
    up.hello()
    up.exchange(domains={"CN-F": "nation", "CN.R2-I": "south"}, want=False)
    names = known_names(north.ctx)
    assert names["CN-F"] == "nation"
