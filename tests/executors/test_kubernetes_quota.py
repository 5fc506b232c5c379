"""What quotas leave of a cluster, and that nothing more is offered or taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.bench import order, shell
from weir.core.errors import WeirError
from weir.core.inventory import FreeShape
from weir.executors.kubernetes_calls import Rejected
from weir.executors.kubernetes_pools import Pools
from weir.executors.kubernetes_quota import (
    CPU,
    MEMORY,
    Place,
    Room,
    of_cluster_queue,
    of_quotas,
    places_of,
    rooms_of,
    within,
)
from weir.executors.kubernetes_records import AGENT_LABEL, Node, Pod
from weir.executors.kubernetes_runs import Run
from weir.executors.kubernetes_settings import KubernetesSettings
from weir.wire.exchange import RunOrder

GIB = 2**30
GPU = "nvidia.com/gpu"
QUOTA: dict[str, Any] = {
    "metadata": {"name": "network"},
    "spec": {"hard": {"requests.cpu": "20"}},
    "status": {
        "hard": {"requests.cpu": "20", "limits.cpu": "16", f"requests.{GPU}": "3", "pods": "9"},
        "used": {"requests.cpu": "6500m", "limits.cpu": "1", f"requests.{GPU}": "1", "pods": "2"},
    },
}
QUEUE: dict[str, Any] = {
    "metadata": {"name": "whole"},
    "spec": {
        "resourceGroups": [
            {
                "flavors": [
                    {"name": "a", "resources": [{"name": "cpu", "nominalQuota": 8}]},
                    {"name": "b", "resources": [{"name": "cpu", "nominalQuota": "4"}]},
                ]
            }
        ]
    },
    "status": {"flavorsUsage": [{"name": "a", "resources": [{"name": "cpu", "total": "7"}]}]},
}


def test_what_a_quota_leaves_is_the_least_of_what_it_says() -> None:
    room = of_quotas([QUOTA])
    assert room is not None
    assert room.left == {CPU: Decimal("13.5"), GPU: 2}
    assert room.why == "quota network"


def test_a_quota_for_some_pods_only_is_not_counted() -> None:
    assert of_quotas([QUOTA | {"spec": {"scopes": ["BestEffort"]}}]) is None
    assert of_quotas([]) is None


def test_of_a_cluster_queue_the_nominal_quota_of_all_flavors_counts() -> None:
    room = of_cluster_queue(QUEUE)
    assert room.left == {CPU: 5}
    assert room.why == "Kueue's queue whole"


class Fake:
    """Answers with what lies at a path; the rest may not be read."""

    def __init__(self, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        self.found = found

    def list(
        self, where: str, query: Mapping[str, str] | None = None
    ) -> Sequence[Mapping[str, Any]]:
        if where not in self.found:
            raise Rejected(f"{where} is forbidden")
        return self.found[where]


KUEUES = "/apis/kueue.x-k8s.io/v1beta1"
LOCAL = {"metadata": {"name": "lq"}, "spec": {"clusterQueue": "whole"}}


def test_behind_a_local_queue_the_least_of_both_is_left() -> None:
    found = {
        "/api/v1/namespaces/jobs/resourcequotas": [QUOTA],
        f"{KUEUES}/clusterqueues": [QUEUE],
        f"{KUEUES}/namespaces/jobs/localqueues": [LOCAL],
    }
    places = [Place("jobs"), Place("jobs", "lq"), Place("else", "lq")]
    rooms = rooms_of(Fake(found), places, frozenset({"kueue.x-k8s.io"}))
    assert rooms[places[0]].left[CPU] == Decimal("13.5")
    assert rooms[places[1]].left == {CPU: 5, GPU: 2}
    assert rooms[places[1]].why == "quota network and Kueue's queue whole"
    assert places[2] not in rooms
    assert rooms_of(Fake(found), places[1:2], frozenset())[places[1]].left[CPU] == Decimal("13.5")


def test_a_server_that_is_away_is_no_server_without_quotas() -> None:
    class Away(Fake):
        def list(
            self, where: str, query: Mapping[str, str] | None = None
        ) -> Sequence[Mapping[str, Any]]:
            raise WeirError("nobody answers")

    with pytest.raises(WeirError):
        rooms_of(Away({}), [Place("jobs")], frozenset())


SHAPES = st.lists(
    st.builds(
        FreeShape,
        st.integers(0, 64_000),
        st.integers(0, 64 * GIB),
        st.sampled_from(((), ((1000, 2),), ((500, 1), (1000, 4)))),
        st.integers(1, 5),
    ),
    max_size=4,
)


@given(SHAPES, st.integers(0, 200), st.integers(0, 200), st.integers(0, 20))
def test_no_more_is_left_than_the_quota_and_no_more_than_there_was(
    free: list[FreeShape], cpu: int, gib: int, devices: int
) -> None:
    room = Room({CPU: Decimal(cpu), MEMORY: Decimal(gib * GIB), GPU: Decimal(devices)})
    kept = within(free, room, GPU)
    for limit, amount in (
        (1000 * cpu, lambda s: s.cpu_milli),
        (gib * GIB, lambda s: s.memory_bytes),
        (devices, lambda s: sum(count for _, count in s.devices)),
        (10**9, lambda s: 1),
    ):
        total = sum(amount(s) * s.hosts for s in kept)
        assert total <= limit
        assert total <= sum(amount(s) * s.hosts for s in free)
    assert within(free, Room(), GPU) == within(free, Room({"x": Decimal()}), GPU)


# -- pools -----------------------------------------------------------------------------------------


def settings(**share: Any) -> KubernetesSettings:
    value = {"namespace": "jobs", "image": "i", "shares": [{"pool": "pool", **share}]}
    return KubernetesSettings.model_validate(value)


def pools_of(room: Room, pods: Sequence[Pod] = (), **share: Any) -> Pools:
    said = settings(**share)
    made = Pools(said, {}, "agent")
    nodes = [Node(f"n{i}", {}, {}, 8000, 32 * GIB, {GPU: 2}) for i in range(4)]
    made.take(nodes, list(pods), dict.fromkeys(places_of(said), room), kueue=True)
    return made


def wanting(name: str, count: int = 1, cpu: int = 4) -> RunOrder:
    return order(name, shell("true", count=count, cpu=cpu, memory="1GiB"))


def total(made: Pools, counted: Sequence[Run] = ()) -> int:
    (report,) = made.reports(counted, False)
    return sum(f.hosts * f.cpu_milli for f in report.free)


def test_free_is_no_more_than_a_quota_leaves_and_orders_take_their_part_of_it() -> None:
    made = pools_of(Room({CPU: Decimal(10)}, "quota network"))
    assert total(made) == 10_000
    refused = made.refusals([wanting("a"), wanting("b"), wanting("c")], [], [])
    assert refused == {"c": "quota network leaves too little for 1 x 4 CPU, 1 GiB"}
    assert set(made.refusals([wanting("d")], [], [wanting("a"), wanting("b")])) == {"d"}


def test_what_our_own_pods_have_of_a_quota_is_ours_to_give() -> None:
    ours = Pod("p", "jobs", "u", {AGENT_LABEL: "agent"}, "n0", "Running", 4000, GIB, {})
    theirs = replace(ours, labels={})
    for pods, expected in (((), 6_000), ((ours,), 10_000), ((theirs,), 6_000)):
        assert total(pools_of(Room({CPU: Decimal(6)}), pods)) == expected
    made = pools_of(Room({CPU: Decimal(6)}), (ours,))
    run = Run(wanting("r"), "pool", "", "jobs", "weir-r", 0.0, "word")
    assert total(made, [run]) == 6_000  # for another parent it counts


def test_what_kueue_would_hold_may_wait_there_as_far_as_the_share_says() -> None:
    made = pools_of(Room({CPU: Decimal(4)}, "Kueue's queue q"), queue="lq", queue_ahead=1)
    (report,) = made.reports([], False)
    assert report.queue_ahead == 1
    orders = [wanting(name) for name in "abc"]
    assert set(made.refusals(orders, [], [])) == {"c"}
    too_large = wanting("x", count=9, cpu=8)
    assert set(made.refusals([too_large], [], [])) == {"x"}
