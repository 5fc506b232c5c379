"""Where a replay is simulated: in a process of its own, so that it slows nothing else down.

The process is started anew for each replay, works at low priority, and is ended with whoever asked.
"""

from __future__ import annotations

import os
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection

from weir.control.replay import Study, Told
from weir.core.errors import NotReady, TooLarge
from weir.wire.replays import ReplayResult

MOST_S = 900.0
"""What takes longer is given up."""

POLL_S = 0.5
BESIDE = 10
"""How nice the process is to others, as in nice(1)."""


def simulate_apart(study: Study, told: Told) -> ReplayResult:
    """Simulate a study in a process of its own, and pass on where it is.

    Raises `TooLarge` if it takes longer than `MOST_S`, and `NotReady` if the process ends without a
    result. What `told` raises ends the process.
    """
    # Spawned, not forked: a fork beside the threads of a server may hang.
    context = get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(there, study), daemon=True)
    process.start()
    there.close()
    try:
        return _followed(here, told, time.monotonic() + MOST_S)
    finally:
        process.kill()
        process.join()
        here.close()


def _followed(here: Connection, told: Told, until: float) -> ReplayResult:
    share, text = 0.0, "the simulator is being loaded"
    while time.monotonic() < until:
        told(share, text)
        if not here.poll(POLL_S):
            continue
        try:
            news = here.recv()
        except EOFError:
            raise NotReady(
                "the simulator has ended without a result; the server's log may say why"
            ) from None
        if isinstance(news, ReplayResult):
            return news
        share, text = news
    raise TooLarge(
        f"it took longer than {MOST_S / 60:g} minutes; ask for fewer days or fewer policies"
    )


def _work(there: Connection, study: Study) -> None:
    from weir.sim.replay import replay

    os.nice(BESIDE)
    sent = [float("-inf")]

    def told(share: float, text: str) -> None:
        if time.monotonic() - sent[0] >= POLL_S:
            sent[0] = time.monotonic()
            there.send((share, text))

    there.send(replay(study, told))
    there.close()
