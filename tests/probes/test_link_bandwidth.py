"""What a way can carry: measured in a budget, seldom, and not while anything else goes there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.client.http import Client
from weir.client.problems import Unreachable
from weir.core.errors import NotFound, WeirError
from weir.probes.link import LinkProbe
from weir.wire.probes import LinkProbeSettings

UP = "http://up"
MIB = 2**20
WINDOW = 14_600
"""Bytes of the first window of a connection; it grows by what is acknowledged."""


class Line(Client):
    """A way of a bandwidth and a round trip, over a connection with a window that grows."""

    def __init__(self, clock: list[float], bits_per_s: float, rtt_s: float) -> None:
        self.clock, self.bits_per_s, self.rtt_s = clock, bits_per_s, rtt_s
        self.sent: list[int] = []
        self.token: str | None = None
        self.window = WINDOW
        self.fails: WeirError | None = None
        self.lost = 0

    def alive(self) -> None:
        self.clock[0] += self.rtt_s
        if self.lost:
            self.lost -= 1
            raise Unreachable("lost")

    def send_filler(self, data: bytes) -> None:
        assert self.token == "agent-token", "it takes bytes from agents only"
        if self.fails:
            raise self.fails
        self.sent.append(len(data))
        left = len(data)
        while left:
            piece = min(left, self.window)
            self.clock[0] += max(self.rtt_s, piece * 8 / self.bits_per_s)
            left, self.window = left - piece, self.window + piece
        self.clock[0] += self.rtt_s if len(data) * 8 / self.bits_per_s > self.rtt_s else 0.0

    def close(self) -> None:
        pass


def probe(line: Line, busy: Callable[[str], bool] = lambda _: False, **fields: float) -> LinkProbe:
    def connect(_url: str, token: str | None, _timeout_s: float) -> Client:
        line.token = token or line.token
        return line

    return LinkProbe(
        LinkProbeSettings.model_validate(fields),
        [UP],
        lambda _: "CN-F",
        connect,
        lambda: line.clock[0],
        tokens={UP: "agent-token"},
        busy=busy,
        filler=bytes,
    )


def found(probe: LinkProbe, now: float = 0.0) -> float | None:
    said = {s.metric: s.value for s in probe.look(now).samples}
    return said.get("link_bandwidth")


def test_a_slow_way_is_told_for_what_it_carries() -> None:
    line = Line([0.0], 20e6, 0.020)
    assert found(probe(line)) == pytest.approx(20e6, rel=0.15)
    assert line.sent == [MIB // 4, MIB - MIB // 4], "and no more than its budget"


def test_a_fast_way_takes_a_larger_budget_to_tell() -> None:
    assert found(probe(Line([0.0], 10e9, 0.020))) is None, "that was the window"
    assert found(probe(Line([0.0], 1e9, 0.002), bandwidth_bytes=16 * MIB)) == pytest.approx(
        1e9, rel=0.15
    )


def test_it_is_measured_once_an_hour_and_told_in_between() -> None:
    line = Line([0.0], 20e6, 0.020)
    of_it = probe(line)
    told = [found(of_it, now) for now in (0.0, 30.0, 3599.0)]
    assert told == [pytest.approx(20e6, rel=0.15)] * 3
    assert sum(line.sent) == MIB
    line.bits_per_s = 5e6
    assert found(of_it, 3600.0) == pytest.approx(5e6, rel=0.15)
    assert sum(line.sent) == 2 * MIB


def test_what_is_too_old_is_unknown() -> None:
    line, busy = Line([0.0], 20e6, 0.020), [False]
    of_it = probe(line, lambda _: busy[0])
    found(of_it, 0.0)
    busy[0] = True
    assert found(of_it, 7199.0) is not None
    assert found(of_it, 7200.0) is None


def test_a_clock_that_was_put_back_holds_nothing_up() -> None:
    line = Line([0.0], 20e6, 0.020)
    of_it = probe(line)
    found(of_it, 1e6)
    assert found(of_it, 10.0) is not None
    assert sum(line.sent) == 2 * MIB
    found(of_it, 40.0)
    assert sum(line.sent) == 2 * MIB, "and once only"


def test_it_waits_while_the_agent_tells_something() -> None:
    line, busy = Line([0.0], 20e6, 0.020), [True]
    of_it = probe(line, lambda _: busy[0])
    assert found(of_it, 0.0) is None
    assert line.sent == []
    busy[0] = False
    assert found(of_it, 30.0) is not None


def test_a_way_that_loses_calls_is_left_alone() -> None:
    line = Line([0.0], 20e6, 0.020)
    line.lost = 1
    of_it = probe(line)
    assert found(of_it, 0.0) is None
    assert line.sent == []
    assert found(of_it, 30.0) is not None


@pytest.mark.parametrize("error", [Unreachable("cut off"), NotFound("an older server")])
def test_what_fails_is_unknown_and_not_tried_again_before_its_time(error: WeirError) -> None:
    line = Line([0.0], 20e6, 0.020)
    line.fails = error
    of_it = probe(line)
    assert found(of_it, 0.0) is None
    line.fails = None
    assert found(of_it, 30.0) is None
    assert found(of_it, 3600.0) is not None


def test_none_is_made_where_it_is_turned_off() -> None:
    line = Line([0.0], 20e6, 0.020)
    assert found(probe(line, bandwidth_bytes=0)) is None
    assert line.sent == []


@given(
    st.floats(1e5, 1e11),
    st.floats(1e-4, 0.5),
    st.sampled_from([2**16, MIB, 64 * MIB]),
)
def test_what_is_told_is_never_far_from_what_is_there(
    bits_per_s: float, rtt_s: float, budget: int
) -> None:
    line = Line([0.0], bits_per_s, rtt_s)
    told = found(probe(line, bandwidth_bytes=budget))
    assert sum(line.sent) <= budget
    if told is not None:
        assert 0.5 * bits_per_s <= told <= 1.3 * bits_per_s
