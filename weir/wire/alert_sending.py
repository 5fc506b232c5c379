"""The file of `weir alerts send`: whose notices, and who is told how.

    server: {url: "http://127.0.0.1:7500", token_file: /etc/weir/alerts.token}
    state: /var/lib/weir/alerts.state
    receivers:
      - name: duty
        kind: webhook
        url_file: /etc/weir/duty.url
        at_least: critical
      - name: operators
        kind: email
        host: mail.example.org
        user: weir
        password_file: /etc/weir/mail.password
        from: weir@example.org
        to: [ops@example.org]
        language: zh
      - {name: am, kind: alertmanager, url: "http://127.0.0.1:9093"}

Secrets stand in files of their own. Every mistake is told at once, with its field and line.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from weir.core import units
from weir.core.alerts import Severity
from weir.core.errors import BadInput
from weir.wire.base import Wire
from weir.wire.jobspec import Name, text_of
from weir.wire.mistakes import read_yaml, validated

Duration = Annotated[str, text_of(units.parse_duration_s)]


def _url(text: str) -> str:
    if re.fullmatch(r"https?://[^/\s@]+(/\S*)?", text) is None:
        raise ValueError("is no URL: it begins with http:// or https:// and holds no password")
    return text


def _address(text: str) -> str:
    if re.fullmatch(r"[^@\s,;<>]+@[^@\s,;<>]+", text) is None:
        raise ValueError("is no address; write for example ops@example.org")
    return text


Url = Annotated[str, AfterValidator(_url)]
Address = Annotated[str, AfterValidator(_address)]
Language = Literal["en", "zh"]
SEVERITIES = tuple(Severity)


class ServerPart(Wire):
    """The server whose notices are sent; a viewer's token is enough."""

    url: Url
    token_file: Path


class _Receiver(Wire):
    """Who is told: of what is at least so bad, and of these rules if any are named."""

    name: Name
    at_least: Severity = Severity.INFO
    rules: tuple[str, ...] = ()
    language: Language = "en"
    timeout: Duration = "10s"
    ca_file: Path | None = None

    def wants(self, rule: str, severity: Severity) -> bool:
        """Whether such a notice is for this receiver."""
        bad_enough = SEVERITIES.index(severity) >= SEVERITIES.index(self.at_least)
        return bad_enough and (not self.rules or rule in self.rules)

    @property
    def timeout_s(self) -> float:
        """The longest wait for each step, in seconds."""
        return float(units.parse_duration_s(self.timeout))


class Webhook(_Receiver):
    """A POST of JSON; `url_file` where the address is a secret."""

    kind: Literal["webhook"]
    url: Url | None = None
    url_file: Path | None = None
    token_file: Path | None = None

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("needs either url or url_file")
        return self


class Email(_Receiver):
    """A letter by SMTP. A password goes over a line in the clear to this machine only."""

    kind: Literal["email"]
    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password_file: Path | None = None
    sender: Annotated[Address, Field(alias="from")]
    to: Annotated[tuple[Address, ...], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _together(self) -> Self:
        if bool(self.user) != (self.password_file is not None):
            raise ValueError("user and password_file go together")
        if self.user and self.security == "none" and not _is_here(self.host):
            raise ValueError(f"a password is not sent to {self.host} in the clear; set security")
        return self


class Alertmanager(_Receiver):
    """Alertmanager's API v2, at the address before `/api/v2`."""

    kind: Literal["alertmanager"]
    url: Url
    token_file: Path | None = None


Receiver = Webhook | Email | Alertmanager


class Sending(Wire):
    """The whole file. `since`: what a receiver is told that stands in the file for the first time;
    `give_up`: how long a notice is tried.
    """

    server: ServerPart
    state: Path
    every: Duration = "5s"
    since: Duration = "1h"
    give_up: Duration = "1d"
    receivers: Annotated[
        tuple[Annotated[Receiver, Field(discriminator="kind")], ...], Field(min_length=1)
    ]

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [receiver.name for receiver in self.receivers]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"receivers need names that differ: {', '.join(twice)} stands twice")
        return self


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def read_sending(path: Path) -> Sending:
    """The settings in a file. Raises `BadInput` with every mistake, its field and line."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} can't be read: {error}") from None
    data, lines = read_yaml(text, str(path))
    return validated(Sending, data, str(path), lines)
