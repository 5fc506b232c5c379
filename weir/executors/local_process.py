"""Processes of tasks: starting one, finding it again, stopping it, and what it uses.

Laws:
- A process is known by its number, its start (in clock ticks since boot) and the boot: a number
  alone may have been given to another process since.
- A task is claimed by creating its file `.claim`; that happens once, whoever tries. Its first line
  says by which process, its second is the exit code.
- A line counts once it is complete.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_SHELL = "/bin/sh"
_WRAPPER = str(Path(__file__).with_name("task.sh"))
_NO_INPUT_OR_OUTPUT = (
    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
    (os.POSIX_SPAWN_DUP2, 1, 2),
)
# A shell can't trap what was ignored when it started, and Python ignores some of these.
_DEFAULT_SIGNALS = tuple(
    signal.Signals[name]
    for name in (
        *("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGPIPE", "SIGUSR1", "SIGUSR2"),
        *("SIGALRM", "SIGCHLD", "SIGXFSZ", "SIGTSTP", "SIGTTIN", "SIGTTOU"),
    )
)
_PAGE, _TICKS = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Process:
    """A process that can't be mistaken for another: `start` in clock ticks since `boot`."""

    pid: int
    start: int
    boot: str


@dataclass(frozen=True, slots=True)
class Stat:
    """What /proc says of a process: its parent and session, start in ticks, memory in use, and CPU
    time in ticks, with that of its children that have ended.
    """

    state: str
    parent: int
    session: int
    start: int
    rss_bytes: int
    cpu_ticks: int = 0


def boot_id() -> str:
    """The identifier of this boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def spawn(task: str, work: str, command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Start `command` (its program with a full path) as the task whose files begin with `task`.

    Gives the number of the wrapper, and of the session and group that are its own. Raises OSError.
    """
    return os.posix_spawn(
        _SHELL,
        ("sh", _WRAPPER, task, work, *command),
        environment,
        file_actions=_NO_INPUT_OR_OUTPUT,
        setsid=True,
        setsigmask=(),
        setsigdef=_DEFAULT_SIGNALS,
    )


def bind(pid: int, cores: Iterable[int]) -> None:
    """Keep a task that was just started on these cores, with all that it starts.

    Setting this thread's own cores before the start would do as well, and moves it each time.
    """
    with suppress(OSError):
        os.sched_setaffinity(pid, cores)
    for child in _children(pid):  # the wrapper was quick
        bind(child, cores)


def claim(task: str) -> bool:
    """Claim a task so that nobody can start it any more; False if somebody has."""
    try:
        fd = os.open(f"{task}.claim", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    os.write(fd, b"0 0 nobody\n")
    os.close(fd)
    return True


def claimed(task: str) -> bool:
    """Whether the task has been claimed."""
    return os.path.exists(f"{task}.claim")


def claimant(task: str) -> Process | None:
    """Who has claimed the task; None if nobody has, or has not yet said who it is."""
    words = [word for line in _lines(f"{task}.claim")[:1] for word in line.split()]
    if len(words) != 3 or not (words[0].isdigit() and words[1].isdigit()):
        return None
    return Process(int(words[0]), int(words[1]), words[2])


def claimant_soon(task: str) -> Process | None:
    """Who has claimed the task; waits a little for one that is just saying who it is."""
    process = claimant(task)
    for _ in range(20):
        if process is not None or not claimed(task):
            break
        time.sleep(0.05)
        process = claimant(task)
    return process


def exit_code(task: str) -> int | None:
    """The exit code of the task's command; None if it has not been written completely."""
    lines = _lines(f"{task}.claim")
    return int(lines[1]) if len(lines) > 1 and lines[1].isdigit() else None


def exit_time(task: str) -> float | None:
    """When the exit code was written, in seconds since 1970 by this machine's clock."""
    return os.stat(f"{task}.claim").st_mtime if exit_code(task) is not None else None


def alive(process: Process, boot: str) -> bool:
    """Whether exactly this process still runs; one that has ended and was not reaped does not."""
    if process.boot != boot:
        return False
    stat = stat_of(process.pid)
    return stat is not None and stat.start == process.start and stat.state not in "ZX"


def stat_of(pid: int) -> Stat | None:
    """/proc's line on a process; None if there is no such process."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        line = os.read(fd, 4096)
    except ProcessLookupError:
        return None
    finally:
        os.close(fd)
    words = line[line.rfind(b")") + 2 :].split()
    return Stat(
        words[0].decode(),
        int(words[1]),
        int(words[3]),
        int(words[19]),
        int(words[21]) * _PAGE,
        sum(map(int, words[11:15])),
    )


def signal_group(pid: int, number: signal.Signals) -> None:
    """Send a signal to the group that `pid` leads; harmless if there is none."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def reap(pid: int) -> None:
    """Let the system forget an ended child; harmless for a process that is no child."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def kill_orphans(session: int, run: str) -> None:
    """Kill what is left of a session whose leader is gone: what has the run in its environment."""
    mark = f"WEIR_RUN_ID={run}".encode()
    for pid in _pids():
        stat = stat_of(pid)
        if stat is None or stat.session != session:
            continue
        with suppress(OSError):
            if mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                os.kill(pid, signal.SIGKILL)


def memory_by_session(sessions: Iterable[int]) -> dict[int, tuple[int, list[int]]]:
    """For each session, the resident bytes of it and of all that descends from it, and who that is.

    Pages that processes share are counted for each of them: see `proportional_bytes`.
    """
    stats = {pid: stat for pid in _pids() if (stat := stat_of(pid)) is not None}
    used: dict[int, tuple[int, list[int]]] = {session: (0, []) for session in sessions}
    for pid, stat in stats.items():
        owner = _session(pid, stats, used)
        if owner is not None:
            total, members = used[owner]
            members.append(pid)
            used[owner] = total + stat.rss_bytes, members
    return used


def use_by_session(sessions: Iterable[int]) -> dict[int, tuple[int, int]]:
    """For each session that has processes: milliseconds of CPU time so far, and resident bytes, of
    it and of all that descends from it.
    """
    stats = {pid: stat for pid in _pids() if (stat := stat_of(pid)) is not None}
    wanted = dict.fromkeys(sessions, 0)
    used: dict[int, tuple[int, int]] = {}
    for pid, stat in stats.items():
        owner = _session(pid, stats, wanted)
        if owner is not None:
            cpu_ms, rss_bytes = used.get(owner, (0, 0))
            cpu_ms += stat.cpu_ticks * 1000 // _TICKS
            used[owner] = (cpu_ms, rss_bytes + stat.rss_bytes)
    return used


def proportional_bytes(pids: Iterable[int]) -> int | None:
    """Memory of these processes with shared pages counted once; None where the kernel won't say."""
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        except OSError:
            return None
        sizes = [line.split()[1] for line in text.splitlines() if line.startswith("Pss:")]
        total += int(sizes[0]) * 1024 if sizes else 0
    return total


def _session(pid: int, stats: Mapping[int, Stat], sessions: Mapping[int, object]) -> int | None:
    """Which of these sessions the process or the nearest of its ancestors is in."""
    seen = 0
    while (stat := stats.get(pid)) is not None and seen < 1000:
        if stat.session in sessions:
            return stat.session
        pid, seen = stat.parent, seen + 1
    return None


def _children(pid: int) -> list[int]:
    """The children of a process with one thread."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _pids() -> Iterable[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _lines(path: str) -> list[str]:
    """The complete lines of a small file; none if it isn't there."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return []
    try:
        return os.read(fd, 400).decode(errors="replace").split("\n")[:-1]
    finally:
        os.close(fd)
