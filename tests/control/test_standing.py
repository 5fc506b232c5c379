"""What a process remembers between rounds is what reading everything would give."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from tests.builders import LI, Domain, MakeDomain, pool, spec
from tests.control.test_random_network import network, steps
from weir.control import schedule
from weir.control.context import Context
from weir.control.line import Line, first_of
from weir.core.lifecycle import JobState
from weir.scheduling.routes import PoolState
from weir.store import jobs

OF_A_SHAPE, MOST = 2, 5


@contextmanager
def compared() -> Iterator[list[int]]:
    """Every round reads everything too, and what it remembers has to be that."""
    rounds: list[int] = []
    plain = schedule.load_round

    def load(
        ctx: Context, tx: Connection, now: float, known: schedule.Remembered
    ) -> schedule.Loaded:
        loaded = plain(ctx, tx, now, known)
        seen, network, served = schedule.load_snapshot(ctx, tx, now, ctx.settings.max_of_a_shape)
        there = known.standing
        assert there is not None
        assert there.jobs == {job.id: job for job in seen.jobs}
        assert there.pinned == {j.id for j in seen.jobs if j.demand.pinned_pool is not None}
        assert [like(there.state(s.pool.id)) for s in seen.pools] == [like(s) for s in seen.pools]
        running = (loaded.change or loaded.snapshot).running  # type: ignore[union-attr]
        assert running is not None
        assert sorted(running, key=repr) == sorted(seen.running, key=repr)
        assert (loaded.change or loaded.snapshot).mates == seen.mates  # type: ignore[union-attr]
        assert (loaded.served, there.silent) == (served, network.silent)
        rounds.append(loaded.snapshot is None)
        return loaded

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schedule, "load_round", load)
        yield rounds


def like(state: PoolState) -> PoolState:
    return replace(state, claims=tuple(sorted(state.claims, key=repr)))


@pytest.mark.timeout(240)  # every round is worked out twice
@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(seed=st.integers(0, 2**32))
def test_in_a_random_network_nothing_is_missed(sqlite_template: Path, seed: int) -> None:
    with network(sqlite_template) as net, compared() as rounds:
        for name, arguments in islice(steps(Random(seed)), 40):
            getattr(net, name)(*arguments)
    assert any(rounds), "no round went on from the one before"


def test_rounds_go_on_from_each_other(make_domain: MakeDomain) -> None:
    domain = make_domain()
    north = domain.site("north", pool("gpu", hosts=1))
    with compared() as rounds:
        first = domain.submit(spec(preemptible=True))
        domain.round()
        north.say(north.order().run, "accepted", "started")
        later = domain.submit(spec(start_after="1m"))
        urgent = domain.submit(spec(priority=90))
        domain.round()
        domain.clock.turn(5)
        domain.round()
        assert domain.story(first)[-1] == "asked to stop"
        domain.cancel(urgent)
        domain.clock.turn(120)
        domain.round()
        assert domain.state(later) is JobState.WAITING
    assert rounds == [0, 1, 1, 0], "the center fell silent at the end"


def test_more_of_a_shape_than_a_round_looks_at_come_up_in_turn(make_domain: MakeDomain) -> None:
    domain = make_domain(max_of_a_shape=OF_A_SHAPE, max_waiting=MOST)
    domain.site("north", pool("gpu", hosts=3))
    domain.site("east", pool("gpu", hosts=3))
    with compared() as rounds:
        names = [domain.submit(spec(name=f"job{n}")) for n in range(9)]
        placed = [domain.round() for _ in range(4)]
        assert placed == [2, 2, 2, 0]
        for job in names[6:]:
            domain.cancel(job, LI)
        domain.submit(spec(devices=4))
        domain.round()
    assert len(rounds) == 5


def test_two_servers_on_one_database_see_what_the_other_did(make_domain: MakeDomain) -> None:
    domain = make_domain()
    twin = replace(domain.ctx, caches=type(domain.ctx.caches)())
    domain.site("north", pool("gpu", hosts=2))
    with compared():
        for _ in range(3):
            domain.submit()
            assert schedule.schedule_round(domain.ctx) + schedule.schedule_round(twin) <= 1
            domain.submit(spec(devices=1))
            schedule.schedule_round(twin)
    assert twin.caches.rounds
    assert domain.ctx.caches.rounds


# The line by itself


@dataclass(frozen=True)
class Entry:
    id: str
    state: JobState
    shape: str
    priority: int
    submitted_at: float
    queue: str
    start_after: float | None
    origin_cluster: str | None
    expires_at: float | None
    submitter: str

    @property
    def group(self) -> tuple[object, ...]:
        """What it has in common with others that only their time tells it from."""
        deadline = self.expires_at is not None
        return self.shape, self.queue, self.priority, self.submitter, deadline


ENTRIES = st.builds(
    Entry,
    st.sampled_from([f"j{n}" for n in range(14)]),
    st.sampled_from((JobState.WAITING, JobState.WAITING, JobState.PLACED)),
    st.sampled_from("ab"),
    st.sampled_from((50, 80)),
    st.sampled_from((0.0, 1.0)),
    st.sampled_from(("", "q")),
    st.sampled_from((None, None, 10.0, 30.0)),
    st.sampled_from((None, None, "link")),
    st.sampled_from((None, 20.0)),
    st.sampled_from(("li", "wang")),
).map(lambda e: replace(e, start_after=None if e.origin_cluster else e.start_after))


def first_in_line(entries: Sequence[Entry], now: float, of_a_shape: int) -> list[Entry]:
    """What `store.jobs.next_in_line` says of these."""
    waiting = [e for e in entries if e.state == JobState.WAITING]
    begun = [e for e in waiting if e.start_after is None or e.start_after <= now]
    begun.sort(key=lambda e: (-e.priority, e.submitted_at, e.id))
    found, seen = [], dict[tuple[object, ...], int]()
    for entry in begun:
        seen[entry.group] = seen.get(entry.group, 0) + 1
        if seen[entry.group] <= of_a_shape:
            found.append(entry)
    return found + [e for e in waiting if e not in begun]


def looked_at(entries: Sequence[Entry], now: float) -> set[str]:
    """What a round looks at."""
    here = [e for e in entries if e.origin_cluster is None or (e.expires_at or 1e9) > now]
    found = [e for e in first_in_line(here, now, OF_A_SHAPE) if (e.start_after or 0) <= now]
    found.sort(key=lambda e: (-e.priority, e.submitted_at, e.id))
    if len(found) <= MOST:
        return {e.id for e in found}
    looked, rest = found[: MOST // 2], found[MOST // 2 :]
    # One more of the queue that has the fewest before it in line, and so on.
    while len(looked) < MOST:
        queues = [e.queue for e in found]
        ahead = {e.id: queues[: found.index(e)].count(e.queue) for e in rest}
        looked.append(min(rest, key=lambda e: (ahead[e.id], found.index(e))))
        rest.remove(looked[-1])
    return {e.id for e in looked}


@given(st.lists(st.tuples(st.lists(ENTRIES, max_size=8), st.sampled_from((0, 3, 12))), max_size=8))
def test_a_line_gives_the_first_of_each_shape(turns: list[tuple[list[Entry], int]]) -> None:
    now, there = 0.0, dict[str, Entry]()
    line = Line((), now, OF_A_SHAPE, MOST)
    given: set[str] = set()
    for changed, seconds in turns:
        now += seconds
        last = {e.id: e for e in changed}
        there |= last
        same = line.change(last.values(), now)
        come, gone = line.move(now)
        if line.short:
            rows = first_in_line(list(there.values()), now, 2 * OF_A_SHAPE)
            line, given = Line(rows, now, OF_A_SHAPE, MOST), set()
            come, gone = line.move(now)
            assert not line.short
        given = (given - gone) | come
        assert line.allowed() <= given
        assert line.allowed() == looked_at(list(there.values()), now)
        assert all(line.row(job) is there[job] for job in given), same


def test_who_has_waited_long_is_not_hidden_by_those_of_higher_priority(
    make_domain: MakeDomain,
) -> None:
    """Under a policy with ageing the old one comes first, however many equals came since."""
    domain = make_domain(max_of_a_shape=OF_A_SHAPE, max_waiting=MOST)
    old = domain.submit(spec(name="old", priority=50))
    domain.clock.turn(100 * 3600)
    for n in range(2 * MOST):
        domain.submit(spec(name=f"new{n}", priority=51))
    domain.site("north", pool("gpu", hosts=1))
    with compared():
        domain.round()
    assert domain.state(old) is JobState.PLACED


def test_a_long_queue_does_not_hide_another(make_domain: MakeDomain) -> None:
    """Two shapes of the one fill what a round looks at; the other's one job is looked at too."""
    rows = [Entry(f"a{n}", JobState.WAITING, f"s{n}", 50, n, "a", None, None, None, "li")
            for n in range(9)]  # fmt: skip
    late = Entry("b", JobState.WAITING, "s", 50, 99.0, "b", None, None, None, "li")
    assert [row.id for row in first_of([*rows, late], 4)] == ["a0", "a1", "a2", "b"]


def test_the_store_finds_the_first_of_each_shape(make_domain: MakeDomain) -> None:
    domain = make_domain()
    of_one = [domain.submit(spec()) for _ in range(3)]
    urgent = domain.submit(spec(priority=60))
    later = domain.submit(spec(start_after="1h"))
    with domain.ctx.store.read() as tx:
        rows = jobs.next_in_line(tx, domain.clock(), 2)
        known = jobs.changed_after(tx, 0)
        none = jobs.changed_after(tx, 10**9)
    assert {r.id for r in rows} == {*of_one[:2], urgent, later}
    assert {r.id for r in known} == {*of_one, urgent, later}
    assert none == []
    assert isinstance(domain, Domain)
