"""The contract of probes where their sources go wrong: unknown, never another figure, in time.

Each case is tried with every kind of probe that can have it, and the agent carries what they give.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.probe_sources import POWER, source
from tests.contract.table import PROBES
from weir.agent.probing import Names, Probing
from weir.agent.spool import Spool
from weir.probes.base import MAX_SAMPLES, Probe
from weir.wire.samples import points_of

NOW = 1_700_000_105.0
NAMES = Names("CN.S1.C1-E", {"gpu": "CN.S1.C1.P1-X"})
OF_VALUES = ("prometheus", "command", "redfish")
OVER_A_WIRE = ("prometheus", "command", "redfish", "link", "domain")


class Agent:
    """An agent's looks at one source, and what of them waits to be told."""

    def __init__(self, probe: Probe, folder: Path) -> None:
        self.probe, self._spool = probe, Spool(folder / "samples.db")
        self.probing = Probing([probe], [self._spool], lambda: NAMES, lambda: NOW, lambda: None)

    def looks(self) -> dict[str, float]:
        """One look; what was taken of it, by metric (and part)."""
        self.probing.look(self.probe, NOW)
        points = []
        while (batch := self._spool.take()) is not None:
            points += [p for block in batch.blocks for p in points_of(block)]
            self._spool.told(batch)
        return {f"{p.key.metric} {p.key.part}".strip(): p.bucket.last for p in points}

    @property
    def up(self) -> float:
        """Whether the source is said to answer."""
        [up] = [s.value for s in self.probing.states() if s.metric == "probe_up"]
        return up


Look = Callable[[str, str], tuple[Agent, dict[str, float]]]


@pytest.fixture
def look(request: pytest.FixtureRequest, tmp_path: Path):  # type: ignore[no-untyped-def]
    """One look at the source of a kind with a fault."""
    opened = []

    def with_fault(kind: str, fault: str) -> tuple[Agent, dict[str, float]]:
        context = source(kind, fault, tmp_path)
        agent = Agent(context.__enter__(), tmp_path)
        opened.append((context, agent))
        return agent, agent.looks()

    yield with_fault
    for context, agent in opened:
        agent.probe.close()
        context.__exit__(None, None, None)


@pytest.mark.parametrize("kind", OF_VALUES)
def test_what_is_well_is_told(kind: str, look: Look) -> None:
    agent, found = look(kind, "well")
    assert found["it_power"] == POWER
    assert agent.up == 1


@pytest.mark.parametrize("kind", PROBES)
def test_a_source_that_is_away_gives_nothing(kind: str, look: Look) -> None:
    agent, found = look(kind, "away")
    if kind == "link":  # that is what it measures
        assert found == {"link_sent": 2, "link_lost": 2}
    else:
        assert found == {}
        assert agent.up == 0


@pytest.mark.parametrize("kind", OVER_A_WIRE)
def test_a_source_that_hangs_is_given_up_in_time(kind: str, look: Look) -> None:
    begun = time.monotonic()
    agent, found = look(kind, "hangs")
    assert time.monotonic() - begun < 20
    assert set(found) <= {"link_sent", "link_lost"}
    assert agent.up == (kind == "link")


@pytest.mark.parametrize("kind", ["prometheus", "command", "redfish", "domain"])
def test_garbage_is_no_figure(kind: str, look: Look) -> None:
    agent, found = look(kind, "garbage")
    assert found == {}
    assert agent.up == 0


@pytest.mark.parametrize("fault", ["nan", "infinite"])
@pytest.mark.parametrize("kind", OF_VALUES)
def test_a_blank_value_is_unknown_and_not_zero(fault: str, kind: str, look: Look) -> None:
    _, found = look(kind, fault)
    assert "it_power" not in found


@pytest.mark.parametrize("fault", ["negative", "absurd"])
@pytest.mark.parametrize("kind", OF_VALUES)
def test_a_value_that_can_not_be_is_left_out_and_counted(fault: str, kind: str, look: Look) -> None:
    _, found = look(kind, fault)
    assert "it_power" not in found
    assert found[f"probe_left_out {kind}"] >= 1, "an alert can be made of it"


@pytest.mark.parametrize("kind", ["prometheus", "command"])
def test_ten_million_label_values_are_bounded_and_counted(kind: str, look: Look) -> None:
    _, found = look(kind, "many")
    assert len(found) <= MAX_SAMPLES + 1
    assert found[f"probe_left_out {kind}"] >= MAX_SAMPLES
