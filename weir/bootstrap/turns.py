"""How long one thread of a server works before the next gets its turn.

Python's own 5 ms are long for a server whose background work keeps a core busy for a second: a page
that reads the database ten times gives its turn away ten times, and waits as often.
"""

from __future__ import annotations

import sys

TURN_S = 0.0005


def take_short_turns() -> None:
    """From now on, in this process."""
    sys.setswitchinterval(TURN_S)
