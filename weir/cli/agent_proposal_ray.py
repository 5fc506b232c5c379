"""What `weir agent join` proposes for a Ray: how it is found, its settings, and their lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import yaml

from weir.cli.agent_checks_ray import about
from weir.core.errors import Conflict, WeirError
from weir.executors.ray import connect
from weir.executors.ray_calls import Ray
from weir.executors.ray_inventory import Kind, kinds_of
from weir.executors.ray_records import Node
from weir.executors.ray_settings import RaySettings, RayShare
from weir.wire.pools import PoolFields

DASHBOARD = "http://127.0.0.1:8265"
"""Where a head's dashboard listens if nobody says otherwise."""

LOOK_S = 5.0


@dataclass(frozen=True, slots=True)
class RayFound:
    """A dashboard: its address, and the version that answers there. `error` is why none does."""

    url: str
    version: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class RayProposal:
    """Settings, and what the file says of the pools that follow from them."""

    settings: RaySettings
    notes: tuple[str, ...]


def look_for_dashboard(
    address: str,
    environment: Mapping[str, str],
    version: Callable[[str], str] | None = None,
) -> RayFound | None:
    """The dashboard at `address`, if that is a URL; else the one that the environment names, else
    one on this machine. None if there is none, and `address` (what `looks` has found) is empty.
    """
    ask = version or _version
    named = [environment.get("RAY_API_SERVER_ADDRESS", ""), address]
    if address.startswith(("http://", "https://")):
        named.reverse()
    urls = [word for word in named if word.startswith(("http://", "https://"))]
    url = urls[0] if urls else DASHBOARD
    try:
        return RayFound(url, ask(url))
    except WeirError as error:
        return RayFound(url, error=error.detail) if urls or address else None


def _version(url: str) -> str:
    with closing(Ray(url, LOOK_S)) as ray:
        return ray.version()


def ray_proposal(found: RayFound, folder: Path, terms: PoolFields) -> RayProposal:
    """One share of all nodes, on these terms as far as anything was said of them. Raises
    `Conflict` if Ray does not answer, or has no node for jobs.
    """
    names = ("location", "latency_us", "currency")
    prices = ("price_micro_per_device_hour", "price_micro_per_core_hour")
    share = RayShare(**{name: getattr(terms, name) for name in (*names, *prices)})
    settings = RaySettings(url=found.url, folder=folder, shares=(share,))
    try:
        with closing(connect(settings)) as ray:
            nodes = ray.nodes()
    except WeirError as error:
        raise Conflict(f"Ray does not answer: {error.detail}") from None
    kinds = kinds_of(settings.shares, nodes)
    if not kinds:
        raise Conflict("no node of this Ray has CPUs for jobs; see `ray status`")
    return RayProposal(settings, tuple(_notes(kinds, nodes)))


def _notes(kinds: Sequence[Kind], nodes: Sequence[Node]) -> Iterator[str]:
    for kind in kinds:
        yield f"{kind.name}: {about(kind)}"
    taken = {id_ for kind in kinds for id_ in kind.nodes}
    if left := sum(node.id not in taken for node in nodes):
        yield f"not shared: {left} without CPUs for jobs"


def ray_lines(proposal: RayProposal) -> Iterator[str]:
    """The executor's lines in the file, with comments."""
    settings = proposal.settings
    yield "    kind: ray"
    yield f"    url: {_flow(settings.url)}"
    yield "    # For the runs: one path on this machine and on every node, the head too."
    yield f"    folder: {_flow(str(settings.folder))}"
    yield "    # What is shared; nodes that are alike are one pool. A share may also say: labels"
    yield "    # (only nodes with these), resource (what counts as devices), device_models,"
    yield "    # max_devices, max_hosts, runtime_env, price_micro_per_device_hour."
    for note in proposal.notes:
        yield f"    # {note}"
    yield "    shares:"
    for share in settings.shares:
        said = share.model_dump(mode="json", exclude_defaults=True)
        text = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=1000)
        first, *rest = text.splitlines()
        yield f"    - {first}"
        yield from (f"      {line}" for line in rest)


def _flow(value: str) -> str:
    """A text as YAML writes it on one line."""
    return yaml.safe_dump(value, allow_unicode=True, width=10**6).removesuffix("...\n").strip()
