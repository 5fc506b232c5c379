"""What is wrong with a `probes` section beyond its shape: names that differ, mappings and pools."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from weir.core.errors import BadInput
from weir.probes.prometheus import check
from weir.wire.probes import (
    HostProbeSettings,
    ProbeSettings,
    PrometheusProbeSettings,
    RedfishProbeSettings,
)


def wrong_of(probes: Sequence[ProbeSettings], pools: Sequence[str]) -> list[str]:
    """Every mistake, in words. Without `pools` nobody knows yet which there are."""
    names = Counter(probe.name for probe in probes)
    wrong = [f"{n} probes are named {name!r}" for name, n in names.items() if n > 1]
    for probe in probes:
        if isinstance(probe, PrometheusProbeSettings):
            wrong += _unasked(probe)
        if pools:
            there = ", ".join(pools)
            wrong += [
                f"the probe {probe.name} is of the pool {pool!r}; there are {there}"
                for pool in _pools_of(probe)
                if pool not in pools
            ]
    return wrong


def _unasked(probe: PrometheusProbeSettings) -> list[str]:
    try:
        check(probe)
    except BadInput as error:
        return [f"{mistake.field} {mistake.message}" for mistake in error.mistakes]
    return []


def _pools_of(probe: ProbeSettings) -> Iterator[str]:
    if isinstance(probe, PrometheusProbeSettings):
        named = [of.pool for of in probe.pools]
    elif isinstance(probe, HostProbeSettings | RedfishProbeSettings):
        named = [probe.pool]
    else:
        named = []
    yield from (pool for pool in named if pool is not None)
