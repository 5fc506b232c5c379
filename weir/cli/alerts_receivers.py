"""Receivers of notices: a webhook, a mail server, Alertmanager. One notice, tried once.

Laws:
- What was taken returns; `Away` says to try again, `Refused` that this notice is never taken.
- Secrets are read from their files each time, and stand in no error and in no log.
- A repeat is known as one: by a key in the call, by the letter's Message-ID, by the labels.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx

from weir.cli.alerts_text import clean, headline, letter, moment, value_of
from weir.wire.alert_answers import NoticeAnswer
from weir.wire.alert_sending import Alertmanager, Email, Receiver, Webhook

HERE = ("all://localhost", "all://127.0.0.1", "all://[::1]")
"""This machine is asked directly, whatever the environment says of proxies."""

NEVER = (400, 413, 422)
"""What a server answers that will not take this notice, however often it is sent."""

OPEN_S = 30 * 86400.0
"""Alertmanager takes what fires to go on for so long, unless it is told that it is over."""


class Away(Exception):
    """It was not taken now; it may be later."""


class Refused(Exception):
    """It will never be taken."""


def tell(receiver: Receiver, notice: NoticeAnswer, data_id: str) -> None:
    """Tell one receiver. Raises `Away` or `Refused`."""
    key = f"{data_id}.{notice.number}"
    if isinstance(receiver, Webhook):
        _webhook(receiver, notice, key)
    elif isinstance(receiver, Email):
        _email(receiver, notice, key)
    else:
        _alertmanager(receiver, notice)


def _secret(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Away(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Away(f"{path} is no text") from None


# -- HTTP ------------------------------------------------------------------------------------------


def _webhook(receiver: Webhook, notice: NoticeAnswer, key: str) -> None:
    text = {"title": headline(notice, receiver.language), "text": letter(notice, receiver.language)}
    url = receiver.url or _secret(receiver.url_file)
    body = {**notice.model_dump(mode="json"), **text}
    _post(receiver, url, body, _secret(receiver.token_file), {"Idempotency-Key": key})


def _alertmanager(receiver: Alertmanager, notice: NoticeAnswer) -> None:
    if notice.what == "is flapping":  # there it fires already
        return
    labels = {
        "alertname": notice.rule,
        "severity": str(notice.severity),
        "subject": notice.subject,
        "site": notice.name,
        "domain": notice.domain,
        "indicator": notice.indicator,
    }
    begun = notice.at if notice.fired_at is None else notice.fired_at
    over = notice.what == "resolved"
    alert = {
        "labels": {name: clean(text) for name, text in labels.items() if text},
        "annotations": {
            "summary": clean(notice.summary),
            "summary_zh": clean(notice.summary_zh),
            "value": value_of(notice, "en"),
        },
        "startsAt": moment(begun),
        "endsAt": moment(max(notice.at, begun + 1) if over else notice.at + OPEN_S),
        "generatorURL": notice.url,
    }
    url = receiver.url.rstrip("/") + "/api/v2/alerts"
    _post(receiver, url, [alert], _secret(receiver.token_file), {})


def _post(receiver: Receiver, url: str, body: Any, token: str, headers: dict[str, str]) -> None:
    """POST JSON; nothing of the address or the token is in what is raised."""
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        with httpx.Client(
            timeout=receiver.timeout_s,
            verify=_trust(receiver.ca_file) if url.startswith("https:") else False,
            mounts=dict.fromkeys(HERE),
        ) as client:
            answer = client.post(url, json=body, headers=headers)
    except httpx.InvalidURL:
        raise Away("its address is no URL") from None
    except (httpx.HTTPError, ValueError) as error:
        # The text of what failed may hold the address, which may be a secret.
        raise Away(f"it does not answer ({type(error).__name__})") from None
    if answer.is_success:
        return
    kind = Refused if answer.status_code in NEVER else Away
    raise kind(f"it answers {answer.status_code}")


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise Away(f"{ca_file} holds no certificates ({type(error).__name__})") from None


# -- SMTP ------------------------------------------------------------------------------------------


def _email(receiver: Email, notice: NoticeAnswer, key: str) -> None:
    message = letter_of(receiver, notice, key)
    password = _secret(receiver.password_file)
    trust = None if receiver.security == "none" else _trust(receiver.ca_file)
    try:
        with _connected(receiver, trust) as server:
            if receiver.security == "starttls":
                server.starttls(context=trust)
            if receiver.user:
                server.login(receiver.user, password)
            server.send_message(message)
    except smtplib.SMTPDataError as error:
        kind = Refused if 500 <= error.smtp_code < 600 else Away
        raise kind(f"it answers {error.smtp_code}") from None
    except smtplib.SMTPResponseException as error:
        raise Away(f"it answers {error.smtp_code} ({type(error).__name__})") from None
    except smtplib.SMTPRecipientsRefused:
        raise Away("it takes no letter for any of the addresses") from None
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        raise Away(f"it does not take the letter ({type(error).__name__})") from None


def _connected(receiver: Email, trust: ssl.SSLContext | None) -> smtplib.SMTP:
    host, port, timeout_s = receiver.host, receiver.port, receiver.timeout_s
    if receiver.security == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=timeout_s, context=trust)
    return smtplib.SMTP(host, port, timeout=timeout_s)


def letter_of(receiver: Email, notice: NoticeAnswer, key: str) -> EmailMessage:
    """The letter; of the same notice always the same one."""
    message = EmailMessage()
    message["Subject"] = f"{clean(notice.domain)} {headline(notice, receiver.language)}"
    message["From"] = receiver.sender
    message["To"] = ", ".join(receiver.to)
    message["Date"] = format_datetime(datetime.fromtimestamp(notice.at, UTC))
    message["Message-ID"] = f"<{key}@{receiver.sender.partition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter(notice, receiver.language))
    return message


Tell = Callable[[Receiver, NoticeAnswer, str], None]
