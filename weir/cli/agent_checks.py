"""The checks of an agent: can it reach its domain, is its clock right, is its token good, and what
its resource manager says. `weir agent join` does them before it joins, `weir agent doctor` after.

Laws:
- A check is one line: what was looked at, how it stands, what was seen, and the way out.
- Checks change nothing at the domain, and spend no token.
- What can't be checked the way things are is said to be so; it is no fault.
"""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal

import click
from pydantic import ValidationError

from weir.cli.output import say
from weir.client.http import Client
from weir.client.problems import NotUnderstood
from weir.core import units
from weir.core.errors import BadInput, NotAllowed, WeirError
from weir.executors import local_machine
from weir.executors.settings import LocalSettings
from weir.wire.base import Answer

State = Literal["ok", "warning", "wrong", "not checked"]
STYLES: dict[State, str] = {"ok": "", "warning": "yellow", "wrong": "red", "not checked": "dim"}

CLOSE_S = 2.0
"""The domain tells its time in whole seconds: a clock within this is as good as right."""

FAR_S = 60.0
"""A clock that is further off is wrong: it misleads people, certificates and resource managers."""

SAMPLES = 3
"""Round trips to the domain; the fastest counts, for the first one also connects."""

TIMEOUT_S = 10.0

LEAST_BYTES = 20_000
"""Less says nothing of a link's speed."""

SLOW_BYTES_S = 1_000_000
"""A link slower than this keeps jobs waiting for their files."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line. `fix` is what to do, where something is to be done."""

    what: str
    state: State
    said: str
    fix: str = ""

    def __str__(self) -> str:
        fix = f"; {self.fix}" if self.fix else ""
        return f"{self.state:<12} {self.what:<18} {self.said}{fix}"


def failed(checks: Iterable[Check]) -> bool:
    """Whether anything is wrong."""
    return any(check.state == "wrong" for check in checks)


def show(checks: Iterable[Check]) -> list[Check]:
    """Print each check as it is done; gives them."""
    done = []
    for check in checks:
        say(str(check), STYLES[check.state])
        done.append(check)
    return done


def show_json(checks: Sequence[tuple[str, Check]]) -> None:
    """Print checks, each with its agent's name, as JSON."""
    found = [{"agent": agent, **asdict(check)} for agent, check in checks]
    ok = not failed(check for _, check in checks)
    click.echo(json.dumps({"ok": ok, "checks": found}, indent=2, ensure_ascii=False))


# -- the domain ------------------------------------------------------------------------------------


class _Root(Answer):
    """What a server says of itself to everybody."""

    name: str
    kind: str
    version: str


class Prober(Client):
    """A client that also reads when the server answered."""

    def hello(self) -> tuple[_Root, float | None]:
        """Who answers, and the server's time to the second. Raises as every call does."""
        response = self._send("GET", "/")
        try:
            root = _Root.model_validate_json(response.content)
        except ValidationError:
            raise NotUnderstood(f"{self.url} answers, and is no Weir server") from None
        date = response.headers.get("Date")
        try:
            return root, parsedate_to_datetime(date).timestamp() if date else None
        except ValueError:
            return root, None

    def pull(self) -> int:
        """Fetch what is largest of what everybody may read, the description of the API: its size
        as it travels, in bytes.
        """
        response = self._send("GET", "/openapi.json")
        return int(response.headers.get("Content-Length") or len(response.content))


def domain_checks(url: str, now: Callable[[], float] = time.time) -> Iterator[Check]:
    """Whether the domain at `url` answers, how far this machine's clock is from its clock, and how
    much a second comes from there.
    """
    trips: list[tuple[float, float, _Root, float | None]] = []
    try:
        with Prober(url, None, TIMEOUT_S) as prober:
            for _ in range(SAMPLES):
                began = now()
                root, date = prober.hello()
                trips.append((now() - began, began, root, date))
            prober.ready()
    except WeirError as error:
        detail, _, fix = error.detail.partition(". ")
        yield Check("domain", "wrong", detail, fix.rstrip(".") or "check the address")
        yield Check("clock", "not checked", "the domain does not answer")
        return
    fastest, began, root, date = min(trips, key=lambda trip: trip[0])
    said = f"{root.name} ({root.kind}, version {root.version}) answers in {1000 * fastest:.0f} ms"
    yield Check("domain", "ok", f"{said} at {url}")
    yield _clock(began + fastest / 2, date)
    yield _link(url, fastest, now)


def _link(url: str, trip_s: float, now: Callable[[], float]) -> Check:
    """How much a second comes from the domain. What is fetched is small, and the line may need
    longer than that to be at its full speed: so it is at least as fast.
    """
    found: list[tuple[float, int]] = []
    try:
        with Prober(url, None, TIMEOUT_S) as prober:
            prober.hello()  # connects
            for _ in range(SAMPLES):
                began = now()
                size = prober.pull()
                found.append((now() - began, size))
    except WeirError as error:
        return Check("link", "not checked", f"nothing could be fetched: {error.detail}")
    took, size = min(found)
    if size < LEAST_BYTES:
        return Check("link", "not checked", "what the domain shows to everybody is too small")
    rate = round(size / max(took - trip_s, 0.001))
    trip = f"{1000 * trip_s:.0f} ms there and back"
    said = f"{trip}; at least {units.show_bytes(rate)} a second from there"
    said += f", by {units.show_bytes(size)} fetched in {1000 * took:.0f} ms"
    if rate < SLOW_BYTES_S:
        fix = "files travel over it: let jobs name theirs by URL, near the center (docs/data.md)"
        return Check("link", "warning", said, fix)
    return Check("link", "ok", said)


def _clock(here: float, date: float | None) -> Check:
    """How this machine's time `here` stands to a time that was cut to whole seconds."""
    if date is None:
        return Check("clock", "not checked", "the domain, or a proxy before it, tells no time")
    off = here - (date + 0.5)
    if abs(off) <= CLOSE_S:
        return Check("clock", "ok", f"within {CLOSE_S:g} s of the domain's")
    words = f"{abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} the domain's"
    state: State = "wrong" if abs(off) > FAR_S else "warning"
    return Check("clock", state, words, "let both keep time by NTP: `timedatectl set-ntp true`")


# -- tokens ----------------------------------------------------------------------------------------


def join_token_check(url: str, read: Callable[[], str]) -> Check:
    """Whether a join token can be read, and is one that its domain will take. Spends nothing."""
    make = "ask the domain's operator: `weir join-token create NAME --out FILE`"
    try:
        token = read()
    except (OSError, UnicodeDecodeError) as error:
        return Check("token", "wrong", f"can't be read ({error})", "read it as the agent's user")
    except BadInput as error:
        return Check("token", "wrong", error.detail, make)
    kind = token.removeprefix("weir_").partition("_")[0] if token.startswith("weir_") else "join"
    if kind != "join":
        return Check("token", "wrong", f"it is no join token, but one of kind {kind!r}", make)
    return _accepted("token", url, token, "the domain knows it, and spends it when you join", make)


def token_file_check(url: str, file: Path) -> Check:
    """Whether a lasting token can be read by its owner alone, and is known to its domain."""
    what = f"token {file.name}"
    again = "join again with a new join token"
    try:
        token = file.read_text(encoding="utf-8")
        mode = stat.S_IMODE(file.stat().st_mode)
    except (OSError, UnicodeDecodeError) as error:
        return Check(what, "wrong", f"{file} can't be read ({error})", again)
    found = _accepted(what, url, token, "readable, and the domain knows it", again)
    if found.state == "ok" and mode & 0o077:
        return Check(what, "warning", f"others can read {file}", f"chmod 600 {file}")
    return found


def _accepted(what: str, url: str, token: str, said: str, fix: str) -> Check:
    """Asked who it is, a domain refuses an agent that it knows in other words than a stranger."""
    try:
        with Client(url, token, TIMEOUT_S) as client:
            client.domain()
    except NotAllowed:
        return Check(what, "ok", said)
    except WeirError as error:
        if error.status == 503:
            return Check(what, "not checked", "readable; the domain does not answer")
        return Check(what, "wrong", error.detail, fix)
    return Check(what, "ok", said)


# -- this machine ----------------------------------------------------------------------------------


def local_checks(settings: LocalSettings) -> Iterator[Check]:
    """Whether this machine has what its pools say."""
    try:
        local_machine.check(settings.pools)
    except BadInput as error:
        for mistake in error.mistakes:
            yield Check("pools", "wrong", str(mistake), "write what there is into agents.yaml")
        return
    names = ", ".join(pool.name for pool in settings.pools)
    yield Check("pools", "ok", f"this machine has what is said of {names}")
