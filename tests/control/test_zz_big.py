"""Anything that can happen, in any order: what must always hold, holds.

Two clusters tell the truth about what they do, but late, twice, after silence and after losing
their memory; rounds, cancels and time come in between. A failure prints the steps that lead to it,
and the seed that replays them.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from tests.builders import Cluster, Domain, pool, spec
from tests.databases import sqlite_copy
from weir.core.lifecycle import (
    JOB_FINAL,
    JOB_TRANSITIONS,
    RUN_ACTIVE,
    RUN_TRANSITIONS,
    JobState,
    RunState,
)
from weir.store import runs, tables
from weir.store.domains import count
from weir.store.rows import JobRow, RunRow, fetch, select_as
from weir.wire.exchange import Observation

HOSTS = {"north": 2, "south": 1}

NEXT = {"accepted": ("started", "refused", "canceled"), "started": ("succeeded", "failed")}
"""What a cluster can do with a run of its own accord."""

RUN_STEPS = {(before, after) for (before, _), after in RUN_TRANSITIONS.items()}
JOB_STEPS = {(before, after) for (before, _), after in JOB_TRANSITIONS.items()}


def closure(steps: set[Any]) -> set[Any]:
    """Every pair of states with a way from the one to the other, and each with itself."""
    found = steps | {(s, s) for pair in steps for s in pair}
    while True:
        more = {(a, d) for a, b in found for c, d in found if b == c} - found
        if not more:
            return found
        found |= more


RUN_WAYS, JOB_WAYS = closure(RUN_STEPS), closure(JOB_STEPS)


@dataclass
class Truth:
    """A cluster and what it really does; what it has not said yet, and what it said."""

    agent: Cluster
    runs: dict[str, str] = field(default_factory=dict)
    unsaid: list[Observation] = field(default_factory=list)
    said: list[Observation] = field(default_factory=list)
    restarts: int = 0

    def does(self, run: str, what: str) -> None:
        self.runs[run] = what
        self.unsaid += self.agent.seen(run, what)

    def holds(self) -> int:
        return sum(s in NEXT for s in self.runs.values())


class Network(RuleBasedStateMachine):
    """The machine that hypothesis drives. `template` is an empty database to copy."""

    template: Path
    jobs: Bundle[str] = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="weir-random-")
        home = Path(self.folder.name)
        store = sqlite_copy(self.template, home / "weir.db")
        self.domain = Domain(store, home / "files", max_losses=1)
        self.clusters: dict[str, Truth] = {}
        self.seen_runs: dict[str, RunRow] = {}
        self.seen_jobs: dict[str, JobRow] = {}
        self.ends: Counter[str] = Counter()
        self.seq = 0

    @initialize()
    def begin(self) -> None:
        for name, hosts in HOSTS.items():
            agent = self.domain.site(name, pool(name, hosts=hosts))
            self.clusters[name] = Truth(agent)

    def teardown(self) -> None:
        self.domain.ctx.store.close()
        self.folder.cleanup()

    # What people and the server do.

    @rule(
        target=jobs,
        retries=st.sampled_from((0, 0, 1)),
        restartable=st.booleans(),
        deadline=st.sampled_from((None, None, "5m")),
    )
    def submit(self, retries: int, restartable: bool, deadline: str | None) -> str:
        job = spec(retries=retries, restartable=restartable, deadline=deadline)
        return self.domain.submit(job)

    @rule(job=consumes(jobs))
    def cancel(self, job: str) -> None:
        self.domain.cancel(job)

    @rule()
    def schedule(self) -> None:
        self.domain.round()

    @rule(seconds=st.sampled_from((1, 40, 100, 700)))
    def time_goes_by(self, seconds: float) -> None:
        self.domain.clock.turn(seconds)
        self.domain.expire()

    # What the clusters do.

    @rule(name=st.sampled_from(sorted(HOSTS)), takes=st.booleans())
    def hear(self, name: str, takes: bool) -> None:
        truth = self.clusters[name]
        answer = truth.agent.hear()
        for order in answer.orders:
            if order.run not in truth.runs:
                room = takes and truth.holds() < HOSTS[name]
                truth.does(order.run, "accepted" if room else "refused")
        for run in answer.cancels:
            if truth.runs.get(run) in (*NEXT, None):
                truth.does(run, "canceled")
        for run in answer.recheck:
            now = truth.runs.get(run)
            if now is None:
                truth.unsaid += truth.agent.seen(run, "vanished")
            else:
                truth.unsaid += truth.agent.seen(run, now)

    @rule(name=st.sampled_from(sorted(HOSTS)), choice=st.integers(0, 5), which=st.integers(0, 2))
    def work(self, name: str, choice: int, which: int) -> None:
        truth = self.clusters[name]
        live = [r for r, state in truth.runs.items() if state in NEXT]
        if live:
            run = live[choice % len(live)]
            options = NEXT[truth.runs[run]]
            truth.does(run, options[which % len(options)])

    @rule(name=st.sampled_from(sorted(HOSTS)))
    def tell(self, name: str) -> None:
        truth = self.clusters[name]
        truth.agent.exchange(observations=tuple(truth.unsaid), want=False)
        truth.said, truth.unsaid = truth.unsaid, []

    @rule(name=st.sampled_from(sorted(HOSTS)))
    def tell_again(self, name: str) -> None:
        """The answer was lost, so all of it is told once more, beside what is new."""
        truth = self.clusters[name]
        truth.agent.exchange(observations=tuple(truth.said[-5:]), want=False)

    @rule(name=st.sampled_from(sorted(HOSTS)))
    def restart(self, name: str) -> None:
        truth = self.clusters[name]
        truth.restarts += 1
        truth.agent.hello(restarted=truth.restarts)
        truth.agent.after = 0

    @rule(name=st.sampled_from(sorted(HOSTS)))
    def lose_all_memory(self, name: str) -> None:
        truth = self.clusters[name]
        truth.restarts += 1
        truth.runs, truth.unsaid, truth.said = {}, [], []
        truth.agent.seq, truth.agent.journal = 0, f"journal-{truth.restarts + 1}"
        truth.agent.hello(restarted=truth.restarts)
        truth.agent.after = 0

    # What always holds.

    @invariant()
    def nothing_is_wrong(self) -> None:
        with self.domain.ctx.store.read() as tx:
            jobs = {r.id: r for r in fetch(tx, JobRow, select_as(JobRow, tables.job))}
            attempts = {r.id: r for r in fetch(tx, RunRow, select_as(RunRow, tables.run))}
            seq = count(tx, "seq")
            booked = runs.booked(tx)
            told = Counter(
                row.job
                for row in tx.execute(select(tables.history.c.job, tables.history.c.what))
                if row.what in JOB_FINAL
            )
        self._steps_are_legal(jobs, attempts, seq)
        self._no_pool_is_overbooked(booked, attempts)
        self._one_run_counts(jobs, attempts)
        assert all(told[j] == (row.state in JOB_FINAL) for j, row in jobs.items()), told
        self.seen_jobs, self.seen_runs, self.seq = jobs, attempts, seq

    def _steps_are_legal(
        self, jobs: dict[str, JobRow], attempts: dict[str, RunRow], seq: int
    ) -> None:
        assert seq >= self.seq
        for id_, job in jobs.items():
            before = self.seen_jobs.get(id_)
            if before is not None:
                assert (JobState(before.state), JobState(job.state)) in JOB_WAYS
                assert job.seq > before.seq or job == before
                assert before.state not in JOB_FINAL or job == before
        for id_, run in attempts.items():
            if id_ in self.seen_runs:
                was = RunState(self.seen_runs[id_].state)
                assert (was, RunState(run.state)) in RUN_WAYS

    def _no_pool_is_overbooked(self, booked: list[Any], attempts: dict[str, RunRow]) -> None:
        held = Counter(r.cluster for r in attempts.values() if r.state in RUN_ACTIVE)
        for name, truth in self.clusters.items():
            assert held[truth.agent.id] <= HOSTS[name], f"{name} holds {held[truth.agent.id]}"
            assert truth.holds() <= HOSTS[name]

    def _one_run_counts(self, jobs: dict[str, JobRow], attempts: dict[str, RunRow]) -> None:
        for job in jobs.values():
            own = [r for r in attempts.values() if r.job == job.id and r.state in RUN_ACTIVE]
            going_on = [r.id for r in own if not r.cancel]
            if job.state in (JobState.PLACED, JobState.RUNNING):
                assert job.run in [r.id for r in own]
                assert set(going_on) <= {job.run}, f"{job.id}: {going_on}, {job.run}"
                assert (job.state == JobState.RUNNING) == (job.started_at is not None)
            else:
                assert going_on == []
            if job.state in JOB_FINAL:
                assert job.ended_at is not None


@pytest.mark.timeout(900)
def test_a_random_network_keeps_its_laws(sqlite_template: Path) -> None:
    Network.template = sqlite_template
    run_state_machine_as_test(
        Network,
        settings=settings(
            max_examples=700,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
