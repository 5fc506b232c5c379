"""The pages on scheduling and simulating say what the code says: policies, fields, measures."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from weir.cli.network_file import read_network_file
from weir.cli.pool_entries import PoolsFile, pool_fields
from weir.cli.simulate_network import pools_of
from weir.scheduling.policies import POLICIES
from weir.scheduling.policy import Policy
from weir.sim.loaders.own import COLUMNS, NEEDED, load_own
from weir.sim.results import EVERY
from weir.wire.pools import Shape

ROOT = Path(__file__).parents[2]
SCHEDULING = (ROOT / "docs" / "scheduling.md").read_text(encoding="utf-8")
SIMULATE = (ROOT / "docs" / "simulate.md").read_text(encoding="utf-8")
MARCH = ROOT / "examples" / "march.csv"

WEIGHTS = (
    *("price", "start", "run", "latency", "hop", "carbon", "energy", "data", "spare"),
    *("use", "past", "surplus"),
)


TERMS = "term | value | unit that the weight is per | what is unknown counts as"


def rows(page: str, header: str) -> list[list[str]]:
    """The cells of the table whose header begins so."""
    _, found, rest = page.partition(f"\n| {header} |")
    assert found, header
    lines = rest.split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_the_weights_are_those_of_the_policies() -> None:
    said = {row[0].strip("`"): row[1:] for row in rows(SCHEDULING, "policy | price")}
    assert list(said) == list(POLICIES)
    for name, cells in said.items():
        weights = [getattr(POLICIES[name], f"{weight}_weight") for weight in WEIGHTS]
        assert [float(cell or 0) for cell in cells] == weights, name


@pytest.mark.parametrize("known", POLICIES.values(), ids=lambda p: p.name)
def test_so_are_the_order_what_is_kept_and_the_switches(known: Policy) -> None:
    (row,) = [r for r in rows(SCHEDULING, "policy | order") if r[0] == f"`{known.name}`"]
    _, order, keeps, also = row
    assert order == known.order.value
    assert (keeps == "none", keeps == "closed") == (
        not known.hold,
        known.hold and not known.backfill,
    )
    if known.hold and known.backfill:
        assert f"{known.reservations} in all" in keeps
        assert keeps.startswith("EASY" if known.depth == 1 else "conservative")
    for word, is_so in (
        ("fair shares", known.fair),
        ("preemption", known.preempt),
        ("by performance", known.normalized),
        ("better hours", known.shift),
        ("integer program", known.optimal),
        ("in rounds", known.rounds),
        ("hour of waiting", known.age_weight > 0),
        ("fragmentation rule", known.host_rule.value == "fragmentation"),
    ):
        assert (word in also) == is_so, word


def test_every_term_with_a_weight_is_described_and_stands_in_the_table() -> None:
    terms = {f.name.removesuffix("_weight") for f in fields(Policy) if f.name.endswith("_weight")}
    assert set(WEIGHTS) == terms - {"age"}
    said = {name.strip() for row in rows(SCHEDULING, TERMS) for name in row[0].split(",")}
    assert said == set(WEIGHTS) - {"hop"} | {"hops"}


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.+?)```", SCHEDULING, re.DOTALL))
def test_what_the_page_says_of_pools_is_read(text: str) -> None:
    """An entry of a pool, or what is said around pools."""
    entry = yaml.safe_load(text)
    pools = entry if isinstance(entry, list) else [{"name": "a", "cpu": 8, "memory": "8GiB"}]
    around = {} if isinstance(entry, list) else entry
    file = PoolsFile.model_validate({**around, "pools": pools})
    found = pool_fields(file, file.pools[0], Shape(cpu_milli=1, memory_bytes=1))
    assert found.blocks or len(found.energy_price_micro_per_kwh) == 24


def test_every_field_of_weirs_own_format_is_described_in_its_order() -> None:
    said = rows(SIMULATE, "field | meaning | default")
    assert tuple(row[0].strip("`") for row in said) == COLUMNS
    assert {row[0].strip("`") for row in said if row[2] == "must be given"} == set(NEEDED)


def test_every_number_of_the_json_is_described() -> None:
    said = [re.findall(r"`(\w+)`", row[0]) for row in rows(SIMULATE, "key | unit | meaning")]
    assert {name for names in said for name in names} == {m.name for m in EVERY}


def test_the_example_of_the_page_is_a_workload(tmp_path: Path) -> None:
    example = re.findall(r"```csv\n(# name.+?)```", SIMULATE, re.DOTALL)[0]
    (tmp_path / "own.csv").write_text(example)
    found = load_own(tmp_path / "own.csv")
    assert (found.name, found.ids) == ("last-march", ("train-1", "tune-1"))


def test_the_workload_of_the_examples_is_at_home_in_their_network() -> None:
    load = load_own(MARCH)
    pools = pools_of(read_network_file(ROOT / "examples" / "network.yaml"))
    assert len(load) == 60
    assert set(load.home.names) == {pool.site for pool in pools}
    wanted = {model for names in load.model.names for model in names.split("|")}
    assert wanted <= {pool.device_model for pool in pools}
