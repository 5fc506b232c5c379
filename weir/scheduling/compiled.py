"""The kernel compiled: the same functions, run by numba over arrays.

Compiling takes a while the first time on a machine; the result is kept beside the source, under a
name that changes with the code. Importing numba costs some 70 MB, so it is done when a round is
large, and not before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from inspect import getmodule
from types import CodeType, FunctionType, ModuleType, SimpleNamespace
from typing import Any
from zlib import crc32

from weir.scheduling import (
    blocks,
    booking,
    fragmentation,
    hosts,
    kernel,
    least,
    mates,
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
    sources, space = _sources(modules), _space(modules)
    stamp = stamp_of(*modules)
    twins = {name: _within(f, space, stamp) for name, f in sources.items()}
    try:
        compiled = {name: jit(twin) for name, twin in twins.items()}
    except RuntimeError:  # no folder to keep it in can be written
        compiled = {name: numba.njit(nogil=True)(twin) for name, twin in twins.items()}
    space |= compiled
    return SimpleNamespace(**compiled)


def stamp_of(*modules: ModuleType) -> int:
    """A number for what these functions do together, the same in every process.

    Numba looks at one file to see whether what it kept is stale; callees may be in another.
    """
    numbers = {n: v for n, v in _space(modules).items() if isinstance(v, int | float)}
    said = [_said(f.__code__) for f in _sources(modules).values()]
    return crc32(repr((sorted(numbers.items()), said)).encode())


def _sources(modules: tuple[ModuleType, ...]) -> dict[str, FunctionType]:
    return {n: f for module in modules for n, f in functions(module).items()}


def _space(modules: tuple[ModuleType, ...]) -> dict[str, Any]:
    """All their names: where each function finds its callees and constants."""
    space: dict[str, Any] = {}
    for module in modules:
        space |= vars(module)
    return space


def functions(module: ModuleType) -> Mapping[str, FunctionType]:
    """The functions that a module defines itself."""
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, FunctionType) and getmodule(value) is module
    }


def _said(code: CodeType) -> str:
    """What a function does, in words that are the same in every process; `marshal`'s are not."""
    values = [_said(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    names = (*code.co_names, *code.co_varnames, *code.co_freevars)
    return f"{code.co_code.hex()} {' '.join(values)} {' '.join(names)}"


def _within(function: FunctionType, space: dict[str, Any], stamp: int) -> FunctionType:
    """The function with another namespace to find its callees in."""
    twin = FunctionType(function.__code__, space, function.__name__, function.__defaults__)
    twin.__module__ = function.__module__
    twin.__qualname__ = f"{function.__qualname__}_{stamp:08x}"
    return twin


MODULES = (
    *(hosts, blocks, placing, fragmentation, least),
    *(booking, ranking, reserving, shares, mates, kernel, patch),
)
"""What the kernel is made of."""


@cache
def plain_kernel() -> SimpleNamespace:
    """The round's functions as they are, to be interpreted."""
    return SimpleNamespace(**{n: f for module in MODULES for n, f in functions(module).items()})


@cache
def compiled_kernel() -> SimpleNamespace:
    """The round's functions, compiled."""
    return compile_modules(*MODULES)
