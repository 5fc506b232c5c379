"""What is kept: dear work is done once, by one thread, ahead of who asks; cheap work every time."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.builders import Clock, Domain, pool
from tests.databases import NewStore
from weir.console import ahead as working
from weir.console import recent as keeping
from weir.console.ahead import Ahead
from weir.console.recent import DEAR_S, STALE_S, Recent


class Slow:
    """An answer that takes its time by the clock, and counts how often it was made."""

    def __init__(self, clock: Clock, takes_s: float) -> None:
        self.clock, self.takes_s, self.made = clock, takes_s, 0

    def __call__(self) -> int:
        self.clock.turn(self.takes_s)
        self.made += 1
        return self.made


def test_cheap_is_made_every_time_and_dear_is_kept() -> None:
    clock = Clock(0.0)
    recent = Recent(clock)
    cheap, dear = Slow(clock, DEAR_S / 2), Slow(clock, 1.0)
    assert [recent.get("cheap", cheap) for _ in range(3)] == [1, 2, 3]
    assert [recent.get("dear", dear) for _ in range(3)] == [1, 1, 1]
    clock.turn(STALE_S + 1)
    assert recent.get("dear", dear) == 2, "what is too old is shown to nobody"


def test_who_asks_while_another_works_it_out_waits_for_that() -> None:
    recent, made = Recent(), []
    begun, go_on = threading.Event(), threading.Event()

    def make() -> int:
        begun.set()
        assert go_on.wait(10)
        made.append(1)
        return len(made)

    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(recent.get("k", make))) for _ in range(4)
    ]
    threads[0].start()
    assert begun.wait(10)
    for thread in threads[1:]:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert answers[0] == 1
    assert len(made) <= 4 and len(answers) == 4
    assert made[: len(made)] and recent.kept["k"].value == len(made)


def test_what_fails_in_one_thread_is_tried_by_who_waited() -> None:
    recent = Recent()

    def broken() -> int:
        raise RuntimeError("not now")

    with pytest.raises(RuntimeError):
        recent.get("k", broken)
    assert recent.get("k", lambda: 7) == 7
    assert not recent.begun


def test_a_large_domain_works_it_out_before_its_server_takes_calls(
    new_store: NewStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain = Domain(new_store(), tmp_path / "files")
    domain.site("shanghai", pool("gpu"), pool("cpu", devices=0))
    closing, opened = threading.Event(), Recent()
    Ahead(domain.ctx, opened, closing.is_set).first_if_large()
    assert not opened.kept, "a small one works out what is asked for"
    monkeypatch.setattr(working, "LARGE", 2)
    monkeypatch.setattr(working, "EVERY_S", 0.01)
    large = Ahead(domain.ctx, opened, closing.is_set)
    large.first_if_large()
    assert {"network", "pools", "index", "balance"} <= set(opened.kept)
    assert large.thread is not None
    closing.set()
    large.thread.join(30)


def test_ahead_makes_each_thing_once_a_round(new_store: NewStore, tmp_path: Path) -> None:
    domain = Domain(new_store(), tmp_path / "files")
    domain.site("shanghai", pool("gpu"))
    clock = Clock(0.0)
    asker, dear = working._Anew(domain.ctx, Recent(clock)), Slow(clock, 1.0)
    assert [asker.recent("k", dear) for _ in range(3)] == [1, 1, 1]


def test_a_large_domain_has_its_first_page_ready_before_anybody_asks(
    new_store: NewStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain = Domain(new_store(), tmp_path / "files")
    domain.site("shanghai", pool("gpu"), pool("cpu", devices=0))
    recent, done = Recent(), threading.Event()

    def ended() -> bool:
        return bool(recent.kept)

    small = Ahead(domain.ctx, recent, ended, done.set)
    small.begin_if_large()
    assert small.thread is None and not recent.kept, "a small domain has no such thread"
    monkeypatch.setattr(working, "LARGE", 2)
    monkeypatch.setattr(working, "EVERY_S", 0.01)
    large = Ahead(domain.ctx, recent, ended, done.set)
    large.begin_if_large()
    assert large.thread is not None
    large.begin_if_large()
    large.thread.join(30)
    assert done.is_set()
    assert {"pools", "sites", "index", "balance", ("drawing", "map", "devices", "")} <= set(
        recent.kept
    )


def after(recent: Recent, until: str) -> None:
    """Wait for the background to have made this key anew, and then to have ended."""
    threads = [t for t in threading.enumerate() if t.name == "console-renews"]
    for thread in threads:
        thread.join(10)
    assert until in recent.kept and not recent.working


def test_the_background_makes_one_thing_after_the_other_and_what_it_is_made_of_first() -> None:
    clock = Clock(0.0)
    recent, order = Recent(clock), list[str]()

    def make(name: str, of: str = "") -> int:
        order.append(f"begin {name}")
        found = recent.get(of, lambda: make(of)) if of else 0
        clock.turn(1.0)
        order.append(f"end {name}")
        return found + 1

    for name, of in (("base", ""), ("top", "base"), ("side", "")):
        recent.get(name, lambda name=name, of=of: make(name, of))  # type: ignore[misc]
    order.clear()
    clock.turn(60)
    with recent.answer():
        for name, of in (("top", "base"), ("base", ""), ("side", "")):
            recent.get(name, lambda name=name, of=of: make(name, of))  # type: ignore[misc]
        assert not order, "nothing is begun while a page is being answered"
    after(recent, "side")
    assert order == [
        *("begin top", "begin base", "end base", "end top"),
        *("begin side", "end side"),
    ], "base is not made twice"


def test_the_background_does_not_wait_for_pages_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "POLITE_S", 0.01)
    clock = Clock(0.0)
    recent, dear = Recent(clock), Slow(clock, 1.0)
    recent.get("k", dear)
    clock.turn(60)
    with recent.answer():
        assert recent.get("k", dear) == 1
        after(recent, "k")
    assert dear.made == 2


def test_what_fails_in_the_background_stays_as_it_was_and_the_rest_goes_on() -> None:
    clock = Clock(0.0)
    recent, dear = Recent(clock), Slow(clock, 1.0)

    def broken() -> int:
        raise RuntimeError("not now")

    recent.get("broken", lambda: dear() * 0 + 7)
    recent.get("k", dear)
    clock.turn(60)
    assert recent.get("broken", broken) == 7
    assert recent.get("k", dear) == 2
    after(recent, "k")
    assert recent.kept["broken"].value == 7 and recent.kept["k"].value == 3
