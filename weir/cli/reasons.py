"""Print why not: reasons counted over pools, and the changes that would help."""

from __future__ import annotations

from collections.abc import Sequence

from weir.cli.output import Column, Sheet, say, show_sheet
from weir.core.plan import MEANINGS, Reason
from weir.wire.jobs import ChangeAnswer, ReasonAnswer

NO_MEMORY_KNOWN = "its memory is not known"
"""Said of a pool whose accelerators' memory nobody has told."""


NOT_YET = "the job is not to start yet"
"""Said of every pool where the job's own file puts its start off."""

AT_ONCE = {
    str(Reason.BUSY): "tasks:",
    str(Reason.HELD): "walltime:",
    str(Reason.EXCLUSIVE): "exclusive:",
    str(Reason.SPREAD): "max_per_host:",
    str(Reason.TOPOLOGY): "topology:",
    str(Reason.QUOTA): "quota:",
    str(Reason.HOST_DEVICES): "devices:",
}
"""Changes of these ask for less of what would do anyway, and open no more pools."""


def show_reasons(reasons: Sequence[ReasonAnswer]) -> None:
    """One line a reason: how many pools, what was needed, and the best there was."""
    sheet = Sheet(
        (
            Column("REASON"),
            Column("POOLS", right=True),
            Column("NEEDED", wraps=True),
            Column("BEST", wraps=True),
            Column("THE POOL", wraps=True),
        )
    )
    for r in reasons:
        sheet.add(r.reason, str(r.pools), r.needed, r.best, _meaning(r))
    show_sheet(sheet)


def _meaning(found: ReasonAnswer) -> str:
    """The reason in words; a newer server may have one that is not known here."""
    if (found.reason, found.best) == (Reason.DEVICE_MEMORY, "unknown"):
        return NO_MEMORY_KNOWN
    if found.reason == Reason.DEFERRED and found.needed != "a better hour":
        return NOT_YET
    known = {str(r): words for r, words in MEANINGS.items()}
    return known.get(found.reason, "")


def spoken(reason: str) -> str:
    """A pool's reason as the server writes it; what is not known is said to be that."""
    if reason.startswith(f"{Reason.DEVICE_MEMORY} ") and reason.endswith(" best=unknown"):
        return f"{reason.removesuffix(' best=unknown')}, and {NO_MEMORY_KNOWN}"
    return reason


def show_changes(changes: Sequence[ChangeAnswer]) -> None:
    """One line a change that would admit more pools, or let the job start at once."""
    for c in changes:
        if c.now and c.reason in AT_ONCE:
            say(f"  {AT_ONCE[c.reason]} {c.instead} instead of {c.wanted}: it would start at once")
            continue
        pools = "1 more pool" if c.pools == 1 else f"{c.pools} more pools"
        now = ", and it would start at once" if c.now else ""
        say(f"  {c.reason}: {c.instead} instead of {c.wanted} admits {pools}{now}")
