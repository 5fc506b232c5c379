"""Registering: a cluster says what it has, and gets identifiers that stay."""

import pytest

from tests.builders import ASCEND, Cluster, Domain, pool
from weir.control.show import list_clusters
from weir.core import identifiers
from weir.core.errors import BadInput, InventoryConflict, NotAllowed, NotFound, NotReady, Superseded


def test_a_new_cluster_gets_identifiers_for_its_pools(domain: Domain) -> None:
    north = domain.site("north")
    assert north.exchange().resend  # nothing is known of it yet
    north.report(pool("gpu"), pool("npu", model=ASCEND))
    assert north.id == "CN.S1.C1-E"
    assert identifiers.parse(north.named["gpu"]).is_under(north.id)
    assert sorted(domain.pools()) == ["gpu", "npu"]
    assert domain.pools()["npu"].id == north.named["npu"] != north.named["gpu"]
    assert not north.exchange().resend


def test_identifiers_stay_when_pools_go_and_come_back(domain: Domain) -> None:
    north = domain.site("north", pool("a"), pool("b"))
    before = dict(north.named)
    north.report(pool("c"), pool("b"))
    assert sorted(domain.pools()) == ["b", "c"]
    north.report(pool("b"), pool("a"), pool("c"))
    assert before.items() <= north.named.items()
    assert len(set(north.named.values())) == 3


def test_identifiers_stay_when_the_cluster_joins_again(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    again = domain.site("north", pool("gpu"))
    assert (again.id, again.named) == (north.id, north.named)
    assert domain.site("south").id != north.id


def test_an_agent_that_was_told_its_identifiers_may_report_by_them(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    north.report(pool("gpu", id=north.named["gpu"], hosts=3))
    assert domain.pools()["gpu"].hosts == 3


def test_an_inventory_is_swapped_in_on_its_generation(domain: Domain) -> None:
    north = domain.site("north", pool("gpu", hosts=1))
    assert north.generation == 1
    with pytest.raises(InventoryConflict, match="is at generation 1, not 0"):
        north.exchange(generation=0, inventory=(pool("gpu", hosts=9),))
    assert domain.pools()["gpu"].hosts == 1
    assert north.exchange().generation == 1


def test_what_only_changed_in_its_free_hosts_moves_no_generation(domain: Domain) -> None:
    north = domain.site("north", pool("gpu", hosts=2), pool("npu", model=ASCEND))
    busy = pool("gpu", hosts=2, id=north.named["gpu"]).model_copy(update={"free": ()})
    answer = north.exchange(changed=(busy,), want=False)
    assert answer.generation == 1
    assert domain.pools()["gpu"].free_devices_milli == 0
    assert domain.pools()["npu"].free_devices_milli == 16_000


def test_every_mistake_of_an_inventory_is_told(domain: Domain) -> None:
    north = domain.site("north")
    wrong = (
        pool("a", model="h1000"),
        pool("b", model="H100"),
        pool("c").model_copy(update={"device_model": None}),
        pool("d", hosts=2).model_copy(update={"hosts": 1}),
        pool("e", id="CN.S9.C9.P9-M"),
        pool("f", id="CN.S1-G"),
        pool("g"),
        pool("g"),
        pool("h", id="frogs"),
    )
    with pytest.raises(BadInput, match="8 mistakes") as caught:
        north.report(*wrong)
    assert [(m.field, m.message.partition(":")[0]) for m in caught.value.mistakes] == [
        ("inventory[0].device_model", "no device model is called 'h1000'; near it"),
        ("inventory[1].device_model", "write nvidia-h100-sxm5"),
        ("inventory[2].device_model", "is missing, though the hosts have devices"),
        ("inventory[3].free", "has more hosts than the pool (1)"),
        ("inventory[4].id", f"does not lie under this cluster's, {north.id}"),
        ("inventory[5].id", "is the identifier of a site, not of a pool"),
        ("inventory[8].id", "'frogs' is not an identifier"),
        ("inventory", "pool g stands twice"),
    ]
    assert domain.pools() == {}


def test_the_last_process_speaks_for_a_cluster_and_the_one_before_is_told(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    before = north.incarnation
    north.hello(restarted=1)
    with pytest.raises(Superseded, match="has taken over"):
        north.exchange(incarnation=before)
    north.exchange()


def test_a_token_speaks_for_its_own_cluster_only(domain: Domain) -> None:
    north, south = domain.site("north", pool()), domain.site("south", pool())
    with pytest.raises(NotAllowed, match=f"speaks for {north.id}, not for {south.id}"):
        north.exchange(cluster=south.id)


def test_a_cluster_that_is_not_here_is_not_found(domain: Domain) -> None:
    north = domain.site("north")
    north.id = "CN.S9.C9-0"
    object.__setattr__(north.who, "cluster", north.id)
    with pytest.raises(NotFound):
        north.exchange()


def test_a_cluster_with_identifiers_from_elsewhere_reports_there_first(domain: Domain) -> None:
    site = identifiers.issue("CN.R1-K", identifiers.Kind.SITE, 1)
    cluster = identifiers.issue(site, identifiers.Kind.CLUSTER, 1)
    joined = domain.let_in("north", identifier=site, as_identifier=cluster)
    assert joined.cluster == cluster
    agent = Cluster(domain, joined)
    agent.hello()
    with pytest.raises(NotReady, match="report there first"):
        agent.report(pool("gpu"))
    agent.report(pool("gpu", id=identifiers.issue(cluster, identifiers.Kind.POOL, 7)))
    assert list(domain.pools()) == ["gpu"]


def test_clusters_are_shown_with_what_is_known_of_them(domain: Domain) -> None:
    domain.site("north", pool("gpu"), pool("npu", model=ASCEND))
    [shown] = list_clusters(domain.ctx)
    assert (shown.site_name, shown.direction, shown.pools, shown.silent) == (
        *("north", "own", 2, False),
    )
    domain.clock.turn(domain.ctx.settings.lease_s + 1)
    assert list_clusters(domain.ctx)[0].silent
