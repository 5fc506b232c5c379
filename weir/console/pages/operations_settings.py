"""Operations: what this server was started with, and how each of it is changed. Secrets are none
of it: of a database only its kind is told.
"""

from __future__ import annotations

from dataclasses import dataclass

from weir.console import figures
from weir.console.visit import Visit
from weir.core.series import WIDTHS


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting: its label, its value as text, and the option of `weir serve` that sets it.

    `said` tells that the value is a word to translate; `option` is empty where there is none.
    """

    label: str
    value: str
    option: str
    said: bool = False


def settings_of(visit: Visit) -> list[Setting]:
    """Every setting that tells no secret."""
    ctx = visit.ctx
    set_to = ctx.settings
    found = [
        Setting("Version", ctx.version, ""),
        Setting("Address told to others", set_to.url or figures.UNKNOWN, "--url"),
        Setting("Database", ctx.store.engine.dialect.name, "--database"),
        Setting(
            "Samples are kept in",
            "this database, and a copy in VictoriaMetrics" if ctx.victoria else "this database",
            "--series",
            True,
        ),
        Setting("Policy at the start", set_to.policy, "--policy"),
        Setting("Queues at the start", figures.number(len(set_to.queues)), "--queues"),
        Setting("Alert rules", figures.number(len(set_to.alert_rules)), "--alerts"),
        Setting("Silent after", visit.words.duration(set_to.lease_s), "--lease"),
        Setting("Given up after", visit.words.duration(set_to.lost_after_s), "--lost-after"),
        Setting("Must start within", visit.words.duration(set_to.start_within_s), "--start-within"),
        Setting(
            "Who joins waits for approval",
            "yes" if set_to.approve_joins else "no",
            "--approve-joins",
            True,
        ),
        Setting("Placed again after losses, at most", figures.number(set_to.max_losses), ""),
        Setting("Waiting jobs that a round looks at", figures.number(set_to.max_waiting), ""),
    ]
    return [*found, *_kept(visit)]


def _kept(visit: Visit) -> list[Setting]:
    kept = visit.ctx.settings.retention_s
    names = dict(zip(WIDTHS, ("10s", "1m", "15m", "1h", "1d"), strict=True))
    return [
        Setting(
            f"Samples by {name} are kept for", visit.words.duration(kept[width]), f"--keep {name}="
        )
        for width, name in names.items()
        if width in kept
    ]
