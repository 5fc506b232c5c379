"""The processes of a network on this machine: started, watched, stopped; their ports and secrets.

Laws:
- Each process is `python -m weir ...` with its own session and log file, and no secret among its
  arguments. On Linux it gets SIGTERM when the process that started it dies, whatever killed that.
- Processes must be started from the main thread: the kernel ties that SIGTERM to the thread.
- While a network comes up a death is its end, told with the end of the log. After that a process
  that dies is started again, but not for ever: one that keeps dying ends the network too.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from weir.client.context import write_private
from weir.core.errors import Conflict, Mistake, WeirError

PORTS = range(20_000, 32_000)
"""Where free ports are looked for: below the ports that outgoing connections get."""

RESTARTS, RESTARTS_S = 5, 60.0
"""So often within so many seconds is a process started again."""

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Died(WeirError):
    """A process ended that should have stayed; the mistakes are the last lines of its log."""

    code, title = "weir.process.died", "A process has ended"


@dataclass(slots=True)
class Child:
    """One process that was started; the ones of a later stage are stopped before."""

    name: str
    stage: int
    process: subprocess.Popen[bytes]
    log: Path
    log_from: int
    arguments: tuple[str, ...] = ()
    started_again: tuple[float, ...] = ()

    def end(self) -> str:
        """How it ended: `site-x ended by SIGKILL`."""
        code = self.process.returncode
        how = f"with status {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
        return f"{self.name} ended {how}"

    def last_words(self, lines: int = 12) -> list[Mistake]:
        """The last lines that it wrote since it was started."""
        with self.log.open("rb") as log:
            log.seek(self.log_from)
            tail = log.read().decode(errors="replace").splitlines()[-lines:]
        return [Mistake(self.name, line) for line in tail if line.strip()]


class Children:
    """The processes that this one has started."""

    def __init__(self, logs: Path, program: Sequence[str] = (sys.executable, "-m", "weir")) -> None:
        self._logs = logs
        self._program = tuple(program)
        self._children: list[Child] = []

    def start(self, name: str, arguments: Sequence[str], stage: int = 0) -> None:
        """Start a process; its output goes to the end of its log."""
        self._children.append(self._started(name, tuple(arguments), stage))

    def _started(self, name: str, arguments: tuple[str, ...], stage: int) -> Child:
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{name}.log"
        with log.open("ab") as output:
            log_from = output.tell()
            process = subprocess.Popen(
                [*self._program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=child_environment(os.environ),
                start_new_session=True,
                preexec_fn=_dies_with(os.getpid()),
            )
        return Child(name, stage, process, log, log_from, arguments)

    def check(self) -> None:
        """Raises `Died` if a process has ended by itself."""
        ended = [c for c in self._children if c.process.poll() is not None]
        if ended:
            told = [mistake for child in ended for mistake in child.last_words()]
            raise Died("; ".join(f"{c.end()}, see {c.log}" for c in ended), told)

    def revive(self, say: Callable[[str], None], now: float) -> None:
        """Start again what has ended by itself. Raises `Died` for what has done so too often."""
        for place, child in enumerate(self._children):
            if child.process.poll() is None:
                continue
            recent = tuple(at for at in child.started_again if now - at < RESTARTS_S)
            if len(recent) >= RESTARTS:
                often = f"it was started again {RESTARTS} times within {RESTARTS_S:g} s"
                raise Died(f"{child.end()}, see {child.log}; {often}", child.last_words())
            say(f"{child.end()}; started again")
            fresh = self._started(child.name, child.arguments, child.stage)
            fresh.started_again = (*recent, now)
            self._children[place] = fresh

    def stop(self, grace_s: float = 15.0) -> int:
        """Stop all, those of the latest stage first; how many had to be killed."""
        killed = 0
        for stage in sorted({c.stage for c in self._children}, reverse=True):
            killed += _stop([c for c in self._children if c.stage == stage], grace_s)
        self._children.clear()
        return killed

    def __len__(self) -> int:
        return len(self._children)


def _stop(children: Sequence[Child], grace_s: float) -> int:
    until = time.monotonic() + grace_s
    for child in children:
        if child.process.poll() is None:
            child.process.terminate()
    killed = 0
    for child in children:
        try:
            child.process.wait(max(0.0, until - time.monotonic()))
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            until, killed = min(until, time.monotonic() + 1), killed + 1
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()
    return killed


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What a child gets of the environment: all, with output as it comes and no proxy to itself."""
    own = dict(environment)
    for name in ("NO_PROXY", "no_proxy"):
        own[name] = ",".join(filter(None, [own.get(name), "127.0.0.1", "localhost"]))
    return own | {"PYTHONUNBUFFERED": "1"}


def _dies_with(parent: int) -> Callable[[], None] | None:
    """What the child calls between fork and exec; it imports nothing and takes no lock."""
    libc = _LIBC
    if libc is None:
        return None

    def set_death_signal() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return set_death_signal


def choose_ports(wanted: Mapping[str, int | None], remembered: Mapping[str, int]) -> dict[str, int]:
    """A loopback port for each name: the one wanted, else the one remembered, else a free one.

    Raises `Conflict` if a wanted port is taken.
    """
    chosen: dict[str, int] = {}
    with contextlib.ExitStack() as held:
        for name, port in wanted.items():
            if port is not None and not _take(port, held):
                raise Conflict(f"port {port} for {name} is taken; free it, or leave `port` out")
            if port is not None:
                chosen[name] = port
        for name in wanted:
            port = remembered.get(name)
            if name not in chosen and port is not None and _take(port, held):
                chosen[name] = port
        for name in wanted:
            if name not in chosen:
                tries = random.sample(PORTS, len(PORTS))
                chosen[name] = next(port for port in tries if _take(port, held))
    return chosen


def _take(port: int, held: contextlib.ExitStack) -> bool:
    """Whether the port was free; it is held until the end, so that it is given once."""
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind(("127.0.0.1", port))
    except OSError:
        taken.close()
        return False
    held.enter_context(taken)
    return True


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal all raise `KeyboardInterrupt`."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    old = {n: signal.signal(n, interrupt) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def alone_in(home: Path) -> Iterator[None]:
    """Hold a folder for this process alone. Raises `Conflict` if another one has it."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home / "lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict(
                f"another weir keeps the network in {home} up; stop it, or choose another --home"
            ) from None
        yield


def read_numbers(path: Path) -> dict[str, int]:
    """The numbers by name in a file of `write_numbers`; none if there is no such file."""
    try:
        data = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return {k: v for k, v in data.items() if isinstance(v, int)} if isinstance(data, dict) else {}


def write_numbers(path: Path, numbers: Mapping[str, int]) -> None:
    """Keep numbers by name."""
    write_private(path, json.dumps(dict(numbers), indent=1, sort_keys=True) + "\n")
