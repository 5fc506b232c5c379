"""Secrets are shown once, to where they are asked for, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.builders import NOW, weir
from tests.client.builders import FakeServer, problem
from weir.wire.joining import JoinTokenAnswer, TokenAnswer

TOKEN = {"POST /v1/tokens": TokenAnswer(id="t-1", token="top-secret")}
JOIN = {"POST /v1/join-tokens": JoinTokenAnswer(token="join-secret", expires_at=NOW + 60)}


def test_the_token_alone_is_on_stdout() -> None:
    server = FakeServer(TOKEN)
    result = weir(server, "token", "create", "li", "--role", "operator", "--expires", "30d")
    assert result.stdout == "top-secret\n"
    assert "t-1" in result.stderr
    assert "top-secret" not in result.stderr
    sent = json.loads(server.asked[0].content)
    assert sent == {"subject": "li", "roles": ["operator"], "expires_in_s": 2592000}


def test_a_token_in_a_file_is_private_and_not_printed(tmp_path: Path) -> None:
    out = tmp_path / "li.token"
    result = weir(TOKEN, "token", "create", "li", "--out", str(out))
    assert out.read_text() == "top-secret\n"
    assert out.stat().st_mode & 0o777 == 0o600
    assert "top-secret" not in result.output


def test_no_token_is_made_that_can_not_be_kept(tmp_path: Path) -> None:
    server = FakeServer(TOKEN)
    there = tmp_path / "there"
    there.write_text("")
    for out in (there, tmp_path / "no" / "folder"):
        assert weir(server, "token", "create", "li", "--out", str(out)).exit_code == 2
    assert server.asked == []


def test_revoke() -> None:
    server = FakeServer({"DELETE /v1/tokens/t-1": {}})
    assert weir(server, "token", "revoke", "t-1").stdout == "token t-1 is void\n"


def test_a_join_token() -> None:
    server = FakeServer(JOIN)
    result = weir(server, "join-token", "create", "north", "--expires", "2h")
    assert result.stdout == "join-secret\n"
    assert result.stderr == "join token for north, good once, until 2023-11-15 06:14:20\n"
    sent = json.loads(server.asked[0].content)
    assert (sent["kind"], sent["name"], sent["expires_in_s"]) == ("site", "north", 7200)


def test_a_domain_says_its_kind() -> None:
    create = ("join-token", "create", "north", "--kind", "domain")
    assert weir(JOIN, *create).exit_code == 2
    assert weir(JOIN, *create, "--domain-kind", "regional").exit_code == 0


def test_the_callers_own_token_is_in_no_output() -> None:
    for status, code in ((401, "weir.auth.required"), (403, "weir.auth.forbidden")):
        result = weir({"GET /v1/jobs": problem(status, code, "No.")}, "jobs")
        assert result.exit_code == 1
        assert "weir token create" in result.stderr
        assert "secret" not in result.output


def test_no_option_takes_a_secret() -> None:
    for command in (("token", "create"), ("join-token", "create"), ("submit",), ("jobs",)):
        assert "--token" not in weir({}, *command, "--help").output.replace("--token-file", "")
