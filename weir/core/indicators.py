"""The indicators: one table. Each names its unit, its definition, and the law by which it adds up.

The laws are in `weir.core.indicator_laws`. What is computed from inventory and jobs stands in
`indicator_inventory`, what from samples in `indicator_samples`, scores in `indicator_cats`.
"""

from __future__ import annotations

from weir.core.indicator_cats import FOR_CATS
from weir.core.indicator_inventory import FROM_INVENTORY, nominal_gflops
from weir.core.indicator_laws import (
    Indicator,
    IndicatorKind,
    Law,
    Measured,
    PoolNow,
    Readings,
    Value,
    View,
    ratio,
)
from weir.core.indicator_samples import FROM_SAMPLES

__all__ = [
    "INDICATORS",
    "Indicator",
    "IndicatorKind",
    "Law",
    "Measured",
    "PoolNow",
    "Readings",
    "Value",
    "View",
    "nominal_gflops",
    "ratio",
]

INDICATORS: tuple[Indicator, ...] = FROM_INVENTORY + FROM_SAMPLES + FOR_CATS
