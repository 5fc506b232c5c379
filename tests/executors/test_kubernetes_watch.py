"""Ends of runs whose outputs are on a volume, as far as the agent sees them there."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, cast

import pytest

from tests.contract.bench import order, shell
from weir.core.lifecycle import RunEvent
from weir.executors.base import Seen
from weir.executors.kubernetes_calls import Kubernetes
from weir.executors.kubernetes_pools import Pools
from weir.executors.kubernetes_records import FILES, GROUP_LABEL, RUN_LABEL, TASK, Container, Pod
from weir.executors.kubernetes_runs import Notes, Run
from weir.executors.kubernetes_settings import KubernetesSettings
from weir.executors.kubernetes_watch import Watch

LOGS = {FILES: b"err\n\nword\nleft 0 5\nend\n", TASK: b"out\n"}


class Cluster:
    """A Kubernetes of which only logs are read."""

    def log(
        self, _pod: Pod, name: str, _limit: int, target: str, _since: int | None = None
    ) -> bool:
        Path(target).write_bytes(LOGS.get(name, b""))
        return name in LOGS


class Story:
    """A run with a required output, whose pod has succeeded."""

    def __init__(self, home: Path) -> None:
        volume = {"claim": "c", "folder": str(home), "settle_s": 10}
        settings = {"namespace": "jobs", "image": "i", "volume": volume}
        found = KubernetesSettings.model_validate(settings)
        wanted = order("r", shell("true"), outputs=[{"path": "made", "required": True}])
        folder = home / "runs" / "r"
        self.run = Run(wanted, "pool", str(folder), "jobs", "weir-r", 0.0, "word", sent_at=1.0)
        self.work = Path(self.run.work)
        self.work.mkdir(parents=True)
        self.now, self.seen = 100.0, list[Seen]()
        notes = Notes(home / "notes.db", 0.0)
        self.watch = Watch(
            found,
            cast(Kubernetes, Cluster()),
            Pools(found, {}, "agent"),
            notes,
            {"r": self.run},
            "agent",
            threading.RLock(),
            lambda: self.now,
            self.seen.append,
            lambda _run, _end: False,
        )
        over: dict[str, Any] = {"code": 0, "started": 90.0, "ended": 99.0}
        containers = (Container(FILES, **over), Container(TASK, said="started\nexit 0", **over))
        labels = {RUN_LABEL: "weir-r", GROUP_LABEL: "main"}
        self.pod = Pod(
            *("p", "jobs", "u", labels, "n", "Succeeded", 0, 0, {}), containers=containers
        )

    def look(self, at: float) -> list[RunEvent]:
        """What has been told by then."""
        self.now = at
        self.watch.take([self.pod], at)
        return [seen.event for seen in self.seen]


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


def test_an_output_that_comes_to_be_seen_later_is_waited_for(story: Story) -> None:
    assert story.look(101) == [RunEvent.STARTED]
    (story.work / "made").write_text("mad")
    assert story.look(103) == [RunEvent.STARTED]
    (story.work / "made").write_text("made\n")
    assert story.look(104) == [RunEvent.STARTED, RunEvent.SUCCEEDED]
    assert (Path(story.run.folder) / "main-0.stderr").read_text() == "err\n"


def test_one_that_never_is_seen_fails_the_run_and_says_where_it_was_looked_for(
    story: Story,
) -> None:
    assert story.look(101) == [RunEvent.STARTED]
    assert story.look(110) == [RunEvent.STARTED, RunEvent.FAILED]
    reason = f"output made: its pod has left it, and it is not in {story.work}"
    assert story.seen[-1].reason == reason


def test_what_the_pod_has_not_left_is_not_waited_for(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LOGS, FILES, b"\nword\nend\n")
    assert story.look(101) == [RunEvent.STARTED, RunEvent.FAILED]
    assert story.seen[-1].reason == "output made: missing"
