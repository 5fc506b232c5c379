"""The checks of a Slurm: it answers, its partitions can be used, the runs' folder is there, jobs
may be submitted, accounts are there; with a probe, one tiny job a share says if a node sees it.

Only the probe submits anything; the rest asks, and writes one file into the folder and removes it.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from itertools import product
from pathlib import Path
from shlex import quote

from weir.cli.agent_checks import Check
from weir.core import units
from weir.core.errors import WeirError
from weir.executors import looks
from weir.executors.slurm import connect
from weir.executors.slurm_calls import Component, Slurm, Submission
from weir.executors.slurm_commands import STANDARD_PATH, options_of
from weir.executors.slurm_inventory import Kind, kinds_of, missing
from weir.executors.slurm_records import Node, Partition
from weir.executors.slurm_settings import SlurmSettings

PROBE_S = 60.0
"""Longest that a probe's job may take to start and to be seen from here."""

SLACK_S = 10.0
"""How long a file that a node has written may take to be seen here; NFS has its own pace."""

ROOM_BYTES = 2**30
PROBE_MIB = 32
CONFIG = "check executor.config and executor.commands, and `scontrol ping`"


def slurm_checks(
    settings: SlurmSettings,
    probe: bool,
    make: bool,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Check]:
    """All checks, in order. With `make` the runs' folder may be made if it is not there yet."""
    folder = folder_check(settings.folder, make, probe)
    try:
        with closing(connect(settings, now)) as slurm:
            yield from _checks_of(slurm, settings, folder, probe, now, sleep)
    except (WeirError, OSError) as error:  # a token's file, or the Slurm, has gone meanwhile
        yield _away(error)


def _away(error: WeirError | OSError) -> Check:
    detail = error.detail if isinstance(error, WeirError) else str(error)
    return Check("slurm", "wrong", detail, CONFIG)


def _checks_of(
    slurm: Slurm,
    settings: SlurmSettings,
    folder: Check,
    probe: bool,
    now: Callable[[], float],
    sleep: Callable[[float], None],
) -> Iterator[Check]:
    try:
        nodes, partitions = slurm.nodes(), slurm.partitions()
    except (WeirError, OSError) as error:
        yield _away(error)
        yield folder
        return
    kinds = kinds_of(settings.shares, nodes, partitions)
    usable = sum(node.usable for node in nodes)
    yield Check("slurm", "ok", f"{slurm.version()} answers; {usable} of {len(nodes)} nodes are up")
    yield from partition_checks(settings, kinds, nodes, partitions)
    yield folder
    yield from submit_checks(settings, kinds)
    yield accounts_check(settings)
    if probe and folder.state != "wrong":
        yield from probe_checks(settings, slurm, kinds, now, sleep)


# -- partitions ------------------------------------------------------------------------------------


def partition_checks(
    settings: SlurmSettings,
    kinds: Sequence[Kind],
    nodes: Sequence[Node],
    partitions: Sequence[Partition],
) -> Iterator[Check]:
    """One for each share: whether there is such a partition, and something can start in it."""
    absent = set(missing(settings.shares, partitions))
    shown = ", ".join(p.name for p in partitions)
    names = [s.partition for s in settings.shares] or list(
        dict.fromkeys(kind.share.partition for kind in kinds)
    )
    usable = {node.name for node in nodes if node.usable}
    if not names:
        yield Check("partitions", "wrong", "none is up, and open to others than root", CONFIG)
    for name in names:
        what = f"partition {name}"
        own = [kind for kind in kinds if kind.share.partition == name]
        up = sum(len(usable.intersection(kind.nodes)) for kind in own)
        if name in absent:
            yield Check(what, "wrong", "there is none", f"Slurm shows {shown}: write one of these")
        elif not own:
            said = "no node is left for it"
            yield Check(what, "wrong", said, "an earlier share has them, or `features` fits none")
        elif not own[0].up:
            fix = f"`scontrol update PartitionName={name} State=UP`, or take it out of shares"
            yield Check(what, "wrong", "it takes no jobs", fix)
        elif not up:
            fix = "`sinfo -R` says why; `scontrol update NodeName=... State=RESUME` brings one back"
            yield Check(what, "wrong", "none of its nodes is up", fix)
        else:
            count = sum(len(kind.nodes) for kind in own)
            pools = "; ".join(f"{kind.name}: {about(kind)}" for kind in own)
            yield Check(what, "ok", f"{up} of {count} nodes are up; {pools}")
        yield from _without_model(what, own)


def _without_model(what: str, kinds: Sequence[Kind]) -> Iterator[Check]:
    for word in dict.fromkeys(k.gres for k in kinds if k.gres and k.model is None):
        said = f"which device {word} is, is not known, so no job that names a model comes"
        fix = f'device_models: {{"{word}": MODEL}}; `weir device list` knows the names'
        yield Check(what, "warning", said, fix)


def about(kind: Kind) -> str:
    """A kind of host in words: 4 nodes of 8 CPUs, 16 GiB and 2 x gpu:h100 (nvidia-h100-sxm5)."""
    shape, count = kind.shape, len(kind.nodes)
    said = f"{units.show_cpu_milli(shape.cpu_milli)} CPUs, {units.show_bytes(shape.memory_bytes)}"
    if shape.devices:
        said += f" and {shape.devices} x {kind.gres} ({kind.model or 'model not known'})"
    return f"{count} node{'s' if count != 1 else ''} of {said}"


# -- the folder ------------------------------------------------------------------------------------


def folder_check(folder: Path, make: bool, probed: bool = False) -> Check:
    """Whether the runs' folder can be written to from here, and is likely on the nodes as well."""
    fix = "name a folder (--folder, executor.folder) that this machine and all nodes have"
    try:
        if make:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.is_dir():
            descriptor, path = tempfile.mkstemp(dir=folder, prefix=".weir-check-")
            os.close(descriptor)
            os.unlink(path)
            said = f"{folder} can be written to"
        else:
            said = f"{folder} can be made"
            above = next(parent for parent in folder.parents if parent.exists())
            if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
                raise PermissionError(13, f"nothing can be made in {above}")
    except OSError as error:
        return Check("folder", "wrong", f"{folder} can't be used ({error.strerror})", fix)
    room = shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.exists())).free
    kind = looks.file_system(folder)
    said += f"; {units.show_bytes(room)} free, on {kind or 'a file system not known'}"
    if room < ROOM_BYTES:
        return Check("folder", "warning", said, "runs, with their output, need room there")
    if not probed and kind not in looks.NETWORK_FILE_SYSTEMS:
        said += "; it is not known whether the nodes have it"
        return Check("folder", "warning", said, "--probe finds out")
    return Check("folder", "ok", said)


# -- submitting and accounts -----------------------------------------------------------------------


def submit_checks(settings: SlurmSettings, kinds: Sequence[Kind]) -> Iterator[Check]:
    """One for each share and account: whether Slurm says that it would take a job."""
    if settings.rest is not None:
        said = "slurmrestd can't be asked whether it would take a job"
        yield Check("submit", "not checked", said, "--probe submits one")
        return
    accounts = list(dict.fromkeys((a.account, a.qos) for a in settings.accounts)) or [("", "")]
    for kind, account in product(_one_a_share(kinds), accounts):
        what = " as ".join((f"submit to {kind.share.partition}", *(a for a in account[:1] if a)))
        devices = f"{kind.gres}:1" if kind.shape.devices else ""
        job = _job(kind, "/", "/dev/null", "", account, devices)
        done = _ask(settings, "sbatch", "--test-only", "--wrap=true", *options_of(job))
        if done is None:
            yield Check(what, "wrong", "sbatch gives no answer", CONFIG)
            continue
        text = " ".join(re.sub(r"^sbatch: (error: )?", "", x) for x in done.stderr.splitlines())
        if done.returncode != 0:
            fix = "Slurm's own rules: ask its operator, or change account, qos or the share"
            yield Check(what, "wrong", text[:200] or "sbatch says no without a word", fix)
            continue
        at = re.search(r"to start at (\S+) using .* nodes (\S+)", text)
        yield Check(what, "ok", f"a job could start at {at[1]} on {at[2]}" if at else "allowed")


def accounts_check(settings: SlurmSettings) -> Check:
    """Whether there is accounting, and this user has the accounts that the settings name."""
    named = {a.account for a in settings.accounts} | {s.account for s in settings.shares}
    named -= {""}
    if settings.rest is not None:
        return Check("accounts", "not checked", "slurmrestd is asked for no accounts")
    user = _user()
    done = _ask(settings, "scontrol", "show", "config")
    said = dict(re.findall(r"^(\w+)\s*= (.*?)\s*$", done.stdout if done else "", re.MULTILINE))
    if not said.get("AccountingStorageType", "").endswith("slurmdbd"):
        return _without_slurmdbd(said, named)
    options = ("-n", "-P", "show", "assoc", f"user={user}", "format=account")
    done = _ask(settings, "sacctmgr", *options)
    if done is None or done.returncode != 0:
        text = done.stderr.strip()[-200:] if done else "no answer"
        fix = "start slurmdbd; until then the usage of jobs is not known"
        return Check("accounts", "warning", f"slurmdbd does not answer ({text})", fix)
    have = sorted({line.strip() for line in done.stdout.splitlines()} - {""})
    if absent := sorted(named - set(have)):
        fix = f"`sacctmgr add user {user} account={absent[0]}`, or take it out of the settings"
        return Check("accounts", "wrong", f"{user} is not in {', '.join(absent)}", fix)
    if not have:
        fix = f"`sacctmgr add user {user} account=NAME`, if submitting says no"
        return Check("accounts", "warning", f"{user} is in no account", fix)
    return Check("accounts", "ok", f"{user} is in {', '.join(have)}")


def _user() -> str:
    """The name of the user that this is; in a container without names, the number."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _without_slurmdbd(said: dict[str, str], named: set[str]) -> Check:
    file = said.get("JobCompLoc", "")
    kept = said.get("JobCompType", "").endswith("filetxt")
    also = f" (nobody checks {', '.join(sorted(named))})" if named else ""
    if kept and os.access(file, os.R_OK):
        return Check("accounts", "ok", f"no slurmdbd{also}: usage is read from {file}")
    fix = "set up slurmdbd, or jobcomp/filetxt with a file that the agent's user may read"
    return Check("accounts", "warning", f"no slurmdbd{also}: usage of jobs is not known", fix)


def _ask(settings: SlurmSettings, name: str, *options: str) -> looks.Answer | None:
    folder = str(settings.commands or "")
    environment = {
        "PATH": f"{folder}:{STANDARD_PATH}" if folder else STANDARD_PATH,
        "LANG": "C.UTF-8",
        "HOME": os.path.expanduser("~"),
    }
    if settings.config:
        environment["SLURM_CONF"] = str(settings.config)
    program = shutil.which(name, path=environment["PATH"])
    return looks.run([program, *options], environment) if program else None


# -- a job that says whether a node sees the folder ------------------------------------------------


def probe_checks(
    settings: SlurmSettings,
    slurm: Slurm,
    kinds: Sequence[Kind],
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Check]:
    """One for each share: a job of some milliseconds reads a file here, and writes one."""
    last = settings.accounts[-1] if settings.accounts else None  # the one for everybody, if any is
    account = (last.account, last.qos) if last else ("", "")
    sent: list[tuple[Kind, Path, str]] = []
    made: list[Path] = []
    try:
        for kind in _one_a_share(kinds):
            what = f"probe of {kind.share.partition}"
            try:
                folder = Path(tempfile.mkdtemp(dir=settings.folder, prefix="probe-"))
                made.append(folder)
                (folder / "asked").write_text(f"{folder.name}\n")
                script = _script(folder)
                job = _job(kind, str(folder), str(folder / "log"), script, account)
                sent.append((kind, folder, slurm.submit(job)))
            except (WeirError, OSError) as error:
                yield Check(what, "wrong", str(error), "Slurm's own rules, or the folder's rights")
        until = now() + PROBE_S
        for kind, folder, job_id in sent:
            yield _probed(kind, folder, job_id, slurm, until, now, sleep)
    finally:
        with suppress(WeirError):  # else its time limit ends it
            slurm.cancel([job_id for _, _, job_id in sent])
        for folder in made:
            shutil.rmtree(folder, ignore_errors=True)


def _probed(
    kind: Kind,
    folder: Path,
    job_id: str,
    slurm: Slurm,
    until: float,
    now: Callable[[], float],
    sleep: Callable[[float], None],
) -> Check:
    what = f"probe of {kind.share.partition}"
    began = now()
    over_at: float | None = None
    job = None
    while now() < until and (over_at is None or now() < over_at + SLACK_S):
        if (answer := _answer(folder)) is not None:
            word, _, host = answer.partition(" ")
            if word == folder.name:
                said = f"{host.strip()} sees {folder.parent}, {now() - began:.1f} s after asking"
                return Check(what, "ok", said)
        with suppress(WeirError):  # else it is asked again
            job = next((j for j in slurm.jobs() if j.id == job_id), job)
        if over_at is None and job is not None and job.over:
            over_at = now()
        sleep(0.5)
    fix = f"`srun -p {kind.share.partition} ls -ld {folder.parent}` shows what a node sees"
    if job is not None and job.over:
        node = ",".join(job.nodes) or "a node"
        said = f"{node} does not see {folder.parent} as this machine does (job {job.state})"
        return Check(what, "wrong", said, fix)
    reason = job.reason if job is not None else "unknown"
    said = f"its job has not run within {PROBE_S:.0f} s ({reason or 'no reason told'})"
    return Check(what, "warning", said, "try again when the partition has room")


def _answer(folder: Path) -> str | None:
    """What the job has written. Listing the folder makes NFS look again."""
    try:
        names = os.listdir(folder)
        return (folder / "answer").read_text() if "answer" in names else None
    except OSError:
        return None


def _script(folder: Path) -> str:
    """The job: it answers with what it was given to read and its node's name, all at once."""
    at = quote(str(folder))
    write = f'printf "%s %s\\n" "$word" "$(uname -n)" >{at}/part && mv {at}/part {at}/answer'
    return f"#!/bin/sh\nread -r word <{at}/asked && {write}\n"


def _one_a_share(kinds: Sequence[Kind]) -> list[Kind]:
    by_share: dict[str, Kind] = {}
    for kind in kinds:
        by_share.setdefault(kind.share.partition, kind)
    return list(by_share.values())


def _job(
    kind: Kind,
    folder: str,
    output: str,
    script: str,
    account: tuple[str, str],
    gres: str = "",
) -> Submission:
    """The smallest job that a share takes, on its terms; `account` is an account and a QoS."""
    share = kind.share
    return Submission(
        name="probe-of-weir",
        partition=share.partition,
        folder=folder,
        output=output,
        script=script,
        components=(Component(1, 1, kind.threads, PROBE_MIB, gres),),
        minutes=1,
        account=account[0] or share.account,
        qos=account[1] or share.qos,
        reservation=share.reservation,
        constraint="&".join((*share.features, *([share.constraint] if share.constraint else []))),
        exclude=kind.exclude,
        licenses=share.licenses,
        comment="weir agent looks whether nodes see its folder",
        nice=share.nice,
    )
