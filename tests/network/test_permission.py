"""Who may write: nobody without a token; and a token stands nowhere but where it was put."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.network.harness import Network, job
from weir.api.routes import OPEN, ROUTES, Route
from weir.core.lifecycle import JobState
from weir.wire.joining import JoinTokenRequest, TokenRequest

WRITES = [r for r in ROUTES if r.method != "GET" and r.path != "/v1/find"]
READS = [r for r in ROUTES if r not in WRITES and r.path not in OPEN]
FOR_AGENTS = {"/v1/exchange"}


def call(network: Network, route: Route, token: str | None) -> httpx.Response:
    """Call a route of region A with an empty body: who calls is looked at first."""
    path = route.path.replace("{name:path}", "stdout")
    path = path.format(job="j1", token="t1", identifier="x")
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    url = network.url("region-a") + path
    return httpx.request(route.method, url, headers=headers, trust_env=False)


@pytest.fixture(scope="module")
def viewer(country: Network) -> str:
    request = TokenRequest(subject="visitor", roles=("viewer",))
    return country["region-a"].create_token(request).token


@pytest.fixture(scope="module")
def agent(country: Network) -> str:
    [found] = country.folder.site("site-a").glob("joins/*.token")
    return found.read_text().strip()


@pytest.mark.parametrize("route", [*WRITES, *READS], ids=lambda r: f"{r.method} {r.path}")
def test_nothing_is_done_for_a_caller_without_a_good_token(country: Network, route: Route) -> None:
    for token in (None, "weir_person_made-up"):
        answer = call(country, route, token)
        assert answer.status_code == 401
        assert answer.json()["code"] == "weir.auth.required"
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("route", WRITES, ids=lambda r: f"{r.method} {r.path}")
def test_nothing_is_written_for_a_viewer_or_an_agent(
    country: Network, route: Route, viewer: str, agent: str
) -> None:
    assert call(country, route, viewer).status_code == 403
    if route.path not in FOR_AGENTS:
        assert call(country, route, agent).status_code == 403


def test_secrets_stand_in_no_log_no_command_line_no_database_and_no_job(
    country: Network, viewer: str
) -> None:
    region = country["region-a"]
    used = region.create_join_token(JoinTokenRequest(kind="site", name="guest")).token
    call(country, next(r for r in ROUTES if r.path == "/v1/join"), used)
    made_up = "weir_person_" + "mistaken" * 4
    call(country, WRITES[0], made_up)
    [spy] = country.submit("region-a", job("spy", "env; tr '\\0' ' ' < /proc/$PPID/cmdline"))
    assert country.ended("region-a", spy).state == JobState.SUCCEEDED

    files = [p for p in country.folder.home.rglob("*.token") if p.is_file()]
    secrets = {p.read_text().strip().encode() for p in files} | {
        t.encode() for t in (viewer, used, made_up)
    }
    assert len(secrets) > 12
    assert all(p.stat().st_mode & 0o077 == 0 for p in files)

    places = {
        **{str(p): p.read_bytes() for p in country.folder.logs.iterdir()},
        **{str(p): p.read_bytes() for p in country.folder.home.rglob("*.db*")},
        **dict(command_lines()),
        "the job": country.read("region-a", spy).encode(),
    }
    found = [where for where, text in places.items() if any(s in text for s in secrets)]
    assert found == []


def command_lines() -> Iterator[tuple[str, bytes]]:
    for process in psutil.process_iter():
        try:
            yield f"process {process.pid}", Path(f"/proc/{process.pid}/cmdline").read_bytes()
        except OSError:
            continue
