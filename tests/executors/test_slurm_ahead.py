from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.contract.bench import order, shell
from weir.executors.slurm_pools import Pools
from weir.executors.slurm_records import Node, Partition
from weir.executors.slurm_runs import Run
from weir.executors.slurm_settings import SlurmShare


def pools(ahead: int) -> Pools:
    """One node of 8 CPUs of which nothing is used."""
    made = Pools([SlurmShare(partition="p", pool="pool", queue_ahead=ahead)], {})
    node = Node("n1", 8, 16384, frozenset({"IDLE"}), partitions=("p",))
    made.take([node], [Partition("p", ("n1",))], (), lambda kind: {})
    return made


def wanted(*names: str, **changes: Any) -> list[Any]:
    return [order(name, shell("x", cpu=8, **changes)) for name in names]


def running(name: str, started: float | None = 1.0) -> Run:
    run = Run(wanted(name)[0], "pool", f"/runs/{name}", 0.0, sent_at=1.0)
    run.started = started
    return run


def refused(made: Pools, names: Sequence[str], *live: Run) -> list[str]:
    return sorted(made.refusals(wanted(*names), live, ()))


def test_so_many_may_wait_in_slurm_s_queue_beyond_what_is_free() -> None:
    assert refused(pools(0), ["a", "b"]) == ["b"]
    assert refused(pools(2), ["a", "b", "c", "d"]) == ["d"]


def test_those_that_have_not_started_count_and_those_that_run_do_not() -> None:
    assert refused(pools(2), ["b", "c", "d"], running("a")) == ["d"]
    assert refused(pools(2), ["b", "c", "d"], running("a", None)) == ["c", "d"]


def test_what_the_pool_could_never_hold_does_not_wait_there() -> None:
    made = pools(5)
    reasons = made.refusals(wanted("large", count=2), (), ())

    assert reasons["large"].startswith("no room in pool pool")


def test_it_is_told_with_the_pool() -> None:
    assert pools(7).reports((), away=False)[0].queue_ahead == 7
