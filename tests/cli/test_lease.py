"""`weir lease`: what is asked of the server, and what it shows."""

from __future__ import annotations

import json

from tests.cli.builders import weir
from weir.wire.leases import LeaseAnswer

LEASE = LeaseAnswer(
    id="l1", pool="CN-F.S1.C1.P1", pool_name="gpu", site_name="suzhou", hosts=4, filled=1,
    queue="physics", user=None, starts_at=1_700_000_000.0, ends_at=1_700_007_200.0, state="now",
    made_by="operator",
)  # fmt: skip


def test_a_lease_is_made() -> None:
    asked = ("--pool", LEASE.pool, "--hosts", "4", "--queue", "physics", "--for", "2h")
    result = weir({"POST /v1/leases": LEASE}, "lease", "create", *asked)
    assert result.exit_code == 0
    said = result.stdout + result.stderr
    assert "lease l1: 4 hosts of gpu at suzhou for queue physics" in " ".join(said.split())


def test_what_makes_no_sense_does_not_reach_the_server() -> None:
    result = weir({}, "lease", "create", "--pool", "p", "--hosts", "1", "--for", "2h")
    assert result.exit_code == 2
    assert "whose jobs may fill it" in result.stderr


def test_leases_are_listed() -> None:
    result = weir({"GET /v1/leases": [LEASE]}, "lease", "list")
    words = result.stdout.split()
    assert words[:8] == ["LEASE", "FOR", "POOL", "HOSTS", "FILLED", "STATE", "BEGINS", "ENDS"]
    assert words[8:16] == ["l1", "queue", "physics", "suzhou", "/", "gpu", "4", "1"]
    assert weir({"GET /v1/leases": []}, "lease", "list").stdout == "no hosts are leased\n"
    told = json.loads(weir({"GET /v1/leases": [LEASE]}, "lease", "list", "--json").stdout)
    assert told[0]["filled"] == 1


def test_a_lease_is_ended() -> None:
    result = weir({"DELETE /v1/leases/l1": None}, "lease", "end", "l1")
    assert result.exit_code == 0
    assert "lease l1 is over" in result.stdout + result.stderr
