"""How fast a class of jobs runs on a device model: measured, or else estimated and marked so.

The estimate carries a measured speed over from one model to another by the roofline model (S.
Williams, A. Waterman, D. Patterson, CACM 52(4), 2009): a device attains at most

    attainable = min(peak, bandwidth * intensity)

operations per second, where `intensity` is what the class does per byte that it moves. A class that
attains the same share of that bound everywhere runs on model m, if it runs on r at `speed(r)`, at

    speed(m) = speed(r) * attainable(m) / attainable(r)

Where the intensity is unknown, that ratio lies between the ratio of the peaks and the ratio of the
bandwidths, whatever the intensity is; the estimate is their geometric mean, and `low` and `high`
are the two. Several measured models give the geometric mean of their estimates. No figure is
guessed: without a figure that both models have, there is no estimate.

The bound is of the device alone: hosts, links and inputs that can't keep up are not seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from weir.core.devices import DeviceModel, Precision, UnknownDevice, find, performance

Source = Literal["measured", "estimated"]


@dataclass(frozen=True, slots=True)
class Speed:
    """Work per second of a class on a model; `low` and `high` bound an estimate.

    `basis` are the names of the models whose measured speeds it comes from.
    """

    value: float
    source: Source
    low: float
    high: float
    basis: tuple[str, ...]


Measured = Mapping[str, Mapping[str, float]]
"""By class, by device model: work per second, above 0; 0 says that the class can't run there."""


def speed(
    kind: str,
    model: str,
    measured: Measured,
    *,
    precision: Precision = Precision.FP16,
    intensity: float | None = None,
) -> Speed | None:
    """The speed of `kind` on `model` (any name of the catalog), None if nothing is known of it.

    `intensity` is in operations per byte. Models of `measured` that aren't in the catalog count
    only for themselves.
    """
    own = measured.get(kind, {})
    shown = own.get(model)
    if shown is None:
        canonical = _canonical(model)
        shown = next((v for name, v in own.items() if _canonical(name) == canonical), None)
    if shown is not None:
        return Speed(shown, "measured", shown, shown, (model,))
    target = _find(model)
    if target is None:
        return None
    known = {name: (_find(name), value) for name, value in own.items() if value > 0}
    carried = {
        name: (value, ratio)
        for name, (source, value) in known.items()
        if source is not None
        and (ratio := _ratio(target, source, precision, intensity)) is not None
    }
    if not carried:
        return None
    return Speed(
        value=_mean(value * middle for value, (_, middle, _) in carried.values()),
        source="estimated",
        low=min(value * low for value, (low, _, _) in carried.values()),
        high=max(value * high for value, (_, _, high) in carried.values()),
        basis=tuple(carried),
    )


def attainable_gflops(
    model: DeviceModel, precision: Precision, intensity: float | None
) -> float | None:
    """GFLOPS that the roofline allows `model` at `intensity` operations per byte.

    Nominal figures as in the catalog, else measured ones. None where the figures aren't known, or
    the intensity isn't.
    """
    peak, bandwidth = performance(model, precision), model.memory_bandwidth_bytes_s
    if peak is None or bandwidth is None or intensity is None:
        return None
    return min(float(peak.value), bandwidth.value * intensity / 1e9)


def _ratio(
    target: DeviceModel, source: DeviceModel, precision: Precision, intensity: float | None
) -> tuple[float, float, float] | None:
    """How many times as fast `target` is as `source`: least, middle, most."""
    there = attainable_gflops(target, precision, intensity)
    here = attainable_gflops(source, precision, intensity)
    if there is not None and here is not None:
        return (there / here,) * 3
    ratios = []
    pair = performance(target, precision), performance(source, precision)
    # A promise and a measurement are not held against each other.
    if pair[0] is not None and pair[1] is not None and pair[0].kind == pair[1].kind:
        ratios.append(pair[0].value / pair[1].value)
    widths = target.memory_bandwidth_bytes_s, source.memory_bandwidth_bytes_s
    if widths[0] is not None and widths[1] is not None and widths[0].kind == widths[1].kind:
        ratios.append(widths[0].value / widths[1].value)
    return (min(ratios), _mean(ratios), max(ratios)) if ratios else None


def _mean(values: Iterable[float]) -> float:
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs))


def _find(name: str) -> DeviceModel | None:
    try:
        return find(name)
    except UnknownDevice:
        return None


def _canonical(name: str) -> str:
    model = _find(name)
    return name if model is None else model.name
