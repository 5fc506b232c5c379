"""What deploy/ and the checks of joining say to type: commands, options and paths there are."""

from __future__ import annotations

import configparser
import json
import re
from pathlib import Path

import click

from weir.cli.main import main

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


class _Unit(configparser.RawConfigParser):
    def optionxform(self, optionstr: str) -> str:
        return optionstr


def check_command(words: list[str]) -> None:
    """Raises if `weir WORDS` is no command, or has an option that it does not take."""
    command: click.Command | None = main
    rest = list(words)
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(command), rest.pop(0))
    assert command is not None, words
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= known, words


def test_the_unit_runs_the_agent_and_leaves_its_jobs_alone() -> None:
    unit = _Unit(strict=True)
    unit.read_string((DEPLOY / "weir-agent.service").read_text(encoding="utf-8"))
    service = unit["Service"]
    program, *words = service["ExecStart"].split()
    assert Path(program).name == "weir"
    check_command(words)
    assert (service["KillMode"], service["Restart"]) == ("process", "always")
    home = words[words.index("--home") + 1]
    assert home.startswith(service["ReadWritePaths"])
    # Devices and namespaces are for the jobs of this machine.
    assert not {"PrivateDevices", "DevicePolicy", "MemoryDenyWriteExecute"} & set(service)


def test_the_container_file_copies_what_there_is_and_runs_the_agent() -> None:
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    assert copied
    for path in " ".join(copied).split():
        assert (ROOT / path).exists(), path
    (command,) = re.findall(r"^CMD (.+)$", text, re.MULTILINE)
    check_command(json.loads(command))


def test_the_comments_name_commands_that_there_are() -> None:
    for file in (file for file in DEPLOY.rglob("*") if file.is_file()):
        for line in re.findall(
            r"\bweir (agent [a-z].*?)(?: <.*)?$", file.read_text(), re.MULTILINE
        ):
            check_command(line.split())


def test_the_advice_of_joining_names_commands_that_there_are() -> None:
    advised = [
        line.split()
        for file in (ROOT / "weir" / "cli").glob("agent_*.py")
        for line in re.findall(r"`weir ([a-z][^`]*)`", file.read_text(encoding="utf-8"))
        if "\n" not in line
    ]
    assert len(advised) > 5
    for words in advised:
        check_command(words)
