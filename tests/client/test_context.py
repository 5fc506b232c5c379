"""Which server is meant, and with what token."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.client.context import (
    Context,
    NoServer,
    Server,
    add_server,
    read_context,
    resolve,
    weir_home,
    write_context,
)
from weir.core.errors import BadInput


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with two servers, `north` the default."""
    folder = tmp_path / "home"
    add_server(folder, "north", "http://north:8470/", Path("north.token"))
    add_server(folder, "south", "http://south:8470")
    (folder / "north.token").write_text("north-secret\n")
    return folder


def env(home: Path, **more: str) -> dict[str, str]:
    return {"WEIR_HOME": str(home), **more}


def asked(home: Path, server: str | None = None, **more: str) -> tuple[str, str | None]:
    target = resolve(server, env(home, **more))
    return target.url, target.token


def test_home_is_of_the_environment_or_of_the_person_or_of_a_folder_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, below = tmp_path / "person", tmp_path / "work" / "deep"
    for folder in (person, below):
        folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(person))
    monkeypatch.chdir(below)
    assert weir_home({"WEIR_HOME": "/data/weir"}) == Path("/data/weir")
    assert weir_home({}) == person / ".weir"
    write_context(tmp_path / "work" / ".weir", Context())
    assert weir_home({}) == tmp_path / "work" / ".weir"
    write_context(person / ".weir", Context())
    assert weir_home({}) == person / ".weir"


def test_the_file_is_private_and_reads_back(home: Path) -> None:
    path = home / "context.json"
    assert path.stat().st_mode & 0o777 == 0o600
    context = read_context(home)
    assert context.default == "north"
    assert context.servers["north"] == Server(url="http://north:8470", token_file="north.token")
    assert write_context(home, context) == path
    assert [p.name for p in home.iterdir() if p.name.startswith(".")] == []


def test_the_default_server(home: Path) -> None:
    assert asked(home) == ("http://north:8470", "north-secret")


def test_the_environment_replaces_the_defaults_token(home: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine-secret\n")
    mine = str(tmp_path / "mine")
    assert asked(home, WEIR_TOKEN_FILE=mine, WEIR_TOKEN="x") == ("http://north:8470", "mine-secret")
    assert asked(home, WEIR_TOKEN="x") == ("http://north:8470", "x")


def test_weir_url_goes_before_the_default(home: Path) -> None:
    assert asked(home, WEIR_URL="http://other:1") == ("http://other:1", None)
    assert asked(home, WEIR_URL="http://other:1", WEIR_TOKEN="x") == ("http://other:1", "x")
    assert asked(home, WEIR_URL="http://north:8470/") == ("http://north:8470", "north-secret")


def test_a_server_that_was_named_has_its_own_token(home: Path) -> None:
    more = {"WEIR_URL": "http://other:1", "WEIR_TOKEN": "others"}
    assert asked(home, "north", **more) == ("http://north:8470", "north-secret")
    assert asked(home, "http://north:8470", **more) == ("http://north:8470", "north-secret")
    assert asked(home, "http://new:1", **more) == ("http://new:1", "others")


def test_a_target_does_not_print_its_token(home: Path) -> None:
    assert "north-secret" not in repr(resolve(None, env(home)))


def test_no_server_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(NoServer, match=r"weir up examples/network\.yaml"):
        resolve(None, env(tmp_path))


def test_an_unknown_name_says_the_known_ones(home: Path) -> None:
    with pytest.raises(BadInput, match="north, south"):
        resolve("east", env(home))


def test_a_broken_file_says_where(home: Path) -> None:
    (home / "context.json").write_text('{"default": "a",\n "server": {}}')
    with pytest.raises(BadInput) as raised:
        resolve(None, env(home))
    assert [(m.field, m.line) for m in raised.value.mistakes] == [("server", 2)]


def test_a_token_file_that_is_gone(home: Path) -> None:
    (home / "north.token").unlink()
    with pytest.raises(BadInput, match=r"north\.token can't be read"):
        resolve(None, env(home))
