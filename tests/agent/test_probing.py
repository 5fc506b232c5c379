"""Probes at work: what they give goes to every parent; what hangs or fails delays nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.agent.fakes import ScriptedExecutor, ScriptedParent, an_order, until
from weir.agent.agent import Agent
from weir.agent.pace import Pace
from weir.agent.probing import Names, Probing, stands_s
from weir.agent.spool import Spool
from weir.core.errors import NotReady
from weir.core.lifecycle import RunEvent
from weir.core.series import rolled, start_of
from weir.executors.settings import AgentSettings, LocalSettings, Uplink
from weir.probes.base import Look, Sample
from weir.wire.pools import PoolFields, Shape
from weir.wire.samples import points_of

NOW = 1_700_000_105.0
NAMES = Names("CN.S1.C1-E", {"gpu": "CN.S1.C1.P1-X"})


class Scripted:
    """A probe that gives, one look after the other, what it was told to."""

    interval_s = 1.0

    def __init__(self, *looks: Look | Exception, name: str = "scripted") -> None:
        self.name, self._looks = name, list(looks)
        self.times_kept = 0
        self.closed = threading.Event()

    def look(self, now: float) -> Look:
        look = self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]
        if isinstance(look, Exception):
            raise look
        return look

    def kept(self) -> None:
        self.times_kept += 1

    def close(self) -> None:
        self.closed.set()


class Hanging(Scripted):
    """A probe whose source never answers."""

    def look(self, now: float) -> Look:
        self.closed.wait(60)
        raise OSError("closed")


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "samples.db")


def kept(spool: Spool) -> list[tuple[str, str, int, float]]:
    batch = spool.take()
    points = [p for block in (batch.blocks if batch else ()) for p in points_of(block)]
    return [(p.key.subject, p.key.metric, p.at, p.bucket.last) for p in points]


def test_places_have_names() -> None:
    assert NAMES("cluster") == "CN.S1.C1-E"
    assert NAMES("pool/gpu") == "CN.S1.C1.P1-X"
    assert NAMES("pool/other") is None, "its identifier has not been issued yet"
    assert NAMES("pool/gpu/n1") == "CN.S1.C1.P1-X/n1"
    assert NAMES("pool/other/n1") is None
    assert NAMES("host/a") == "CN.S1.C1-E/a"
    assert NAMES("link/CN-F") == "CN.S1.C1-E>CN-F"
    site = NAMES("site")
    assert site is not None and site.startswith("CN.S1-")
    assert Names("CN.R1-K", {})("site") is None


def test_a_look_is_kept_for_every_parent(spool: Spool, tmp_path: Path) -> None:
    other, told = Spool(tmp_path / "other.db"), []
    good = Sample("it_power", 5.0, "pool/gpu")
    bad = [Sample("it_power", -1.0), Sample("nonsense", 1.0), Sample("it_power", 1.0, "pool/no")]
    probe = Scripted(Look([good, *bad, good]))
    probing = Probing([probe], [spool, other], lambda: NAMES, lambda: NOW, lambda: told.append(1))
    probing.look(probe, NOW)
    expected = [
        ("CN.S1.C1-E", "probe_left_out", 1_700_000_100, 3.0),
        ("CN.S1.C1.P1-X", "it_power", 1_700_000_100, 5.0),
    ]
    assert sorted(kept(spool)) == sorted(kept(other)) == expected
    assert (probe.times_kept, len(told)) == (1, 1)


def left_out(spool: Spool) -> list[float]:
    return [value for _, metric, _, value in kept(spool) if metric == "probe_left_out"]


def test_what_is_left_out_is_counted_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A pool that there is none of, and values that no metric has; until they end."""
    bad = [Sample("it_power", 1.0, "pool/typo")] * 3 + [
        Sample("probe_up", float(n), part=f"p{n}") for n in range(500)
    ]
    own = Sample("probe_left_out", 7.0, part="scripted")
    fine = Look([Sample("it_power", 5.0)])
    probe = Scripted(Look(bad), Look([*bad, own]), fine, fine, Look(bad))
    spools = [Spool(tmp_path / "samples.db")]
    probing = Probing([probe], spools, lambda: NAMES, lambda: NOW, lambda: None)
    counts = []
    for number in range(5):
        probing.look(probe, NOW)
        counts.append(left_out(spools[0]))
        spools[0] = Spool(tmp_path / f"{number}.db")
    assert counts == [[501.0], [508.0], [0.0], [], [501.0]]
    said = [r.message for r in caplog.records]
    assert len(said) == 4, "two reasons, each said again after an end"
    assert sum("pool/typo" in line for line in said) == 2


def test_before_any_pool_has_a_name_nothing_is_left_out(spool: Spool) -> None:
    probe = Scripted(Look([Sample("it_power", 1.0, "pool/gpu"), Sample("it_power", 2.0)]))
    early = Names("CN.S1.C1-E", {})
    Probing([probe], [spool], lambda: early, lambda: NOW, lambda: None).look(probe, NOW)
    assert kept(spool) == [("CN.S1.C1-E", "it_power", 1_700_000_100, 2.0)]


def test_whether_sources_answer_is_told(spool: Spool) -> None:
    clock = [NOW]
    good, bad = Scripted(Look(), name="good"), Scripted(NotReady("away"), name="bad")
    faulty = Scripted(ZeroDivisionError(), name="faulty")
    probes = [good, bad, faulty, Scripted(Look(), name="new")]
    probing = Probing(probes, [spool], lambda: NAMES, lambda: clock[0], lambda: None)
    for probe in (good, bad, faulty):
        probing.look(probe, clock[0])

    def up() -> dict[str, float]:
        return {s.part: s.value for s in probing.states() if s.metric == "probe_up"}

    assert up() == {"good": 1, "bad": 0, "faulty": 0}
    clock[0] += 100
    assert up() == {"good": 0, "bad": 0, "faulty": 0, "new": 0}
    ages = {s.part: s.value for s in probing.states() if s.metric == "probe_age"}
    assert ages == {"good": 100.0}


SHAPE = Shape(cpu_milli=4000, memory_bytes=2**33)


def make_agent(
    home: Path, parent: ScriptedParent, executor: ScriptedExecutor, *probes: Scripted
) -> Agent:
    home.mkdir(exist_ok=True)
    (home / "token").write_text("weir_agent_x\n")
    settings = AgentSettings(
        name="a",
        executor=LocalSettings(pools=(PoolFields(name="cpu", hosts=1, shape=SHAPE),)),
        uplinks=(Uplink(url="http://p", token_file=home / "token", cluster="CN.R1.S1.C1-9"),),
    )
    now: Callable[[], float] = iter_time()
    return Agent(
        settings,
        executor,
        home,
        now,
        lambda kind: kind + "0123456789",
        pace=Pace(look_s=0.02, ping_s=30.0),
        connect=lambda _url, _token: parent,
        make_probes=lambda _domain_of, _busy: probes,
    )


def iter_time() -> Callable[[], float]:
    """A clock on which a second passes with every hundred looks at it."""
    looks = [0]

    def now() -> float:
        looks[0] += 1
        return NOW + looks[0] / 100

    return now


def sent(parent: ScriptedParent) -> list[tuple[str, str]]:
    blocks = [b for r in parent.requests for b in r.samples]
    return [(p.key.subject, p.key.metric) for b in blocks for p in points_of(b)]


def test_a_probe_that_hangs_delays_neither_runs_nor_other_probes(tmp_path: Path) -> None:
    parent, executor = ScriptedParent(), ScriptedExecutor()
    hanging = Hanging(Look(), name="hanging")
    good = Scripted(Look([Sample("it_power", 7.0)]), name="good")
    agent = make_agent(tmp_path / "home", parent, executor, hanging, good)
    thread = threading.Thread(target=agent.run, daemon=True)
    thread.start()
    until(lambda: ("CN.R1.S1.C1-9", "it_power") in sent(parent), "samples are sent")
    parent.orders.append(an_order("r1"))
    until(lambda: executor.submitted == ["r1"], "the run is submitted")
    executor.happen("r1", RunEvent.STARTED)
    until(lambda: RunEvent.STARTED in parent.events("r1"), "the start is told")
    agent.stop()
    thread.join(20)
    assert not thread.is_alive()
    assert hanging.closed.is_set()


def test_samples_wait_while_the_parent_is_away(tmp_path: Path) -> None:
    parent, executor = ScriptedParent(), ScriptedExecutor()
    parent.away = True
    good = Scripted(Look([Sample("it_power", 7.0)]))
    agent = make_agent(tmp_path / "home", parent, executor, good)
    thread = threading.Thread(target=agent.run, daemon=True)
    thread.start()
    until(lambda: good.times_kept >= 2, "samples are kept")
    assert sent(parent) == []
    parent.away = False
    until(lambda: len(sent(parent)) >= 2, "samples are sent")
    agent.stop()
    thread.join(20)


# -- for how long a look stands --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "at", "interval_s", "seconds"),
    [
        (None, 100.0, 10.0, 10),
        (90.0, 100.0, 10.0, 10),
        (75.0, 100.0, 10.0, 30),  # a source that takes its time
        (50.0, 100.0, 10.0, 10),  # a gap stays one
        (None, 120.0, 60.0, 60),
        (60.0, 120.0, 60.0, 60),
        (0.0, 120.0, 60.0, 120),
        (-60.0, 120.0, 60.0, 60),
        (101.0, 102.0, 1.0, 10),
        (200.0, 100.0, 60.0, 60),  # the clock has jumped back
        (None, 0.0, 86400.0, 3600),
    ],
)
def test_a_look_stands_since_the_one_before(
    before: float | None, at: float, interval_s: float, seconds: int
) -> None:
    assert stands_s(before, at, interval_s) == seconds


def test_a_source_that_is_looked_at_every_fifteen_seconds_covers_its_minutes(spool: Spool) -> None:
    probe = Scripted(Look([Sample("it_power", 5.0, "pool/gpu")]))
    probe.interval_s = 15.0
    clock = [NOW]
    probing = Probing([probe], [spool], lambda: NAMES, lambda: clock[0], lambda: None)
    begin = start_of(NOW, 60) + 60
    for n in range(-1, 8):
        clock[0] = begin + 15.0 * n
        probing.look(probe, clock[0])
    batch = spool.take()
    assert batch is not None
    buckets = {p.at: p.bucket for b in batch.blocks for p in points_of(b)}
    minutes = rolled({at: b for at, b in buckets.items() if at >= begin}, 60)
    assert {at: (b.covered_s, b.mean) for at, b in minutes.items()} == {
        begin: (60, 5.0),
        begin + 60: (60, 5.0),
    }
