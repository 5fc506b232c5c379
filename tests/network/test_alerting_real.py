"""An alert's whole way: a server's rule, `weir alerts send`, a real Alertmanager, and a letter.

Alertmanager is asked for what fires, and tells in its turn what it takes to be resolved: what it
no longer lists might as well be forgotten.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.alertmanager import alertmanager_up, alerts_at
from tests.cli.mail import Got, http, smtp
from tests.network.harness import Network, job, network_up
from tests.network.networks import ONE_SITE
from weir.wire.alert_sending import read_sending

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

RULES = """
shipped: false
rules:
  - name: jobs-wait
    indicator: jobs
    part: waiting
    above: 0
    severity: critical
    summary: Jobs wait
    summary_zh: 有作业在排队
"""

SENDING = """
server: {{url: "{url}", token_file: {token}}}
state: {home}/sent
every: 1s
receivers:
  - {{name: manager, kind: alertmanager, url: "{manager}"}}
  - name: people
    kind: email
    host: 127.0.0.1
    port: {mail}
    security: none
    from: weir@example.org
    to: [ops@example.org]
    language: zh
"""

WITHIN_S = 60.0
"""A server looks at its rules every 15 s."""


@dataclass(frozen=True)
class Story:
    """A network, an Alertmanager, what that has told, and the letters that came."""

    network: Network
    manager: str
    told: Got
    mail: Got


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    with (
        http() as told,
        smtp() as mail,
        alertmanager_up(tmp_path, told.port) as manager,
        network_up(tmp_path / "net", ONE_SITE, "--alerts", str(rules), "--lease", "5") as network,
    ):
        config = tmp_path / "send.yaml"
        config.write_text(
            SENDING.format(
                url=network.url("nation"),
                token=network.folder.domain("nation") / "operator.token",
                home=tmp_path,
                manager=manager,
                mail=mail.port,
            )
        )
        assert len(read_sending(config).receivers) == 2
        network.start("sender", "alerts", "send", "--config", str(config))
        yield Story(network, manager, told, mail)


def test_it_fires_and_is_resolved_in_alertmanager_and_by_letter(story: Story) -> None:
    network, begun = story.network, time.time()
    (waits,) = network.submit("nation", job("big", "true", cpu="64"))
    found = network.until("Alertmanager has it", lambda: alerts_at(story.manager), WITHIN_S)
    (alert,) = found
    assert alert["labels"] == {
        "alertname": "jobs-wait",
        "severity": "critical",
        "subject": network.identifier("nation"),
        "site": "nation",
        "domain": "nation",
        "indicator": "jobs",
    }
    assert alert["annotations"]["summary_zh"] == "有作业在排队"
    assert alert["status"]["state"] == "active"
    assert alert["generatorURL"] == network.url("nation")
    assert network.until("it tells", lambda: told(story, "firing")) == ["jobs-wait"]

    network.command("nation", "cancel", waits)
    assert network.until("it tells the end", lambda: told(story, "resolved"), WITHIN_S) == [
        "jobs-wait"
    ]
    network.until("it lists it no more", lambda: not alerts_at(story.manager))
    assert begun <= alerted_at(story), "no older than the job"
    network.until("both letters are there", lambda: len(story.mail.letters) == 2)
    assert [letter["Subject"] for letter in story.mail.letters] == [
        "nation [严重] nation: 有作业在排队 (告警)",
        "nation [严重] nation: 有作业在排队 (已恢复)",
    ]


def told(story: Story, status: str) -> list[str]:
    """The alerts of that status of which Alertmanager has told by itself."""
    return [alert["labels"]["alertname"] for alert in _of(story, status)]


def alerted_at(story: Story) -> float:
    """Since when the resolved alert had fired, in seconds since 1970."""
    (alert,) = _of(story, "resolved")
    begun, over = (datetime.fromisoformat(alert[name]) for name in ("startsAt", "endsAt"))
    assert begun < over
    return begun.timestamp() + 1  # it is told in whole seconds


def _of(story: Story, status: str) -> list[dict[str, Any]]:
    bodies = [body for path, _, body in story.told.calls if path == "/told"]
    return [a for body in bodies for a in body["alerts"] if a["status"] == status]
