"""A server is killed: what it has acknowledged stays, and the others go on without it."""

import threading
import time
from collections import Counter
from pathlib import Path

from tests.network.harness import Network, check_ticks, job, network_up, ticking_until
from weir.core.errors import WeirError
from weir.core.lifecycle import JobState
from weir.wire.jobs import Submission, SubmitRequest

ALONE = """
network: alone
domains: [{name: nation, kind: national}]
"""

BATCH, BATCHES = 20, 60

TWO_TIERS = """
network: tiers
domains:
  - {name: nation, kind: national}
  - {name: region, kind: regional, parent: nation}
sites:
  - name: center
    domains: [region]
    clusters:
      - name: main
        pools: [{name: cpu, emulated: true, hosts: 1, cpu: 2, memory: 2GiB}]
"""
LOST_AFTER_S = 4.0


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
        for acknowledged in (10 * BATCH, 60 * BATCH):
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


def test_a_region_goes_on_without_its_parent_and_tells_it_later(tmp_path: Path) -> None:
    gate, starts = tmp_path / "gate", tmp_path / "starts"
    options = ("--lease", "2", "--lost-after", f"{LOST_AFTER_S:g}", "--start-within", "10")
    with network_up(tmp_path / "net", TWO_TIERS, *options) as network:
        script = f"echo . >> {starts}; {ticking_until(gate)}"
        [theirs, longer] = network.submit(
            "nation", job("theirs", script), job("longer", ticking_until(tmp_path / "later"))
        )
        for one in (theirs, longer):
            network.in_state("nation", one, JobState.RUNNING)

        # The parent is away for longer than it lets others be silent.
        network.kill("nation")
        away_since = time.time()
        [own] = network.submit("region", job("own", "echo own"))
        assert network.ended("region", own).state == JobState.SUCCEEDED
        gate.touch()
        [here] = network.handed_to("region", theirs)
        ended = network.ended("region", here.id)
        assert ended.state == JobState.SUCCEEDED
        network.until("it was away that long", lambda: time.time() > away_since + LOST_AFTER_S + 1)

        # It comes back, and hears what has happened: nothing is given up for its own absence.
        network.start("nation")
        back_since = time.time()
        done = network.ended("nation", theirs)
        assert (done.state, done.exit_code, done.attempts) == (JobState.SUCCEEDED, 0, 1)
        assert done.place == ("region", "center")
        assert done.ended_at is not None and ended.ended_at is not None
        assert abs(done.ended_at - ended.ended_at) < 1
        assert done.ended_at < back_since
        check_ticks(network.read("nation", theirs))
        assert len(starts.read_text().splitlines()) == 1

        # What still runs, runs on, and is where it was.
        still = network["nation"].job(longer)
        assert (still.state, still.attempts) == (JobState.RUNNING, 1)
        (tmp_path / "later").touch()
        assert network.ended("nation", longer).state == JobState.SUCCEEDED
        check_ticks(network.read("nation", longer))
