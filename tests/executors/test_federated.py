"""A peer as a resource manager: handed over once, canceled for certain, told in order."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import NOW
from tests.executors.peer import POOL, Link, Peer, order
from weir.core.errors import Conflict, Mistake, NotReady, WeirError
from weir.core.lifecycle import RunEvent


@pytest.fixture
def peer() -> Peer:
    return Peer()


@pytest.fixture
def link(peer: Peer, tmp_path: Path) -> Iterator[Link]:
    with Link(tmp_path / "link", peer) as link:
        link.wait_for_offers()
        yield link


def test_a_run_is_handed_over_under_its_own_id_pinned_to_its_pool(peer: Peer, link: Link) -> None:
    link.executor.submit([order("r1", array_index=3)])
    peer.wait(lambda: bool(peer.requests))
    [handed] = peer.requests[0].jobs
    assert handed.origin is not None
    assert handed.origin.model_dump() == {
        "run": "r1",
        "root_job": "root-r1",
        "submitter": "li",
        "path": ("CN-F",),
        "pool": POOL.id,
        "groups": (("main", 2),),
        "array_index": 3,
        "start_within_s": 60,
        "restore": None,
    }


def test_what_the_peer_tells_is_seen_in_order_and_in_our_time(peer: Peer, link: Link) -> None:
    peer.ahead_s = 3600
    link.executor.submit([order("r1")])
    peer.tell("r1", "waiting")
    peer.tell("r1", "placed")
    peer.tell("r1", "running")
    started = link.seen(1)[0]
    assert (started.event, started.at, started.place) == (RunEvent.STARTED, NOW, ("north",))
    peer.tell("r1", "succeeded", exit_code=0)
    again, ended = link.seen(2)
    assert (again.event, ended.event) == (RunEvent.STARTED, RunEvent.SUCCEEDED)
    assert (ended.at, ended.exit_code) == (NOW, 0)


@pytest.mark.parametrize(
    ("state", "fields", "event"),
    [
        ("failed", {"reason": "exit code 1", "exit_code": 1}, RunEvent.FAILED),
        ("failed", {"reason": "lost: north is silent", "lost": True}, RunEvent.VANISHED),
        ("refused", {"reason": "BUSY"}, RunEvent.REFUSED),
        ("canceled", {"reason": "canceled by li"}, RunEvent.CANCELED),
    ],
)
def test_the_end_of_the_peers_job_is_the_end_of_our_run(
    peer: Peer, link: Link, state: str, fields: dict[str, object], event: RunEvent
) -> None:
    link.executor.submit([order("r1")])
    peer.tell("r1", state, **fields)
    [seen] = link.seen(1)
    assert (seen.event, seen.reason) == (event, fields["reason"])
    assert [s.event for s in link.executor.status(["r1"])] == [event]


@pytest.mark.fault("answer lost after the submit")
def test_a_lost_answer_makes_no_second_job(peer: Peer, link: Link) -> None:
    peer.lose = 2
    link.executor.submit([order("r1")])
    peer.wait(lambda: len(peer.requests) == 3)
    assert peer.jobs_by_run == {"r1": "peer-r1"}
    assert all(r == peer.requests[0] for r in peer.requests)


def test_a_run_that_was_never_tried_is_canceled_without_asking(peer: Peer, link: Link) -> None:
    link.executor.cancel(["r1"])
    assert link.see(1) == [("r1", "canceled")]
    assert (peer.requests, peer.canceled) == ([], [])


def test_a_cancel_before_the_hand_over_hands_nothing_over(peer: Peer, link: Link) -> None:
    def meanwhile() -> None:  # r1 is on its way; r2 has not left yet
        peer.before_submit = lambda: None
        link.executor.submit([order("r2")])
        link.executor.cancel(["r2"])

    peer.before_submit = meanwhile
    link.executor.submit([order("r1")])
    assert link.see(1) == [("r2", "canceled")]
    peer.tell("r1", "running")
    link.see(1)
    assert "r2" not in peer.jobs_by_run


def test_a_cancel_on_the_way_cancels_the_peers_job(peer: Peer, link: Link) -> None:
    def meanwhile() -> None:
        peer.before_submit = lambda: None
        link.executor.cancel(["r1"])

    peer.before_submit = meanwhile
    link.executor.submit([order("r1")])
    peer.wait(lambda: "peer-r1" in peer.canceled)
    peer.tell("r1", "canceled")
    assert link.see(1) == [("r1", "canceled")]


@pytest.mark.fault("answer lost after the submit")
def test_a_cancel_after_a_lost_answer_still_reaches_the_peers_job(peer: Peer, link: Link) -> None:
    def lost() -> None:
        peer.before_submit = lambda: None
        peer.lose = 1
        link.executor.cancel(["r1"])

    peer.before_submit = lost
    link.executor.submit([order("r1")])
    peer.wait(lambda: "peer-r1" in peer.canceled)
    assert link.executor.observe() == []  # it has not ended before the peer says so


def test_a_job_is_known_from_the_watch_where_the_answer_was_lost(peer: Peer, link: Link) -> None:
    peer.files_of["peer-r1"] = {"stdout": b"hello"}
    peer.lose = 10**9
    link.executor.submit([order("r1")])
    peer.tell("r1", "running")
    link.see(1)
    assert [(f.name, f.size) for f in link.executor.files("r1")] == [("stdout", 5)]
    assert link.executor.read("r1", "stdout", 1, 3) == b"ell"


def test_what_the_peer_refuses_outright_is_refused_and_the_rest_is_taken(
    peer: Peer, link: Link
) -> None:
    peer.refuse["r2"] = Conflict("it would loop", [Mistake("origin.path", "would loop")])
    link.executor.submit([order("r1"), order("r2"), order("r3")])
    [seen] = link.seen(1)
    assert (seen.run, seen.event) == ("r2", RunEvent.REFUSED)
    assert seen.reason == "it would loop; origin.path: would loop"
    peer.tell("r3", "running")
    link.see(1)
    assert sorted(peer.jobs_by_run) == ["r1", "r3"]


def test_a_fault_of_the_peer_is_no_refusal(peer: Peer, link: Link) -> None:
    peer.refuse["r1"] = WeirError("its database is full")
    link.executor.submit([order("r1")])
    peer.before_submit = lambda: peer.refuse.clear()
    peer.tell("r1", "running")
    assert link.see(1) == [("r1", "started")]


def test_pools_are_the_peers_offers(peer: Peer, link: Link) -> None:
    assert list(link.executor.pools([])) == [POOL]
    closed = POOL.model_copy(update={"open": False})
    link.woken.clear()
    peer.offer(closed)
    assert link.woken.wait(10)
    assert link.executor.admit([order("r1"), order("r2", pool="gone")], []) == {
        "r1": f"pool {POOL.id} is closed for now",
        "r2": "pool gone is not on offer any more",
    }


def test_no_inventory_is_not_an_empty_inventory(peer: Peer, tmp_path: Path) -> None:
    peer.away = True
    with Link(tmp_path / "link", peer) as link:
        with pytest.raises(NotReady, match="has not answered yet"):
            link.executor.pools([])
        assert link.executor.admit([order("r1")], []) == {}


@pytest.mark.fault("restarted between")
def test_after_a_restart_the_news_go_on_where_they_were_heard(peer: Peer, tmp_path: Path) -> None:
    with Link(tmp_path / "link", peer) as link:
        link.executor.submit([order("r1")])
        peer.tell("r1", "running")
        link.see(1)
        link.executor.observe()  # the agent has journaled what it was given before
    peer.asked_from.clear()
    with Link(tmp_path / "link", peer) as again:
        peer.tell("r1", "succeeded")
        assert again.see(2)[-1] == ("r1", "succeeded")
        assert peer.asked_from[0] == 1
        assert [s.event for s in again.executor.status(["r1", "r2"])] == [
            RunEvent.SUCCEEDED,
            RunEvent.VANISHED,
        ]


def test_news_that_the_agent_may_not_have_kept_are_told_again(peer: Peer, tmp_path: Path) -> None:
    with Link(tmp_path / "link", peer) as link:
        link.executor.submit([order("r1")])
        peer.tell("r1", "running")
        link.see(1)  # and killed before anything else
    with Link(tmp_path / "link", peer) as again:
        assert again.see(1) == [("r1", "started")]


def test_a_run_that_may_be_there_is_never_told_to_be_gone(peer: Peer, tmp_path: Path) -> None:
    peer.lose = 10**9
    with Link(tmp_path / "link", peer) as link:
        link.executor.submit([order("r1")])
        peer.wait(lambda: bool(peer.requests))
    with Link(tmp_path / "link", peer) as again:
        assert list(again.executor.status(["r1"])) == []
        peer.lose = 0
        again.executor.submit([order("r1")])
        again.executor.cancel(["r1"])
        peer.wait(lambda: "peer-r1" in peer.canceled)


def test_a_peer_in_trouble_says_nothing_of_a_run(peer: Peer, link: Link) -> None:
    link.executor.submit([order("r1")])
    peer.tell("r1", "running")
    link.see(1)
    peer.away = True
    assert list(link.executor.status(["r1"])) == []


@pytest.mark.fault("job gone from its memory")
def test_runs_of_a_peer_whose_data_was_replaced_are_gone(peer: Peer, link: Link) -> None:
    link.executor.submit([order("r1")])
    peer.tell("r1", "running")
    link.see(1)
    peer.replaced()
    assert link.see(1) == [("r1", "vanished")]


def test_what_was_told_to_its_end_is_forgotten(peer: Peer, link: Link) -> None:
    link.executor.submit([order("r1")])
    peer.tell("r1", "succeeded")
    link.see(2)
    link.executor.forget(["r1"])
    assert link.executor.files("r1") == []
    assert [s.event for s in link.executor.status(["r1"])] == [RunEvent.VANISHED]
