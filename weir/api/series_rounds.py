"""The thread that rolls samples up, notes what nobody can work out later, and forgets what is old.

A fault here is logged and tried again: jobs go on whatever becomes of samples.
"""

from __future__ import annotations

import logging
import threading

from weir.control.context import Context
from weir.control.downtimes_noted import note_sites
from weir.control.job_usage import forget_uses
from weir.control.series_feed import feed
from weir.control.series_roll import forget_old, note_jobs, roll_up, write_down
from weir.core.errors import WeirError
from weir.core.series import WIDTHS, start_of

log = logging.getLogger(__name__)

LOOK_S = 5.0
NOTE_S = 60.0
FORGET_S = 3600.0


class SeriesRounds:
    """Works until stopped."""

    def __init__(self, ctx: Context, every_s: float = LOOK_S) -> None:
        self._ctx, self._every_s = ctx, every_s
        self._stopped = threading.Event()
        self._noted_at = self._forgot_at = float("-inf")
        self._sites_at = 0
        self._thread = threading.Thread(target=self._run, name="series", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after what is under way."""
        self._stopped.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s):
            try:
                self.turn()
            except WeirError as error:
                log.warning("samples wait: %s", error.detail)
            except Exception:  # a fault of ours; nothing half-done is stored, and jobs go on
                log.exception("rolling samples up has failed; it is tried again")
                self._stopped.wait(30.0)

    def turn(self) -> None:
        """One turn, by the domain's clock."""
        now = self._ctx.now()
        if start_of(now, WIDTHS[0]) != self._sites_at:
            self._sites_at = start_of(now, WIDTHS[0])
            note_sites(self._ctx)
        if now - self._noted_at >= NOTE_S:
            self._noted_at = now
            write_down(self._ctx)
            note_jobs(self._ctx)
        roll_up(self._ctx)
        if now - self._forgot_at >= FORGET_S:
            self._forgot_at = now
            forget_old(self._ctx)
            forget_uses(self._ctx)
        feed(self._ctx)  # last: while that store is away, all else goes on
