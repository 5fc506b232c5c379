"""One network for the stories in which no process is killed."""

from collections.abc import Iterator

import pytest

from tests.network.harness import Network, network_up

COUNTRY = """
network: country
domains:
  - {name: nation, kind: national}
  - {name: region-a, kind: regional, parent: nation}
  - {name: region-b, kind: regional, parent: nation}
  - {name: works, kind: industry, parent: region-b}
sites:
  - name: site-a
    domains: [region-a]
    clusters:
      - name: main
        pools:
          - {name: a-cpu, emulated: true, hosts: 1, cpu: 4, memory: 8GiB}
  - name: site-b
    domains: [region-b]
    clusters:
      - name: main
        pools:
          - {name: b-npu, emulated: true, hosts: 1, cpu: 8, memory: 16GiB, devices: 2,
             device_model: huawei-ascend-910b}
  - name: shared
    domains: [region-a, works]
    clusters:
      - name: main
        pools:
          - {name: s-gpu, emulated: true, hosts: 3, cpu: 8, memory: 16GiB, devices: 1,
             device_model: nvidia-l20}
"""
"""`shared` belongs to one region and to an industry node under the other region."""


@pytest.fixture(scope="package")
def country(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with network_up(tmp_path_factory.mktemp("country"), COUNTRY, together=True) as network:
        yield network
