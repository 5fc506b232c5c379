"""What the forms of `weir simulate` share: options, policies, seeds, and small texts to read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weir.cli.session import json_option, wide_option
from weir.cli.simulate_study import Case, Engine, Study, cores, need_ray, run_all
from weir.core.errors import BadInput

if TYPE_CHECKING:
    from weir.core.inventory import Pool
    from weir.sim.workload import Workload

AS_IT_IS = "as it is"
APART = "each on its own"
"""What networks are called in tables: the one of the file, and the one where nobody joined."""

MOST_SEEDS = 10_000
_SEEDS = re.compile(r"(?P<first>[0-9]{1,9})(?:-(?P<last>[0-9]{1,9}))?")


@dataclass(frozen=True, slots=True)
class Asked:
    """The options that every form has."""

    policy: str | None
    seed: int
    sweep: str | None
    out: Path | None
    processes: int | None
    ray: bool
    as_json: bool
    wide: bool
    known: tuple[str, ...] | None = None  # the policies of a form that has its own

    @property
    def policies(self) -> tuple[str, ...]:
        """The names given, each once. Raises `BadInput` for one that is no policy."""
        from weir.scheduling.policies import policy
        from weir.scheduling.policy import DEFAULT

        given = (self.known or (DEFAULT,))[0] if self.policy is None else self.policy
        names = tuple(dict.fromkeys(n.strip() for n in given.split(",") if n.strip()))
        if not names:
            raise BadInput("--policy names no policy; write for example --policy fifo,balanced.")
        for name in names:
            if self.known is None:
                policy(name)
            elif name not in self.known:
                raise BadInput(
                    f"There is no policy {name!r} here; the policies are {', '.join(self.known)}."
                )
        return names

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the sweep; without one, the seed."""
        return (self.seed,) if self.sweep is None else seeds_of(self.sweep)

    def check(self) -> None:
        """Raise `BadInput` for what can be seen to be wrong before anything is read."""
        _ = self.policies, self.seeds  # both raise
        if self.ray:
            need_ray()
        if self.out is not None:
            from weir.sim.drawing import need_matplotlib

            need_matplotlib()


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--policy",
        metavar="A[,B]",
        help="Policies by name; several stand side by side.  [default: that of a server]",
    ),
    click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True),
    click.option("--sweep", metavar="SEEDS", help="Once with each seed, such as 1-10 or 1,2,5."),
    click.option(
        "--out",
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False),
        help="Write report.html and result.json there.",
    ),
    click.option(
        "--processes",
        metavar="N",
        type=click.IntRange(1, 1024),
        help="Processes for several simulations.  [default: all cores in a sweep]",
    ),
    click.option("--ray", is_flag=True, help="Spread the simulations over a Ray cluster."),
    json_option,
    wide_option,
)


def simulates(
    command: Callable[..., Any], known: Callable[[], tuple[str, ...]] | None = None
) -> Callable[..., Any]:
    """For a form of `simulate`: it gets the common options as one value, `asked`.

    `known` tells the policies of a form that has its own.
    """
    common = [f.name for f in fields(Asked) if f.name != "known"]

    @wraps(command)
    def called(**given: Any) -> Any:
        asked = Asked(**{n: given.pop(n) for n in common}, known=known() if known else None)
        asked.check()
        return command(asked=asked, **given)

    for option in reversed(_OPTIONS):
        called = option(called)
    return called


class Form(click.Command):
    """A command that remembers how it was called, for the report."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        above = ctx.parent.info_name if ctx.parent is not None else None
        words = ["weir", *([above] if above else []), ctx.info_name or "", *args]
        ctx.meta["weir.called"] = shlex.join(words)
        return super().parse_args(ctx, args)


def seeds_of(text: str) -> tuple[int, ...]:
    """`1-3,7` as (1, 2, 3, 7). Raises `BadInput`."""
    found: list[int] = []
    for part in text.split(","):
        match = _SEEDS.fullmatch(part.strip())
        first, last = (0, -1) if match is None else (int(match[1]), int(match[2] or match[1]))
        if last < first:
            raise BadInput(f"--sweep {text!r}: {part!r} is no seed; write for example 1-10 or 1,2.")
        if last - first >= MOST_SEEDS:
            raise BadInput(f"--sweep {text!r} has more than {MOST_SEEDS} seeds; take fewer.")
        found += range(first, last + 1)
    return tuple(dict.fromkeys(found))


def counts_of(text: str, option: str) -> dict[str, int]:
    """`v100=4,k80=8` as a table. Raises `BadInput`."""
    found: dict[str, int] = {}
    for part in text.split(","):
        name, _, count = (piece.strip() for piece in part.partition("="))
        if not name or not count.isdecimal() or not 1 <= int(count) <= 10**6 or name in found:
            raise BadInput(
                f"{option} {text!r}: {part!r} can't be read, or is there twice; write for example "
                f"{option} v100=4,p100=4,k80=4."
            )
        found[name] = int(count)
    return found


def cases_of(
    asked: Asked, networks: Sequence[tuple[str, tuple[Pool, ...]]], by_seed: bool = False
) -> tuple[Case, ...]:
    """Every network with every policy and every seed; `by_seed`: each seed has its workload."""
    return tuple(
        Case(policy, network, seed, pools, number if by_seed else 0, network == APART)
        for network, pools in networks
        for policy in asked.policies
        for number, seed in enumerate(asked.seeds)
    )


def answer(
    asked: Asked,
    title: str,
    workloads: Sequence[Workload],
    cases: tuple[Case, ...],
    engine: Engine,
    notes: Sequence[str] = (),
) -> None:
    """Simulate, and answer as asked."""
    from weir.cli.simulate_answer import print_runs, show_runs, write_report

    _check(workloads)
    processes = asked.processes
    if processes is None and asked.sweep is not None:
        processes = cores()
    runs = run_all(Study(tuple(workloads), cases, engine), processes, ray=asked.ray)

    from weir.sim.report import Page

    called = click.get_current_context().meta.get("weir.called", "weir simulate")
    page = Page(title, str(called), (*notes, *engine.notes()))
    if asked.out is not None:
        write_report(asked.out, runs, page)
    if asked.as_json:
        print_runs(runs)
    else:
        show_runs(runs, notes, wide=asked.wide)


def _check(workloads: Sequence[Workload]) -> None:
    for load in workloads:
        if not len(load):
            raise BadInput(f"{load.name} has no jobs: there is nothing to simulate.")
