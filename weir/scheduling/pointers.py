"""A board as numba sees it: one address of a table of addresses, a column each.

To pass a nested tuple of some seventy arrays to every function is what makes compiling slow and
calls dear. Here a board is a single number, and `board.pools.idle[p]` is two loads. Nothing checks
bounds or keeps the columns alive: the caller holds on to the board while a compiled function runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from zlib import crc32

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    NativeValue,
    infer_getattr,
    lower_getattr_generic,
    models,
    register_model,
    typeof_impl,
    unbox,
)

Layout = tuple[tuple[str, Any], ...]
"""Names of the parts, each with its number in the table and its element type, or its own layout."""


class View(types.Type):  # type: ignore[misc]
    """A part of a board: its layout says which address is whose."""

    def __init__(self, layout: Layout) -> None:
        self.layout = dict(layout)
        # The name tells types apart, and is part of every symbol: a stamp keeps it short.
        super().__init__(name=f"View_{layout[0][0]}_{crc32(repr(layout).encode()):08x}")


@register_model(View)
class _ViewModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, ir.IntType(64))


@infer_getattr
class _ViewParts(AttributeTemplate):  # type: ignore[misc]
    key = View

    def generic_resolve(self, view: View, name: str) -> Any:
        part = view.layout.get(name)
        if part is None:
            return None
        if isinstance(part[0], tuple):
            return View(part)
        return types.CPointer(_KINDS[part[1]])


@lower_getattr_generic(View)  # type: ignore[untyped-decorator]
def _load(context: Any, builder: Any, typ: View, value: Any, name: str) -> Any:
    part = typ.layout[name]
    if isinstance(part[0], tuple):
        return value
    pointer = context.get_value_type(types.CPointer(_KINDS[part[1]]))
    table = builder.inttoptr(value, pointer.as_pointer())
    return builder.load(cgutils.gep_inbounds(builder, table, part[0]))


_KINDS = {"int64": types.int64, "float64": types.float64}


class Handle:
    """A board over arrays, ready to be passed to a compiled function."""

    def __init__(self, board: Any) -> None:
        self.board = board
        self._table = np.array([c.ctypes.data for c in columns(board)], dtype=np.int64)
        self.address = int(self._table.ctypes.data)
        self.view = _view(layout(board))


@lru_cache(maxsize=64)
def _view(of: Layout) -> View:
    return View(of)


@typeof_impl.register(Handle)  # type: ignore[untyped-decorator]
def _type(handle: Handle, context: Any) -> View:
    return handle.view


@unbox(View)  # type: ignore[untyped-decorator]
def _address(kind: View, handle: Any, c: Any) -> NativeValue:
    number = c.pyapi.object_getattr_string(handle, "address")
    value = c.pyapi.long_as_longlong(number)
    c.pyapi.decref(number)
    return NativeValue(value)


def columns(value: Any) -> Iterator[Any]:
    """All columns of a board, in order."""
    if isinstance(value, tuple):
        for part in value:
            yield from columns(part)
    else:
        yield value


def layout(value: Any, start: int = 0) -> Layout:
    """The layout of a board over arrays."""
    parts: list[tuple[str, Any]] = []
    n = start
    for name in value._fields:
        part = getattr(value, name)
        if isinstance(part, tuple):
            parts.append((name, layout(part, n)))
            n += sum(1 for _ in columns(part))
        else:
            parts.append((name, (n, str(part.dtype))))
            n += 1
    return tuple(parts)
