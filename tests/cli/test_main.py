"""The table of commands, the servers, and how quickly `weir` answers."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.cli.builders import weir
from tests.client.builders import FakeServer
from weir import __version__
from weir.cli.main import VERBS, main

HEAVY = ("numpy", "sqlalchemy", "fastapi", "uvicorn")


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_of_the_table_is_there(name: str) -> None:
    module = VERBS[name].target.partition(":")[0]
    assert importlib.util.find_spec(module) is not None, f"{module} is missing"
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.help, f"{name} has no help"


def test_help_names_every_verb() -> None:
    text = weir({}, "--help").stdout
    assert all(f"  {name} " in text for name in VERBS)
    assert weir({}, "--version").stdout == f"weir {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "more"), [(["--help"], ("pydantic", "httpx", "rich")), (["jobs", "--help"], ())]
)
def test_simple_commands_load_little(arguments: list[str], more: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom weir.cli.main import main\n"
        f"main({arguments!r}, standalone_mode=False)\n"
        f"print('loaded', [m for m in {(*HEAVY, *more)!r} if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.splitlines()[-1] == "loaded []"


def test_a_wrong_verb_says_the_right_one() -> None:
    result = weir({}, "indicator")
    assert result.exit_code == 2
    assert "Did you mean 'indicators'?" in result.stderr


def test_servers_are_named_and_chosen(tmp_path: Path) -> None:
    env = {"WEIR_HOME": str(tmp_path), "WEIR_URL": "", "WEIR_TOKEN": ""}
    (tmp_path / "me").write_text("my-secret\n")
    add = ("server", "add", "north", "http://north.test", "--token-file", str(tmp_path / "me"))
    assert weir({}, *add, env=env).stdout == "north is http://north.test, the default\n"
    weir({}, "server", "add", "south", "http://south.test/", env=env)
    assert weir({}, "server", "use", "south", env=env).exit_code == 0
    assert weir({}, "server", "use", "east", env=env).exit_code == 2
    listed = weir({}, "server", "list", env=env).stdout.splitlines()
    assert [line.split()[0] for line in listed[1:]] == ["north", "*"]
    assert "my-secret" not in "".join(listed)

    weir({}, "server", "add", "east", "http://east.test/", env=env)
    assert weir({}, "server", "remove", "east", env=env).stdout == "east is forgotten\n"
    assert weir({}, "server", "remove", "east", env=env).exit_code == 2

    server = FakeServer({"GET /v1/pools": []})
    for arguments in (("pools",), ("-s", "north", "pools"), ("pools", "--server", "north")):
        weir(server, *arguments, env=env)
    asked = [(r.url.host, r.headers.get("authorization")) for r in server.asked]
    north = ("north.test", "Bearer my-secret")
    assert asked == [("south.test", None), north, north]
