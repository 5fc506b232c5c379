"""The thread that looks at the rules of alerts now and then. A fault here is logged: jobs go on."""

from __future__ import annotations

import logging
import threading

from weir.control.alerts_readings import Kept
from weir.control.alerts_round import look
from weir.control.context import Context
from weir.core.errors import WeirError

log = logging.getLogger(__name__)


class AlertRounds:
    """Looks until stopped."""

    def __init__(self, ctx: Context) -> None:
        self._ctx, self._kept = ctx, Kept()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the look that is under way."""
        self._stopped.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        # Not at once: after a start nobody could be heard for a while, and that is no silence.
        pause_s = max(self._ctx.settings.alerts_every_s, 2 * self._ctx.settings.lease_s)
        while not self._stopped.wait(pause_s):
            pause_s = self.turn()

    def turn(self) -> float:
        """Look once; gives how long to wait until the next look, in seconds."""
        try:
            look(self._ctx, self._kept)
        except WeirError as error:
            log.warning("alerts wait: %s", error.detail)
        except Exception:  # a fault of ours; nothing half-done is stored, and jobs go on
            log.exception("looking at the rules of alerts has failed; it is tried again")
            return max(30.0, self._ctx.settings.alerts_every_s)
        return self._ctx.settings.alerts_every_s
