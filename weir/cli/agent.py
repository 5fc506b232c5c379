"""`weir agent`: run the agent beside a resource manager."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from pathlib import Path
from typing import NoReturn

import click

from weir.agent.agent import Agent
from weir.bootstrap.agent import make_agents
from weir.cli.agent_doctor import doctor
from weir.cli.agent_join import join, link
from weir.cli.agent_rbac import rbac
from weir.cli.agent_verify import verify
from weir.cli.output import exit_code, print_error, say
from weir.core.errors import BadInput, WeirError


@click.group()
def agent() -> None:
    """The agent beside a resource manager: outbound connections only."""


@agent.command("run")
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The directory for all data of this agent.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The agent's settings: YAML, one agent or a list under `agents`; HOME/agents.yaml without "
    "it.",
)
def run(home: Path, config: Path | None) -> None:
    """Run one or more agents in this process, until it is told to stop.

    After a kill or a crash, start it again with the same HOME: it finds its runs again.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        agents = make_agents(home, _settings(home, config))
    except WeirError as error:
        _give_up(error)
    for one in agents:
        say(f"agent {one.name} runs, with its data in {home / one.name}; Ctrl-C ends it")
    errors: list[WeirError] = []
    over = threading.Event()

    def work(one: Agent) -> None:
        try:
            error = one.run()
            if error is not None:
                errors.append(error)
        except WeirError as error:
            errors.append(error)
        finally:
            over.set()

    threads = [threading.Thread(target=work, args=(one,), name=one.name) for one in agents]
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    for thread in threads:
        thread.start()
    over.wait()
    for one in agents:
        one.stop()
    for thread in threads:
        thread.join(timeout=30)
    if errors:
        _give_up(errors[0])


agent.add_command(join)
agent.add_command(link)
agent.add_command(doctor)
agent.add_command(rbac)
agent.add_command(verify)


def _settings(home: Path, config: Path | None) -> Path:
    found = config or home / "agents.yaml"
    if not found.is_file():
        raise BadInput(f"there is no {found}; `weir agent join` or `weir agent link` writes it")
    return found


def _give_up(error: WeirError) -> NoReturn:
    print_error(error)
    sys.exit(exit_code(error))
