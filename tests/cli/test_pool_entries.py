"""What people write of pools: blocks of hosts, and what energy costs by the hour."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from weir.cli.pool_entries import EnergyPrice, PoolEntry, PoolsFile, pool_fields, site_terms
from weir.wire.pools import PoolFields, Shape

MACHINE = Shape(cpu_milli=1000, memory_bytes=2**30)
POOL = {"name": "p", "hosts": 4, "cpu": 8, "memory": "8GiB"}


def fields(around: dict[str, object] | None = None, **pool: object) -> PoolFields:
    file = PoolsFile.model_validate({**(around or {}), "pools": [{**POOL, **pool}]})
    return pool_fields(file, file.pools[0], MACHINE)


def test_hosts_are_in_named_blocks() -> None:
    found = fields(topology={"levels": ["zone", "rack"], "blocks": {"a/r1": 2, "b/r1": 1}})
    assert found.levels == ("zone", "rack")
    assert [(b.names, b.hosts) for b in found.blocks] == [(("a", "r1"), 2), (("b", "r1"), 1)]
    assert fields().blocks == ()


@pytest.mark.parametrize(
    ("topology", "said"),
    [
        ({"levels": ["zone", "rack"], "blocks": {"r1": 2}}, "r1 does not name every level"),
        ({"levels": ["rack"], "blocks": {"r1": 3, "r2": 2}}, "more hosts than the pool"),
        ({"levels": ["rack", "rack"], "blocks": {"a/b": 2}}, "two levels of one name"),
        ({"levels": [], "blocks": {}}, "at least one entry"),
    ],
)
def test_blocks_that_can_not_be_are_mistakes(topology: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        PoolEntry.model_validate({**POOL, "topology": topology})


def test_energy_has_one_price_or_that_of_every_hour_in_utc() -> None:
    assert fields({"energy_price": {"base": "0.62"}}).energy_price_micro_per_kwh == (620_000,)
    night = {"base": "0.62", "hours": {"23-7": "0.31"}, "utc_offset": 8}
    found = fields({"energy_price": night}).energy_price_micro_per_kwh
    # 23 o'clock in Beijing is 15 in UTC, and 7 o'clock is 23.
    assert [hour for hour in range(24) if found[hour] == 310_000] == list(range(15, 23))
    own = fields({"energy_price": night}, energy_price={"base": 1})
    assert own.energy_price_micro_per_kwh == (1_000_000,)
    assert fields().energy_price_micro_per_kwh == ()


def test_what_a_site_says_of_energy_reaches_its_resource_manager() -> None:
    file = PoolsFile.model_validate({"energy_price": {"base": "0.5"}, "pools": [POOL]})
    assert site_terms(file) == {"energy_price_micro_per_kwh": (500_000,)}


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ({"8-12": 1, "11-13": 2}, "11 to 12 o'clock has two prices"),
        ({"8-25": 1}, "string_pattern_mismatch"),
        ({"morning": 1}, "string_pattern_mismatch"),
    ],
)
def test_hours_are_told_once_and_as_hours(hours: dict[str, int], said: str) -> None:
    with pytest.raises(ValidationError) as found:
        EnergyPrice.model_validate({"base": 1, "hours": hours})
    assert said in str(found.value) or said in {e["type"] for e in found.value.errors()}
