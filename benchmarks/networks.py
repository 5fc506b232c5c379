"""Small networks for measuring, on this machine, in a temporary folder."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from weir.cli.network_file import read_network
from weir.cli.up import Network, network_up

ONE = """
network: one
domains:
  - {name: nation, kind: national}
sites:
  - name: center
    domains: [nation]
    clusters:
      - name: local
        executor: local
        pools:
          - {name: cpu, hosts: 1, cpu: 64, memory: 256GiB, emulated: true}
"""

FIVE = """
network: five
domains:
  - {name: nation, kind: national}
  - {name: region-a, kind: regional, parent: nation}
  - {name: region-b, kind: regional, parent: nation}
  - {name: region-c, kind: regional, parent: nation}
  - {name: industry, kind: industry, parent: region-a}
sites:
  - name: alpha
    domains: [region-a]
    clusters:
      - name: local
        executor: local
        pools: [{name: cpu, hosts: 4, cpu: 16, memory: 64GiB, emulated: true}]
  - name: beta
    domains: [region-b]
    clusters:
      - name: local
        executor: local
        pools:
          - name: npu
            hosts: 4
            cpu: 64
            memory: 512GiB
            devices: 8
            device_model: huawei-ascend-910b
            emulated: true
"""
"""Five servers and six agents: four links and two sites."""


@contextlib.contextmanager
def network(text: str) -> Iterator[Network]:
    """The network of a file's text, up and ready; gone at the end."""
    file = read_network(text, "the benchmark's network")
    with (
        tempfile.TemporaryDirectory(prefix="weir-bench-") as home,
        network_up(file, Path(home), lambda _text: None) as running,
    ):
        yield running
