"""Many simulations of one call: which there are, on how many cores they run, how far they are.

Laws: the runs come back in the order of the cases, however many processes do them; each case has
its own seed and shares nothing, so that one process and eight give the same numbers. Only what is
small comes back from another process: numbers and curves, not the jobs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from weir.core.errors import BadInput

if TYPE_CHECKING:
    from weir.core.inventory import Pool
    from weir.sim.outcome import Outcome
    from weir.sim.summary import Run
    from weir.sim.workload import Workload

SHOWN_AFTER_S = 1.0
"""A progress bar comes only for what takes longer."""

WORTH_A_PROCESS = 200_000
"""From so many jobs on, all simulations together, other processes are started unasked: one takes
about a second to load.
"""

Progress = Callable[[float, int], None]


@dataclass(frozen=True, slots=True)
class Case:
    """One simulation: a policy in a network with a seed, over one of the study's workloads.

    `apart`: every site alone with the jobs of its own members.
    """

    policy: str
    network: str
    seed: int
    pools: tuple[Pool, ...]
    workload: int = 0
    apart: bool = False


class Engine(Protocol):
    """What simulates one case. It goes to other processes, so it is a plain value."""

    def notes(self) -> tuple[str, ...]:
        """What to know of how it simulates."""
        ...

    def __call__(self, load: Workload, case: Case, progress: Progress | None = None) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class Study:
    """The simulations of one call."""

    workloads: tuple[Workload, ...]
    cases: tuple[Case, ...]
    engine: Engine

    @property
    def jobs(self) -> int:
        """Jobs of all simulations together."""
        return sum(len(self.workloads[case.workload]) for case in self.cases)


def run_all(study: Study, processes: int | None = None, *, ray: bool = False) -> list[Run]:
    """Simulate every case. `processes` None: as many as there are cores, where that pays.

    Raises `BadInput` if Ray is asked for and is not there.
    """
    if ray:
        return _by_ray(study)
    chosen = _processes(study) if processes is None else min(processes, len(study.cases))
    return _by_processes(study, chosen) if chosen > 1 else _here(study)


def run_case(study: Study, case: Case, progress: Progress | None = None) -> Run:
    """One simulation, and what is kept of it."""
    from weir.sim.summary import Run, summary_of

    outcome = study.engine(study.workloads[case.workload], case, progress)
    return Run(case.policy, case.network, case.seed, summary_of(outcome))


def _processes(study: Study) -> int:
    return min(cores(), len(study.cases)) if study.jobs >= WORTH_A_PROCESS else 1


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _here(study: Study) -> list[Run]:
    runs = []
    with _bar() as show:
        for number, case in enumerate(study.cases):
            which = f"{number + 1} of {len(study.cases)}, {case.policy}"

            def told(share: float, queue: int, which: str = which, number: int = number) -> None:
                jobs = f"{queue:,}".replace(",", " ")
                show((number + share) / len(study.cases), f"{which}: {jobs} waiting")

            told(0.0, 0)
            runs.append(run_case(study, case, told))
    return runs


_study: Study | None = None
"""In a process of a pool: what it was started for."""


def _take(study: Study) -> None:
    global _study
    _study = study


def _work(number: int) -> Run:
    assert _study is not None, "a process is told its study when it starts"
    return run_case(_study, _study.cases[number])


def _by_processes(study: Study, processes: int) -> list[Run]:
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    # Spawned, not forked: a fork beside the threads of numba and of the progress bar may hang.
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _take, (study,))
    try:
        with _bar() as show:
            waiting = {pool.submit(_work, n): n for n in range(len(study.cases))}
            found: dict[int, Run] = {}
            for future in as_completed(waiting):
                found[waiting[future]] = future.result()
                show(len(found) / len(study.cases), f"{len(found)} of {len(study.cases)} done")
    finally:
        pool.shutdown(cancel_futures=True)
    return [found[n] for n in range(len(study.cases))]


def need_ray() -> None:
    """Raise `BadInput` if there is no Ray: better before a workload is read than after it."""
    from importlib.util import find_spec

    if find_spec("ray") is None:
        raise BadInput(
            "Ray is not installed here: `pip install ray`, or leave out --ray to use the cores of "
            "this machine."
        )


def _by_ray(study: Study) -> list[Run]:
    need_ray()
    ray: Any = import_module("ray")
    began = not ray.is_initialized()
    if began:
        ray.init(log_to_driver=False, logging_level="ERROR")
    try:
        shared, task = ray.put(study), ray.remote(_on_ray)
        with _bar() as show:
            return _gathered(ray, [task.remote(shared, n) for n in range(len(study.cases))], show)
    finally:
        if began:
            ray.shutdown()


def _on_ray(study: Study, number: int) -> Run:
    return run_case(study, study.cases[number])


def _gathered(ray: Any, tasks: Sequence[Any], show: Callable[[float, str], None]) -> list[Run]:
    left = list(tasks)
    while left:
        _, left = ray.wait(left, num_returns=1)
        done = len(tasks) - len(left)
        show(done / len(tasks), f"{done} of {len(tasks)} done")
    return list(ray.get(list(tasks)))


@contextmanager
def _bar() -> Iterator[Callable[[float, str], None]]:
    """A progress bar on stderr where that is a terminal; nothing for what is soon done."""
    from weir.cli.output import console

    out, began = console(err=True), time.monotonic()
    if not out.is_terminal:
        yield lambda share, text: None
        return
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    look = (
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
    )
    bar = Progress(*look, console=out, transient=True)
    task = bar.add_task("", total=1.0)
    shown = False

    def show(share: float, text: str) -> None:
        nonlocal shown
        if not shown and time.monotonic() - began > SHOWN_AFTER_S:
            bar.start()
            shown = True
        bar.update(task, completed=share, description=text)

    try:
        yield show
    finally:
        if shown:
            bar.stop()
