"""What simulates a case: the scheduler on a clock, or Gavel's rounds. Plain values, so that they
go to other processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from weir.cli.simulate_study import Case, Progress
from weir.core.errors import BadInput

if TYPE_CHECKING:
    from weir.core.inventory import Pool
    from weir.sim.curves import Curve
    from weir.sim.loaders.gavel import Throughputs
    from weir.sim.outcome import Outcome
    from weir.sim.workload import Workload


@dataclass(frozen=True, slots=True)
class OnTheClock:
    """The scheduler of a server, whenever a job comes or ends.

    Curves (money and g CO2e per kWh) and PUE are by site, `links` are Gbit/s between two sites,
    `speeds` by kind of job and device model.
    With `preemptible` every job may be pushed out.
    """

    price: Mapping[str, Curve] = field(default_factory=dict)
    carbon: Mapping[str, Curve] = field(default_factory=dict)
    pue: Mapping[str, float] = field(default_factory=dict)
    power_w: float | None = None
    links: Mapping[tuple[str, str], float] = field(default_factory=dict)
    speeds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    preemptible: bool = False

    def notes(self) -> tuple[str, ...]:
        return ("The scheduler of a server made every decision, on a clock that is arithmetic.",)

    def __call__(self, load: Workload, case: Case, progress: Progress | None = None) -> Outcome:
        from weir.sim.engine import Options, simulate

        if case.apart:
            return self._apart(load, case, progress)
        from weir.scheduling.policies import policy

        options = Options(
            price=self.price,
            carbon=self.carbon,
            pue=self.pue,
            power_w=self.power_w,
            links=self.links,
            speeds=self.speeds,
            preemptible=self.preemptible,
        )
        return simulate(load, case.pools, policy(case.policy), options=options, progress=progress)

    def _apart(self, load: Workload, case: Case, progress: Progress | None) -> Outcome:
        """Every site alone, one after the other."""
        from weir.sim.apart import apart

        def alone(some: Workload, pools: tuple[Pool, ...], before: float) -> Outcome:
            def told(share: float, queue: int) -> None:
                if progress is not None:
                    progress(before + share * len(some) / len(load), queue)

            return self(some, replace(case, apart=False, pools=pools), told)

        found = apart(load, case.pools, alone)
        if found is None:
            raise BadInput(
                "No job is at home at a site of the network, so nothing can run apart: give jobs "
                "homes (in a CSV by --map home=COLUMN) that are names of sites, or leave out "
                "--apart."
            )
        return found


@dataclass(frozen=True, slots=True)
class InRounds:
    """Gavel's rounds: jobs share the devices of several models, a plan at a time."""

    speeds: Throughputs
    devices: Mapping[str, int]
    round_s: float | None = None
    switch_s: float | None = None
    only_rounds: bool = False

    def notes(self) -> tuple[str, ...]:
        from weir.sim import rounds

        each = rounds.ROUND_S if self.round_s is None else self.round_s
        start = rounds.SWITCH_S if self.switch_s is None else self.switch_s
        also = "" if self.only_rounds else ", and when a job comes or ends"
        return (
            f"A plan is made every {each:g} s{also}. A start, a restart and a move take "
            f"{start:g} s in which the devices are held and nothing is done; a job that is stopped "
            "loses nothing else. Speeds are those measured, without noise.",
        )

    def __call__(self, load: Workload, case: Case, progress: Progress | None = None) -> Outcome:
        from weir.sim import rounds
        from weir.sim.in_turn import ROUND_POLICIES

        models = tuple(self.devices)
        columns = [self.speeds.device_types.index(model) for model in models]
        return rounds.simulate_rounds(
            load,
            self.speeds.table(load.kind.names)[load.kind.codes][:, columns],
            models,
            tuple(self.devices.values()),
            policy=case.policy,
            by=ROUND_POLICIES[case.policy],
            round_s=rounds.ROUND_S if self.round_s is None else self.round_s,
            switch_s=rounds.SWITCH_S if self.switch_s is None else self.switch_s,
            only_rounds=self.only_rounds,
        )
