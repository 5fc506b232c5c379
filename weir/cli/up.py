"""`weir up FILE`: a whole network on this machine, every server and agent a process of its own.

Everything is in WEIR_HOME/<network>/: each server's data, the agents' settings and journals,
tokens, ports and logs. Coming up again uses them, so that identifiers, jobs and tokens stay. The
context file gets the network's servers, so that `weir find` and the rest just work beside it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import click
import yaml
from rich.console import Console
from rich.live import Live

from weir.cli.network_file import DomainEntry, NetworkFile, read_network_file
from weir.cli.network_join import Folder, Server, join_parent, join_site, write_agents
from weir.cli.processes import (
    Children,
    alone_in,
    choose_ports,
    interruptible,
    read_numbers,
    write_numbers,
)
from weir.cli.status_view import Status, changes, draw, read_status, stamped
from weir.cli.up_context import exports, write_servers
from weir.client.context import (
    read_token,
    weir_home,
)
from weir.client.http import Client
from weir.core.errors import NotReady, WeirError

SERVERS_START_S = 30.0
"""Longest wait until every server is ready."""

AGENTS_START_S = 30.0
"""Longest wait until every agent was heard and the top domain sees every pool."""

EVERYWHERE_S = 5.0
"""How much longer the other domains have to see them, before it is up without."""

REFRESH_S = 1.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Network:
    """A network that is up."""

    file: NetworkFile
    home: Path
    folder: Folder
    servers: Mapping[str, Server]
    children: Children
    names: Mapping[str, str] = field(default_factory=dict)

    def name_of(self, domain: str) -> str:
        """What the context file calls a domain's server."""
        return self.names.get(domain, domain)

    def first(self) -> Server:
        """The server that people talk to if they name none: the first region's."""
        chosen = self.file.first_domain("regional") or self.file.domains_from_the_top()[0]
        return self.servers[chosen.name]


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--home", type=click.Path(path_type=Path), help="Instead of WEIR_HOME or ~/.weir.")
@click.option("--plain", is_flag=True, help="Print lines instead of the live view.")
def up(file: Path, home: Path | None, plain: bool) -> None:
    """Start the network that FILE describes, and keep it up until Ctrl-C.

    The processes run on this machine; what FILE calls emulated are hosts and devices that it does
    not have. A process that dies is started again: kill an agent while jobs run, and see. A second
    `weir up` with the same home goes on with the same identifiers and jobs.
    """
    network = read_network_file(file)
    console = Console(highlight=False, soft_wrap=True)
    say = partial(console.print, markup=False)
    with (
        interruptible(),
        suppress(KeyboardInterrupt),
        network_up(network, home or weir_home(), say) as started,
    ):
        watch(started, console, plain=plain or not console.is_terminal)
    say(f"{network.network} is down; `weir up {file}` brings it back as it was")


@contextmanager
def network_up(file: NetworkFile, home: Path, say: Say) -> Iterator[Network]:
    """Bring a network up, and take it down at the end whatever happens."""
    folder = Folder(home.absolute() / file.network)
    with ExitStack() as ending:
        ending.enter_context(alone_in(folder.home))
        children = Children(folder.logs)
        ending.callback(stop, children, say)
        began, clock = time.monotonic(), time.time()
        servers = _start_servers(file, folder, children)
        for server in servers.values():
            ending.callback(server.client.close)
        _start_agents(file, folder, servers, children)
        names = write_servers(file, home, folder, servers)
        _wait_for_all(file, servers, children, clock)
        network = Network(file, home, folder, servers, children, names)
        _introduce(network, time.monotonic() - began, say)
        yield network


def stop(children: Children, say: Say) -> None:
    """Stop the processes, also where nobody listens any more."""
    with suppress(OSError):
        say(f"stopping {len(children)} processes ...")
    killed = children.stop()
    with suppress(OSError):
        say(f"all stopped; {killed} had to be killed" if killed else "all stopped")


def _start_servers(file: NetworkFile, folder: Folder, children: Children) -> dict[str, Server]:
    wanted = {d.name: d.port for d in file.domains}
    ports = choose_ports(wanted, read_numbers(folder.ports))
    write_numbers(folder.ports, ports)
    for domain in file.domains:
        _write_queues(domain, folder)
        children.start(domain.name, _serve(file, domain, folder, ports[domain.name]))
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    _wait_until_ready(urls, children)
    return {
        name: Server(name, url, Client(url, read_token(folder.domain(name) / "operator.token")))
        for name, url in urls.items()
    }


def _serve(file: NetworkFile, domain: DomainEntry, folder: Folder, port: int) -> list[str]:
    arguments = ["serve", "--home", str(folder.domain(domain.name)), "--name", domain.name]
    arguments += ["--kind", domain.kind, "--host", "127.0.0.1", "--port", str(port)]
    if domain.policy is not None:
        arguments += ["--policy", domain.policy]
    if domain.queues:
        arguments += ["--queues", str(_queues_file(domain, folder))]
    if domain.alerts is not None:
        arguments += ["--alerts", str(domain.alerts)]
    arguments += [
        word for width, time in domain.keep.items() for word in ("--keep", f"{width}={time}")
    ]
    if domain.rack_kw is not None:
        arguments += ["--rack-kw", str(domain.rack_kw)]
    return [*arguments, "--code", file.code] if domain.kind == "national" else arguments


def _queues_file(domain: DomainEntry, folder: Folder) -> Path:
    return folder.home / "queues" / f"{domain.name}.yaml"


def _write_queues(domain: DomainEntry, folder: Folder) -> None:
    """What a domain's server reads its queues from."""
    if domain.queues:
        listed = [q.model_dump(mode="json", exclude_unset=True) for q in domain.queues]
        path = _queues_file(domain, folder)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump({"queues": listed}, sort_keys=False), encoding="utf-8")


def _wait_until_ready(urls: Mapping[str, str], children: Children) -> None:
    until = time.monotonic() + SERVERS_START_S
    with ExitStack() as open_clients:
        waiting = {
            name: open_clients.enter_context(Client(url, timeout_s=2)) for name, url in urls.items()
        }
        while waiting := {n: client for n, client in waiting.items() if not _is_ready(client)}:
            children.check()
            if time.monotonic() > until:
                raise NotReady(f"{', '.join(waiting)} not ready after {SERVERS_START_S:g} s")
            time.sleep(0.05)


def _is_ready(client: Client) -> bool:
    try:
        client.ready()
    except WeirError:
        return False
    return True


def _start_agents(
    file: NetworkFile, folder: Folder, servers: Mapping[str, Server], children: Children
) -> None:
    for domain in file.domains_from_the_top():
        if domain.parent is not None:
            at = folder.link(domain.name)
            write_agents(at / "agents.yaml", join_parent(folder, domain, servers))
            children.start(f"link-{domain.name}", _agent(at), stage=1)
    python = (str(Path(sys.executable).parent),)
    for site in file.sites:
        at = folder.site(site.name)
        write_agents(at / "agents.yaml", join_site(folder, site, servers, python))
        children.start(f"site-{site.name}", _agent(at), stage=1)


def _agent(at: Path) -> list[str]:
    return ["agent", "run", "--home", str(at), "--config", str(at / "agents.yaml")]


def _wait_for_all(
    file: NetworkFile, servers: Mapping[str, Server], children: Children, began: float
) -> None:
    """Wait until every agent was heard, and the top domain sees every pool.

    `began` is when this network was started: what was heard before says nothing. The other domains
    get a little longer to see every pool too.
    """
    top, clusters = file.domains_from_the_top()[0].name, file.clusters_of_domains()
    pools = {(s.name, p.name) for s in file.sites for c in s.clusters for p in c.pools}
    until = later = time.monotonic() + AGENTS_START_S
    while True:
        children.check()
        lacking = [
            f"{name} does not hear {site}/{cluster}"
            for name, server in servers.items()
            for site, cluster in sorted(clusters[name] - _heard_at(server, began))
        ]
        if not lacking:
            unseen = {name: pools - _pools_at(server) for name, server in servers.items()}
            lacking = [f"{top} does not see {site}/{pool}" for site, pool in sorted(unseen[top])]
            if not lacking and (not any(unseen.values()) or time.monotonic() > later):
                return
        if lacking:
            later = time.monotonic() + EVERYWHERE_S
        if time.monotonic() > until:
            raise NotReady(f"after {AGENTS_START_S:g} s {'; '.join(lacking)}")
        time.sleep(0.2)


def _pools_at(server: Server) -> set[tuple[str, str]]:
    try:
        return {(p.site_name, p.name) for p in server.client.pools() if not p.silent}
    except WeirError:
        return set()


def _heard_at(server: Server, since: float) -> set[tuple[str, str]]:
    try:
        clusters = server.client.clusters()
    except WeirError:
        return set()
    return {(c.site_name, c.name) for c in clusters if (c.heard_at or 0) >= since}


def _introduce(network: Network, seconds: float, say: Say) -> None:
    file = network.file
    pools = network.first().client.pools()
    emulated = sum(p.emulated for p in pools)
    say(
        f"{file.network} is up after {seconds:.1f} s: {len(network.children)} processes, "
        f"{len(file.domains)} domains, {len(file.sites)} sites, {len(pools)} pools "
        f"({emulated} of them emulated: their jobs' processes run on this machine)"
    )
    for domain in file.domains_from_the_top():
        say(f"  {domain.name:<16} {domain.kind:<9} {network.servers[domain.name].url}")
    _tell_console(network, say)
    say(f"Logs are in {network.folder.logs}")
    say("In another terminal, first this line:")
    say(f"  {exports(network.home)}")
    server = network.name_of(network.first().name)
    say(f"and then for instance `weir -s {server} pools`, or `weir -s {server} jobs`")


def _tell_console(network: Network, say: Say) -> None:
    """Each server has a console; the links to the top's and the first region's sign in once."""
    top = network.servers[network.file.domains_from_the_top()[0].name]
    say("Every server has a console in the browser. These links sign you in, once each:")
    for server in {s.name: s for s in (top, network.first())}.values():
        token = read_token(network.folder.home / "people" / f"{server.name}.token")
        with Client(server.url, token) as client:
            code = client.create_signin_link().code
        say(f"  {server.name:<16} {server.url}/signin?code={code}")


def watch(
    network: Network,
    console: Console,
    *,
    plain: bool,
    beside: Callable[[float], None] = lambda now: None,
) -> None:
    """Show what the network does until interrupted, and start again what dies.

    `beside` is called about every second with the time of a clock that only goes on. Raises `Died`
    if a process keeps dying.
    """
    if plain:
        _tell(network, console, beside)
    with Live(console=console, auto_refresh=False, screen=False) as live:
        while True:
            network.children.revive(partial(live.console.print, markup=False), time.monotonic())
            status = read_status(network.servers)
            live.update(draw(network.file, network.servers, status), refresh=True)
            beside(time.monotonic())
            time.sleep(REFRESH_S)


def _tell(network: Network, console: Console, beside: Callable[[float], None]) -> None:
    def told(line: str) -> None:
        console.print(stamped(line, time.time()), markup=False)

    old = Status()
    while True:
        network.children.revive(told, time.monotonic())
        new = read_status(network.servers)
        for line in changes(old, new):
            told(line)
        old = new
        beside(time.monotonic())
        time.sleep(REFRESH_S)
