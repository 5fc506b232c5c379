"""queues and policies; serve and the network file with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.cli.builders import weir
from weir.cli.network_file import read_network
from weir.cli.network_join import Folder
from weir.cli.up import _serve, _write_queues
from weir.core.errors import BadInput
from weir.scheduling.policies import POLICIES
from weir.wire.queues import QueueAnswer, read_queues_file

SCIENCE = QueueAnswer(
    name="science", parent=None, weight=2.0, nominal=(None, None, None),
    borrow=(None, None, None), holds=(2000, 2**30, 8000), past=(1000.4, 2.0**29, 4000.0),
    share=0.125, waiting=3, running=2,
)  # fmt: skip
PHYSICS = QueueAnswer(
    name="physics", parent="science", weight=1.0, nominal=(64_000, None, 8000),
    borrow=(None, None, 4000), holds=(0, 0, 0), past=(0.0, 0.0, 0.0),
    share=0.0, waiting=0, running=0,
)  # fmt: skip

TABLE = """\
QUEUE      WEIGHT  QUOTA              BORROWS         HOLDS                    OF LATE          \
           SHARE  RUNNING  WAITING
science         2  no limit           -               2 cpu, 1 GiB, 8 devices  1 cpu, 512 MiB, 4\
 devices  12.5 %        2        3
  physics       1  64 cpu, 8 devices  any, 4 devices  nothing                  nothing          \
             0 %        0        0
"""

NETWORK = """
network: small
domains:
  - name: nation
    kind: national
    queues: [{name: a, quota: {devices: {nominal: 4}}}, {name: b, parent: a}]
  - {name: east, kind: regional, parent: nation, policy: fifo}
sites:
  - name: center
    domains: [nation]
    clusters:
      - name: main
        pools: [{name: cpu, emulated: true, hosts: 1, cpu: 2, memory: 2GiB}]
"""


def test_queues() -> None:
    result = weir({"GET /v1/queues": [SCIENCE, PHYSICS]}, "queues")
    assert result.stdout == TABLE


def test_queues_as_json() -> None:
    result = weir({"GET /v1/queues": [SCIENCE]}, "queues", "--json")
    assert [QueueAnswer.model_validate(q) for q in json.loads(result.stdout)] == [SCIENCE]


def test_a_domain_without_queues() -> None:
    assert weir({"GET /v1/queues": []}, "queues").stdout == "this domain has no queues\n"


def test_policies_are_listed_with_what_they_do() -> None:
    lines = weir({}, "policies").stdout.splitlines()
    assert len(lines) == 1 + len(POLICIES)
    for line, policy in zip(lines[1:], POLICIES.values(), strict=True):
        assert line.startswith(policy.name)
        assert " ".join(policy.about.split()) in line
    found = json.loads(weir({}, "policies", "--json").stdout)
    assert [p["name"] for p in found if p["default"]] == ["balanced"]
    assert {p["name"] for p in found if p["queues"]} == {
        p.name for p in POLICIES.values() if p.fair
    }


def serve(tmp_path: Path, *options: str) -> str:
    """What `weir serve` says that does not start."""
    home = tmp_path / "home"
    result = weir({}, "serve", "--home", str(home), "--name", "n", "--kind", "national", *options)
    assert result.exit_code == 2, result.output
    assert not home.exists()
    return " ".join(result.stderr.split())


def test_serve_knows_the_policies(tmp_path: Path) -> None:
    assert "Did you mean greenest?" in serve(tmp_path, "--policy", "greenst")


def test_serve_takes_queues_only_with_a_policy_that_shares(tmp_path: Path) -> None:
    file = tmp_path / "queues.yaml"
    file.write_text("queues: [{name: a}]")
    said = serve(tmp_path, "--queues", str(file), "--policy", "balanced")
    assert "the policy balanced knows no queues; with queues take one of: fair" in said


def test_serve_tells_every_mistake_of_the_queues(tmp_path: Path) -> None:
    file = tmp_path / "queues.yaml"
    file.write_text("queues:\n- {name: a, parent: b}\n- {name: a, weight: 0}\n")
    said = serve(tmp_path, "--queues", str(file))
    assert "queues[0].parent (line 2)" in said
    assert "queues[1].name (line 3)" in said
    assert "queues[1].weight (line 3)" in said


def test_a_network_file_has_queues_of_domains(tmp_path: Path) -> None:
    network = read_network(NETWORK, "n.yaml")
    nation, east = network.domains
    folder = Folder(tmp_path)
    for domain in (nation, east):
        _write_queues(domain, folder)
    command = _serve(network, nation, folder, 7500)
    path = Path(command[command.index("--queues") + 1])
    assert read_queues_file(path) == nation.queues
    assert yaml.safe_load(path.read_text())["queues"][0]["quota"] == {"devices": {"nominal": "4"}}
    command = _serve(network, east, folder, 7501)
    assert command[command.index("--policy") + 1] == "fifo"
    assert "--queues" not in command


def test_mistakes_in_a_networks_queues_are_told_with_the_rest() -> None:
    text = NETWORK.replace("parent: a}", "parent: c}").replace("policy: fifo", "policy: fif")
    with pytest.raises(BadInput) as refused:
        read_network(text.replace("hosts: 1,", "hosts: 0,"), "n.yaml")
    found = {m.field: m.message for m in refused.value.mistakes}
    assert set(found) == {
        "domains[0].queues[1].parent",
        "domains[1].policy",
        "sites[0].clusters[0].pools[0].hosts",
    }
    assert "Did you mean fifo?" in found["domains[1].policy"]


def test_a_domain_with_queues_needs_a_policy_that_shares() -> None:
    text = NETWORK.replace("kind: national", "kind: national\n    policy: sjf")
    with pytest.raises(BadInput) as refused:
        read_network(text, "n.yaml")
    assert [m.field for m in refused.value.mistakes] == ["domains[0]"]
