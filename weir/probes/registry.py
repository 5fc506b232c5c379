"""Every kind of probe, one line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from weir.probes.base import Probe
from weir.probes.command import CommandProbe
from weir.probes.executor import ExecutorProbe
from weir.probes.host import HostProbe
from weir.probes.link import LinkProbe
from weir.probes.prometheus import PrometheusProbe
from weir.probes.redfish import RedfishProbe
from weir.wire.pools import PoolReport
from weir.wire.probes import (
    CommandProbeSettings,
    ExecutorProbeSettings,
    HostProbeSettings,
    LinkProbeSettings,
    ProbeSettings,
    PrometheusProbeSettings,
)


def make_probe(
    settings: ProbeSettings,
    pools: Callable[[], Sequence[PoolReport]],
    parents: Sequence[str],
    domain_of: Callable[[str], str | None],
    tokens: Mapping[str, str] | None = None,
    busy: Callable[[str], bool] = lambda _: False,
) -> Probe:
    """The probe that these settings describe.

    `pools` are the executor's now, `parents` the URLs that the agent reports to, and `domain_of`
    what the domain at one of them is called, once it has answered. By `tokens` they know the agent;
    `busy` says whether something is being told to one of them just now.
    """
    if isinstance(settings, HostProbeSettings):
        return HostProbe(settings)
    if isinstance(settings, ExecutorProbeSettings):
        return ExecutorProbe(settings, pools)
    if isinstance(settings, PrometheusProbeSettings):
        return PrometheusProbe(settings)
    if isinstance(settings, CommandProbeSettings):
        return CommandProbe(settings)
    if isinstance(settings, LinkProbeSettings):
        return LinkProbe(settings, parents, domain_of, tokens=tokens, busy=busy)
    return RedfishProbe(settings)
