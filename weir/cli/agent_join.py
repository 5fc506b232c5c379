"""`weir agent join` and `weir agent link`: look, check, spend a join token, write the settings.

It writes HOME/agents.yaml and beside it one file for each lasting token.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import click

from weir.cli.agent_checks import Check, domain_checks, failed, join_token_check, show
from weir.cli.agent_doctor import executor_checks, read_agents
from weir.cli.agent_proposal import (
    Proposal,
    chosen,
    cluster_name,
    described,
    local_pool,
    local_settings,
    slurm_folder,
    slurm_proposal,
    text_of,
    with_uplink,
)
from weir.cli.agent_proposal_kubernetes import (
    VOLUME_HELP,
    kubernetes_proposal,
    look_for_server,
    no_server,
    volume_of,
)
from weir.cli.agent_proposal_kubernetes import cluster_name as kubernetes_name
from weir.cli.agent_proposal_ray import RayFound, look_for_dashboard, ray_proposal
from weir.cli.agent_token import read_token, token_options
from weir.cli.joins import next_step
from weir.cli.network_join import Joined, Server, link_agent, write_agents
from weir.cli.output import note, say
from weir.client.context import weir_home, write_private
from weir.client.http import Client
from weir.core.errors import BadInput, Conflict
from weir.executors import looks
from weir.executors.settings import (
    AgentSettings,
    ExecutorSettings,
    Uplink,
)
from weir.wire.joining import IdentityRequest, JoinRequest, UplinkRequest
from weir.wire.mistakes import Path as FieldPath
from weir.wire.mistakes import read_yaml
from weir.wire.pools import Place

TERMS = (*Place.model_fields, "price_per_core_hour", "price_per_device_hour")
ANY_POOL = {"name": "any", "cpu": 1, "memory": "1GiB"}
"""A pool of which only place and prices are used, after they were checked as in a pools file."""

HOME = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The directory for all data of this agent.",
)


@click.command()
@click.argument("url")
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    help="The directory for all data of this agent; WEIR_HOME/agent or ~/.weir/agent without it.",
)
@token_options
@click.option("--cluster", help="This cluster's name; `local`, or Slurm's own, without it.")
@click.option(
    "--executor",
    "asked",
    type=click.Choice(["local", "slurm", "kubernetes", "ray"]),
    help="What runs the jobs; without it Slurm where one is set up, Kubernetes in one of its pods, "
    "a Ray whose dashboard is found, else this machine.",
)
@click.option("--dashboard", help="Ray: its dashboard's address; one on this machine without it.")
@click.option("--namespace", help="Kubernetes: where the network's jobs are made.")
@click.option(
    "--image", help="Kubernetes: for jobs that name none; it needs a shell and coreutils."
)
@click.option("--volume", metavar="CLAIM:FOLDER", help=VOLUME_HELP)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Slurm, Ray: a folder for runs that this machine and all nodes have under one path.",
)
@click.option(
    "--partition",
    "partitions",
    multiple=True,
    help="Slurm: share only this one; may be given several times. All that are up without it.",
)
@click.option(
    "--pools",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="YAML with a list `pools` as in a network file of `weir up`; without it one pool: this "
    "machine's CPUs, memory and accelerators.",
)
@click.option("--region", help="Where it is: the region's name, as jobs ask for it.")
@click.option("--country", help="The country's two letters.")
@click.option("--latitude", type=click.FloatRange(-90, 90), help="Degrees north.")
@click.option("--longitude", type=click.FloatRange(-180, 180), help="Degrees east.")
@click.option("--price-per-core-hour", metavar="PRICE", help="As in 0.15; nothing without it.")
@click.option("--price-per-device-hour", metavar="PRICE", help="As in 12.50; nothing without it.")
@click.option("--dry-run", is_flag=True, help="Show what would be written and the checks; no more.")
@click.option(
    "--probe", is_flag=True, help="Slurm, Ray: submit a tiny job to each part that is shared."
)
@click.option("--anyway", is_flag=True, help="Join although a check says that something is wrong.")
@click.pass_context
def join(
    ctx: click.Context,
    /,
    url: str,
    home: Path | None,
    token: str | None,
    token_file: Path | None,
    dry_run: bool,
    probe: bool,
    anyway: bool,
    **options: Any,
) -> None:
    """Join what is here to the domain at URL.

    The domain's operator makes the token for it: `weir join-token create`.

    It looks for a Slurm, a Kubernetes, a Ray and for accelerators, says what it found, proposes
    settings, checks them, and joins if nothing is wrong. The settings are in HOME/agents.yaml, to
    read and to edit. What is said of place and prices holds for every pool that does not say
    otherwise in --pools.

    Called again with the same HOME and the token of another domain, the same cluster joins that one
    too, under the identifier that it has; it still counts once, and what is said of pools is as
    it was.
    """
    home = home or weir_home() / "agent"
    path = home / "agents.yaml"
    known = _known(path)
    plan = _again(known, options) if known else _planned(options)
    if dry_run:
        text = path.read_text("utf-8") if known else _text(plan, home, joined=False)
        click.echo(f"\n{text}")
    else:
        _make(home)  # before the token is spent: it can be only once
    spent = cache(lambda: read_token(token, token_file))
    found = show(_checks(url, spent, plan, probe, make=probe or not dry_run))
    if dry_run:
        say("a dry run: nothing is joined, and the token is not spent")
    if failed(found) and not (anyway and not dry_run):
        if not dry_run:
            note("not joined, and the token is not spent: mend what is wrong, or say --anyway")
        ctx.exit(1)
    if not dry_run:
        _join(url, home, path, spent(), plan, known)


def _join(
    url: str, home: Path, path: Path, token: str, plan: _Plan, known: AgentSettings | None
) -> None:
    """Spend the token, and write the settings."""
    request = JoinRequest(
        cluster=plan.name,
        executor=plan.executor.kind,
        identifier=known.uplinks[0].cluster if known else None,
    )
    with Client(url, token) as newcomer:
        answer = newcomer.join(request)
    kept = home / f"{answer.parent}.token"
    write_private(kept, answer.token)
    uplink = Uplink(url=url, token_file=kept.absolute(), cluster=answer.cluster)
    if known is None:
        write_private(path, _text(plan, home, uplink))
    else:
        _add_uplink(path, known, uplink)
    say(f"joined {answer.parent_name} as cluster {answer.cluster} of site {answer.identifier}")
    say(next_step(answer, home))


@click.command()
@click.argument("parent_url")
@click.argument("child_url")
@HOME
@token_options
@click.option(
    "--child-token-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="An operator's token of the child.",
)
def link(
    parent_url: str,
    child_url: str,
    home: Path,
    token: str | None,
    token_file: Path | None,
    child_token_file: Path,
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
        with Client(parent_url, read_token(token, token_file)) as newcomer:
            answer = newcomer.join(request)
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
    say(next_step(answer, home))


def _make(home: Path) -> None:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)


def _known(path: Path) -> AgentSettings | None:
    """The settings that an earlier join wrote."""
    if not path.exists():
        return None
    agents = read_agents(path)
    if len(agents) > 1:
        raise Conflict(f"{path} is of a link; a cluster joins from a directory of its own")
    return agents[0]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be joined. `found` is there where something was found just now."""

    name: str
    executor: ExecutorSettings
    found: Proposal | None = None


def _planned(options: Mapping[str, Any]) -> _Plan:
    """Look at this machine, say what was found, and propose."""
    pools, folder, only = options["pools"], options["folder"], options["partitions"]
    terms = {name: options[name] for name in TERMS}
    if options["asked"] == "slurm" and pools:
        raise BadInput("--pools is for --executor local: a Slurm's pools are its partitions")
    asked = "local" if pools else options["asked"]
    found = looks.look(os.environ)
    ray = look_for_dashboard(options["dashboard"] or found.ray, os.environ)
    for line in described(found, ray):
        say(line)
    kind = "ray" if options["dashboard"] and not asked else chosen(found, asked, ray)
    if kind == "ray":
        return _ray_plan(options, terms, ray)
    if kind == "slurm" and found.slurm is not None:
        around = local_settings({"pools": [ANY_POOL]}, {}, "weir agent join", terms).pools[0]
        where = slurm_folder(folder, Path.home())
        proposal = slurm_proposal(found.slurm, where, only, around)
        name = options["cluster"] or cluster_name(found.slurm)
        say(f"uses Slurm, as cluster {name}")
        return _Plan(name, proposal.settings, proposal)
    if kind == "kubernetes":
        return _kubernetes_plan(options, terms)
    if options["namespace"] or options["image"] or options["volume"]:
        said = "--namespace, --image and --volume are"
        raise BadInput(f"{said} for a Kubernetes: say --executor kubernetes")
    if folder or only:
        raise BadInput(
            "--folder and --partition are for a Slurm or a Ray; this machine is driven alone"
        )
    pool, left_out = local_pool(found.devices) if pools is None else ({}, [])
    for line in left_out:
        say(line)
    data: Any = {"pools": [pool]}
    lines: Mapping[FieldPath, int] = {}
    what = "weir agent join"
    if pools is not None:
        what = str(pools)
        data, lines = read_yaml(pools.read_text(encoding="utf-8"), what)
    executor = local_settings(data, lines, what, terms)
    name = options["cluster"] or "local"
    say(f"uses this machine, as cluster {name}: pools {', '.join(p.name for p in executor.pools)}")
    return _Plan(name, executor)


def _ray_plan(options: Mapping[str, Any], terms: Mapping[str, Any], ray: RayFound | None) -> _Plan:
    """The Ray whose dashboard was named, or is on this machine."""
    if options["partitions"]:
        raise BadInput("--partition is for a Slurm; a Ray's nodes are chosen by labels in the file")
    if ray is None or ray.error:
        why = f": {ray.error}" if ray else ""
        raise Conflict(f"no Ray dashboard answers{why}. Name it: --dashboard http://HEAD:8265")
    around = local_settings({"pools": [ANY_POOL]}, {}, "weir agent join", terms).pools[0]
    proposal = ray_proposal(ray, slurm_folder(options["folder"], Path.home()), around)
    name = options["cluster"] or "ray"
    say(f"uses Ray, as cluster {name}")
    return _Plan(name, proposal.settings, proposal)


def _kubernetes_plan(options: Mapping[str, Any], terms: Mapping[str, Any]) -> _Plan:
    """The Kubernetes that a kubeconfig or this pod's service account leads to."""
    if options["folder"] or options["partitions"]:
        raise BadInput("--folder and --partition are for a Slurm")
    volume, server = volume_of(options["volume"]), look_for_server(os.environ)
    if server is None:
        raise no_server()
    if server.error:
        raise Conflict(f"Kubernetes does not answer: {server.error}")
    around = local_settings({"pools": [ANY_POOL]}, {}, "weir agent join", terms).pools[0]
    wanted = options["namespace"], options["image"]
    proposal = kubernetes_proposal(server, *wanted, around, volume)
    name = options["cluster"] or kubernetes_name(server)
    namespace = proposal.settings.namespace
    say(f"uses Kubernetes {server.version}, namespace {namespace}, as cluster {name}")
    return _Plan(name, proposal.settings, proposal)


def _again(known: AgentSettings, options: Mapping[str, Any]) -> _Plan:
    """The cluster as it was joined before."""
    kind = known.executor.kind
    if options["asked"] not in (None, kind):
        raise Conflict(f"this agent drives {kind} already; join the other from another --home")
    say(f"uses {kind} as before, as cluster {options['cluster'] or known.name}")
    return _Plan(options["cluster"] or known.name, known.executor)


def _checks(
    url: str, token: Callable[[], str], plan: _Plan, probe: bool, make: bool
) -> Iterator[Check]:
    yield from domain_checks(url)
    yield join_token_check(url, token)
    yield from executor_checks(plan.executor, probe, make)


def _text(plan: _Plan, home: Path, uplink: Uplink | None = None, joined: bool = True) -> str:
    """The file as it will be; for the time before joining, with an uplink that is not shown."""
    uplinks = (uplink or Uplink(url="", token_file=home, cluster=""),)
    agent = AgentSettings(name=plan.name, executor=plan.executor, uplinks=uplinks)
    return text_of(agent, home, plan.found, joined)


def _add_uplink(path: Path, known: AgentSettings, uplink: Uplink) -> None:
    """One more domain, or another token for one. The file keeps its comments where it can."""
    if uplink in known.uplinks:
        return
    others = tuple(u for u in known.uplinks if u.url != uplink.url)
    if others == known.uplinks:
        longer = with_uplink(path.read_text(encoding="utf-8"), known, uplink)
        if longer is not None:
            write_private(path, longer)
            return
    write_agents(path, [known.model_copy(update={"uplinks": (*others, uplink)})])
    note(f"{path} was written anew, without the comments that it had")
