"""A peer that fails in bad moments: nothing of ours is lost there, and no run of it goes unseen."""

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.fakes import until
from tests.builders import Clock
from tests.executors.peer import POOL, Link, Peer, order
from weir.client.problems import NotUnderstood, Unreachable
from weir.core.errors import NotReady, NotSignedIn, WeirError
from weir.core.lifecycle import JobState, RunEvent
from weir.executors.federated import OUT_OF_TOUCH_S
from weir.wire.jobs import JobAnswer, JobDetailAnswer, WatchAnswer

CLOSED = POOL.model_copy(update={"open": False})


class Faulty(Peer):
    """A peer whose calls can be made to fail one by one, and whose data has an id."""

    def __init__(self) -> None:
        super().__init__()
        self.data_id = "d1"
        self.job_fails: list[WeirError] = []
        self.cancel_fails: list[WeirError] = []
        self.asked_of: list[str] = []
        self.garbled: WeirError | None = None
        self.novel = False

    def watch(
        self, *, jobs_after: int = 0, offers_after: int = 0, wait_s: float = 0
    ) -> WatchAnswer:
        answer = super().watch(jobs_after=jobs_after, offers_after=offers_after, wait_s=wait_s)
        if self.garbled is not None:
            raise self.garbled
        if self.novel:
            answer = WatchAnswer.model_validate_json(json.dumps(_novel(answer)))
        return answer.model_copy(update={"data_id": self.data_id})

    def job(self, job: str) -> JobDetailAnswer:
        self.asked_of.append(job)
        if self.job_fails:
            raise self.job_fails.pop(0)
        return super().job(job)

    def cancel(self, job: str) -> JobAnswer:
        if self.cancel_fails:
            raise self.cancel_fails.pop(0)
        return super().cancel(job)

    def go(self, away: bool) -> None:
        with self.changed:
            self.away = away
            self.offer_revision += 1  # ends the call that waits
            self.changed.notify_all()

    def replaced_by(self, data_id: str) -> None:
        """Other data, whose numbers have overtaken those of the old."""
        with self.changed:
            self.data_id, self.jobs_by_run = data_id, {}
            other = {"job": "x", "run": "x", "state": JobState.WAITING}
            self.changes = [
                c.model_copy(update={**other, "seq": n})
                for n, c in enumerate(self.changes * 2, start=1)
            ]
            self.offer_revision += 1
            self.changed.notify_all()


def _novel(answer: WatchAnswer) -> dict[str, Any]:
    """The answer with fields that nobody here has heard of."""
    said: dict[str, Any] = answer.model_dump(mode="json") | {"mood": {"good": True}}
    for part in (*said["jobs"], *said["offers"]):
        part["novelty"] = [7]
    return said


@pytest.fixture
def peer() -> Faulty:
    return Faulty()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def link(peer: Faulty, tmp_path: Path, clock: Clock) -> Iterator[Link]:
    with linked(peer, tmp_path, clock) as link:
        link.wait_for_offers()
        yield link


def linked(peer: Faulty, tmp_path: Path, clock: Clock) -> Link:
    link = Link(tmp_path / "link", peer)
    link.executor._now = clock
    return link


def running(link: Link, peer: Peer, *runs: str) -> None:
    """Hand these runs over and have them run there."""
    link.executor.submit([order(run) for run in runs])
    for run in runs:
        peer.tell(run, "running")
    link.seen(len(runs))


# A cancel whose run may be there.


@pytest.mark.fault("server away at submit")
def test_a_run_canceled_while_the_peer_is_away_is_canceled_there(peer: Faulty, link: Link) -> None:
    def commits_and_dies() -> None:
        peer.before_submit = lambda: None
        peer.lose, peer.away = 1, False

    peer.before_submit = commits_and_dies
    link.executor.submit([order("r1")])
    peer.wait(lambda: bool(peer.requests))
    peer.go(away=True)
    link.executor.cancel(["r1"])
    assert link.executor.observe() == []
    peer.go(away=False)
    peer.wait(lambda: peer.canceled == ["peer-r1"])
    assert link.executor.observe() == []
    peer.tell("r1", "canceled")
    assert link.see(1) == [("r1", "canceled")]


def test_what_is_handed_over_only_to_be_canceled_has_no_time_to_start(
    peer: Faulty, link: Link
) -> None:
    peer.away = True
    link.executor.submit([order("r1")])
    until(lambda: link.executor._notes.sent("r1"), "it was sent")
    link.executor.cancel(["r1"])
    peer.go(away=False)
    peer.wait(lambda: peer.canceled == ["peer-r1"])
    [handed] = peer.requests[-1].jobs
    assert handed.origin is not None and handed.origin.start_within_s == 0


def test_a_live_job_of_a_run_that_has_ended_here_is_canceled(peer: Faulty, link: Link) -> None:
    running(link, peer, "r1", "r2")
    link.executor.forget(["r1"])  # told to its end, though it is alive there
    peer.wait(lambda: peer.canceled == ["peer-r1"])
    peer.tell("r2", "succeeded")
    link.seen(2)
    link.executor.forget(["r2"])
    peer.tell("r2", "running")  # the peer was set back to an older state
    peer.wait(lambda: peer.canceled == ["peer-r1", "peer-r2"])


@pytest.mark.fault("restarted between")
def test_runs_that_have_ended_are_remembered_over_a_restart(
    peer: Faulty, tmp_path: Path, clock: Clock
) -> None:
    with linked(peer, tmp_path, clock) as link:
        running(link, peer, "r1")
        peer.tell("r1", "failed")
        link.seen(1)
        link.executor.observe()
        link.executor.forget(["r1"])
    with linked(peer, tmp_path, clock):
        peer.tell("r1", "running")
        peer.wait(lambda: peer.canceled == ["peer-r1"])


def test_a_job_of_a_run_that_was_never_heard_of_is_left_alone(peer: Faulty, link: Link) -> None:
    peer.jobs_by_run["stranger"] = "peer-stranger"
    peer.tell("stranger", "running")
    running(link, peer, "r1")
    link.executor.forget(["r1"])
    peer.wait(lambda: bool(peer.canceled))
    assert peer.canceled == ["peer-r1"]


@pytest.mark.parametrize("trouble", [WeirError("its disk is full"), NotReady("it starts")])
def test_a_cancel_that_the_peer_could_not_do_is_tried_again(
    peer: Faulty, link: Link, trouble: WeirError
) -> None:
    running(link, peer, "r1")
    peer.cancel_fails = [trouble, trouble]
    link.executor.cancel(["r1"])
    peer.wait(lambda: peer.canceled == ["peer-r1"])
    assert link.executor.observe() == []


def test_a_canceled_run_that_the_peer_does_not_know_has_vanished(peer: Faulty, link: Link) -> None:
    running(link, peer, "r1")
    peer.jobs_by_run.clear()
    link.executor.cancel(["r1"])
    assert link.see(1) == [("r1", "vanished")]


# Another peer under the same address.


@pytest.mark.fault("job gone from its memory")
def test_other_data_is_noticed_though_its_numbers_are_higher(peer: Faulty, link: Link) -> None:
    running(link, peer, "r1")
    peer.replaced_by("d2")
    assert link.see(1) == [("r1", "vanished")]
    assert list(link.executor.pools([])) == [POOL]


@pytest.mark.fault("restarted between")
def test_other_data_is_noticed_after_a_restart(peer: Faulty, tmp_path: Path, clock: Clock) -> None:
    with linked(peer, tmp_path, clock) as link:
        running(link, peer, "r1")
        link.executor.observe()
    peer.replaced_by("d2")
    with linked(peer, tmp_path, clock) as link:
        assert link.see(1) == [("r1", "vanished")]
    peer.asked_of.clear()
    with linked(peer, tmp_path, clock) as link:
        link.wait_for_offers()
        assert peer.asked_of == []  # it is known by now


def test_the_peer_is_asked_until_it_has_told_what_it_has(peer: Faulty, link: Link) -> None:
    running(link, peer, "r1", "r2")
    peer.job_fails = [Unreachable("gone again"), WeirError("its disk is full"), NotReady("starts")]
    peer.replaced_by("d2")
    assert sorted(link.see(2)) == [("r1", "vanished"), ("r2", "vanished")]


def test_what_other_data_still_has_goes_on(peer: Faulty, link: Link) -> None:
    running(link, peer, "r1")
    with peer.changed:  # an old state of the same data: the numbers go back
        peer.changes, peer.offer_revision = [], 1
        peer.changed.notify_all()
    until(lambda: peer.asked_from[-1] == 0, "it is looked at anew")
    peer.tell("r1", "running")
    assert link.see(1) == [("r1", "started")]


# States, when the peer does not answer.


def test_a_peer_that_does_not_answer_is_asked_once(peer: Faulty, link: Link) -> None:
    running(link, peer, "r1", "r2", "r3")
    for trouble in (Unreachable("away"), WeirError("full"), NotSignedIn("who is this?")):
        peer.asked_of.clear()
        peer.job_fails = [trouble]
        assert list(link.executor.status(["r1", "r2", "r3"])) == []
        assert peer.asked_of == ["peer-r1"]


def test_what_was_told_before_it_fell_silent_is_known(peer: Faulty, link: Link) -> None:
    running(link, peer, "r1", "r2")
    asked = link.executor.status(["r1", "never", "r2"])
    assert [s.event for s in asked] == [RunEvent.STARTED, RunEvent.VANISHED, RunEvent.STARTED]


# What it says is strange, or late.


@pytest.mark.fault("server away at submit")
def test_what_is_submitted_while_the_peer_is_away_is_handed_over_once(
    peer: Faulty, link: Link
) -> None:
    peer.go(away=True)
    link.executor.submit([order("r1")])
    assert link.executor.observe() == []
    peer.go(away=False)
    peer.tell("r1", "succeeded")
    assert link.see(2)[-1] == ("r1", "succeeded")
    assert len(peer.requests) == 1


@pytest.mark.fault("garbage in its output")
def test_nothing_is_concluded_from_what_is_no_answer(peer: Faulty, link: Link) -> None:
    running(link, peer, "r1")
    peer.garbled = NotUnderstood("http://peer answers, and is no Weir server")
    peer.tell("r1", "failed", reason="exit code 1")
    asked = len(peer.asked_from)
    peer.wait(lambda: len(peer.asked_from) > asked + 1)
    assert link.executor.observe() == []
    assert list(link.executor.pools([])) == [POOL]
    peer.garbled = None
    [seen] = link.seen(1)
    assert (seen.event, seen.reason) == (RunEvent.FAILED, "exit code 1")


@pytest.mark.fault("slow by 30 s")
def test_a_hand_over_that_takes_half_a_minute_keeps_nobody_waiting_and_is_one_job(
    peer: Faulty, link: Link, clock: Clock
) -> None:
    answers = threading.Event()
    peer.before_submit = lambda: answers.wait(60)
    link.executor.submit([order("r1")])  # these come back at once: else the test would stand still
    clock.turn(30)
    assert link.executor.observe() == []
    assert link.executor.admit([order("r2")], []) == {}
    assert peer.requests == []
    answers.set()
    peer.tell("r1", "succeeded")
    assert link.see(2)[-1] == ("r1", "succeeded")
    assert len(peer.requests) == 1


@pytest.mark.fault("a version never seen")
def test_a_peer_of_a_later_version_is_understood_as_far_as_it_goes(
    peer: Faulty, link: Link
) -> None:
    peer.novel = True
    running(link, peer, "r1")
    peer.tell("r1", "succeeded", exit_code=0)
    *_, seen = link.seen(2)
    assert (seen.event, seen.exit_code) == (RunEvent.SUCCEEDED, 0)
    assert [pool.name for pool in link.executor.pools([])] == [POOL.name]


# Out of touch.


def test_the_pools_of_a_peer_out_of_touch_are_closed(
    peer: Faulty, link: Link, clock: Clock
) -> None:
    peer.go(away=True)
    clock.turn(OUT_OF_TOUCH_S - 1)
    assert list(link.executor.pools([])) == [POOL]
    link.woken.clear()
    clock.turn(2)
    assert link.woken.wait(10)
    assert list(link.executor.pools([])) == [CLOSED]
    [(run, why)] = link.executor.admit([order("r1")], []).items()
    assert run == "r1" and "has not answered" in why
    link.woken.clear()
    with peer.changed:
        peer.away = False
    assert link.woken.wait(10)
    until(lambda: list(link.executor.pools([])) == [POOL], "the pools are open again")
    assert link.executor.admit([order("r1")], []) == {}


def test_a_spell_of_silence_is_logged_at_its_begin_and_its_end(
    peer: Faulty, link: Link, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "weir.client.spells")
    peer.go(away=True)
    link.executor.submit([order("r1")])
    until(lambda: len(caplog.messages) == 2, "both are told")
    asked = len(peer.asked_from)
    until(lambda: len(peer.asked_from) > asked + 2, "it was tried again")
    clock.turn(12)
    peer.go(away=False)
    until(lambda: len(caplog.messages) == 4, "both are over")
    assert sorted(caplog.messages) == [
        "http://peer does not tell its news: no more, after 12 s",
        "http://peer does not tell its news: the peer is away",
        "http://peer takes no runs over: no more, after 12 s",
        "http://peer takes no runs over: the peer is away",
    ]
