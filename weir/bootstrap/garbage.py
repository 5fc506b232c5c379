"""When a server's process looks for rubbish.

A server of a large network holds millions of small objects for long. Looking through all of them
takes hundreds of milliseconds in which nobody is answered, and finds nothing: what is done with
goes by its reference count. With Python's own settings each look at ten thousand pools begins
several of these.
"""

from __future__ import annotations

import gc

YOUNG, MIDDLE, OLD = 10_000, 20, 100
"""After so many new objects; the older ones at each 20th of these times; all at each 2,000th."""


def collect_seldom() -> None:
    """What is there now is never looked through again, and what comes more seldom."""
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
