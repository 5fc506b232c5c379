"""What may be told now: numbers are never overtaken."""

from __future__ import annotations

from weir.agent.journal import Outgoing
from weir.agent.news import sendable
from weir.core.lifecycle import RunEvent
from weir.wire.exchange import Observation


def waits(id_: int, run: str, seq: int | None = None, final: bool = False) -> Outgoing:
    event = RunEvent.SUCCEEDED if final else RunEvent.STARTED
    return Outgoing(id_, seq, run, final, Observation(seq=1, run=run, event=event, at=0.0))


def runs(ready: list[Outgoing]) -> list[str]:
    return [o.run for o in ready]


def test_an_end_waits_for_its_files_and_the_others_go() -> None:
    waiting = [waits(1, "a", final=True), waits(2, "b"), waits(3, "c", final=True)]
    assert runs(sendable(waiting, {"c"})) == ["b", "c"]


def test_what_has_a_number_goes_first_in_the_order_of_numbers() -> None:
    waiting = [waits(1, "a"), waits(2, "b", seq=8), waits(3, "c", seq=7)]
    assert runs(sendable(waiting, set())) == ["c", "b", "a"]


def test_nothing_overtakes_a_number_that_can_not_be_told_now() -> None:
    waiting = [waits(1, "end", seq=6, final=True), waits(2, "b", seq=5), waits(3, "new")]
    assert runs(sendable(waiting, set())) == ["b"]
    assert runs(sendable(waiting, {"end"})) == ["b", "end", "new"]
