"""Make the agents of one process from their settings file."""

from __future__ import annotations

import time
from pathlib import Path

from weir.agent.agent import Agent
from weir.bootstrap.ids import IdMaker
from weir.executors.registry import make_executor
from weir.executors.settings import AgentFile, AgentSettings
from weir.wire.mistakes import read_yaml, validated


def make_agents(home: Path, config: Path) -> list[Agent]:
    """The agents that a settings file describes, each with a directory of its own under `home`.

    Raises `BadInput` with every mistake of the file.
    """
    data, lines = read_yaml(config.read_text(encoding="utf-8"), str(config))
    several = isinstance(data, dict) and "agents" in data
    if several:
        found = validated(AgentFile, data, str(config), lines).agents
    else:
        found = (validated(AgentSettings, data, str(config), lines),)
    ids = IdMaker(time.time)
    agents = []
    for settings in found:
        place = home / settings.name
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        executor = make_executor(settings.executor, place / "executor", time.time)
        agents.append(Agent(settings, executor, place, time.time, ids))
    return agents
