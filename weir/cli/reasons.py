"""Print why not: reasons counted over pools, and the changes that would help."""

from __future__ import annotations

from collections.abc import Sequence

from weir.cli.output import Column, Sheet, say, show_sheet
from weir.core.plan import MEANINGS, Reason
from weir.wire.jobs import ChangeAnswer, ReasonAnswer

NO_MEMORY_KNOWN = "its memory is not known"
"""Said of a pool whose accelerators' memory nobody has told."""


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
    known = {str(r): words for r, words in MEANINGS.items()}
    return known.get(found.reason, "")


def spoken(reason: str) -> str:
    """A pool's reason as the server writes it; what is not known is said to be that."""
    if reason.startswith(f"{Reason.DEVICE_MEMORY} ") and reason.endswith(" best=unknown"):
        return f"{reason.removesuffix(' best=unknown')}, and {NO_MEMORY_KNOWN}"
    return reason


def show_changes(changes: Sequence[ChangeAnswer]) -> None:
    """One line a change that would admit more pools."""
    for c in changes:
        pools = "1 more pool" if c.pools == 1 else f"{c.pools} more pools"
        say(f"  {c.reason}: {c.instead} instead of {c.wanted} admits {pools}")
