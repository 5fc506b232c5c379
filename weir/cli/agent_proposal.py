"""What `weir agent join` proposes: which executor, its settings, and the file to read.

Laws:
- What is chosen follows from what was found and what was asked; only Slurm is looked at here.
- The file says what it says in comments too, and reads back as exactly the settings that are used.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from weir.cli.agent_checks_slurm import about
from weir.cli.agent_proposal_kubernetes import KubernetesProposal, kubernetes_lines
from weir.cli.agent_proposal_ray import RayFound, RayProposal, ray_lines
from weir.cli.network_join import this_machine
from weir.cli.pool_entries import PoolsFile, pool_fields
from weir.core import devices, units
from weir.core.device_access import ACCESS
from weir.core.errors import BadInput, Conflict, WeirError
from weir.executors import local_machine, looks
from weir.executors.local_environment import maker_of
from weir.executors.looks import DevicesFound, Found, SlurmFound
from weir.executors.settings import (
    AgentFile,
    AgentSettings,
    LocalSettings,
    SlurmSettings,
    Uplink,
)
from weir.executors.slurm import connect
from weir.executors.slurm_inventory import Kind, kinds_of
from weir.executors.slurm_records import Node, Partition
from weir.executors.slurm_settings import SlurmShare
from weir.wire.mistakes import Path as FieldPath
from weir.wire.mistakes import read_yaml, validated
from weir.wire.pools import Place, PoolFields

FOLDER = "weir-runs"
"""The name of the runs' folder in a home folder that nodes share."""

HEADER = """\
# What this agent drives, what it shares and where it reports. Written by `weir agent join` from
# what it found, and from now on yours to edit. After an edit: `weir agent doctor --home {home}`,
# then restart the agent. Every setting: docs/{page}
"""


def described(found: Found, ray: RayFound | None = None) -> Iterator[str]:
    """What was found, a line each, with what Weir can't do with it."""
    slurm = found.slurm
    if slurm is not None and slurm.answers:
        yield f"found Slurm {slurm.version}, cluster {slurm.cluster or 'without a name'}"
    elif slurm is not None and slurm.set_up:
        yield f"found a Slurm that does not answer: {slurm.error}"
    elif slurm is not None:
        yield "found Slurm's commands, and no Slurm set up for them"
    if found.kubernetes:
        yield f"found Kubernetes ({found.kubernetes})"
    if ray is not None and ray.error:
        yield f"found Ray ({found.ray}), whose dashboard does not answer: {ray.error}"
    elif ray is not None:
        yield f"found Ray {ray.version} ({ray.url})"
    for one in found.devices:
        model = one.model or "a model that the catalog does not know"
        yield f"found {one.count} x {one.name} by {one.tool}: {model}"
    absent = [
        *(["Slurm"] if slurm is None else []),
        *(["kubeconfig"] if not found.kubernetes else []),
        *(["Ray"] if ray is None else []),
        *(["accelerator"] if not found.devices else []),
    ]
    if absent:
        yield f"found no {', no '.join(absent)} here"


def chosen(found: Found, asked: str | None, ray: RayFound | None = None) -> str:
    """The kind of executor: as asked, else Slurm where one is set up, else Kubernetes where the
    agent is in one of its pods, else a Ray whose dashboard answers, else this machine. A kubeconfig
    alone is no wish to share a cluster.

    Raises `BadInput` or `Conflict` if what is asked, or what is here, can't be driven.
    """
    slurm = found.slurm
    if asked == "slurm" and slurm is None:
        raise BadInput(
            "there is no sbatch and scontrol here: set PATH, or install Slurm's commands"
        )
    if asked == "slurm" and slurm is not None and not slurm.set_up:
        raise BadInput("Slurm's commands know of no Slurm here: set SLURM_CONF to its slurm.conf")
    answers = ray is not None and not ray.error
    alone = "ray" if answers else "local"
    alone = "kubernetes" if found.kubernetes == looks.THIS_POD else alone
    wanted = asked or ("slurm" if slurm is not None and slurm.set_up else alone)
    if wanted == "slurm" and slurm is not None and slurm.error:
        raise Conflict(
            f"Slurm is set up on this machine, and does not answer: {slurm.error}. Look at "
            "`scontrol ping`; or drive this machine without it by --executor local"
        )
    return wanted


# -- this machine ----------------------------------------------------------------------------------


def local_pool(found: Sequence[DevicesFound]) -> tuple[dict[str, Any], list[str]]:
    """The pool of this machine as a pools file has it, and what is left out of it, in words."""
    pool: dict[str, Any] = {"name": "cpu", "detect": True}
    said: list[str] = []
    for one in found:
        reason = _not_here(one)
        if not reason and "devices" in pool:
            reason = "one pool has one model; write the other by --pools"
        if reason:
            said.append(f"{one.count} x {one.name} are left out: {reason}")
            continue
        assert one.model is not None
        kind = devices.find(one.model).kind
        pool |= {"name": str(kind), "devices": one.count, "device_model": one.model}
    return pool, said


def _not_here(one: DevicesFound) -> str:
    """Why the local executor can't hand these devices out; empty if it can."""
    if one.model is None:
        return "the catalog does not know them; `weir device list` shows what it knows"
    maker = maker_of(one.model)
    if maker not in ACCESS:
        return f"the local executor hands out devices of {', '.join(sorted(ACCESS))} only"
    absent = local_machine.absent(maker, one.count)
    return f"there is no {absent}" if absent else ""


# -- a Slurm ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SlurmProposal:
    """Settings, and what the file says beside each share and of partitions that are left out."""

    settings: SlurmSettings
    notes: Mapping[str, str]
    left_out: tuple[str, ...]


def slurm_folder(asked: Path | None, home: Path) -> Path:
    """The runs' folder: as asked, else in a home folder that other machines have as well."""
    if asked is not None:
        return asked.absolute()
    if looks.on_network(home):
        return home / FOLDER
    raise BadInput(
        "give --folder PATH: a folder for the runs, that this machine and all nodes have under one "
        f"path ({home} is on {looks.file_system(home) or 'a file system'} of this machine alone)"
    )


def slurm_proposal(
    found: SlurmFound, folder: Path, only: Sequence[str], terms: PoolFields
) -> SlurmProposal:
    """A share for each partition that is up, or for those in `only`; place and prices of `terms`.

    Raises `BadInput` for partitions that there are not, and `Conflict` if Slurm does not answer.
    """
    settings = SlurmSettings(
        folder=folder,
        commands=Path(found.commands) if found.commands else None,
        config=Path(found.config) if found.config else None,
    )
    try:
        slurm = connect(settings, lambda: 0.0)
        nodes, partitions = slurm.nodes(), slurm.partitions()
    except WeirError as error:
        raise Conflict(f"Slurm does not answer: {error.detail}") from None
    seen = sorted(partitions, key=lambda p: not p.default)
    up = [p for p in seen if p.up and not p.hidden and p.nodes]
    wanted = [_named(name, partitions) for name in only] if only else up
    shares = [_share(partition.name, terms) for partition in wanted]
    kinds = kinds_of(shares, nodes, partitions)
    used = {kind.share.partition for kind in kinds}
    kept = tuple(share for share in shares if share.partition in used)
    if not kept:
        raise Conflict("no partition of this Slurm is up and has nodes; see `sinfo`")
    return SlurmProposal(
        settings.model_copy(update={"shares": kept}),
        {s.partition: _note(s.partition, kinds, partitions) for s in kept},
        tuple(_left_out(partitions, used, nodes, bool(only))),
    )


def _named(name: str, partitions: Sequence[Partition]) -> Partition:
    found = next((p for p in partitions if p.name == name), None)
    if found is None:
        names = [p.name for p in partitions]
        near = get_close_matches(name, names, 1) or names
        raise BadInput(f"Slurm shows no partition {name!r}; there is {', '.join(near)}")
    return found


def _share(partition: str, terms: PoolFields) -> SlurmShare:
    """A share on these terms, as far as anything was said of them."""
    names = ("location", "latency_us", "currency")
    prices = ("price_micro_per_device_hour", "price_micro_per_core_hour")
    said = {name: getattr(terms, name) for name in (*names, *prices)}
    return SlurmShare(partition=partition, **said)


def _note(name: str, kinds: Iterable[Kind], partitions: Iterable[Partition]) -> str:
    partition = next(p for p in partitions if p.name == name)
    hosts = "; ".join(about(kind) for kind in kinds if kind.share.partition == name)
    minutes = partition.max_minutes
    limit = f"at most {units.show_duration_s(60 * minutes)} a job" if minutes else "no time limit"
    return f"{hosts}; {limit}"


def _left_out(
    partitions: Iterable[Partition], used: set[str], nodes: Sequence[Node], chosen: bool
) -> Iterator[str]:
    """Why each other partition is not shared."""
    known = {node.name for node in nodes}
    for partition in partitions:
        if partition.name in used:
            continue
        reason = (
            "hidden, or for root only"
            if partition.hidden
            else "takes no jobs now"
            if not partition.up
            else "has no nodes"
            if not known & set(partition.nodes)
            else "not chosen by --partition"
            if chosen
            else "its nodes are all in partitions above"
        )
        yield f"{partition.name}: {reason}"


def cluster_name(found: SlurmFound | None) -> str:
    """A name for the cluster: Slurm's own, as far as it can be one here."""
    plain = re.sub(r"[^a-z0-9._-]", "-", found.cluster.lower()) if found else ""
    return plain.strip("-._")[:63] or "slurm"


Proposal = SlurmProposal | KubernetesProposal | RayProposal
"""What is known of an executor's settings beside the settings."""


# -- the file --------------------------------------------------------------------------------------


def text_of(
    agent: AgentSettings, home: Path, found: Proposal | None = None, joined: bool = True
) -> str:
    """The file, with comments. Not yet joined, it lacks where the agent reports."""
    page = "operate.md" if found is None else f"{agent.executor.kind}.md"
    lines = [*HEADER.format(home=home, page=page).splitlines(), "agents:"]
    lines += [f"- name: {_flow(agent.name)}", "  executor:"]
    if isinstance(found, SlurmProposal):
        lines += _slurm_lines(found)
    elif isinstance(found, KubernetesProposal):
        lines += kubernetes_lines(found)
    elif isinstance(found, RayProposal):
        lines += ray_lines(found)
    else:
        lines += _block(agent.executor.model_dump(mode="json"), "    ")
    if not joined:
        return "\n".join([*lines, "  # uplinks: joining writes them", ""])
    lines += [
        "  # The domains that it reports to; the first has issued the identifiers.",
        "  uplinks:",
    ]
    lines += [line for uplink in agent.uplinks for line in _uplink_lines(uplink)]
    text = "\n".join([*lines, ""])
    assert _read(text) == agent, text
    return text


def with_uplink(text: str, agent: AgentSettings, uplink: Uplink) -> str | None:
    """An agent's file with one more uplink, its comments kept; None if that is not to be done by
    adding lines at its end.
    """
    wanted = agent.model_copy(update={"uplinks": (*agent.uplinks, uplink)})
    for indent in ("  ", ""):
        lines = [indent + line.removeprefix("  ") for line in _uplink_lines(uplink)]
        longer = "\n".join([text.rstrip("\n"), *lines, ""])
        try:
            if _read(longer) == wanted:
                return longer
        except BadInput:
            continue
    return None


def _read(text: str) -> AgentSettings | None:
    data, lines = read_yaml(text, "agents.yaml")
    agents = validated(AgentFile, data, "agents.yaml", lines).agents
    return agents[0] if len(agents) == 1 else None


def _slurm_lines(proposal: SlurmProposal) -> Iterator[str]:
    settings = proposal.settings
    yield "    kind: slurm"
    yield "    # For the runs: one path on this machine and on every node."
    yield f"    folder: {_flow(str(settings.folder))}"
    for name in ("commands", "config"):
        if value := getattr(settings, name):
            yield f"    {name}: {_flow(str(value))}"
    yield "    # What is shared. A node in several partitions counts in the first. A share may also"
    yield "    # say: max_devices, max_hosts (for the whole network together), idle_only, account,"
    yield "    # qos, reservation, price_micro_per_device_hour."
    yield "    shares:"
    for share in settings.shares:
        yield f"    # {proposal.notes[share.partition]}"
        said = share.model_dump(mode="json", exclude_defaults=True)
        first, *rest = _block(said, "      ")
        yield f"    - {first.strip()}"
        yield from rest
    for line in proposal.left_out:
        yield f"    # not {line}"
    yield "    # As whom Slurm charges jobs; the first entry that fits counts:"
    yield '    # accounts: [{submitter: "*@physics", account: phys}, {account: network}]'


def _uplink_lines(uplink: Uplink) -> list[str]:
    said = uplink.model_dump(mode="json")
    first, *rest = [f"{name}: {_flow(value)}" for name, value in said.items()]
    return [f"  - {first}", *(f"    {line}" for line in rest)]


def _block(value: Any, indent: str) -> list[str]:
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000)
    return [indent + line for line in text.splitlines()]


def _flow(value: str) -> str:
    """A text as YAML writes it on one line."""
    return yaml.safe_dump(value, allow_unicode=True, width=10**6).removesuffix("...\n").strip()


def local_settings(
    data: Any, lines: Mapping[FieldPath, int], what: str, terms: Mapping[str, Any]
) -> LocalSettings:
    """Pools of this machine as a file has them; `terms` hold where it says nothing. Raises
    `BadInput` with every mistake.
    """
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
