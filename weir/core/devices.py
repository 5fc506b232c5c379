"""The catalog of accelerators: find one by any of its names, and say what it can do.

The types and the figures, with their laws and units, stand in `weir.core.device_table`.

A name is looked up without regard to case, blanks, dashes, underscores, dots and slashes, and with
or without the maker's name where the table lists both: `h100`, `NVIDIA H100 80GB HBM3` and
`nvidia-h100-sxm5` are one model.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

from weir.core.device_table import (
    MODELS,
    DeviceKind,
    DeviceModel,
    Figure,
    FigureKind,
    Figures,
    Grade,
    Precision,
)

__all__ = [
    "DeviceKind",
    "DeviceModel",
    "Figure",
    "FigureKind",
    "Figures",
    "Grade",
    "Precision",
    "UnknownDevice",
    "all_models",
    "find",
    "performance",
    "performance_gflops",
    "suggest",
    "to_record",
]

_MAX_NAME = 64
_LIKE_ENOUGH = 0.5
_PART_OF = 0.8


class UnknownDevice(ValueError):
    """No model is called `name`; `suggestions` are canonical names near it, nearest first."""

    def __init__(self, name: str, suggestions: tuple[str, ...]) -> None:
        super().__init__(name, suggestions)
        self.name = name
        self.suggestions = suggestions

    def __str__(self) -> str:
        shown = self.name if len(self.name) <= _MAX_NAME else self.name[:_MAX_NAME] + "..."
        near = f"; near it: {', '.join(self.suggestions)}" if self.suggestions else ""
        return f"no device model is called {shown!r}{near}"


def all_models() -> tuple[DeviceModel, ...]:
    """Every model, in the order of the table."""
    return MODELS


def find(name: str) -> DeviceModel:
    """The model with this name or alias. Raises `UnknownDevice`."""
    model = _BY_KEY.get(_key(name))
    if model is None:
        raise UnknownDevice(name, suggest(name))
    return model


def suggest(name: str, n: int = 3) -> tuple[str, ...]:
    """Canonical names of up to `n` models that are called something like `name`, nearest first."""
    wanted = _key(name[:_MAX_NAME])
    if not wanted:
        return ()
    likeness: dict[str, float] = {}
    for key, model in _BY_KEY.items():
        likeness[model.name] = max(likeness.get(model.name, 0.0), _likeness(wanted, key))
    near = [found for found, ratio in likeness.items() if ratio >= _LIKE_ENOUGH]
    return tuple(sorted(near, key=lambda found: (-likeness[found], found))[: max(n, 0)])


def performance(model: DeviceModel, precision: Precision) -> Figure | None:
    """The nominal figure of `model` at `precision`, else the measured one, else None.

    `.kind` says which of the two it is, `.source` and `.grade` where it is from and how good.
    """
    return model.nominal.get(precision) or model.measured.get(precision)


def performance_gflops(model: DeviceModel, precision: Precision) -> int | None:
    """GFLOPS (GOPS for INT8) of one device, dense, as `performance` chooses; None if unknown."""
    figure = performance(model, precision)
    return None if figure is None else figure.value


def to_record(model: DeviceModel) -> dict[str, Any]:
    """A JSON-ready record of `model`, every figure with its unit, source, grade, kind and note."""
    return {
        "name": model.name,
        "maker": model.maker,
        "label": model.label,
        "kind": model.kind,
        "aliases": list(model.aliases),
        "nominal": _figures(model.nominal),
        "measured": _figures(model.measured),
        "memory_bytes": _figure(model.memory_bytes),
        "memory_bandwidth_bytes_s": _figure(model.memory_bandwidth_bytes_s),
        "link_bytes_s": _figure(model.link_bytes_s),
        "power_w": _figure(model.power_w),
        "stacks": list(model.stacks),
        "kubernetes_resources": list(model.kubernetes_resources),
        "note": model.note,
    }


def _figures(figures: Figures) -> dict[str, dict[str, Any] | None]:
    return {precision.value: _figure(figures.get(precision)) for precision in Precision}


def _figure(figure: Figure | None) -> dict[str, Any] | None:
    if figure is None:
        return None
    return {
        "value": figure.value,
        "unit": figure.unit,
        "source": figure.source,
        "grade": figure.grade,
        "kind": figure.kind,
        "note": figure.note,
    }


@lru_cache(maxsize=4096)
def _key(name: str) -> str:
    """What of a name counts: its letters and digits, in lower case."""
    return "".join(c for c in name.casefold() if c.isalnum())


def _likeness(wanted: str, key: str) -> float:
    """From 0 to 1; a name that contains the wanted one, or is contained in it, is quite like it."""
    ratio = SequenceMatcher(None, wanted, key).ratio()
    shorter = min(len(wanted), len(key))
    within = shorter > 1 and (wanted in key or key in wanted)
    return max(ratio, _PART_OF) if within else ratio


def _index(models: tuple[DeviceModel, ...]) -> Mapping[str, DeviceModel]:
    """Every name and alias to its model; one that two models claim is a mistake in the table."""
    index: dict[str, DeviceModel] = {}
    for model in models:
        for name in (model.name, model.label, *model.aliases):
            other = index.setdefault(_key(name), model)
            if other is not model:
                raise AssertionError(f"{name!r} names both {other.name} and {model.name}")
    return index


_BY_KEY = _index(MODELS)
