"""Notices on their way: to real servers on loopback, each once, in order, with secrets kept."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.builders import NOW, weir
from tests.cli.mail import Got, http, smtp
from weir.cli.alerts_receivers import Away, tell
from weir.cli.alerts_send import Marks, Sender, alone, until_stopped
from weir.core.errors import BadInput, NotReady
from weir.wire.alert_answers import NoticeAnswer, NoticesAnswer
from weir.wire.alert_sending import Receiver, Sending, read_sending


def a_notice(number: int, **changes: Any) -> NoticeAnswer:
    fields = {
        "number": number,
        "at": NOW - 60 + number,
        "what": "fires",
        "rule": "site-silent",
        "subject": "CN.S1.C1-E",
        "name": "苏州 / main",
        "severity": "critical",
        "indicator": "pools_silent",
        "value": 3.0,
        "unit": "1",
        "fired_at": NOW - 60,
        "summary": "The center is out of touch",
        "summary_zh": "算力中心失联",
        "domain": "nation",
        "url": "http://nation.test",
    }
    return NoticeAnswer.model_validate(fields | changes)


class Source:
    """A server's notices."""

    def __init__(self, *notices: NoticeAnswer, data_id: str = "data-1") -> None:
        self.kept, self.data_id = list(notices), data_id

    def notices(self, after: int, limit: int = 100) -> NoticesAnswer:
        found = [n for n in self.kept if n.number > after][:limit]
        return NoticesAnswer(data_id=self.data_id, notices=tuple(found))


@pytest.fixture
def web() -> Iterator[Got]:
    with http() as got:
        yield got


@pytest.fixture
def mail() -> Iterator[Got]:
    with smtp() as got:
        yield got


def settings(tmp_path: Path, receivers: str) -> Sending:
    (tmp_path / "token").write_text("server-token\n")
    (tmp_path / "password").write_text("mail-secret\n")
    text = f"""
server: {{url: "http://weir.test", token_file: {tmp_path}/token}}
state: {tmp_path}/state
receivers:
{receivers}
"""
    path = tmp_path / "send.yaml"
    path.write_text(text)
    return read_sending(path)


def sender(tmp_path: Path, receivers: str, source: Source) -> Sender:
    return Sender(settings(tmp_path, receivers), source, Marks(tmp_path / "state"))


def test_a_webhook_is_told_each_notice_once_and_in_order(tmp_path: Path, web: Got) -> None:
    (tmp_path / "url").write_text(f"http://127.0.0.1:{web.port}/secret-hook\n")
    hook = f"  - {{name: duty, kind: webhook, url_file: {tmp_path}/url}}"
    source = Source(a_notice(1), a_notice(2, what="resolved"))
    assert sender(tmp_path, hook, source).turn(NOW)
    assert sender(tmp_path, hook, source).turn(NOW + 1), "another process, the same file"
    source.kept.append(a_notice(3))
    assert sender(tmp_path, hook, source).turn(NOW + 2)

    assert [body["number"] for _, _, body in web.calls] == [1, 2, 3]
    path, headers, body = web.calls[0]
    assert path == "/secret-hook"
    assert headers["Idempotency-Key"] == "data-1.1"
    assert body["title"] == "[critical] 苏州 / main: The center is out of touch (fires)"
    assert "value: pools_silent 3" in body["text"]


def test_a_receiver_is_told_what_is_bad_enough_and_of_its_rules(tmp_path: Path, web: Got) -> None:
    url = f'"http://127.0.0.1:{web.port}/'
    hooks = f"""
  - {{name: bad, kind: webhook, url: {url}bad", at_least: warning}}
  - {{name: mine, kind: webhook, url: {url}mine", rules: [pue]}}
"""
    source = Source(
        a_notice(1, severity="info"), a_notice(2, severity="warning"), a_notice(3, rule="pue")
    )
    assert sender(tmp_path, hooks, source).turn(NOW)
    assert [(path, body["number"]) for path, _, body in web.calls] == [
        ("/bad", 2),
        ("/bad", 3),
        ("/mine", 3),
    ]


def test_one_that_is_away_is_tried_again_later_and_holds_up_no_other(
    tmp_path: Path, web: Got
) -> None:
    with http() as flaky:
        flaky.answers = [503, 500, 200]
        hooks = f"""
  - {{name: flaky, kind: webhook, url: "http://127.0.0.1:{flaky.port}/"}}
  - {{name: good, kind: webhook, url: "http://127.0.0.1:{web.port}/"}}
"""
        source = Source(a_notice(1), a_notice(2))
        done = [sender(tmp_path, hooks, source).turn(NOW + s) for s in (0, 4, 5, 14, 15)]
        assert done == [False, False, False, False, True], "after 5 s, and then after 10 s"
        assert [body["number"] for _, _, body in flaky.calls] == [1, 2]
    assert [body["number"] for _, _, body in web.calls] == [1, 2]


def test_what_is_never_taken_is_left_out_and_what_is_too_old_given_up(
    tmp_path: Path, web: Got, caplog: pytest.LogCaptureFixture
) -> None:
    hook = f'  - {{name: duty, kind: webhook, url: "http://127.0.0.1:{web.port}/"}}'
    web.answers = [422, 503, 503, 200]
    source = Source(a_notice(1), a_notice(2))
    assert not sender(tmp_path, hook, source).turn(NOW)
    assert sender(tmp_path, hook, source).turn(NOW + 86401)
    source.kept.append(a_notice(3, at=NOW + 86400))
    assert sender(tmp_path, hook, source).turn(NOW + 86402)
    assert [body["number"] for _, _, body in web.calls] == [3]
    assert "duty refuses notice 1" in caplog.text
    assert "notice 2 is given up for duty" in caplog.text


def test_a_letter_in_the_readers_language(tmp_path: Path, mail: Got) -> None:
    receiver = f"""
  - name: ops
    kind: email
    host: 127.0.0.1
    port: {mail.port}
    security: none
    user: weir
    password_file: {tmp_path}/password
    from: weir@example.org
    to: [ops@example.org, duty@example.org]
    language: zh
"""
    source = Source(a_notice(1, name="苏州\r\nBcc: x@example.org"))
    assert sender(tmp_path, receiver, source).turn(NOW)
    (letter,) = mail.letters
    assert letter["Subject"] == "nation [严重] 苏州 Bcc: x@example.org: 算力中心失联 (告警)"
    assert letter["Bcc"] is None
    assert letter["Message-ID"] == "<data-1.1@example.org>"
    assert mail.to == [["ops@example.org", "duty@example.org"]]
    assert "当前值: pools_silent 3" in letter.get_content()


def test_a_mail_server_that_takes_nothing_now_or_never(tmp_path: Path, mail: Got) -> None:
    receiver = f"""
  - name: ops
    kind: email
    host: 127.0.0.1
    port: {mail.port}
    security: none
    from: weir@example.org
    to: [ops@example.org]
"""
    mail.answers = [451, 554, 200]
    source = Source(a_notice(1), a_notice(2))
    assert not sender(tmp_path, receiver, source).turn(NOW)
    assert sender(tmp_path, receiver, source).turn(NOW + 5)
    assert [letter["Message-ID"] for letter in mail.letters] == ["<data-1.2@example.org>"]


def test_alertmanager_hears_when_it_fires_and_when_it_is_over(tmp_path: Path, web: Got) -> None:
    receiver = f'  - {{name: am, kind: alertmanager, url: "http://127.0.0.1:{web.port}/am"}}'
    source = Source(
        a_notice(1), a_notice(2, what="is flapping"), a_notice(3, what="resolved", at=NOW)
    )
    assert sender(tmp_path, receiver, source).turn(NOW)
    assert [path for path, _, _ in web.calls] == ["/am/api/v2/alerts"] * 2
    (fires,), (over,) = (body for _, _, body in web.calls)
    assert fires["labels"] == over["labels"]
    assert fires["labels"]["alertname"] == "site-silent"
    assert fires["startsAt"] == over["startsAt"] == "2023-11-14T22:12:20Z"
    assert over["endsAt"] == "2023-11-14T22:13:20Z" < fires["endsAt"]


def test_no_secret_is_in_the_log(
    tmp_path: Path, mail: Got, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "weir")
    (tmp_path / "url").write_text("http://127.0.0.1:1/hidden-path\n")
    (tmp_path / "hook-token").write_text("hidden-token\n")
    (tmp_path / "wrong").write_text("hidden-password\n")
    receivers = f"""
  - {{name: a, kind: webhook, url_file: {tmp_path}/url, token_file: {tmp_path}/hook-token}}
  - {{name: b, kind: webhook, url_file: {tmp_path}/none}}
  - name: c
    kind: email
    host: 127.0.0.1
    port: {mail.port}
    security: none
    user: weir
    password_file: {tmp_path}/wrong
    from: weir@example.org
    to: [ops@example.org]
"""
    assert not sender(tmp_path, receivers, Source(a_notice(1))).turn(NOW)
    assert caplog.text.count("notice 1 waits 5 s") == 3
    assert "535" in caplog.text
    assert "hidden" not in caplog.text


def test_a_new_receiver_begins_with_the_last_hour(tmp_path: Path, web: Got) -> None:
    hook = f'  - {{name: duty, kind: webhook, url: "http://127.0.0.1:{web.port}/"}}'
    old = [a_notice(n, at=NOW - 9000) for n in range(1, 1202)]
    assert sender(tmp_path, hook, Source(*old, a_notice(1300))).turn(NOW)
    assert [body["number"] for _, _, body in web.calls] == [1300]


def test_other_data_of_a_server_counts_anew(tmp_path: Path, web: Got) -> None:
    hook = f'  - {{name: duty, kind: webhook, url: "http://127.0.0.1:{web.port}/"}}'
    assert sender(tmp_path, hook, Source(a_notice(1), a_notice(2))).turn(NOW)
    assert sender(tmp_path, hook, Source(a_notice(1), data_id="data-2")).turn(NOW)
    assert [h["Idempotency-Key"] for _, h, _ in web.calls] == ["data-1.1", "data-1.2", "data-2.1"]


def test_killed_between_the_call_and_the_mark_it_is_told_again_with_the_same_key(
    tmp_path: Path, web: Got
) -> None:
    hook = f'  - {{name: duty, kind: webhook, url: "http://127.0.0.1:{web.port}/"}}'
    chosen, source = settings(tmp_path, hook), Source(a_notice(1))

    class Killed(BaseException):
        pass

    def told_and_killed(receiver: Receiver, notice: NoticeAnswer, data_id: str) -> None:
        tell(receiver, notice, data_id)
        raise Killed

    with pytest.raises(Killed):
        Sender(chosen, source, Marks(tmp_path / "state"), told_and_killed).turn(NOW)
    assert Sender(chosen, source, Marks(tmp_path / "state")).turn(NOW)
    assert [h["Idempotency-Key"] for _, h, _ in web.calls] == ["data-1.1", "data-1.1"]


def test_a_server_that_is_away_is_said_once_and_asked_again(
    tmp_path: Path, web: Got, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "weir")
    hook = f'  - {{name: duty, kind: webhook, url: "http://127.0.0.1:{web.port}/"}}'
    stopped, asked = threading.Event(), []

    class Away(Source):
        def notices(self, after: int, limit: int = 100) -> NoticesAnswer:
            asked.append(after)
            if len(asked) <= 2:
                raise NotReady("the server is away")
            stopped.set()
            return super().notices(after, limit)

    until_stopped(stopped, sender(tmp_path, hook, Away(a_notice(1))), 0.0, lambda: NOW)
    assert [body["number"] for _, _, body in web.calls] == [1]
    assert caplog.text.count("the server is away") == 1
    assert caplog.text.count("answers again") == 1


def test_two_senders_dont_share_a_file(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with alone(state), pytest.raises(BadInput, match="another"), alone(state):
        raise AssertionError("both have it")


def test_a_certificate_that_is_not_known_is_not_trusted(tmp_path: Path) -> None:
    hook = "  - {name: duty, kind: webhook, url: 'https://127.0.0.1:1/', ca_file: /nonexistent}"
    (receiver,) = settings(tmp_path, hook).receivers
    with pytest.raises(Away, match="holds no certificates"):
        tell(receiver, a_notice(1), "data-1")


def test_every_mistake_of_the_file_is_told(tmp_path: Path) -> None:
    receivers = """
  - {name: a, kind: webhook}
  - {name: b, kind: pager}
  - {name: c, kind: email, host: mail.example.org, from: x, to: []}
  - {name: d, kind: email, host: mail.example.org, from: a@b, to: [a@b], user: u,
     password_file: p, security: none}
  - {name: e, kind: alertmanager, url: "ftp://x", at_least: awful}
"""
    with pytest.raises(BadInput) as refused:
        settings(tmp_path, receivers)
    said = {m.field: m.message for m in refused.value.mistakes}
    assert said["receivers[0].webhook"] == "needs either url or url_file"
    assert "in the clear" in said["receivers[3].email"]
    assert {f for f in said if f.startswith("receivers[2]")} == {
        "receivers[2].from",
        "receivers[2].to",
    }
    assert {f for f in said if f.startswith("receivers[4]")} == {
        "receivers[4].url",
        "receivers[4].at_least",
    }
    assert "'webhook', 'email', 'alertmanager'" in said["receivers[1]"]


def test_the_file_can_be_checked_without_sending(tmp_path: Path) -> None:
    settings(tmp_path, '  - {name: am, kind: alertmanager, url: "http://127.0.0.1:9093"}')
    result = weir({}, "alerts", "send", "--config", str(tmp_path / "send.yaml"), "--check")
    assert result.stdout == "am: alertmanager, info and worse\n"
