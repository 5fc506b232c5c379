"""The network of the demonstration with work on it, for a browser to look at.

The same file and the same jobs as `weir demo`; on top of them jobs that go on until the network
goes down, one that waits, one that fails, queues, a replay, and people who wait to be let in.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from click.testing import CliRunner

from tests.network.harness import Network, job, network_up
from weir.cli.demo import PARTS, find_examples
from weir.cli.main import main
from weir.client.context import read_token
from weir.client.sdk import Weir
from weir.core.lifecycle import JobState
from weir.wire.jobspec import JobSpec
from weir.wire.joining import TokenRequest
from weir.wire.queues import QueueEntry
from weir.wire.replays import ReplayRequest
from weir.wire.scheduling import PolicyRequest, QueuesRequest
from weir.wire.specfile import read_job, read_job_file

TOP, EAST, WEST = "national", "region-east", "region-west"

LONG = """
name: fine-tune
array: {count: COUNT}
tasks:
  - count: 2
    cpu: 1
    memory: 512MiB
    devices: {count: 8, models: [MODEL]}
    variants:
      - stack: STACK
        command:
          - sh
          - -c
          - 'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo "step $i"; WORK; sleep 2; done'
walltime: 2h
"""
WORK = "head -c $((i % 40 * 1000000)) /dev/zero | sha256sum >/dev/null"
"""What a job does that is to show some use: more and more, then little again."""

GO_ON = (
    ("huawei-ascend-910b", "cann", 4, ":"),
    ("metax-c550", "maca", 1, WORK),
    ("nvidia-h20", "cuda", 1, ":"),
)
"""The jobs that go on: the model that they ask for, its stack, how many, what they do."""

MEASURED, LINKS = "devices_held", 8
"""What pages show only after a while: points of this indicator, and measured ways."""


@dataclass
class Demo:
    """The network, and what there is in it by the words that stand for it in addresses."""

    network: Network
    words: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    homes: dict[str, Path] = field(default_factory=dict)

    def operator(self, domain: str) -> str:
        """A token of the domain's operator."""
        return read_token(self.network.folder.domain(domain) / "operator.token")

    def person(self, domain: str, subject: str) -> str:
        """A token of somebody who submits."""
        return self.network[domain].create_token(TokenRequest(subject=subject)).token

    def weir(self, domain: str, *arguments: str, token: str = "") -> str:
        """What `weir ARGUMENTS` prints, for whom the token is (else the operator); it ends well."""
        url, home = self.network.url(domain), str(self.network.folder.home / "person")
        who = {"WEIR_URL": url, "WEIR_TOKEN": token or self.operator(domain), "WEIR_HOME": home}
        ran = CliRunner().invoke(main, arguments, env=who)
        assert ran.exit_code == 0, f"weir {' '.join(arguments)}: {ran.output}"
        return ran.output

    def measured(self, history_s: float, within_s: float) -> None:
        """Wait for the replay and for what a job uses; and, unless it is 0, for so many seconds of
        an indicator in minutes, and for measured links.
        """
        client, begun = self.network[TOP], time.time()

        def past() -> bool:
            now = time.time()
            asked = {"begin": str(now - 3600), "end": str(now), "step": "60"}
            points = client.history(names=(MEASURED,), **asked).indicators[0].points
            ways = client.series(metrics=("link_rtt",), begin=str(begun - 900), step="60")
            return bool(points) and points[-1][0] - points[0][0] >= history_s and len(ways) >= LINKS

        def there() -> bool:
            used = client.job_usage(self.words["JOB"]).runs
            replayed = client.replay(self.words["REPLAY"]).state == "done"
            return replayed and any(r.points for r in used) and (not history_s or past())

        self.network.until("there is something to see", there, within_s)


@contextmanager
def demo_up(home: Path) -> Iterator[Demo]:
    """Bring the network up and give it work; at the end nothing of it runs on."""
    examples = find_examples()
    text = (examples / "network.yaml").read_text("utf-8")
    own = {WEST: ("--approve-joins",)}
    with network_up(home / "net", text, together=True, own=own) as network:
        demo = Demo(network)
        _work(demo, examples / "jobs")
        for name in ("xian-institute", "lanzhou-cloud"):
            _newcomer(demo, home, name)
        _queues(network)
        _way_and_downtime(demo)
        _ask_replay(demo)
        yield demo


def _work(demo: Demo, folder: Path) -> None:
    network = demo.network
    first = {}
    for part in PARTS:
        server = Weir.over(network[part.domain])
        first[part.domain] = server.submit_all([read_job_file(folder / part.file)])[0].id
    top = Weir.over(network[TOP])
    long = [top.submit_all([long_job(*fields)])[0].id for fields in GO_ON]
    [waiting] = [one.id for one in top.submit_all([read_job_file(folder / "big.yaml")])]
    [failed] = network.submit(TOP, job("check-data", "echo 'no such file: data.csv' >&2; exit 3"))
    for one in (first[TOP], failed):
        network.ended(TOP, one, within=90)
    pools = {p.device_model: p for p in network[TOP].pools()}
    pool, other = pools["metax-c550"], pools["nvidia-h20"]
    demo.words |= {"JOB": long[1], "WAITING": waiting, "FAILED": failed, "ENDED": first[TOP]}
    demo.words |= {"POOL": pool.id, "OTHER": other.id, "SITE": pool.site}
    for word in ("JOB", "WAITING", "FAILED", "ENDED"):
        demo.names[word] = network[TOP].job(demo.words[word]).name
    demo.names |= {"POOL": pool.name, "SITE": pool.site_name, "ID": pool.id}
    network.in_state(TOP, long[1], JobState.RUNNING)


def long_job(model: str, stack: str, count: int, does: str) -> JobSpec:
    """A job that runs until the network goes down, and does this every two seconds."""
    text = LONG
    words: Mapping[str, object] = {"MODEL": model, "STACK": stack, "COUNT": count, "WORK": does}
    for word, meant in words.items():
        text = text.replace(word, str(meant))
    return read_job(text, "the job", Path())


def _newcomer(demo: Demo, home: Path, name: str) -> None:
    """Somebody has joined the region whose operator approves who joins; its agent is not up."""
    demo.homes[name] = home / name
    demo.weir(WEST, "join-token", "create", name, "--out", str(home / f"{name}.join"))
    demo.weir(
        WEST,
        *("agent", "join", demo.network.url(WEST), "--home", str(home / name)),
        *("--token-file", str(home / f"{name}.join"), "--region", "west", "--country", "CN"),
    )


def _queues(network: Network) -> None:
    client = network[WEST]
    client.set_policy(PolicyRequest(policy="fair"))
    quota = {"devices": {"nominal": "64", "borrow": "32"}}
    entries = ({"name": "science", "weight": 2, "quota": quota}, {"name": "industry"})
    queues = tuple(QueueEntry.model_validate(entry) for entry in entries)
    client.set_queues(QueuesRequest(queues=queues))


def _way_and_downtime(demo: Demo) -> None:
    client, site = demo.network[WEST], "chengdu-tianfu"
    cluster = next(c.id for c in client.clusters() if c.site_name == site)
    demo.words["WAY"] = quote(f"{cluster}>{demo.network.identifier(WEST)}", safe="")
    demo.names["WAY"] = f"{site} → {WEST}"
    demo.weir(WEST, "downtime", "declare", "guian-valley", "--for", "1s", "--why", "a breaker fell")


def _ask_replay(demo: Demo) -> None:
    asked = ReplayRequest(policies=("fifo", "balanced"), days=1)
    demo.words["REPLAY"] = demo.network[TOP].ask_replay(asked).id
