"""What is on this machine that an agent could drive: a look, before anything is decided.

It reads files and runs the commands that are there to ask; it changes nothing and needs no right
that the caller does not have.

Laws:
- A command that is away, is slow, or says something unknown is no error: that thing is not found.
- Devices are named as their maker's tool names them; the catalog's model is told beside it, or none
  where the catalog does not know the name. Nothing is guessed.
- A Slurm whose commands are there says of itself whether it answers, or was never set up here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from weir.core import devices
from weir.executors.slurm_commands import STANDARD_PATH

ANSWER_S = 15.0
"""Longest that one command may take."""

NETWORK_FILE_SYSTEMS = frozenset(
    {
        *("nfs", "nfs4", "lustre", "gpfs", "beegfs", "ceph", "fuse.ceph", "cephfs", "glusterfs"),
        *("fuse.glusterfs", "fuse.juicefs", "panfs", "pvfs2", "orangefs", "wekafs", "cifs", "afs"),
    }
)
"""File systems that several machines have at the same time."""

RAY_ADDRESS_FILE = Path("/tmp/ray/ray_current_cluster")
POD_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
THIS_POD = "this pod's service account"


@dataclass(frozen=True, slots=True)
class SlurmFound:
    """Slurm's commands are here. `set_up`: they know of a Slurm; `error` is why it gave no answer.

    `commands` and `config` are what settings must say so that the same Slurm is found again: empty
    where that is by itself so.
    """

    set_up: bool
    error: str = ""
    version: str = ""
    cluster: str = ""
    accounting: bool = False
    commands: str = ""
    config: str = ""

    @property
    def answers(self) -> bool:
        return self.set_up and not self.error


@dataclass(frozen=True, slots=True)
class DevicesFound:
    """Equal accelerators: how many, what `tool` calls them, and the catalog's model if it knows."""

    tool: str
    name: str
    count: int
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """All that was found. `kubernetes` and `ray` say where; empty if there is none."""

    slurm: SlurmFound | None = None
    kubernetes: str = ""
    ray: str = ""
    devices: tuple[DevicesFound, ...] = ()


Answer = subprocess.CompletedProcess[str]
Run = Callable[[Sequence[str], Mapping[str, str]], Answer | None]
"""Runs a command in an environment; None if it can't be run or does not end in time."""


def run(command: Sequence[str], environment: Mapping[str, str]) -> Answer | None:
    """The command's answer, within `ANSWER_S`."""
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ANSWER_S,
            env=dict(environment),
            cwd="/",
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


def look(environment: Mapping[str, str], run: Run = run) -> Found:
    """What is on this machine, as somebody with this environment sees it."""
    return Found(
        slurm=look_for_slurm(environment, run),
        kubernetes=look_for_kubernetes(environment),
        ray=look_for_ray(environment),
        devices=look_for_devices(environment, run),
    )


# -- Slurm -----------------------------------------------------------------------------------------


def look_for_slurm(environment: Mapping[str, str], run: Run = run) -> SlurmFound | None:
    """Slurm's commands, and whether their controller answers; None without the commands."""
    path = environment.get("PATH", "")
    found = [shutil.which(name, path=f"{path}:{STANDARD_PATH}") for name in ("sbatch", "scontrol")]
    sbatch, scontrol = found
    if sbatch is None or scontrol is None:
        return None
    folder = os.path.dirname(sbatch)
    config = environment.get("SLURM_CONF", "")
    commands = "" if folder in STANDARD_PATH.split(":") else folder
    config = os.path.abspath(config) if config else ""
    done = run([scontrol, "show", "config"], environment)
    if done is None:
        late = f"scontrol has not answered within {ANSWER_S:.0f} s"
        return SlurmFound(True, late, commands=commands, config=config)
    if done.returncode != 0:
        text = _last_line(done.stderr or done.stdout)
        set_up = "configuration source" not in done.stderr
        return SlurmFound(set_up, text, commands=commands, config=config)
    settings = dict(re.findall(r"^(\w+)\s*= (.*?)\s*$", done.stdout, re.MULTILINE))
    return SlurmFound(
        set_up=True,
        version=settings.get("SLURM_VERSION", ""),
        cluster=settings.get("ClusterName", ""),
        accounting=settings.get("AccountingStorageType", "").endswith("slurmdbd"),
        commands=commands,
        config=config,
    )


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it ended without a word"


# -- Kubernetes and Ray ----------------------------------------------------------------------------


def look_for_kubernetes(environment: Mapping[str, str]) -> str:
    """The kubeconfig that kubectl would take and where it leads, or a pod's service account."""
    listed = environment.get("KUBECONFIG", "")
    home = environment.get("HOME") or os.path.expanduser("~")
    files = [Path(p) for p in listed.split(os.pathsep) if p] or [Path(home, ".kube", "config")]
    for file in files:
        if file.is_file():
            server = _server_of(file)
            return f"{file}, {server}" if server else str(file)
    return THIS_POD if POD_TOKEN.exists() else ""


def _server_of(file: Path) -> str:
    """The server of the current context; nothing else of the file is looked at."""
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
        context = _named(data["contexts"], data["current-context"])["context"]
        return str(_named(data["clusters"], context["cluster"])["cluster"]["server"])
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, StopIteration):
        return ""


def _named(entries: Iterable[Any], name: str) -> Any:
    return next(entry for entry in entries if entry["name"] == name)


def look_for_ray(environment: Mapping[str, str]) -> str:
    """The address of a Ray that the environment names, or that runs on this machine."""
    for name in ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS"):
        if environment.get(name):
            return environment[name]
    try:
        return RAY_ADDRESS_FILE.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


# -- accelerators ----------------------------------------------------------------------------------

TOOLS: Mapping[tuple[str, ...], re.Pattern[str]] = {
    # NVIDIA H100 80GB HBM3
    ("nvidia-smi", "--query-gpu=name", "--format=csv,noheader"): re.compile(
        r"^(?P<name>(?!No devices|Failed|NVIDIA-SMI)\S.*)$", re.MULTILINE
    ),
    # | 0     910B3               | OK            | 94.7        54                0    / 0   |
    ("npu-smi", "info"): re.compile(
        r"^\| *\d+ +(?P<name>(?:Ascend ?)?\d{3}\w*) *\| *[A-Z]\w* *\|", re.MULTILINE
    ),
    # | 0     /   MLU370-X8    v1.1.4 |         0000:26:00.0 | 0%                  0 |
    ("cnmon",): re.compile(r"^\| *\d+ +(?:/|\d+)? *(?P<name>MLU\S+) ", re.MULTILINE),
    # GPU[0]          : Card Series:          AMD Instinct MI300X VF
    ("rocm-smi", "--showproductname"): re.compile(
        r"^GPU\[\d+\]\s*: Card [Ss]eries:\s*(?P<name>\S.*?)\s*$", re.MULTILINE
    ),
    # GPU#0    MXC500      0000:08:00.0   Available (UUID: GPU-...)
    ("mx-smi", "-L"): re.compile(r"^GPU#\d+\s+(?P<name>(?:MetaX )?\S+)\s", re.MULTILINE),
    # HCU[0]          : Card Series:          K100_AI
    ("hy-smi", "--showproductname"): re.compile(
        r"^[DH]CU\[\d+\]\s*: Card [Ss]eries:\s*(?P<name>\S.*?)\s*$", re.MULTILINE
    ),
    # | 0    Iluvatar BI-V150         | 00000000:13:00.0     | 1500MHz   1600MHz    |
    ("ixsmi",): re.compile(
        r"^\| *\d+ +(?P<name>(?:Iluvatar )?[A-Z]{2}-V\S+(?: OAM)?) *\| *[\dA-Fa-f]+:", re.MULTILINE
    ),
    # GPU 0: MTT S4000 (UUID: ...), and in other versions a blank before each colon
    ("mthreads-gmi", "-L"): re.compile(r"^GPU \d+ ?: *(?P<name>.*?) *\(UUID", re.MULTILINE),
}
"""What each maker's tool is asked, and the lines that are one device each."""


def look_for_devices(environment: Mapping[str, str], run: Run = run) -> tuple[DevicesFound, ...]:
    """The accelerators of this machine, by the tools of their makers."""
    found: list[DevicesFound] = []
    for command, line in TOOLS.items():
        program = shutil.which(command[0], path=environment.get("PATH", STANDARD_PATH))
        done = run([program, *command[1:]], environment) if program else None
        if done is None or done.returncode != 0:
            continue
        names = Counter(match["name"].strip() for match in line.finditer(done.stdout))
        found += [
            DevicesFound(command[0], name, count, model_of(name)) for name, count in names.items()
        ]
    return tuple(found)


def model_of(name: str) -> str | None:
    """The catalog's model for a tool's name; None if it is not known."""
    plain = re.sub(r" VF$", "", name)  # a virtual machine's whole device
    for word in (plain, re.sub(r"^MX(?=[CN]\d)", "", plain)):
        try:
            return devices.find(word).name
        except devices.UnknownDevice:
            continue
    return None


# -- a folder that other machines have too ---------------------------------------------------------


def file_system(path: Path) -> str:
    """The kind of file system that a path is on, or would be on once made; empty if not known."""
    mounts = {p.mountpoint: p.fstype for p in psutil.disk_partitions(all=True)}
    resolved = path.resolve()
    return next((mounts[str(p)] for p in (resolved, *resolved.parents) if str(p) in mounts), "")


def on_network(path: Path) -> bool:
    """Whether a path is on a file system that other machines are likely to have as well."""
    return file_system(path) in NETWORK_FILE_SYSTEMS
