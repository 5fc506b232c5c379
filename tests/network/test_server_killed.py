"""A server is killed while it takes jobs: what it has acknowledged is there, and nothing twice."""

import threading
import time
from collections import Counter
from pathlib import Path

from tests.network.harness import Network, job, network_up
from weir.core.errors import WeirError
from weir.wire.jobs import Submission, SubmitRequest

ALONE = """
network: alone
domains: [{name: nation, kind: national}]
"""

BATCH, BATCHES = 20, 40


class Sender(threading.Thread):
    """Submits batches with keys one after another, and takes down what was acknowledged."""

    def __init__(self, network: Network, name: str) -> None:
        super().__init__(name=name)
        token = (network.folder.domain("nation") / "operator.token").read_text()
        self._client = network.connect("nation", token)
        self.ids: dict[str, str] = {}
        self.failures = 0

    def run(self) -> None:
        with self._client:
            for number in range(BATCHES):
                while not self._sent([f"{self.name}-{number}-{n}" for n in range(BATCH)]):
                    self.failures += 1
                    time.sleep(0.05)

    def _sent(self, keys: list[str]) -> bool:
        jobs = tuple(Submission(spec=job(key, "true"), key=key) for key in keys)
        try:
            answer = self._client.submit(SubmitRequest(jobs=jobs))
        except WeirError:
            return False
        self.ids |= {key: ids[0] for key, ids in zip(keys, answer.ids, strict=True)}
        return True


def test_every_acknowledged_job_is_there_once(tmp_path: Path) -> None:
    with network_up(tmp_path, ALONE) as network:
        senders = [Sender(network, name) for name in ("one", "two")]
        for sender in senders:
            sender.start()
        for acknowledged in (10 * BATCH, 40 * BATCH):
            network.until(
                f"{acknowledged} jobs are acknowledged",
                lambda n=acknowledged: sum(len(s.ids) for s in senders) >= n,  # type: ignore[misc]
            )
            network.kill("nation")
            network.start("nation")
        for sender in senders:
            sender.join(30)
            assert not sender.is_alive()
            assert sender.failures > 0

        there = all_jobs(network)
        assert len(there) == 2 * BATCH * BATCHES
        assert Counter(there.values()).most_common(1)[0][1] == 1
        for sender in senders:
            assert {key: there[i] for key, i in sender.ids.items()} == {k: k for k in sender.ids}


def all_jobs(network: Network) -> dict[str, str]:
    """The names of all jobs by their ids."""
    found: dict[str, str] = {}
    before = None
    while True:
        page = network["nation"].jobs(limit=1000, before=before)
        found |= {j.id: j.name for j in page.jobs}
        before = page.next
        if before is None:
            return found
