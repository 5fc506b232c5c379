"""Tasks that are spread over hosts, and hosts that nothing else is on, for every executor."""

from __future__ import annotations

from pathlib import Path

from tests.contract.bench import Bench, order, shell
from weir.core.lifecycle import RunEvent
from weir.wire.exchange import RunOrder


def tell(folder: Path, count: int) -> str:
    """Each task writes where it is, and stays until all have: what has ended keeps nobody away."""
    write = f'echo "$WEIR_DEVICES" >{folder}/place-$WEIR_TASK_INDEX'
    return f'{write}; until [ "$(ls {folder}/place-* | wc -l)" -ge {count} ]; do sleep 0.1; done'


def test_spread_tasks_are_on_as_many_hosts(bench: Bench, tmp_path: Path) -> None:
    task = shell(tell(tmp_path, 4), devices={"count": 1}, count=4, max_per_host=1)

    assert bench.run(order("r", task)).event is RunEvent.SUCCEEDED
    assert len({(tmp_path / f"place-{i}").read_text().split(".")[0] for i in range(4)}) == 4


def test_the_last_host_of_a_spread_group_may_have_fewer_tasks(bench: Bench, tmp_path: Path) -> None:
    task = shell(tell(tmp_path, 7), cpu=2, devices={"count": 1}, count=7, max_per_host=2)

    assert bench.run(order("r", task)).event is RunEvent.SUCCEEDED
    places = [(tmp_path / f"place-{i}").read_text().strip() for i in range(7)]
    hosts = [place.split(".")[0] for place in places]
    assert sorted(hosts.count(host) for host in set(hosts)) == [1, 2, 2, 2]
    assert len(set(places)) == 7


def test_a_gang_that_can_not_be_spread_so_far_is_refused(judge: Bench) -> None:
    far = order("far", shell("true", count=5, max_per_host=1))
    near = order("near", shell("true", count=5, max_per_host=2))

    assert judge.executor.admit([far, near], []).keys() == {"far"}


def test_nothing_is_put_beside_an_exclusive_group(judge: Bench) -> None:
    alone = order("alone", shell("exec sleep 1000", exclusive=True))
    whole = [order(f"whole-{i}", shell("true", cpu=8)) for i in range(4)]
    small = order("small", shell("true", count=25))

    assert judge.executor.admit(whole, [alone]).keys() == {"whole-3"}
    judge.submit(alone)
    judge.started("alone")
    _is_alone(judge, alone, whole, small)
    judge.restart()
    judge.submit(alone)
    judge.started("alone")
    _is_alone(judge, alone, whole, small)


def _is_alone(bench: Bench, alone: RunOrder, whole: list[RunOrder], small: RunOrder) -> None:
    assert bench.executor.admit(whole, []).keys() == {"whole-3"}
    assert bench.executor.admit([small], []).keys() == {"small"}
    (pool,) = bench.executor.pools([])
    assert sum(f.hosts * f.cpu_milli for f in pool.free) == 24_000
    assert sum(f.hosts for f in pool.free if f.cpu_milli == 8_000) == 3
    (pool,) = bench.executor.pools([alone])
    assert sum(f.hosts * f.cpu_milli for f in pool.free) == 32_000


def test_an_exclusive_group_takes_only_hosts_with_nothing_on_them(judge: Bench) -> None:
    judge.submit(*(order(f"r{i}", shell("exec sleep 1000", cpu=5)) for i in range(2)))
    for i in range(2):
        judge.started(f"r{i}")
    three = order("three", shell("true", cpu=1, count=3, max_per_host=1, exclusive=True))
    two = order("two", shell("true", cpu=1, count=2, max_per_host=1, exclusive=True))

    assert judge.executor.admit([three], []).keys() == {"three"}
    assert judge.executor.admit([two], []) == {}
    assert judge.run(two).event is RunEvent.SUCCEEDED
