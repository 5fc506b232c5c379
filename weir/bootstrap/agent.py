"""Make the agents of one process from their settings file."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from weir.agent.agent import Agent
from weir.bootstrap.ids import IdMaker
from weir.client.http import Client
from weir.core.errors import BadInput
from weir.executors.base import Executor
from weir.executors.registry import make_executor
from weir.executors.settings import AgentFile, AgentSettings, FederatedSettings
from weir.probes.base import Probe
from weir.probes.federated import FederatedProbe
from weir.probes.registry import make_probe
from weir.wire.mistakes import read_yaml, validated
from weir.wire.probes import ExecutorProbeSettings


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
        probes = partial(make_probes, settings, executor, place)
        agents.append(Agent(settings, executor, place, time.time, ids, make_probes=probes))
    return agents


def make_probes(
    settings: AgentSettings,
    executor: Executor,
    place: Path,
    domain_of: Callable[[str], str | None],
    busy: Callable[[str], bool],
) -> list[Probe]:
    """The probes of an agent. That of a link passes on what the domain at its other end has."""
    linked = isinstance(settings.executor, FederatedSettings)
    parents = [uplink.url for uplink in settings.uplinks]
    tokens = {u.url: u.token_file.read_text(encoding="utf-8").strip() for u in settings.uplinks}
    probes = [
        make_probe(found, lambda: executor.pools(()), parents, domain_of, tokens, busy)
        for found in settings.probes
        if not (linked and isinstance(found, ExecutorProbeSettings))
    ]
    names = [probe.name for probe in probes]
    if len(set(names)) < len(names):
        raise BadInput(f"the probes of {settings.name} need names that differ")
    if isinstance(settings.executor, FederatedSettings):
        token = settings.executor.token_file.read_text(encoding="utf-8").strip()
        client = Client(settings.executor.url, token)
        probes.append(FederatedProbe(client, place / "samples-after"))
    return probes
