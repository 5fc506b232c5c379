"""The kernel compiled: the same functions, run by numba over arrays.

Compiling takes a while the first time on a machine; the result is kept beside the source, under a
name that changes with the code. Importing numba costs some 70 MB, so it is done when a round is
large, and not before.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Mapping
from functools import cache
from inspect import getmodule
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any
from zlib import crc32

from weir.scheduling import (
    booking,
    fragmentation,
    hosts,
    kernel,
    least,
    patch,
    placing,
    ranking,
    reserving,
    shares,
)


def compile_modules(*modules: ModuleType) -> SimpleNamespace:
    """The functions of `modules`, compiled; they call each other, whichever module they are of."""
    import numba

    jit: Callable[[Any], Any] = numba.njit(cache=True, nogil=True)
    sources = {n: f for module in modules for n, f in functions(module).items()}
    # Numba looks at one file to see whether what it kept is stale; callees may be in another.
    stamp = crc32(b"".join(marshal.dumps(f.__code__) for f in sources.values()))
    space: dict[str, Any] = {}
    for module in modules:
        space |= vars(module)
    twins = {name: _within(f, space, stamp) for name, f in sources.items()}
    try:
        compiled = {name: jit(twin) for name, twin in twins.items()}
    except RuntimeError:  # no folder to keep it in can be written
        compiled = {name: numba.njit(nogil=True)(twin) for name, twin in twins.items()}
    space |= compiled
    return SimpleNamespace(**compiled)


def functions(module: ModuleType) -> Mapping[str, FunctionType]:
    """The functions that a module defines itself."""
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, FunctionType) and getmodule(value) is module
    }


def _within(function: FunctionType, space: dict[str, Any], stamp: int) -> FunctionType:
    """The function with another namespace to find its callees in."""
    twin = FunctionType(function.__code__, space, function.__name__, function.__defaults__)
    twin.__module__ = function.__module__
    twin.__qualname__ = f"{function.__qualname__}_{stamp:08x}"
    return twin


MODULES = (hosts, placing, fragmentation, least, booking, ranking, reserving, shares, kernel, patch)
"""What the kernel is made of."""


@cache
def plain_kernel() -> SimpleNamespace:
    """The round's functions as they are, to be interpreted."""
    return SimpleNamespace(**{n: f for module in MODULES for n, f in functions(module).items()})


@cache
def compiled_kernel() -> SimpleNamespace:
    """The round's functions, compiled."""
    return compile_modules(*MODULES)
