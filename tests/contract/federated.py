"""The federated executor under contract: its resource manager is another Weir server, a real one.

The server has one local site. What it calls its pool and what runs were called by earlier tests is
put out of the way here: for the tests the pool is `pool`, and run `r` of one test is not that of
another.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import yaml

from tests.network.harness import Network, network_up
from weir.core.errors import NotReady
from weir.executors.base import Executor, RunFile, Seen
from weir.executors.federated import FederatedExecutor
from weir.executors.settings import FederatedSettings
from weir.wire.exchange import RunOrder
from weir.wire.pools import PoolReport

PEER_VARIABLE = "WEIR_TEST_PEER"
"""Where the server is, for the processes that a test starts: URL, token file and our identifier."""

PEER = """
network: contract
domains:
  - {name: above, kind: national}
  - {name: peer, kind: regional, parent: above}
sites:
  - name: center
    domains: [peer]
    clusters:
      - name: main
        pools:
          - {name: pool, emulated: true, hosts: 4, cpu: 8, memory: 16GiB, devices: 2,
             device_model: nvidia-h100-sxm5}
"""


@contextmanager
def peer_up(home: Path, data: Mapping[str, Any]) -> Iterator[Network]:
    """A domain with a site whose jobs may read and write as `data` says; the link is left to us."""
    with network_up(home, PEER) as network:
        network.kill("link-peer")
        network.kill("site-center")
        config = home / "agents" / "site-center" / "agents.yaml"
        told = yaml.safe_load(config.read_text())
        told["agents"][0]["executor"] |= {"data": dict(data), "grace_s": 0.3}
        config.write_text(yaml.safe_dump(told))
        network.start("site-center")
        yield network


def publish(network: Network) -> None:
    """Tell this process, and those that it starts, where the server is."""
    token = network.folder.link("peer") / "uplink.token"
    said = [network.url("peer"), str(token), network.identifier("above")]
    os.environ[PEER_VARIABLE] = json.dumps(said)


def executor(home: Path) -> Executor:
    """An executor that is linked to the server, over a folder."""
    url, token, above = json.loads(os.environ[PEER_VARIABLE])
    settings = FederatedSettings(url=url, token_file=Path(token))
    made = FederatedExecutor(settings, home / "federated", time.time)
    return Renamed(made, f"{crc32(str(home).encode()):08x}-", above)


class Renamed:
    """An executor whose only pool is called `pool`; its runs have names that no other test has."""

    def __init__(self, inner: FederatedExecutor, mark: str, above: str) -> None:
        self._inner, self._mark, self._above = inner, mark, above
        self.kind = inner.kind
        self._pool = ""

    def open(self, wake: Callable[[], None]) -> None:
        self._inner.open(wake)
        until = time.monotonic() + 30
        while not self._pool:
            assert time.monotonic() < until, "the peer offers no pool"
            self._find()

    def _find(self) -> None:
        with suppress(NotReady):  # it has not been heard yet
            self._pool = next((p.id for p in self._inner.pools([])), "")
        time.sleep(0.02)

    def close(self) -> None:
        self._inner.close()

    def name_pools(self, identifiers: Mapping[str, str]) -> None:
        self._inner.name_pools(identifiers)

    def pools(self, without: Iterable[RunOrder]) -> Sequence[PoolReport]:
        return self._inner.pools([self._there(o) for o in without])

    def admit(self, orders: Sequence[RunOrder], active: Iterable[RunOrder]) -> Mapping[str, str]:
        refused = self._inner.admit([*map(self._there, orders)], [*map(self._there, active)])
        return {self._here(run): reason for run, reason in refused.items()}

    def submit(self, orders: Sequence[RunOrder]) -> None:
        self._inner.submit([self._there(o) for o in orders])

    def cancel(self, runs: Sequence[str]) -> None:
        self._inner.cancel(self._marked(runs))

    def observe(self) -> Sequence[Seen]:
        return [replace(s, run=self._here(s.run)) for s in self._inner.observe()]

    def status(self, runs: Sequence[str]) -> Sequence[Seen]:
        told = self._inner.status(self._marked(runs))
        return [replace(s, run=self._here(s.run)) for s in told]

    def files(self, run: str) -> Sequence[RunFile]:
        return self._inner.files(self._mark + run)

    def read(self, run: str, name: str, offset: int, limit: int) -> bytes:
        return self._inner.read(self._mark + run, name, offset, limit)

    def forget(self, runs: Sequence[str]) -> None:
        self._inner.forget(self._marked(runs))

    def _marked(self, runs: Sequence[str]) -> Sequence[str]:
        return [self._mark + run for run in runs]

    def _here(self, run: str) -> str:
        return run.removeprefix(self._mark)

    def _there(self, order: RunOrder) -> RunOrder:
        own = {name: self._mark + getattr(order, name) for name in ("run", "job", "root_job")}
        pool = self._pool if order.pool == "pool" else order.pool
        return order.model_copy(update={**own, "pool": pool, "path": (self._above,)})
