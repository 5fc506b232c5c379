"""What-ifs: each change does what it says and nothing else, and what is wrong is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.cli.network_file import NetworkFile, read_network
from weir.cli.simulate_network import notes_of, pools_of, read_networks
from weir.cli.what_if import changed
from weir.core.errors import BadInput
from weir.core.inventory import Pool

pytestmark = pytest.mark.timeout(600)  # the kernel may have to be compiled first

TEXT = """\
network: trial
domains:
  - {name: nation, kind: national}
  - {name: east, kind: regional, parent: nation}
  - {name: west, kind: regional, parent: nation}
  - {name: steel, kind: industry, parent: east}
sites:
  - name: north
    domains: [east]
    latency: 8ms
    price_per_device_hour: 2.00
    clusters:
      - name: main
        pools:
          - {name: gpu, hosts: 4, cpu: 64, memory: 1TiB, devices: 8, device_model: nvidia-h20}
          - {name: cpu, hosts: 2, cpu: 64, memory: 1TiB, price_per_core_hour: 0.50}
  - name: south
    domains: [west]
    clusters:
      - name: main
        pools:
          - {name: cpu, hosts: 8, cpu: 32, memory: 1TiB, latency: 3ms}
  - name: works
    domains: [steel, west]
    clusters:
      - name: main
        pools:
          - {name: l20, hosts: 1, cpu: 8, memory: 64GiB, devices: 2, device_model: nvidia-l20}
"""


@pytest.fixture
def network() -> NetworkFile:
    return read_network(TEXT, "trial.yaml")


def pools(network: NetworkFile) -> dict[str, Pool]:
    return {pool.id: pool for pool in pools_of(network)}


def test_the_network_as_its_top_domain_sees_it(network: NetworkFile) -> None:
    found = pools(network)
    assert list(found) == ["north/gpu", "north/cpu", "south/cpu", "works/l20"]
    gpu = found["north/gpu"]
    assert (gpu.hosts, gpu.devices, gpu.device_model) == (4, 32, "nvidia-h20")
    assert (gpu.site, gpu.latency_us, gpu.price_micro_per_device_hour) == ("north", 8000, 2_000_000)
    assert gpu.free[0].hosts == 4
    assert (gpu.hops, gpu.domains) == (1, ("east",))
    assert found["works/l20"].hops == 1  # by the west, not by the industry under the east


def test_hosts_are_added_taken_set_and_multiplied(network: NetworkFile) -> None:
    for value, hosts in (("+4", 8), ("-3", 1), ("12", 12), ("x2", 8), ("x0.5", 2)):
        assert pools(changed(network, f"hosts gpu={value}"))["north/gpu"].hosts == hosts
    every = pools(changed(network, "hosts north=+1"))
    assert (every["north/gpu"].hosts, every["north/cpu"].hosts) == (5, 3)
    assert every["south/cpu"].hosts == 8


def test_prices_are_by_device_where_there_are_devices(network: NetworkFile) -> None:
    found = pools(changed(network, "price north=x1.5"))
    assert found["north/gpu"].price_micro_per_device_hour == 3_000_000
    assert found["north/cpu"].price_micro_per_core_hour == 750_000
    assert pools(changed(network, "price gpu=2.5"))["north/gpu"].price_micro_per_device_hour == (
        2_500_000
    )


def test_several_changes_are_one_alternative(network: NetworkFile) -> None:
    found = pools(changed(network, "hosts gpu=+1; remove=south/cpu ; link north=20ms"))
    assert found["north/gpu"].hosts == 5
    assert found["north/gpu"].latency_us == 20_000
    assert "south/cpu" not in found


def test_a_link_is_slower_or_down_or_new(network: NetworkFile) -> None:
    assert pools(changed(network, "link south=40ms"))["south/cpu"].latency_us == 40_000
    assert list(pools(changed(network, "link north=down"))) == ["south/cpu", "works/l20"]
    # What lies behind the east alone is gone; the works are still reached by the west.
    assert list(pools(changed(network, "link east=down"))) == ["south/cpu", "works/l20"]
    assert list(pools(changed(network, "link west=down"))) == [
        "north/gpu",
        "north/cpu",
        "works/l20",
    ]
    assert pools(changed(network, "link west=down"))["works/l20"].hops == 2
    assert pools(changed(network, "link south=nation"))["south/cpu"].hops == 0


def test_pools_are_added_to_a_new_site_or_to_one_that_is_there(
    network: NetworkFile, tmp_path: Path
) -> None:
    file = tmp_path / "more.yaml"
    pool = "{name: new, hosts: 3, cpu: 64, memory: 1TiB, devices: 8, device_model: nvidia-h20}"
    file.write_text(f"price_per_device_hour: 1.00\nlatency: 30ms\npools:\n  - {pool}\n")
    added = pools(changed(network, f"add={file}"))["more/new"]
    assert (added.devices, added.hops, added.price_micro_per_device_hour) == (24, 0, 1_000_000)
    assert added.latency_us == 30_000
    file.write_text(f"site: south\npools:\n  - {pool}\n")
    at_south = pools(changed(network, f"add={file}"))
    assert at_south["south/added/new"].site == "south"
    file.write_text("pools:\n  - {name: new}\n")
    with pytest.raises(BadInput, match="needs cpu and memory") as caught:
        changed(network, f"add={file}")
    assert caught.value.mistakes[0].line == 2


def test_the_file_itself_is_not_changed(network: NetworkFile) -> None:
    before = network.model_dump_json()
    changed(network, "hosts north=+1; price gpu=9; link west=down; remove=cpu")
    assert network.model_dump_json() == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "changes nothing"),
        ("hosts gpu=4", "changes nothing"),
        ("more gpu=4", "is no change; write add=FILE"),
        ("hosts=4", "is no change"),
        ("remove gpu", "is no change"),
        ("hosts gpu=-4", "would have 0 hosts; use remove=gpu"),
        ("hosts gpu=x0.3", "would have 1.2 hosts"),
        ("hosts gpu=many", "write for example hosts"),
        ("hosts gqu=+1", "did you mean gpu"),
        ("hosts cpu=+1", "write north/cpu or south/cpu"),
        ("price gpu=-3", "would cost -1 an hour"),
        ("link gpu=20ms", "no site 'gpu'"),
        ("link north=fast", "neither a round trip"),
        ("link north=east", "is in east already"),
        ("link nation=down", "is the top"),
        ("link norht=down", "did you mean north"),
        ("add=nowhere.yaml", "nowhere.yaml can't be read"),
        ("remove=north; remove=south; remove=works", "leaves no pool"),
    ],
)
def test_what_is_wrong_is_told(network: NetworkFile, text: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        changed(network, text)
    assert said in str(caught.value)


def test_networks_are_named_for_their_changes(tmp_path: Path) -> None:
    path, more = tmp_path / "trial.yaml", tmp_path / "more.yaml"
    path.write_text(TEXT)
    more.write_text("pools:\n  - {name: new, cpu: 8, memory: 8GiB}\n")
    found, _ = read_networks(path, ("hosts gpu=+1", f"add={more}; remove=gpu", "hosts gpu=+1"))
    assert [name for name, _ in found] == ["as it is", "hosts gpu=+1", "add=more.yaml; remove=gpu"]
    assert list(notes_of(found, ("north", "mars"))) == [
        "Homes of jobs that are no site of the network: mars."
    ]
