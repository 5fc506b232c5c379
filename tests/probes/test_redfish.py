"""Redfish over HTTP: power that counts once, temperatures of hosts and racks, and what is blank."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
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
    """What is told of the pool."""
    for s in look.samples:
        assert refusal(s.metric, s.part) is None
        assert out_of_bounds(METRICS[s.metric], single(s.value)) is None
    return {s.metric: s.value for s in look.samples if s.place == "pool/gpu"}


def of_hosts(look: Look) -> list[float]:
    """The power of each host; that the number of those unknown is told."""
    hosts = [s for s in look.samples if s.place.startswith("pool/gpu/")]
    assert {s.metric for s in hosts} <= {"it_power"}
    [left_out] = [s.value for s in look.samples if s.metric == "probe_left_out"]
    return [*(s.value for s in hosts), *[-1.0] * int(left_out)]


WHOLE = {
    "it_power": 1240.0,
    "host_temperature": 71.5,
    "rack_temperature": 24.5,
    "intake_temperature": 26.25,
}


def test_a_rack_and_its_hosts(tmp_path: Path, url: str) -> None:
    look = probe(tmp_path, url).look(0.0)
    assert values(look) == WHOLE, "the rack's power has its hosts' in it"
    assert list(look.said) == []
    assert of_hosts(look) == [1240.0]


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
    assert of_hosts(look) == [1240.0, -1.0]
    with pytest.raises(Unreachable, match="answered 401"):
        probe(tmp_path, url, password="wrong").look(0.0)


def test_a_chassis_that_is_not_there_costs_nothing_and_one_that_fails_its_sum(
    tmp_path: Path, pages: Tree, url: str
) -> None:
    pages["/redfish/v1/Chassis"]["Members"].append({"@odata.id": "/redfish/v1/Chassis/Gone"})
    del pages[f"{NEW}/EnvironmentMetrics"]
    look = probe(tmp_path, url).look(0.0)
    assert values(look) == WHOLE
    assert "Gone answered 404" in look.said[0]
    pages[NEW] = 500
    look = probe(tmp_path, url).look(0.0)
    assert "it_power" not in values(look)
    assert values(look)["host_temperature"] == 61.0
    assert of_hosts(look) == [-1.0]


def test_chassis_are_listed_page_by_page(tmp_path: Path, pages: Tree, url: str) -> None:
    names = [f"/redfish/v1/Chassis/{n}" for n in range(150)]
    for n, name in enumerate(names):
        pages[name] = {"Power": {"@odata.id": f"{name}/Power"}}
        pages[f"{name}/Power"] = {"PowerControl": [{"PowerConsumedWatts": 1000 + n}]}
    sheets = [names[:100], names[100:]]
    first, second = "/redfish/v1/Chassis", "/redfish/v1/Chassis?$skip=100"
    for at, sheet, after in ((first, sheets[0], second), (second, sheets[1], first)):
        pages[at] = {"Members": [{"@odata.id": n} for n in sheet], "Members@odata.nextLink": after}
    assert values(probe(tmp_path, url).look(0.0))["it_power"] == sum(range(1000, 1150))


def test_controllers_are_asked_side_by_side(tmp_path: Path, pages: Tree) -> None:
    """Eight controllers that answer only once all of them have been asked."""
    together = threading.Barrier(8, timeout=5)
    with ExitStack() as up:
        urls = [
            up.enter_context(controller(pages, "monitor", "secret", together)) for _ in range(8)
        ]
        look = probe(tmp_path, *urls).look(0.0)
    assert values(look)["it_power"] == 8 * 1240.0
    assert of_hosts(look) == [1240.0] * 8


def test_a_password_that_was_replaced_is_taken(tmp_path: Path, url: str) -> None:
    of = probe(tmp_path, url, password="old")
    with pytest.raises(Unreachable, match="answered 401"):
        of.look(0.0)
    (tmp_path / "password").write_text("secret\n")
    assert values(of.look(0.0)) == WHOLE
