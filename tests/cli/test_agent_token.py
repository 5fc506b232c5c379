"""A join token on the command line: it is taken, wiped from what others see, and that is said."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.cli.builders import weir
from tests.cli.test_agent_join import server
from tests.client.builders import FakeServer

__all__ = ["server"]

SECRET = "weir_join_abcdefghijklmnop"

LOOK = """
from pathlib import Path
from weir.cli.agent_token import wipe
before = Path("/proc/self/cmdline").read_bytes()
print(wipe({secret!r}), before.count({secret!r}.encode()))
print(Path("/proc/self/cmdline").read_bytes().count({secret!r}.encode()))
"""


def test_it_is_wiped_from_what_others_see_of_the_process() -> None:
    command = [sys.executable, "-c", LOOK.format(secret=SECRET[:9]), "--token", SECRET[:9]]
    # The program's own text stands among the arguments, and names the secret as well.
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    wiped, before, after = done.stdout.split()
    assert (wiped, after) == ("True", "0")
    assert int(before) > 1


def test_it_joins_as_it_is_written_with_a_word_on_who_could_read_it(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("weir.cli.agent_token.wipe", lambda _: True)
    command = ("agent", "join", "http://east.test", "--token", SECRET)
    result = weir(server, *command, env={"WEIR_HOME": str(tmp_path / "own")})
    assert result.exit_code == 0, result.output
    assert "could read it for the moment until it was wiped here" in result.output
    assert SECRET not in result.output
    assert (tmp_path / "own" / "agent" / "agents.yaml").exists()
    spent = [r for r in server.asked if r.url.path == "/v1/join"]
    assert [r.headers["authorization"] for r in spent] == [f"Bearer {SECRET}"]


def test_where_it_could_not_be_wiped_that_is_said(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weir.cli.agent_token.wipe", lambda _: False)
    result = weir(server, "agent", "join", "http://east.test", "--home", "works", "--token", SECRET)
    assert "could read it for the moment until this command ends" in result.output


def test_two_tokens_are_one_too_many(server: FakeServer) -> None:
    both = partial(
        weir, server, "agent", "join", "http://east.test", "--home", "works", "--token", SECRET
    )
    result = both("--token-file", "once.token")
    assert result.exit_code != 0
    assert "not both" in result.output
    assert not os.path.exists("works/agents.yaml")
