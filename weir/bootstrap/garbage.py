"""When a server's process looks for rubbish.

A server of a large network holds millions of small objects for long. Looking through all of them
takes hundreds of milliseconds in which nobody is answered, and finds nothing: what is done with
goes by its reference count. With Python's own settings each look at ten thousand pools begins
several of these.
"""

from __future__ import annotations

import gc

YOUNG, MIDDLE, OLD = 10_000, 4, 500
"""After so many new objects; the older ones at each fourth of these times; all at each 2,000th.

The older ones are few then: of a minute's work at ten thousand pools each look takes 20 to 40 ms,
where one at each 20th time took 50 to 120. In all they take the same.
"""


def collect_seldom() -> None:
    """What is there now is never looked through again, and what comes more seldom."""
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
