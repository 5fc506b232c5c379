"""A network of real processes on loopback, for stories that kill, halt and restart them.

It is put together as `weir up` does it, from the same kind of file; every server and agent can be
killed and started again by its name. All is under one folder; at the end everything that was
started is killed, what jobs have left running too.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil
from click.testing import CliRunner, Result

from weir.cli.main import main
from weir.cli.network_file import NetworkFile, read_network
from weir.cli.network_join import Folder, Server, join_parent, join_site, write_agents
from weir.cli.processes import Child, Children, choose_ports
from weir.client.context import read_token
from weir.client.http import Client
from weir.client.problems import Unreachable
from weir.core.errors import NotReady, WeirError
from weir.core.lifecycle import JOB_FINAL, JobState
from weir.executors.settings import AgentSettings
from weir.wire.jobs import JobDetailAnswer, Submission, SubmitRequest
from weir.wire.jobspec import JobSpec

T = TypeVar("T")

WITHIN_S = 25.0
"""How long a step of a story may take: much longer than on an idle machine."""

PYTHON = (str(Path(sys.executable).parent),)
OFF_CLOCK = str(Path(__file__).with_name("off_clock.py"))


class Fleet(Children):
    """Processes that can be killed and halted one by one."""

    def find(self, name: str) -> Child | None:
        """The process that was last started under this name, unless it was killed here."""
        return next((c for c in reversed(self._children) if c.name == name), None)

    def kill(self, child: Child) -> None:
        """Kill -9: no time to say or write anything. The jobs of an agent go on."""
        child.process.kill()
        child.process.wait()
        self._children.remove(child)

    def kill_all(self) -> None:
        for child in list(self._children):
            self.kill(child)

    def logs(self) -> Iterator[str]:
        """The last lines of every process."""
        for child in self._children:
            code = child.process.poll()
            yield f"--- {child.name}: " + ("runs" if code is None else f"ended with {code}")
            yield from (mistake.message for mistake in child.last_words())


@dataclass
class Network:
    """A network that is up. What it is asked for by name is a domain, or a process."""

    file: NetworkFile
    folder: Folder
    options: tuple[str, ...]
    ports: Mapping[str, int]
    off_s: Mapping[str, float]
    servers: dict[str, Server] = field(default_factory=dict)
    _fleets: dict[float, Fleet] = field(default_factory=dict)
    _commands: dict[str, list[str]] = field(default_factory=dict)

    # Processes.

    def start(self, name: str, *command: str) -> None:
        """Start a process; without a command, the one that had this name, as it was started."""
        self._commands[name] = list(command) or self._commands[name]
        self._fleet(name).start(name, self._commands[name])

    def kill(self, name: str) -> None:
        """Kill -9."""
        self._fleet(name).kill(self.process(name))

    def halt(self, name: str) -> None:
        """Cut a process off: it neither hears nor says anything until `go_on`."""
        self.process(name).process.send_signal(signal.SIGSTOP)

    def go_on(self, name: str) -> None:
        self.process(name).process.send_signal(signal.SIGCONT)

    def process(self, name: str) -> Child:
        child = self._fleet(name).find(name)
        assert child is not None, f"{name} is not running"
        return child

    def log(self, name: str) -> str:
        """All that processes of this name have logged."""
        return (self.folder.logs / f"{name}.log").read_text()

    def _fleet(self, name: str) -> Fleet:
        off = self.off_s.get(name, 0.0)
        if off not in self._fleets:
            weir = (OFF_CLOCK, str(off)) if off else ("-m", "weir")
            self._fleets[off] = Fleet(self.folder.logs, (sys.executable, *weir))
        return self._fleets[off]

    # Jobs.

    def __getitem__(self, domain: str) -> Client:
        """A domain's server, spoken to as its operator."""
        return self.servers[domain].client

    def url(self, domain: str) -> str:
        return f"http://127.0.0.1:{self.ports[domain]}"

    def connect(self, domain: str, token: str | None) -> Client:
        """A domain's server, spoken to with another token."""
        return Client(self.url(domain), token)

    def identifier(self, domain: str) -> str:
        found = self[domain].domain().id
        assert found is not None
        return found

    def submit(self, domain: str, *specs: JobSpec) -> list[str]:
        """Submit jobs; their ids."""
        asked = SubmitRequest(jobs=tuple(Submission(spec=s) for s in specs))
        return [job for (job,) in self[domain].submit(asked).ids]

    def handed_to(self, domain: str, root: str) -> list[JobDetailAnswer]:
        """What a domain has of a job that was submitted elsewhere, oldest first."""
        page = self[domain].jobs(limit=1000)
        return [self[domain].job(j.id) for j in reversed(page.jobs) if j.root_job == root]

    def in_state(
        self, domain: str, job: str, *states: JobState, within: float = WITHIN_S
    ) -> JobDetailAnswer:
        """The job once it is in one of these states."""

        def found() -> JobDetailAnswer | None:
            answer = self[domain].job(job)
            return answer if answer.state in states else None

        return self.until(f"job {job} at {domain} is {' or '.join(states)}", found, within)

    def ended(self, domain: str, job: str, within: float = WITHIN_S) -> JobDetailAnswer:
        """The job once it has ended."""
        return self.in_state(domain, job, *sorted(JOB_FINAL), within=within)

    def read(self, domain: str, job: str, name: str = "stdout") -> str:
        """What a domain has of a job's file now."""
        return self[domain].read_file(job, name).data.decode()

    def command(self, domain: str, *arguments: str) -> Result:
        """`weir ARGUMENTS` as the domain's operator."""
        token = read_token(self.folder.domain(domain) / "operator.token")
        environment = {
            "WEIR_URL": self.url(domain),
            "WEIR_TOKEN": token,
            "WEIR_HOME": str(self.folder.home / "person"),
        }
        return CliRunner().invoke(main, arguments, env=environment)

    # Waiting.

    def until(self, what: str, found: Callable[[], T | None], within: float = WITHIN_S) -> T:
        """What `found` gives once that is something; a server that is away gives nothing."""
        over = time.monotonic() + within
        while True:
            with suppress(Unreachable, NotReady):
                value = found()
                if value:
                    return value
            if time.monotonic() > over:
                raise AssertionError(f"not within {within:g} s: {what}\n{self.picture()}")
            time.sleep(0.05)

    def picture(self) -> str:
        """How things stand: every domain's jobs, and the end of every log."""
        lines = [line for name in self.servers for line in self._jobs_at(name)]
        return "\n".join([*lines, *(line for f in self._fleets.values() for line in f.logs())])

    def _jobs_at(self, domain: str) -> Iterator[str]:
        yield f"=== jobs at {domain}"
        try:
            page = self[domain].jobs(limit=20)
            for job in page.jobs:
                yield f"{job.id} {job.name} {job.state} {job.reason!r} root {job.root_job}"
        except WeirError as error:
            yield error.detail

    def close(self) -> None:
        for fleet in self._fleets.values():
            fleet.kill_all()
        for server in self.servers.values():
            server.client.close()
        kill_jobs(self.folder.home)


@contextmanager
def network_up(
    home: Path,
    text: str,
    *options: str,
    together: bool = False,
    off_s: Mapping[str, float] | None = None,
    own: Mapping[str, Sequence[str]] | None = None,
) -> Iterator[Network]:
    """Bring up the network that `text` describes; `options` are those of every `weir serve`, `own`
    further ones of a single domain's. Who is to be approved is.

    The processes are called by the domains' names, `link-CHILD` and `site-NAME`. With `together`,
    the links are one process, `links`, and the sites another, `sites`: quicker, where none is to
    be killed. `off_s` says by how much the clocks of some processes are wrong.
    """
    file = read_network(text, "the story's network")
    ports = choose_ports({d.name: None for d in file.domains}, {})
    network = Network(file, Folder(home.absolute()), options, ports, off_s or {})
    try:
        _start_servers(network, own or {})
        _start_agents(network, together)
        _wait_for_pools(network)
        yield network
    finally:
        network.close()


def _start_servers(network: Network, own: Mapping[str, Sequence[str]]) -> None:
    for domain in network.file.domains:
        command = ["serve", "--home", str(network.folder.domain(domain.name))]
        command += ["--name", domain.name, "--kind", domain.kind]
        command += ["--port", str(network.ports[domain.name]), *network.options]
        command += own.get(domain.name, ())
        network.start(domain.name, *command)
    for domain in network.file.domains:
        name, url = domain.name, network.url(domain.name)
        token_file = network.folder.domain(name) / "operator.token"
        with Client(url) as anonymous:
            network.until(f"{name} is ready", lambda c=anonymous: _is_ready(c), 40)  # type: ignore[misc]
        network.servers[name] = Server(name, url, Client(url, read_token(token_file)))


def _is_ready(client: Client) -> bool:
    client.ready()
    return True


def _start_agents(network: Network, together: bool) -> None:
    folder, servers = network.folder, network.servers
    links = {
        f"link-{d.name}": join_parent(folder, d, servers)
        for d in network.file.domains_from_the_top()
        if d.parent is not None
    }
    sites = {f"site-{s.name}": join_site(folder, s, servers, PYTHON) for s in network.file.sites}
    if together:
        links = {"links": [agent for agents in links.values() for agent in agents]}
        sites = {"sites": [agent for agents in sites.values() for agent in agents]}
    for server in servers.values():
        for asked in server.client.joins().joins:
            server.client.approve_join(asked.id)
    for name, agents in (links | sites).items():
        if agents:
            start_agents(network, name, agents)


def start_agents(network: Network, name: str, agents: Sequence[AgentSettings]) -> None:
    """Start an agent process with a folder of its own."""
    home = network.folder.home / "agents" / name
    write_agents(home / "agents.yaml", list(agents))
    network.start(name, "agent", "run", "--home", str(home), "--config", str(home / "agents.yaml"))


def _wait_for_pools(network: Network) -> None:
    """Until every domain that can see a pool at all sees all of the network's."""
    clusters = [c for s in network.file.sites for c in s.clusters]
    pools = sum(len(c.pools) + len(c.manager.shares if c.manager else ()) for c in clusters)
    for name in network.servers:

        def seen(domain: str = name) -> bool:
            return sum(not p.silent and p.open for p in network[domain].pools()) == pools

        network.until(f"{name} sees {pools} pools", seen, 40)


def job(name: str, script: str, *, sites: Sequence[str] = (), **tasks: Any) -> JobSpec:
    """A small job of one group that runs a shell script; `tasks` are other fields of the group."""
    task = {"command": ["bash", "-c", script], "cpu": "100m", "memory": "16MiB", **tasks}
    return JobSpec.model_validate(
        {"name": name, "tasks": [task], "constraints": {"sites": list(sites)}}
    )


def more(spec: JobSpec, **fields: Any) -> JobSpec:
    """The job with other fields of its file set."""
    return JobSpec.model_validate(spec.model_dump(exclude_unset=True) | fields)


def ticking_until(gate: Path) -> str:
    """A script that says `tick 1`, `tick 2` ... until the file is there, and then `the end`."""
    return f"n=0; until [ -e {gate} ]; do n=$((n+1)); echo tick $n; sleep 0.1; done; echo the end"


def check_ticks(text: str) -> None:
    """The output of `ticking_until` is whole: nothing lacks, nothing stands twice."""
    lines = text.splitlines()
    assert lines[-1] == "the end"
    assert lines[:-1] == [f"tick {n}" for n in range(1, len(lines))]


def kill_jobs(home: Path) -> None:
    """Kill every process that works somewhere under `home`."""
    inside = str(home.absolute()) + os.sep
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if (process.cwd() + os.sep).startswith(inside):
                process.kill()
