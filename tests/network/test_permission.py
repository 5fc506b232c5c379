"""Who may write: nobody without a token; and a token stands nowhere but where it was put."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.network.harness import Network, job
from weir.api.routes import OPEN, ROUTES, Route
from weir.core.lifecycle import JobState
from weir.wire.joining import JoinTokenRequest, TokenRequest

ASKS = ("/v1/find", "/api/v1/")
"""What is asked by POST and writes nothing: a job's places, and as Prometheus is asked."""

WRITES = [r for r in ROUTES if r.method != "GET" and not r.path.startswith(ASKS)]
READS = [r for r in ROUTES if r not in WRITES and r.path not in OPEN]
FOR_AGENTS = {"/v1/exchange", "/v1/filler"}


@pytest.fixture(scope="module")
def http(country: Network) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=country.url("region-a"), trust_env=False) as client:
        yield client


def call(http: httpx.Client, route: Route, token: str | None) -> httpx.Response:
    """Call a route with an empty body: who calls is looked at first."""
    path = re.sub(r"\{[^}]+\}", "x1", route.path)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return http.request(route.method, path, headers=headers)


@pytest.fixture(scope="module")
def viewer(country: Network) -> str:
    request = TokenRequest(subject="visitor", roles=("viewer",))
    return country["region-a"].create_token(request).token


@pytest.fixture(scope="module")
def agent(country: Network) -> str:
    [found] = country.folder.site("site-a").glob("joins/*.token")
    return found.read_text().strip()


@pytest.mark.parametrize("route", [*WRITES, *READS], ids=lambda r: f"{r.method} {r.path}")
def test_nothing_is_done_for_a_caller_without_a_good_token(
    http: httpx.Client, route: Route
) -> None:
    for token in (None, "weir_person_made-up"):
        answer = call(http, route, token)
        assert answer.status_code == 401
        assert answer.json()["code"] == "weir.auth.required"
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("route", WRITES, ids=lambda r: f"{r.method} {r.path}")
def test_nothing_is_written_for_a_viewer_or_an_agent(
    http: httpx.Client, route: Route, viewer: str, agent: str
) -> None:
    assert call(http, route, viewer).status_code == 403
    if route.path not in FOR_AGENTS:
        assert call(http, route, agent).status_code == 403


def test_secrets_stand_in_no_log_no_command_line_no_database_and_no_job(
    country: Network, http: httpx.Client, viewer: str
) -> None:
    region = country["region-a"]
    used = region.create_join_token(JoinTokenRequest(kind="site", name="guest")).token
    call(http, next(r for r in ROUTES if r.path == "/v1/join"), used)
    made_up = "weir_person_" + "mistaken" * 4
    call(http, WRITES[0], made_up)
    [spy] = country.submit("region-a", job("spy", "env; tr '\\0' ' ' < /proc/$PPID/cmdline"))
    assert country.ended("region-a", spy).state == JobState.SUCCEEDED

    texts = dict(files_under(country.folder.home))
    secrets = {text.strip() for path, text in texts.items() if path.suffix == ".token"}
    assert len(secrets) > 12
    secrets |= {secret.encode() for secret in (viewer, used, made_up)}

    # What was given to somebody is kept as it came, in files that are only theirs.
    kept = {
        path for path in texts if path.suffix == ".token" or path.with_suffix(".token") in texts
    }
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept)
    places = {
        **{str(path): text for path, text in texts.items() if path not in kept},
        **dict(command_lines()),
        "the job": country.read("region-a", spy).encode(),
    }
    found = [where for where, text in places.items() if any(s in text for s in secrets)]
    assert found == []


def files_under(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Logs, databases, settings and all else; what goes away meanwhile is left out."""
    for at, _, names in os.walk(folder):
        for path in (Path(at, name) for name in names):
            with suppress(OSError):
                yield path, path.read_bytes()


def command_lines() -> Iterator[tuple[str, bytes]]:
    for process in psutil.process_iter():
        with suppress(OSError):
            yield f"process {process.pid}", Path(f"/proc/{process.pid}/cmdline").read_bytes()
