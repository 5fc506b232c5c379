"""The loop compiled, together with the kernel that it asks."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

from weir.scheduling import estimate
from weir.scheduling.compiled import MODULES, compile_modules
from weir.sim import loop


@cache
def compiled_loop() -> SimpleNamespace:
    """The functions of `weir.sim.loop`, compiled; their boards are passed as `Handle`s."""
    return compile_modules(*MODULES, estimate, loop)
