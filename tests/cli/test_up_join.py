"""Joining: who is asked what, in which order, and that it happens once."""

import json
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.client.builders import FakeServer, problem
from weir.cli.network_file import NetworkFile, read_network
from weir.cli.network_join import Folder, Server, join_parent, join_site, write_agents
from weir.client.http import Client
from weir.core.errors import Conflict
from weir.executors.settings import AgentSettings, FederatedSettings, SlurmSettings

NETWORK = """\
network: small
domains:
  - {name: top, kind: national}
  - {name: east, kind: regional, parent: top}
  - {name: works, kind: industry, parent: east}
sites:
  - name: harbor
    domains: [works, east]
    clusters:
      - {name: main, pools: [{name: cpu, emulated: true, cpu: 4, memory: 8GiB}]}
      - {name: edge, pools: [{name: cpu, emulated: true, cpu: 2, memory: 4GiB}]}
"""


class Domain:
    """A domain's server that lets everybody in, and keeps what it was asked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: list[tuple[str, str, Any]] = []
        self.fake = FakeServer(
            {
                "POST /v1/join-tokens": lambda r: self._said(r, {"token": "once", "expires_at": 1}),
                "POST /v1/join": self._join,
                "PUT /v1/domain/identity": lambda r: self._said(r, self._describe()),
                "POST /v1/uplinks": self._uplink,
            }
        )
        self.uplinks_work = True

    @property
    def server(self) -> Server:
        def connect(url: str, token: str) -> Client:
            return Client(url, token, transport=self.fake.transport)

        url = f"http://{self.name}.test"
        return Server(self.name, url, connect(url, "operator"), connect)

    def _join(self, request: httpx.Request) -> dict[str, Any]:
        body = json.loads(request.content)
        answer = {
            "identifier": "site-1",
            "cluster": body.get("identifier") or f"cluster-1-{body['cluster']}",
            "token": f"secret of {self.name}",
            "parent": f"id-{self.name}",
            "parent_name": self.name,
        }
        return self._said(request, answer)

    def _uplink(self, request: httpx.Request) -> httpx.Response | dict[str, Any]:
        if not self.uplinks_work:
            return problem(409, "weir.conflict", "not now")
        return self._said(request, {"cluster": "up", "token": f"uplink of {self.name}"})

    def _describe(self) -> dict[str, Any]:
        return {"id": "x", "name": self.name, "kind": "regional", "parent": "y", "version": "1"}

    def _said(self, request: httpx.Request, answer: dict[str, Any]) -> dict[str, Any]:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        self.asked.append((token, request.url.path, json.loads(request.content)))
        return answer


@pytest.fixture
def domains() -> dict[str, Domain]:
    return {name: Domain(name) for name in ("top", "east", "works")}


def servers(domains: dict[str, Domain]) -> dict[str, Server]:
    return {name: domain.server for name, domain in domains.items()}


def network() -> NetworkFile:
    return read_network(NETWORK, "net.yaml")


def uplinks(agent: AgentSettings) -> list[tuple[str, str, str]]:
    return [(u.url, u.token_file.read_text(), u.cluster) for u in agent.uplinks]


def test_a_domain_joins_its_parent_and_the_link_has_an_agent_each_way(
    domains: dict[str, Domain], tmp_path: Path
) -> None:
    down, up = join_parent(Folder(tmp_path), network().domains[1], servers(domains))
    wanted = {"kind": "domain", "name": "east", "domain_kind": "regional"}
    url = "http://east.test"
    assert domains["top"].asked == [
        ("operator", "/v1/join-tokens", wanted),
        ("once", "/v1/join", {"cluster": "east", "executor": "federated", "url": url}),
    ]
    assert domains["east"].asked == [
        ("operator", "/v1/domain/identity", {"identifier": "site-1", "parent": "id-top"}),
        (
            "operator",
            "/v1/uplinks",
            {"parent": "id-top", "parent_name": "top", "url": "http://top.test"},
        ),
    ]
    assert isinstance(down.executor, FederatedSettings)
    assert isinstance(up.executor, FederatedSettings)
    assert (down.name, down.executor.url) == ("east-to-top", url)
    assert down.executor.token_file.read_text() == "uplink of east"
    assert uplinks(down) == [("http://top.test", "secret of top", "cluster-1-east")]
    assert (up.name, up.executor.url) == ("top-to-east", "http://top.test")
    assert up.executor.token_file.read_text() == "secret of top"
    assert uplinks(up) == [(url, "uplink of east", "up")]


def test_a_join_that_broke_off_halfway_goes_on_from_there(
    domains: dict[str, Domain], tmp_path: Path
) -> None:
    domains["east"].uplinks_work = False
    with pytest.raises(Conflict):
        join_parent(Folder(tmp_path), network().domains[1], servers(domains))
    asked = list(domains["top"].asked)
    domains["east"].uplinks_work = True
    join_parent(Folder(tmp_path), network().domains[1], servers(domains))
    assert domains["top"].asked == asked


def test_a_site_of_two_domains_brings_its_identifiers_to_the_second(
    domains: dict[str, Domain], tmp_path: Path
) -> None:
    main, edge = join_site(Folder(tmp_path), network().sites[0], servers(domains), ("/opt/bin",))
    assert [body for _, _, body in domains["works"].asked] == [
        {"kind": "site", "name": "harbor", "identifier": None},
        {"cluster": "main", "executor": "local", "identifier": None},
        {"kind": "site", "name": "harbor", "identifier": "site-1"},
        {"cluster": "edge", "executor": "local", "identifier": None},
    ]
    assert [body for _, _, body in domains["east"].asked][:2] == [
        {"kind": "site", "name": "harbor", "identifier": "site-1"},
        {"cluster": "main", "executor": "local", "identifier": "cluster-1-main"},
    ]
    assert uplinks(main) == [
        ("http://works.test", "secret of works", "cluster-1-main"),
        ("http://east.test", "secret of east", "cluster-1-main"),
    ]
    assert (main.name, edge.name) == ("harbor-main", "harbor-edge")
    assert main.executor.kind == "local"
    assert main.executor.path == ("/opt/bin",)


def test_coming_up_again_asks_nobody(domains: dict[str, Domain], tmp_path: Path) -> None:
    folder, file = Folder(tmp_path), network()

    def everybody() -> list[AgentSettings]:
        links = [join_parent(folder, d, servers(domains)) for d in file.domains if d.parent]
        sites = [join_site(folder, site, servers(domains), ()) for site in file.sites]
        return [agent for agents in (*links, *sites) for agent in agents]

    first = everybody()
    asked = [list(d.asked) for d in domains.values()]
    assert everybody() == first
    assert [d.asked for d in domains.values()] == asked


def test_tokens_are_in_files_for_the_owner_alone(
    domains: dict[str, Domain], tmp_path: Path
) -> None:
    agents = join_site(Folder(tmp_path), network().sites[0], servers(domains), ())
    settings = tmp_path / "agents.yaml"
    write_agents(settings, agents)
    assert "secret" not in settings.read_text()
    read = yaml.safe_load(settings.read_text())["agents"]
    assert [AgentSettings.model_validate(a) for a in read] == agents
    for file in (f for f in tmp_path.rglob("*") if f.is_file()):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


MANAGED = NETWORK.replace(
    "{name: main, pools: [{name: cpu, emulated: true, cpu: 4, memory: 8GiB}]}",
    "{name: main, slurm: {folder: /shared, shares: [{partition: a, currency: USD}]}}",
).replace("domains: [works, east]", "domains: [works, east]\n    price_per_core_hour: 0.20")


def test_a_resource_manager_is_driven_by_its_own_settings_on_the_terms_of_the_site(
    domains: dict[str, Domain], tmp_path: Path
) -> None:
    site = read_network(MANAGED.replace("currency: USD", "pool: p"), "net.yaml").sites[0]
    main, edge = join_site(Folder(tmp_path), site, servers(domains), ())

    assert (main.executor.kind, edge.executor.kind) == ("slurm", "local")
    assert domains["works"].asked[1][2]["executor"] == "slurm"
    assert isinstance(main.executor, SlurmSettings)
    assert main.executor.folder == Path("/shared")
    assert main.executor.shares[0].price_micro_per_core_hour == 200_000


def test_what_a_share_says_itself_counts_before_the_site_s_terms(
    domains: dict[str, Domain], tmp_path: Path
) -> None:
    site = read_network(MANAGED.replace("0.20", "0.20\n    currency: EUR"), "net.yaml").sites[0]
    settings = join_site(Folder(tmp_path), site, servers(domains), ())[0].executor

    assert isinstance(settings, SlurmSettings)
    assert settings.shares[0].currency == "USD"
