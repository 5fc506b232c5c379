"""Software that the center does not have: environments of Python packages, and containers.

    <cache>/environments/<key>/     a virtual environment; `complete` in it once it is whole
           /images/<key>.sif        an image that was pulled
    <run's folder>/software.json    what the run's tasks are started with

An environment is known by its content: the requirements, the Python and the options it is built
with; so it is built once, whoever asks for it. The tasks' side (`Software`) is read from the run's
folder when they are started.

Laws:
- Who builds holds a lock; the others wait and find it there. What was begun and not finished is
  begun anew.
- A requirements file names packages and nothing else: no option, no URL, no path.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase

from weir.core import units
from weir.core.device_access import access_of
from weir.executors.local_environment import STANDARD_PATH
from weir.executors.staging_access import Abandoned, StageError
from weir.executors.staging_log import DataLog
from weir.executors.staging_settings import SoftwareSettings
from weir.wire.jobspec import CONTAINER, ENVIRONMENTS, JobSpec

NOTE = "software.json"
COMPLETE = "complete"
TOLD_LINES = 15
"""So many last lines of a failed build are told."""

_BIND = """\
variable=$1
shift
eval "binds=\\${$variable-}"
while [ "$1" != -- ]; do
    for path in $1; do
        [ ! -e "$path" ] || binds=${binds:+$binds,}$path
    done
    shift
done
shift
export "$variable=$binds"
exec "$@"
"""
"""Starts a container with those of the maker's devices and of its driver's folders that are on the
machine where this runs: which they are, the machine that the agent is on can't know.
"""

_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(\[[^\]]*\])?\s*([=<>!~;,].*)?")


@dataclass(frozen=True, slots=True)
class Software:
    """What tasks are started with: folders put first on their PATH, and words before the command.

    `image` is the container's, empty for none; `uses` is what of the cache must stay meanwhile.
    """

    path: tuple[str, ...] = ()
    wrap: tuple[str, ...] = ()
    image: str = ""
    uses: str = ""

    def command(self, words: Sequence[str], maker: str) -> tuple[str, ...]:
        """The command, run in the container if there is one; `maker` of the devices it is given."""
        if not self.image:
            return tuple(words)
        access = access_of(maker)
        option = (access.option,) if access and access.option else ()
        inside = (*self.wrap, *option, self.image, *words)
        if access is None or option or not access.binds:
            return inside
        name = os.path.basename(self.wrap[0]) if self.wrap else ""
        variable = "SINGULARITY_BIND" if "singularity" in name else "APPTAINER_BIND"
        return ("/bin/sh", "-c", _BIND, "weir", variable, *access.binds, "--", *inside)


def software_of(spec: JobSpec, folder: str) -> Software:
    """What was made ready for the run of this folder."""
    if spec.image is None and spec.requirements is None:
        return Software()
    try:
        with open(os.path.join(folder, NOTE), encoding="utf-8") as file:
            value = json.load(file)
    except (OSError, ValueError):
        return Software()
    return Software(tuple(value["path"]), tuple(value["wrap"]), value["image"], value["uses"])


def unfit(requirements: str) -> str | None:
    """The first line that names no package; None if all do. Hashes of packages may follow them."""
    for line in requirements.replace("\\\n", " ").splitlines():
        words = re.sub(r"(^|\s)#.*", "", line).strip()
        named = re.sub(r"\s--hash=\w+:[0-9a-f]+", "", words).strip()
        if named and (not _PACKAGE.fullmatch(named) or "://" in named):
            return line.strip()
    return None


class Builder:
    """Makes software ready, by the operator's settings. Threads may share it."""

    def __init__(
        self,
        settings: SoftwareSettings,
        cache: str,
        now: Callable[[], float],
        in_use: Callable[[], Iterable[str]],
    ) -> None:
        self._settings, self._cache, self._now, self._in_use = settings, cache, now, in_use

    @property
    def traits(self) -> tuple[str, ...]:
        """What pools can do by these settings."""
        can = {CONTAINER: self._settings.container, ENVIRONMENTS: self._settings.python}
        return tuple(trait for trait, program in can.items() if program is not None)

    def refusal(self, spec: JobSpec) -> str | None:
        """Why a job's software can't be had here; None if it may be."""
        if spec.image is not None and self._settings.container is None:
            return "there is no container runtime here (software.container is not set)"
        if spec.requirements is not None and self._settings.python is None:
            return "no environments are built here (software.python is not set)"
        pulled = spec.image is not None and "://" in spec.image
        if pulled and not any(fnmatchcase(spec.image or "", p) for p in self._settings.images):
            return f"image {spec.image}: this center's operator does not let jobs pull it"
        return None

    def prepare(self, spec: JobSpec, folder: str, wanted: Callable[[], bool], log: DataLog) -> None:
        """Make it ready and write down how tasks are started. Raises StageError, Abandoned."""
        wrong = self.refusal(spec)
        if wrong is not None:
            raise StageError(wrong)
        work = os.path.join(folder, "work")
        if spec.image is not None:
            made = self._container(spec.image, folder, work, wanted, log)
        elif spec.requirements is not None:
            environment = self._environment(os.path.join(work, spec.requirements), wanted, log)
            made = Software(path=(os.path.join(environment, "bin"),), uses=environment)
        else:
            return
        note = os.path.join(folder, NOTE)
        with open(f"{note}.part", "w", encoding="utf-8") as file:
            json.dump(asdict(made), file)
        os.rename(f"{note}.part", note)

    # -- environments ----------------------------------------------------------------------------

    def _environment(self, file: str, wanted: Callable[[], bool], log: DataLog) -> str:
        with open(file, encoding="utf-8", errors="replace") as opened:
            text = opened.read()
        bad = unfit(text)
        if bad is not None:
            raise StageError(f"requirements: {bad!r} names no package of an index")
        key = self._key(text)
        folder = os.path.join(self._cache, "environments", key)
        done = os.path.join(folder, COMPLETE)
        with self._alone(folder, wanted):
            if os.path.exists(done):
                log.say(f"environment {key[:12]}: it was here")
            else:
                began = self._now()
                shutil.rmtree(folder, ignore_errors=True)
                self._build(file, folder, wanted, log)
                with open(done, "w", encoding="utf-8"):
                    pass
                took = units.show_duration_s(max(1, round(self._now() - began)))
                log.say(f"environment {key[:12]}: built in {took}")
            os.utime(done, (self._now(), self._now()))
        self._prune("environments")
        return folder

    def _key(self, text: str) -> str:
        python = str(self._settings.python)
        said = subprocess.run(
            [python, "-c", "import sys, platform; print(sys.version, platform.platform())"],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        if said.returncode:
            raise StageError(f"{python} does not run: {said.stderr.strip()[-200:]}")
        parts = (python, said.stdout, *self._settings.pip_options, text)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def _build(self, file: str, folder: str, wanted: Callable[[], bool], log: DataLog) -> None:
        python, inside = str(self._settings.python), os.path.join(folder, "bin", "python")
        if self._has_pip(python):  # a pip that works for another Python: none of its own is needed
            self._call([python, "-m", "venv", "--without-pip", folder], wanted, log)
            pip = [python, "-m", "pip", "--python", inside]
        else:
            self._call([python, "-m", "venv", folder], wanted, log)
            pip = [inside, "-m", "pip"]
        pip += ["--disable-pip-version-check", "install", "--no-input", *self._settings.pip_options]
        self._call([*pip, "--requirement", file], wanted, log)

    def _has_pip(self, python: str) -> bool:
        command = [python, "-m", "pip", "--python", python, "--version"]
        return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0

    # -- containers ------------------------------------------------------------------------------

    def _container(
        self, image: str, folder: str, work: str, wanted: Callable[[], bool], log: DataLog
    ) -> Software:
        path = self._pulled(image, wanted, log) if "://" in image else os.path.join(work, image)
        wrap = (str(self._settings.container), "exec", *self._settings.container_options)
        return Software((), (*wrap, "--bind", folder, "--pwd", work), path, path)

    def _pulled(self, image: str, wanted: Callable[[], bool], log: DataLog) -> str:
        key = hashlib.sha256(image.encode()).hexdigest()
        path = os.path.join(self._cache, "images", f"{key}.sif")
        with self._alone(path, wanted):
            if not self._fresh(image, path):
                part = f"{path}.part"
                with suppress(FileNotFoundError):
                    os.unlink(part)
                self._call([str(self._settings.container), "pull", part, image], wanted, log)
                if not os.path.exists(part):
                    raise StageError(f"image {image}: pulling it left no file")
                os.rename(part, path)
                log.say(f"image {image}: pulled, {units.show_bytes(os.path.getsize(path))}")
            else:
                log.say(f"image {image}: it was here")
        self._prune("images")
        return path

    def _fresh(self, image: str, path: str) -> bool:
        """Whether what was pulled will do: one that is named by its digest always does."""
        try:
            age = self._now() - os.path.getmtime(path)
        except OSError:
            return False
        return "@sha256:" in image or age < self._settings.image_fresh_s

    # -- both ------------------------------------------------------------------------------------

    @contextmanager
    def _alone(self, what: str, wanted: Callable[[], bool]) -> Iterator[None]:
        os.makedirs(os.path.dirname(what), 0o700, exist_ok=True)
        with open(f"{what}.lock", "ab") as lock:
            while True:
                if not wanted():
                    raise Abandoned(what)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    time.sleep(0.2)
            yield

    def _call(self, command: Sequence[str], wanted: Callable[[], bool], log: DataLog) -> None:
        """Run a program to its end; told why if it fails. Raises StageError, Abandoned."""
        words = [w for w in command[1:] if w in ("venv", "install", "pull")]
        name = " ".join(["pip" if words == ["install"] else os.path.basename(command[0]), *words])
        said = f"{log.path}.build"
        environment = {"PATH": STANDARD_PATH, "HOME": os.path.expanduser("~"), "LANG": "C.UTF-8"}
        environment |= {n: v for n, v in os.environ.items() if n.startswith(("PIP_", "APPTAINER_"))}
        until = self._now() + self._settings.build_s
        with open(said, "wb") as output:
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    start_new_session=True,
                )
            except OSError as error:
                raise StageError(f"{command[0]} can't be run: {error.strerror}") from error
        while True:
            with suppress(subprocess.TimeoutExpired):
                code = process.wait(0.2)
                break
            if not wanted() or self._now() > until:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                if not wanted():
                    raise Abandoned(name)
                limit = units.show_duration_s(round(self._settings.build_s))
                raise StageError(f"{name} took longer than {limit}")
        with open(said, encoding="utf-8", errors="replace") as output_again:
            lines = [line.rstrip() for line in output_again if line.strip()]
        os.unlink(said)
        if code:
            for line in lines[-TOLD_LINES:]:
                log.say(f"  {line}")
            raise StageError(f"{name} failed: {lines[-1] if lines else f'exit code {code}'}")

    def _prune(self, kind: str) -> None:
        """Delete what was used least lately, if there is more than is to be kept."""
        folder = os.path.join(self._cache, kind)
        used = set(self._in_use())
        found = []
        for entry in os.scandir(folder):
            if entry.name.endswith((".lock", ".part")) or entry.path in used:
                continue
            mark = os.path.join(entry.path, COMPLETE) if entry.is_dir() else entry.path
            with suppress(OSError):
                found.append((os.path.getmtime(mark), entry.path))
        for _, path in sorted(found)[: max(0, len(found) + len(used) - self._settings.keep)]:
            with open(f"{path}.lock", "ab") as lock, suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
