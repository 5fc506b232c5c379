"""What-if over the pools that a server shows: the same changes as of a network file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.scheduling.builders import pool, racks
from weir.cli.what_if_pools import changed_pools
from weir.core.errors import BadInput
from weir.core.inventory import Pool, empty_hosts

EAST = pool("gpu", hosts=4, domains=("nation", "east"), price_micro_per_device_hour=2_000_000)
WEST = replace(pool("cpu", hosts=2, devices=0), price_micro_per_core_hour=10_000)
POOLS = (EAST, WEST)


def changed(text: str) -> dict[str, Pool]:
    return {p.name: p for p in changed_pools(POOLS, text)}


def test_hosts_are_added_taken_set_and_multiplied() -> None:
    for text, hosts in (("+4", 8), ("-3", 1), ("12", 12), ("x2", 8)):
        found = changed(f"hosts gpu={text}")["gpu"]
        assert found.hosts == hosts
        assert sum(free.hosts for free in empty_hosts(found)) == hosts


def test_hosts_are_taken_from_the_last_block() -> None:
    racked = (pool("gpu", **racks(2, 2)),)
    (fewer,) = changed_pools(racked, "hosts gpu=-3")
    assert [(b.names, b.hosts) for b in fewer.blocks] == [(("r0",), 1)]
    (more,) = changed_pools(racked, "hosts gpu=+3")
    assert sum(b.hosts for b in more.blocks) == 4
    assert sum(free.hosts for free in more.free) == 7


def test_prices_round_trips_and_cuts() -> None:
    assert changed("price gpu=x1.5")["gpu"].price_micro_per_device_hour == 3_000_000
    assert changed("price site-cpu=0.02")["cpu"].price_micro_per_core_hour == 20_000
    assert changed("link site-gpu=60ms")["gpu"].latency_us == 60_000
    assert list(changed("link east=down")) == ["cpu"]
    assert list(changed("link site-cpu=down")) == ["gpu"]
    assert list(changed("remove=Site gpu/gpu")) == ["cpu"]


def test_several_changes_and_new_pools(tmp_path: Path) -> None:
    file = tmp_path / "new.yaml"
    file.write_text("site: north\npools:\n  - {name: fresh, hosts: 3, cpu: 8, memory: 64GiB}\n")
    found = changed(f"add={file}; remove=cpu")
    assert list(found) == ["gpu", "fresh"]
    assert (found["fresh"].site, found["fresh"].hosts) == ("north", 3)
    file.write_text("site: site-gpu\npools:\n  - {name: gpu, hosts: 3, cpu: 8, memory: 64GiB}\n")
    with pytest.raises(BadInput, match="already"):
        changed(f"add={file}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hosts gpx=+1", "did you mean"),
        ("hosts gpu=-4", "remove=gpu"),
        ("hosts gpu=many", "can't be read"),
        ("hosts gpu=4", "changes nothing"),
        ("price gpu=-9", "would cost"),
        ("link nowhere=down", "no site or domain"),
        ("link site-gpu=nation", "neither a round trip"),
        ("remove=gpu; remove=cpu", "leaves no pool"),
        ("grow gpu=1", "is no change"),
    ],
)
def test_what_is_wrong_is_told(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        changed(text)
