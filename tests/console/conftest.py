"""A domain's console, asked in this process, and people who have signed in to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.builders import ASCEND, Cluster, Domain, pool, spec
from tests.databases import NewStore
from weir.api.app import make_app
from weir.api.wakeups import Wakeups
from weir.console import app as console
from weir.console.recent import Recent
from weir.control.join import make_person_token
from weir.scheduling.snapshot import Queue
from weir.wire.jobs import Submission
from weir.wire.joining import TokenRequest
from weir.wire.pools import Place

HTML = {"Accept": "text/html"}
QUEUES = (Queue("science", "", 2.0, (None, None, 8000), (None, None, 0)),)


@dataclass
class Browser:
    """One person's browser, as far as cookies and forms go."""

    http: TestClient

    def get(self, path: str, **headers: str) -> Any:
        return self.http.get(path, headers=HTML | headers, follow_redirects=False)

    def csrf(self) -> str:
        page = self.get("/find").text if "weir-nation" in self.http.cookies else ""
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', page or self.get("/signin").text)
        assert found
        return found[1]

    def post(self, path: str, headers: dict[str, str] | None = None, **form: str) -> Any:
        """Send a form of a page, with its token unless another one is given."""
        data = {"csrf": self.csrf()} | form
        return self.http.post(
            path, data=data, headers=HTML | (headers or {}), follow_redirects=False
        )

    def sign_in(self, token: str) -> Any:
        return self.post("/signin", token=token)


class House:
    """A domain with its console."""

    def __init__(self, store: NewStore, folder: Path) -> None:
        self.domain = Domain(store(), folder / "files", queues=QUEUES, policy="fair")
        wakeups = Wakeups()
        self.app = make_app(self.domain.ctx, wakeups)
        # However slow the machine is, nothing is dear: pages show what is, and not what was.
        console.install(self.app, Recent(clock=lambda: 0.0, busy=lambda: 0.0))

    def token(self, subject: str, role: str) -> str:
        request = TokenRequest.model_validate({"subject": subject, "roles": [role]})
        return make_person_token(self.domain.ctx, request).token

    def visitor(self) -> Browser:
        return Browser(TestClient(self.app, raise_server_exceptions=False))

    def browser(self, subject: str = "li", role: str = "user") -> Browser:
        """Somebody who has signed in."""
        made = self.visitor()
        answer = made.sign_in(self.token(subject, role))
        assert answer.status_code == 303, answer.text
        return made

    def furnish(self) -> dict[str, str]:
        """A center with two pools; jobs that run, wait, have ended: their ids by name."""
        here = Place(region="east", country="CN", latitude=31.2, longitude=121.5)
        site = self.domain.site(
            "shanghai",
            pool("gpu", location=here, traits=("cuda",), price_micro_per_device_hour=7_500_000),
            pool("npu", model=ASCEND, emulated=True, location=here, industries=("steel",)),
        )
        self.domain.below("west", *[])
        ids = {"ended": self.job(site, "ended", "accepted", "started", "succeeded")}
        ids["failed"] = self.job(site, "failed", "accepted", "started", "failed")
        ids["runs"] = self.job(site, "runs", "accepted", "started")
        run = self.domain.job(ids["runs"]).runs[0].id
        site.send(run, "stdout", 0, b"step 1 <script>alert(1)</script>\n")
        ids["waits"] = self.domain.submit(spec("waits", devices=8, count=999))
        ids["secret"] = self.domain.submit(
            spec("secret", devices=8, count=999, environment={"KEY": "xyzzy"})
        )
        return ids

    def job(self, site: Cluster, name: str, *events: str) -> str:
        job = self.domain.submit_all(Submission(spec=spec(name)))[0]
        self.domain.round()
        site.run(*events)
        return job


@pytest.fixture
def house(new_store: NewStore, tmp_path: Path) -> House:
    return House(new_store, tmp_path)


@pytest.fixture
def furnished(house: House) -> tuple[House, dict[str, str]]:
    return house, house.furnish()
