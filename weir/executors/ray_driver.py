"""What runs on Ray's nodes for a run: the entry point of its Ray job. Nothing of Weir's is needed.

    python ray_driver.py FOLDER/plan.json        everything of a run is in FOLDER:
        plan.json               what to do: tasks, commands, environments, limits, amounts
        claim                   made by the one driver that may run it
        trail                   what came of it: one JSON record a line
        work, tmp               the tasks' directories
        GROUP-INDEX.stdout, .stderr
        GROUP-INDEX.use         what the task has used by now, one JSON record

A run of one task is started by the driver itself, on the node and with the devices that Ray has
given to the job. A gang's driver reserves a placement group with a bundle for each task, and starts
an actor in each; only then does `ray` have to be importable.

Laws:
- Whoever creates the claim runs the run; everybody else leaves silently.
- A run that comes after its time to start does nothing.
- A gang's tasks start when all of their bundles are there; when one fails, the others are stopped.
- Nothing of this process's environment is in a task's. What a task has started ends with it, and
  with the process that watches it, however that ends.

It runs on Python 3.9 and later.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import queue
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Any

Record = dict[str, Any]
Box = queue.SimpleQueue  # of EXITED, or of a reason to stop

EXITED, STOPPED, WALL = "exited", "stopped", "wall"
SAMPLE_S = 0.5
SAMPLE_SHARE = 40
"""Sampling memory takes at most one part in so many of one core's time."""

USE_S = 5.0
"""What a task uses is noted no more often than this, and at its end."""

WAIT_S = 0.25
"""How often a gang's driver looks whether it was told to stop."""

PYTHON = "@python@"
"""Stands in PATH for the folder of the interpreter that runs this."""

STOP_S = 0.5
KILLED = (signal.SIGTERM, signal.SIGKILL, 128 + signal.SIGTERM, 128 + signal.SIGKILL)
"""How a command ends that was stopped: by the signal, or, of a shell, by this exit code."""

GUARD = """exec 3<&0
(trap '' TERM HUP INT
read -r group <&3 || exit 0
read -r ended <&3 || kill -s KILL -- "-$group") >/dev/null 2>&1 &
"""
"""Kills a group of processes, whose number it is told first, when its input ends without a word."""


def main(path: str) -> int:
    """Do what the plan says; the exit code is that of the task that failed, if one has."""
    with open(path, encoding="utf-8") as file:
        plan: Record = json.load(file)
    folder = os.path.dirname(os.path.abspath(path))
    try:
        os.close(os.open(os.path.join(folder, "claim"), os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return 0
    trail = Trail(os.path.join(folder, "trail"))
    trail.write(claimed=socket.gethostname())
    if time.time() > plan["start_by"]:
        trail.write(late=True)
        return 0
    stop: Box[str] = Box()
    signal.signal(signal.SIGTERM, lambda *_: stop.put(STOPPED))
    tasks: list[Record] = plan["tasks"]
    results = [_alone(plan, tasks[0], trail, stop)] if len(tasks) == 1 else []
    if len(tasks) > 1:
        results = _gang(plan, trail, stop)
    told = len(tasks) > 1 and not stop.empty()
    trail.write(end=True, **({"stopped": True} if told else {}))
    codes = [result.get("code") for result in results]
    return next((code or 1 for code in codes if code != 0), 0)


class Trail:
    """The records of what came of a run, each written at once."""

    def __init__(self, path: str) -> None:
        self._path = path

    def write(self, **record: Any) -> None:
        """Add a record, with the time."""
        line = json.dumps({"at": time.time(), **record}) + "\n"
        fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(fd, line.encode())
        finally:
            os.close(fd)


def _alone(plan: Record, task: Record, trail: Trail, stop: Box[str]) -> Record:
    result = cannot(task)
    if result is None:
        trail.write(started=True)
        result = supervise(plan, task, stop)
    trail.write(**result)
    return result


# -- one task --------------------------------------------------------------------------------------


def cannot(task: Record) -> Record | None:
    """Why a task's command can't be run here, as its result; None if it can."""
    work, name = task["work"], task["command"][0]
    if not os.path.isdir(work):
        return {"task": task["name"], "cannot": "the working directory is not there"}
    if program(name, path_of(task), work) is None:
        return {"task": task["name"], "cannot": f"there is no program {name}"}
    return None


def path_of(task: Record) -> str:
    """The task's PATH, on this node."""
    here = os.path.dirname(sys.executable) or "/usr/bin"
    path: str = task["environment"]["PATH"]
    return path.replace(PYTHON, here)


def program(name: str, path: str, work: str) -> str | None:
    """The full path of a command's program; None if there is none that can be run."""
    if "/" in name:
        whole = os.path.join(work, name)
        return whole if os.path.isfile(whole) and os.access(whole, os.X_OK) else None
    return shutil.which(name, path=path)


def supervise(plan: Record, task: Record, box: Box[str]) -> Record:
    """Run a task's command to its end, within its limits; what comes into `box` stops it."""
    result: Record = {"task": task["name"]}
    use = Use(task["base"] + ".use")
    found = program(task["command"][0], path_of(task), task["work"])
    guard = _guard()
    try:
        child = _begin(task, plan, found or task["command"][0], guard)
    except OSError as error:
        os.close(guard)
        return {**result, "cannot": str(error)}
    threading.Thread(target=_tell_end, args=(child, box), daemon=True).start()
    why = _watch(child.pid, task["memory_bytes"], plan, box, use)
    kill(child.pid, signal.SIGKILL)
    code = child.wait()
    use.note([])
    if not why and abs(code) in KILLED and _told_to_stop(box):
        why = {"stop": STOPPED}
    with suppress(OSError):
        os.write(guard, b"ended\n")
    os.close(guard)
    return {**result, **why, "code": 128 - code if code < 0 else code}


def _told_to_stop(box: Box[str]) -> bool:
    """Whether a stop was on its way when the command ended: Ray tells the command and this process
    of it at the same time.
    """
    with suppress(queue.Empty):
        return box.get(timeout=STOP_S) == STOPPED
    return False


def _begin(task: Record, plan: Record, found: str, guard: int) -> subprocess.Popen[bytes]:
    """Start a task's command, in a session of its own that the guard knows before it is there."""

    def introduce() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, set())  # Ray blocks some in what it starts
        os.write(guard, b"%d\n" % os.getpid())

    with (
        open(task["base"] + ".stdout", "wb") as out,
        open(task["base"] + ".stderr", "wb") as err,
    ):
        return subprocess.Popen(
            [found, *task["command"][1:]],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=task["work"],
            env=environment(task, plan),
            start_new_session=True,
            preexec_fn=introduce,
        )


def _tell_end(child: subprocess.Popen[bytes], box: Box[str]) -> None:
    child.wait()
    box.put(EXITED)


def _watch(session: int, limit: int, plan: Record, box: Box[str], use: Use) -> Record:
    """Wait until a command ends, or has to: the reason, if it is not its own."""
    until = time.monotonic() + (plan["wall_s"] or 1e9)
    why: Record = {}
    pause = SAMPLE_S
    while True:
        try:
            word = box.get(timeout=max(0.0, min(pause, until - time.monotonic())))
        except queue.Empty:
            word = WALL if time.monotonic() >= until else ""
        if word == EXITED:
            return why
        if word and why:  # it has had its grace
            return why
        if word:
            why = {"stop": word, **({"wall_s": plan["wall_s"]} if word == WALL else {})}
            kill(session, signal.SIGTERM)
            until = time.monotonic() + plan["grace_s"]
            continue
        began = time.monotonic()
        pids = members(session)
        used = memory(pids, limit)
        use.take(pids, used)
        if used > limit and not why:
            return {"memory": used}
        pause = max(SAMPLE_S, SAMPLE_SHARE * (time.monotonic() - began))


def environment(task: Record, plan: Record) -> dict[str, str]:
    """All of a task's environment, with the devices that Ray has given it here."""
    found = {**task["environment"], "PATH": path_of(task)}
    if not task["devices"]:
        return found
    names = [name for name in plan["numbers_from"] if os.environ.get(name)]
    numbers = [str(number) for number in range(task["devices"])]
    if names:
        numbers = os.environ[names[0]].split(",")[: task["devices"]]
    host = task.get("host") or socket.gethostname()
    found["WEIR_DEVICES"] = ",".join(f"{host}.{number}" for number in numbers)
    if not plan["emulated"]:
        for name in dict.fromkeys([*names, *plan["visible"]]):
            found[name] = ",".join(numbers)
    return found


def _guard() -> int:
    """Start what kills a task's processes should this one be gone; gives what keeps it quiet."""
    inside, outside = os.pipe()
    try:
        subprocess.Popen(
            ["/bin/sh", "-c", GUARD],
            stdin=inside,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ).wait()
    finally:
        os.close(inside)
    return outside


def members(session: int) -> list[int]:
    """The processes of a session; those that have ended and were not reaped count too."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                with open(f"/proc/{name}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
                if int(fields[3]) == session:
                    found.append(int(name))
    return found


def kill(session: int, number: int) -> None:
    """Send a signal to all of a session."""
    for pid in members(session):
        with suppress(OSError):
            os.kill(pid, number)


def memory(pids: list[int], limit: int) -> int:
    """Bytes that these processes use; what they share counts once where that decides."""
    page = os.sysconf("SC_PAGE_SIZE")
    total = 0
    for pid in pids:
        with suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/statm", "rb") as file:
            total += int(file.read().split()[1]) * page
    if total <= limit:
        return total
    exact = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
                lines = [line.split() for line in file]
            exact += sum(int(line[1]) * 1024 for line in lines if line[0] == b"Pss:")
        except ProcessLookupError:
            continue
        except OSError:
            return total
    return exact


class Use:
    """What a task uses, kept in a file: CPU milliseconds since its start, bytes now and at most.

    The time of processes that nobody waited for is what was last seen of them. A total never falls.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._before = _children_ms()
        self._cpu_ms = self._peak = 0
        self._noted = time.monotonic()

    def take(self, pids: list[int], memory_bytes: int) -> None:
        """A sample; it is noted if its time has come."""
        self._peak = max(self._peak, memory_bytes)
        if time.monotonic() - self._noted >= USE_S:
            self.note(pids, memory_bytes)

    def note(self, pids: list[int], memory_bytes: int = 0) -> None:
        """Write down what was used by now, by these and by those that have ended."""
        self._noted = time.monotonic()
        self._cpu_ms = max(self._cpu_ms, cpu_ms(pids) if pids else _children_ms() - self._before)
        record = {"at": time.time(), "cpu_ms": self._cpu_ms, "peak_bytes": self._peak}
        with suppress(OSError):  # a full disk must not end what runs
            with open(self._path + ".part", "w", encoding="utf-8") as file:
                json.dump({**record, "memory_bytes": memory_bytes}, file)
            os.replace(self._path + ".part", self._path)


def cpu_ms(pids: list[int]) -> int:
    """CPU time of these processes and of their children that have ended and were waited for."""
    ticks = 0
    for pid in pids:
        with suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])
    return ticks * 1000 // os.sysconf("SC_CLK_TCK")


def _children_ms() -> int:
    """CPU time of all that this process has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return int(1000 * (used.ru_utime + used.ru_stime))


# -- a gang ----------------------------------------------------------------------------------------


class Runner:
    """An actor in a task's bundle. `run` waits for the end of the command; `stop` may be called
    meanwhile.
    """

    def __init__(self, plan: Record, task: Record) -> None:
        self._plan, self._task = plan, task
        self._box: Box[str] = Box()

    def ready(self) -> Record:
        """The node that this is on, and whether the command can be run there."""
        ray = importlib.import_module("ray")
        node = ray.get_runtime_context().get_node_id()
        self._task["host"] = self._plan["hosts"].get(node)
        return {"node": node, "cannot": cannot(self._task)}

    def run(self) -> Record:
        return supervise(self._plan, self._task, self._box)

    def stop(self) -> None:
        self._box.put(STOPPED)


def _gang(plan: Record, trail: Trail, stop: Box[str]) -> list[Record]:
    """Run all tasks together; gives their results, the first to fail first."""
    ray, groups = (importlib.import_module(f"ray{n}") for n in ("", ".util.placement_group"))

    # By the address that Ray has put into the environment of a job's entry point.
    ray.init(log_to_driver=False, logging_level="ERROR")
    signal.signal(signal.SIGTERM, lambda *_: stop.put(STOPPED))  # Ray has set its own
    group = _reserve(plan)
    try:
        while not group.wait(timeout_seconds=1):
            if not stop.empty():
                return []
            if time.time() > plan["start_by"]:
                trail.write(late=True)
                return []
        return _Gang(plan, trail, stop, group).run()
    finally:
        with suppress(Exception):  # it goes with this driver anyway
            groups.remove_placement_group(group)


def _reserve(plan: Record) -> Any:
    """The placement group, on the pool's nodes where that has to be said and this Ray can be told
    so.
    """
    make = importlib.import_module("ray.util.placement_group").placement_group
    bundles, selector = plan["bundles"], plan["selector"]
    more: Record = {}
    if selector and "bundle_label_selector" in inspect.signature(make).parameters:
        more["bundle_label_selector"] = [selector] * len(bundles)
    return make(bundles, strategy=plan["strategy"], **more)


class _Gang:
    """A gang whose bundles are there."""

    def __init__(self, plan: Record, trail: Trail, stop: Box[str], group: Any) -> None:
        self._plan, self._trail, self._stop, self._group = plan, trail, stop, group
        self._results: list[Record] = []

    def run(self) -> list[Record]:
        tasks = self._plan["tasks"]
        actors = [self._actor(task) for task in tasks]
        names = [task["name"] for task in tasks]
        said = self._collect({actor.ready.remote(): names[i] for i, actor in enumerate(actors)})
        if said is None:
            return self._results
        self._trail.write(nodes={name: one["node"] for name, one in said.items()})
        for one in said.values():
            if one["cannot"]:
                self._take(one["cannot"])
                return self._results
        self._trail.write(started=True)
        pending = {actor.run.remote(): names[i] for i, actor in enumerate(actors)}
        self._wait(pending, actors)
        return self._results

    def _actor(self, task: Record) -> Any:
        ray = importlib.import_module("ray")
        strategies = importlib.import_module("ray.util.scheduling_strategies")
        amounts = dict(task["resources"])
        place = strategies.PlacementGroupSchedulingStrategy(
            self._group, placement_group_bundle_index=task["bundle"]
        )
        options = {
            "num_cpus": amounts.pop("CPU", 0),
            "num_gpus": amounts.pop("GPU", 0),
            "memory": amounts.pop("memory", 0),
            "resources": amounts,
            "max_concurrency": 2,
            "max_restarts": 0,
            "scheduling_strategy": place,
        }
        return ray.remote(Runner).options(**options).remote(self._plan, task)

    def _collect(self, asked: dict[Any, str]) -> dict[str, Record] | None:
        """The answers by task, in their order; None if one is lost, or it was stopped."""
        ray = importlib.import_module("ray")
        answers: dict[str, Record] = {}
        pending = dict(asked)
        while pending:
            done, _ = ray.wait(list(pending), timeout=WAIT_S)
            for ref in done:
                name = pending.pop(ref)
                answers[name] = self._get(ref, name)
                if "lost" in answers[name]:
                    self._take(answers[name])
                    return None
            if not self._stop.empty():
                return None
        return {name: answers[name] for name in asked.values()}

    def _wait(self, pending: dict[Any, str], actors: list[Any]) -> None:
        """Take results as they come; stop all when one fails or the driver is told to."""
        ray = importlib.import_module("ray")
        stopping = 0.0
        while pending:
            done, _ = ray.wait(list(pending), timeout=WAIT_S)
            for ref in done:
                self._take(self._get(ref, pending.pop(ref)))
            bad = any(result.get("code") != 0 for result in self._results)
            if not stopping and (bad or not self._stop.empty()):
                stopping = time.monotonic()
                for actor in actors:
                    actor.stop.remote()
            if stopping and time.monotonic() > stopping + self._plan["grace_s"] + 5:
                return  # the actors end with this driver, and their tasks with them

    def _get(self, ref: Any, name: str) -> Record:
        ray = importlib.import_module("ray")
        try:
            answer: Record = ray.get(ref)
            return answer
        except Exception as error:  # of whatever kind: the actor or its node is gone
            lines = [line for line in str(error).splitlines() if line.strip()]
            return {"task": name, "lost": f"{type(error).__name__}: {lines[0] if lines else ''}"}

    def _take(self, result: Record) -> None:
        self._results.append(result)
        self._trail.write(**result)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
