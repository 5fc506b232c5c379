"""`weir agent join` and `weir agent link`: spend a join token, write the agent's settings.

The token comes from a file, from WEIR_JOIN_TOKEN or from standard input, never from the command
line, which everybody on the machine can read. It writes HOME/agents.yaml and beside it one file
for each lasting token.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from weir.cli.network_join import Joined, Server, link_agent, this_machine, write_agents
from weir.cli.output import say
from weir.cli.pool_entries import PoolsFile, pool_fields
from weir.client.context import write_private
from weir.client.http import Client
from weir.core.errors import BadInput, Conflict
from weir.executors.settings import (
    AgentFile,
    AgentSettings,
    FederatedSettings,
    LocalSettings,
    Uplink,
)
from weir.wire.joining import IdentityRequest, JoinAnswer, JoinRequest, UplinkRequest
from weir.wire.mistakes import Path as FieldPath
from weir.wire.mistakes import read_yaml, validated
from weir.wire.pools import Place

HOME = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The directory for all data of this agent.",
)
TOKEN_FILE = click.option(
    "--token-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    help="The parent's join token; `-` for standard input. WEIR_JOIN_TOKEN without it.",
)


@click.command()
@click.argument("url")
@HOME
@TOKEN_FILE
@click.option("--cluster", default="local", show_default=True, help="This cluster's name.")
@click.option(
    "--pools",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="YAML with a list `pools` as in a network file of `weir up`; without it one pool, `cpu`: "
    "this machine's CPUs and memory.",
)
@click.option("--region", help="Where it is: the region's name, as jobs ask for it.")
@click.option("--country", help="The country's two letters.")
@click.option("--latitude", type=click.FloatRange(-90, 90), help="Degrees north.")
@click.option("--longitude", type=click.FloatRange(-180, 180), help="Degrees east.")
@click.option("--price-per-core-hour", metavar="PRICE", help="As in 0.15; nothing without it.")
@click.option("--price-per-device-hour", metavar="PRICE", help="As in 12.50; nothing without it.")
def join(
    url: str, home: Path, token_file: Path | None, cluster: str, pools: Path | None, **terms: Any
) -> None:
    """Join this machine to the domain at URL, which has made a token: `weir join-token create`.

    What is said of place and prices holds for every pool that does not say otherwise in --pools.
    Called again with the same HOME and the token of another domain, the same cluster joins that one
    too, under the identifier that it has; it still counts once, and what is said of pools is as
    it was.
    """
    path = home / "agents.yaml"
    known = _known(path)
    executor = known.executor if known else _local(pools, terms)
    _make(home)  # before the token is spent: it can be only once
    request = JoinRequest(
        cluster=cluster,
        executor="local",
        identifier=known.uplinks[0].cluster if known else None,
    )
    answer = _spend(url, token_file, request)
    kept = home / f"{answer.parent}.token"
    write_private(kept, answer.token)
    uplink = Uplink(url=url, token_file=kept.absolute(), cluster=answer.cluster)
    write_agents(path, [_settings(known, cluster, executor, uplink)])
    say(f"joined {answer.parent_name} as cluster {answer.cluster} of site {answer.identifier}")
    say(f"now run: weir agent run --home {home}")


@click.command()
@click.argument("parent_url")
@click.argument("child_url")
@HOME
@TOKEN_FILE
@click.option(
    "--child-token-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="An operator's token of the child.",
)
def link(
    parent_url: str, child_url: str, home: Path, token_file: Path | None, child_token_file: Path
) -> None:
    """Join the domain at CHILD_URL to the one at PARENT_URL, and write the link's two agents.

    One offers the child's pools to the parent, the other the parent's network to the child.
    """
    path = home / "agents.yaml"
    if path.exists():
        raise Conflict(f"{path} is there already; a link is made once, in a directory of its own")
    _make(home)
    with Client(child_url, child_token_file.read_text(encoding="utf-8").strip()) as child:
        described = child.domain()
        request = JoinRequest(
            cluster=described.name,
            executor="federated",
            url=child_url,
            identifier=described.id,
        )
        answer = _spend(parent_url, token_file, request)
        child.set_identity(IdentityRequest(identifier=answer.identifier, parent=answer.parent))
        up = child.create_uplink(
            UplinkRequest(parent=answer.parent, parent_name=answer.parent_name, url=parent_url)
        )
        at_parent = Joined((home / "parent.token").absolute(), answer.cluster, answer.identifier)
        at_child = Joined((home / "child.token").absolute(), up.cluster)
        write_private(at_parent.token_file, answer.token)
        write_private(at_child.token_file, up.token)
        parent_server = Server(answer.parent_name, parent_url, child)
        child_server = Server(described.name, child_url, child)
        write_agents(
            path,
            [
                link_agent(child_server, at_child, parent_server, at_parent),
                link_agent(parent_server, at_parent, child_server, at_child),
            ],
        )
    say(f"{described.name} is {answer.identifier}, under {answer.parent_name}")
    say(f"now run: weir agent run --home {home}")


def _make(home: Path) -> None:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)


def _spend(url: str, token_file: Path | None, request: JoinRequest) -> JoinAnswer:
    with Client(url, _token(token_file)) as newcomer:
        return newcomer.join(request)


def _token(token_file: Path | None) -> str:
    if token_file is None:
        token = os.environ.get("WEIR_JOIN_TOKEN", "")
        if not token:
            raise BadInput("no join token: give --token-file FILE, or set WEIR_JOIN_TOKEN")
        return token
    text = sys.stdin.read() if str(token_file) == "-" else token_file.read_text(encoding="utf-8")
    return text.strip()


def _known(path: Path) -> AgentSettings | None:
    """The settings that an earlier join wrote."""
    if not path.exists():
        return None
    data, lines = read_yaml(path.read_text(encoding="utf-8"), str(path))
    return validated(AgentFile, data, str(path), lines).agents[0]


def _settings(
    known: AgentSettings | None,
    cluster: str,
    executor: LocalSettings | FederatedSettings,
    uplink: Uplink,
) -> AgentSettings:
    if known is not None:
        others = tuple(u for u in known.uplinks if u.url != uplink.url)
        return known.model_copy(update={"uplinks": (*others, uplink)})
    return AgentSettings(name=cluster, executor=executor, uplinks=(uplink,))


def _local(pools: Path | None, terms: Mapping[str, Any]) -> LocalSettings:
    """The pools of a file, or one pool, this machine; `terms` hold where the file says nothing.

    Raises `BadInput` with every mistake.
    """
    data: Any = {"pools": [{"name": "cpu", "detect": True}]}
    lines: Mapping[FieldPath, int] = {}
    what = "weir agent join"
    if pools is not None:
        what = str(pools)
        data, lines = read_yaml(pools.read_text(encoding="utf-8"), what)
    given = {name: value for name, value in terms.items() if value is not None}
    place = {name: given.pop(name) for name in Place.model_fields if name in given}
    if isinstance(data, dict):
        data = given | data
        data.setdefault("location", place or None)
    found = validated(PoolsFile, data, what, lines)
    machine = this_machine()
    return LocalSettings(
        pools=tuple(pool_fields(found, pool, machine) for pool in found.pools),
        path=(str(Path(sys.executable).parent),),
    )
