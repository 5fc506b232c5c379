"""Redfish over HTTP: power that counts once, temperatures of hosts and racks, and what is blank."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.probes.redfish_tree import NEW, OLD, RACK, Tree, controller, tree
from weir.client.problems import Unreachable
from weir.core.metrics import METRICS, out_of_bounds, refusal
from weir.core.series import single
from weir.probes.base import Look
from weir.probes.redfish import RedfishProbe
from weir.wire.probes import RedfishProbeSettings


@pytest.fixture
def pages() -> Tree:
    return tree()


@pytest.fixture
def url(pages: Tree) -> Iterator[str]:
    with controller(pages, "monitor", "secret") as at:
        yield at


def probe(tmp_path: Path, *urls: str, password: str = "secret") -> RedfishProbe:
    secret = tmp_path / "password"
    secret.write_text(f"{password}\n")
    return RedfishProbe(
        RedfishProbeSettings(
            urls=urls, pool="gpu", user="monitor", password_file=secret, timeout_s=5
        )
    )


def values(look: Look) -> dict[str, float]:
    for s in look.samples:
        assert s.place == "pool/gpu"
        assert refusal(s.metric, s.part) is None
        assert out_of_bounds(METRICS[s.metric], single(s.value)) is None
    return {s.metric: s.value for s in look.samples}


WHOLE = {
    "it_power": 1240.0,
    "host_temperature": 71.5,
    "rack_temperature": 24.5,
    "intake_temperature": 26.25,
}


def test_a_rack_and_its_hosts(tmp_path: Path, url: str) -> None:
    look = probe(tmp_path, url).look(0.0)
    assert values(look) == WHOLE, "the rack's power has its hosts' in it"
    assert look.said == []


def test_hosts_count_where_their_rack_does_not_tell(tmp_path: Path, pages: Tree, url: str) -> None:
    pages[f"{RACK}/EnvironmentMetrics"]["PowerWatts"] = None
    assert values(probe(tmp_path, url).look(0.0))["it_power"] == 480.0 + 700.0


def test_blank_sensors_are_no_temperatures(tmp_path: Path, pages: Tree, url: str) -> None:
    for at in (NEW, RACK):
        del pages[at]
    pages["/redfish/v1/Chassis"]["Members"] = [{"@odata.id": OLD}]
    found = values(probe(tmp_path, url).look(0.0))
    assert found == {"it_power": 480.0, "host_temperature": 61.0, "intake_temperature": 22.0}
    pages[f"{OLD}/Thermal"] = {"Temperatures": [None, {"ReadingCelsius": "hot"}, {}]}
    assert values(probe(tmp_path, url).look(0.0)) == {"it_power": 480.0}


def test_without_its_temperatures_power_is_known(tmp_path: Path, pages: Tree, url: str) -> None:
    del pages[f"{NEW}/ThermalSubsystem/ThermalMetrics"]
    look = probe(tmp_path, url).look(0.0)
    assert values(look) == WHOLE | {"host_temperature": 61.0, "intake_temperature": 24.5}
    assert "ThermalMetrics answered 404" in look.said[0]


def test_a_controller_that_is_away_leaves_the_sum_unknown(tmp_path: Path, url: str) -> None:
    look = probe(tmp_path, url, "http://127.0.0.1:1").look(0.0)
    assert values(look) == {m: v for m, v in WHOLE.items() if m != "it_power"}
    with pytest.raises(Unreachable, match="answered 401"):
        probe(tmp_path, url, password="wrong").look(0.0)
