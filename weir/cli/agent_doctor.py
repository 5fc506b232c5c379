"""`weir agent doctor`: the checks of joining, at any time, on the settings as they are now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from weir.cli.agent_checks import (
    Check,
    domain_checks,
    failed,
    local_checks,
    show,
    show_json,
    token_file_check,
)
from weir.cli.output import say
from weir.cli.session import json_option
from weir.core.errors import BadInput
from weir.executors.settings import (
    AgentFile,
    AgentSettings,
    ExecutorSettings,
    FederatedSettings,
    KubernetesSettings,
    LocalSettings,
    RaySettings,
    SlurmSettings,
)
from weir.wire.mistakes import read_yaml, validated


@click.command()
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The directory for all data of this agent.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The agent's settings; HOME/agents.yaml without it.",
)
@click.option(
    "--probe", is_flag=True, help="Slurm, Ray: submit a tiny job to each part that is shared."
)
@json_option
@click.pass_context
def doctor(ctx: click.Context, home: Path, config: Path | None, probe: bool, as_json: bool) -> None:
    """Check a joined agent: its domains, clock, tokens, and what it drives. Changes nothing.

    It may run beside the agent. The exit code is 1 if anything is wrong.
    """
    agents = read_agents(config or home / "agents.yaml")
    found: list[tuple[str, Check]] = []
    for agent in agents:
        if as_json:
            found += [(agent.name, check) for check in checks(agent, probe)]
            continue
        if len(agents) > 1:
            say(f"agent {agent.name}")
        found += [(agent.name, check) for check in show(checks(agent, probe))]
    if as_json:
        show_json(found)
    if failed(check for _, check in found):
        ctx.exit(1)


def read_agents(path: Path) -> tuple[AgentSettings, ...]:
    """The agents of a settings file. Raises `BadInput` with every mistake in it."""
    if not path.is_file():
        raise BadInput(f"there is no {path}; `weir agent join` or `weir agent link` writes it")
    data, lines = read_yaml(path.read_text(encoding="utf-8"), str(path))
    if isinstance(data, dict) and "agents" in data:
        return validated(AgentFile, data, str(path), lines).agents
    return (validated(AgentSettings, data, str(path), lines),)


def checks(agent: AgentSettings, probe: bool) -> Iterator[Check]:
    """All checks of one agent."""
    for uplink in agent.uplinks:
        yield from domain_checks(uplink.url)
        yield token_file_check(uplink.url, uplink.token_file)
    yield from executor_checks(agent.executor, probe, make=probe)


def executor_checks(executor: ExecutorSettings, probe: bool, make: bool) -> Iterator[Check]:
    """The checks of what an agent drives; with `make`, folders that runs need may be made."""
    if isinstance(executor, LocalSettings):
        yield from local_checks(executor)
    elif isinstance(executor, FederatedSettings):
        yield from domain_checks(executor.url)
        yield token_file_check(executor.url, executor.token_file)
    elif isinstance(executor, KubernetesSettings):
        from weir.cli.agent_checks_kubernetes import kubernetes_checks

        yield from kubernetes_checks(executor, probe)
    elif isinstance(executor, RaySettings):
        from weir.cli.agent_checks_ray import ray_checks

        yield from ray_checks(executor, probe, make)
    elif isinstance(executor, SlurmSettings):
        from weir.cli.agent_checks_slurm import slurm_checks

        yield from slurm_checks(executor, probe, make)
