"""`weir demo`: the example network comes up, jobs go in at every tier, and each one's way is told.

With --once it ends when the jobs have: 0 if all succeeded, else not, with the reason. What it shows
is asked of the servers like anybody would ask.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
from rich.console import Console

import weir
from weir.cli.demo_stream import EVERY_S, MOST, stream_of
from weir.cli.network_file import NetworkFile, read_network_file
from weir.cli.processes import child_environment, interruptible
from weir.cli.up import Network, Say, network_up, watch
from weir.cli.up_context import exports
from weir.cli.values import candidate_device, marked, price, term_name, took, where
from weir.client.context import weir_home
from weir.client.sdk import Job, Weir
from weir.core.errors import NotFound, WeirError
from weir.core.lifecycle import JOB_FINAL, JobState
from weir.wire.jobs import CandidateAnswer, JobDetailAnswer
from weir.wire.jobspec import JobSpec
from weir.wire.specfile import read_job_file

JOBS_TAKE_S = 60.0
"""Longest wait for all the jobs together."""

FILE_COMES_S = 5.0
"""Longest wait for a result file after its job's end."""

RESULT = "output/result.json"
"""The file that every job of the demonstration leaves."""


class DemoFailed(WeirError):
    """A job of the demonstration failed, or took too long."""

    code, title = "weir.demo.failed", "The demonstration failed"


@dataclass(frozen=True, slots=True)
class Part:
    """A job file of the demonstration, and where it is submitted."""

    domain: str
    file: str
    about: str


PARTS = (
    Part("region-east", "heat.yaml", "a simulation that wants a real machine, at region-east"),
    Part("national", "sweep.yaml", "a training sweep, at the national node"),
    Part("manufacturing", "inference.yaml", "batch inference, at the industry node"),
    Part("region-east", "overflow.yaml", "at region-east, and only region-west has the devices"),
)
ASKED = Part("region-east", "picky.yaml", "where could this one run, and why not elsewhere?")


@dataclass(frozen=True, slots=True)
class Submitted:
    """A part with its jobs: one, or an array's members."""

    part: Part
    spec: JobSpec
    weir: Weir
    jobs: tuple[Job, ...]


@click.command()
@click.option("--once", is_flag=True, help="Stop when the jobs have ended; 0 if all went well.")
@click.option("--home", type=click.Path(path_type=Path), help="Instead of WEIR_HOME or ~/.weir.")
@click.option("--keep", is_flag=True, help="With --once: use WEIR_HOME, and leave it.")
def demo(once: bool, home: Path | None, keep: bool) -> None:
    """Start the example network on this machine and run jobs on it.

    Four servers, six computing centers, jobs at every tier. Accelerators are emulated; the servers,
    the agents and the jobs' processes are real. Without --once it stays up until Ctrl-C, and small
    jobs keep coming.
    """
    examples = find_examples()
    file = read_network_file(examples / "network.yaml")
    console = Console(highlight=False, soft_wrap=True)
    say: Say = partial(console.print, markup=False)
    try:
        with interruptible(), _home(once, home, keep) as chosen:
            _run(file, examples, chosen, console, say, once)
    except KeyboardInterrupt:
        if once:
            raise DemoFailed("interrupted before its end") from None
    say(f"{file.network} is down")


def _run(
    file: NetworkFile, examples: Path, home: Path, console: Console, say: Say, once: bool
) -> None:
    with network_up(file, home, say) as network:
        show_jobs(network, examples / "jobs", say)
        show_find(network, examples / "jobs", say)
        if not once:
            _tell_more(network, examples, say)
            servers = {name: Weir.over(one.client) for name, one in network.servers.items()}
            stream = stream_of(examples / "jobs", servers)
            watch(network, console, plain=not console.is_terminal, beside=stream.step)


def find_examples() -> Path:
    """The examples of the source checkout. Raises `NotFound`."""
    folder = Path(weir.__file__).resolve().parent.parent / "examples"
    if not (folder / "network.yaml").is_file():
        raise NotFound(f"the demo's files are not in {folder}; run it from a source checkout")
    return folder


@contextmanager
def _home(once: bool, home: Path | None, keep: bool) -> Iterator[Path]:
    """Where to keep things: `--once` leaves nothing behind unless it is told to."""
    if home is not None or keep or not once:
        yield home or weir_home()
    else:
        weir_home().mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="demo-", dir=weir_home()) as folder:
            yield Path(folder)


def show_jobs(network: Network, folder: Path, say: Say) -> None:
    """Submit every part, and tell of each in turn. Raises `DemoFailed`."""
    began = time.monotonic()
    submitted = [_submit(network, part, folder) for part in PARTS]
    count = sum(len(s.jobs) for s in submitted)
    say(f"\n{count} jobs submitted at {len({p.domain for p in PARTS})} of the domains")
    for number, one in enumerate(submitted, 1):
        say(f"\n{number}. {one.spec.name}: {one.part.about}")
        ended = _wait(network, one, began + JOBS_TAKE_S, say)
        _tell(one, ended, say)
    say(f"\nall {count} jobs succeeded, {time.monotonic() - began:.1f} s after the first went in")


def _submit(network: Network, part: Part, folder: Path) -> Submitted:
    spec = read_job_file(folder / part.file)
    asked = Weir.over(network.servers[part.domain].client)
    return Submitted(part, spec, asked, tuple(asked.submit_all([spec])))


def _wait(network: Network, one: Submitted, until: float, say: Say) -> list[JobDetailAnswer]:
    """All jobs of a part, ended well. Raises `DemoFailed` with the reason if one is not."""
    while True:
        network.children.revive(say, time.monotonic())
        found = [job.show() for job in one.jobs]
        bad = next((j for j in found if j.state in JOB_FINAL - {JobState.SUCCEEDED}), None)
        if bad is not None:
            errors = _text(one, bad, "stderr").strip().splitlines()[-3:]
            why = "; ".join([bad.reason, *errors])
            raise DemoFailed(f"{one.spec.name} {bad.id} {bad.state} at {one.part.domain}: {why}")
        slow = next((j for j in found if j.state is not JobState.SUCCEEDED), None)
        if slow is None:
            return found
        if time.monotonic() > until:
            why = one.weir.why(slow.id).text
            raise DemoFailed(
                f"{one.spec.name} {slow.id} is still {slow.state} after {JOBS_TAKE_S:g} s: {why}"
            )
        time.sleep(0.2)


def _tell(one: Submitted, ended: list[JobDetailAnswer], say: Say) -> None:
    """Where a part's jobs ran, why there, by which way, and what came of it."""
    first = ended[0]
    why = one.weir.why(first.id)
    places = Counter(where(job) for job in ended)
    counted = [f"{n} at {place}" if len(ended) > 1 else place for place, n in places.most_common()]
    say(f"   placed    {', '.join(counted)}")
    if why.chosen is not None:
        if why.chosen.device_model:
            say(f"   devices   {candidate_device(why.chosen, one.spec)}")
        say(f"   why       {_weighed(why.chosen)}")
        say(f"   next best {_runner_up(why.runner_up)}")
    say(f"   through   {' > '.join((one.part.domain, *first.place))}")
    ran = took(
        min((j.started_at for j in ended if j.started_at), default=None),
        max((j.ended_at for j in ended if j.ended_at), default=None),
        0,
    )
    count = f"{len(ended)} jobs " if len(ended) > 1 else ""
    say(f"   finished  {count}{first.state} in {ran}")
    results = [_text(one, job, RESULT) for job in ended]
    if "" in results:
        raise DemoFailed(f"{ended[results.index('')].id} succeeded, and its {RESULT} is missing")
    say(f"   result    {_line(max(results, key=_score))}")


def _runner_up(found: CandidateAnswer | None) -> str:
    if found is None:
        return "no other pool could take it"
    place = marked(f"{found.site_name} / {found.pool_name}", found.emulated)
    return f"{place}: {_weighed(found)}"


def _weighed(found: CandidateAnswer) -> str:
    """The terms that count, each with its share, and their sum: lower is better."""
    terms = [t for t in found.terms if t.cost]
    shown = " + ".join(f"{term_name(t.name)} {t.cost:.2f}" for t in terms)
    shown = shown or "nothing counts against it"
    money = price(found.price_micro_per_hour, found.currency)
    return f"cost {found.cost:.2f} = {shown}, at {money}"


def _text(one: Submitted, job: JobDetailAnswer, name: str) -> str:
    """A file of a job as text; empty if it does not come."""
    until = time.monotonic() + FILE_COMES_S
    while True:
        try:
            return one.weir.fetch(job.id, name).decode(errors="replace")
        except WeirError:
            if time.monotonic() > until:
                return ""
            time.sleep(0.1)


def _score(result: str) -> float:
    """The accuracy that a result tells, to show an array's best."""
    return float(json.loads(result).get("accuracy", 0))


def _line(result: str, most: int = 6) -> str:
    """The first entries of a result file on one line."""
    entries = json.loads(result).items()
    return ", ".join(f"{name} {value}" for name, value in list(entries)[:most])


def show_find(network: Network, folder: Path, say: Say) -> None:
    """Print what `weir find` prints."""
    file, server = folder / ASKED.file, network.name_of(ASKED.domain)
    say(f"\n{ASKED.about}\n$ weir -s {server} find {_short(file)}")
    asked = subprocess.run(
        [sys.executable, "-m", "weir", "-s", server, "find", str(file)],
        env=child_environment(os.environ) | {"WEIR_HOME": str(network.home)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    if asked.returncode:
        raise DemoFailed(f"weir find ended with status {asked.returncode}: {asked.stderr.strip()}")
    say(asked.stdout.rstrip())


def _tell_more(network: Network, examples: Path, say: Say) -> None:
    east, top = network.name_of("region-east"), network.name_of("national")
    say(f"\nIt stays up; a small job comes every {EVERY_S:g} s, {MOST:,} in all. Watch a console,")
    say("or type in another terminal, first the first line, then for instance:")
    say(f"  {exports(network.home)}")
    for command in (
        f"-s {east} pools",
        f"-s {top} jobs",
        f"-s {east} submit {_short(examples / 'jobs' / 'sweep.yaml')}",
        f"-s {east} find {_short(examples / 'jobs' / 'big.yaml')}",
        f"-s {top} indicators --by",
    ):
        say(f"  weir {command}")
    say("")


def _short(path: Path) -> str:
    """A path as one would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
