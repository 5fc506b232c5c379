"""What energy is at the sites, for the scheduler: from what their probes have measured.

- The PUE of a site is the energy of its facility over that of its IT, of the last day.
- Its carbon intensity is what it emits over what its facility draws, hour by hour. The forecast is
  seasonal: an hour to come is the mean of the same hour of the days before, as far as they were
  measured; the hour that it is now goes on as it is; an hour that was never measured counts as the
  mean of all (R. Hyndman, G. Athanasopoulos, Forecasting, ch. 5.2, the seasonal naive method).
- A busy device draws what the catalog says of its model. Where that is not known, and for the cores
  of a site without devices, the site's IT power is shared out among what runs hold there.

Nothing is guessed: a site of which nothing was measured has none of it, and a network in which
nobody measures has no energy to weigh at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import fsum

import numpy as np
from sqlalchemy import Connection

from weir.control.by_site import DAY_S, HOUR_S, MINUTE_S, Over, by_site
from weir.core.devices import UnknownDevice, find
from weir.core.inventory import Pool
from weir.core.series import body_of, start_of
from weir.scheduling.energy import Energy, Forecast

HISTORY_S = 7 * DAY_S
"""How much of the past a forecast is made from."""

AHEAD_H = 48
"""How many hours a forecast has."""

POWER = ("it_power", "facility_power", "carbon_emission")
DRAWN_BY = ("it_power", "device_milli_total", "device_milli_held", "cpu_milli_held")


@dataclass(frozen=True, slots=True)
class SiteEnergy:
    """What was measured at a site; None is unknown. Watts are of what runs hold there."""

    pue: float | None
    carbon: Forecast | None
    device_w: float | None
    core_w: float | None


def read_energy(tx: Connection, now: float) -> dict[str, SiteEnergy]:
    """By the body of the site's identifier; sites that measured nothing are left out."""
    long = by_site(tx, POWER, HOUR_S, now - HISTORY_S, now)
    late = by_site(tx, POWER, MINUTE_S, now - HOUR_S, now)
    held = _held(tx, now) if late or long else {}
    sites = {site for metric in POWER for site in (*long.get(metric, ()), *late.get(metric, ()))}
    found = {}
    for site in sorted(sites):
        hours = {m: dict(long.get(m, {}).get(site, {})) for m in POWER}
        for metric in POWER:
            if minutes := late.get(metric, {}).get(site):
                hours[metric][start_of(now, HOUR_S)] = _mean(minutes.values())
        one = _site(hours, {m: held.get(m, {}).get(site, {}) for m in DRAWN_BY}, now)
        if one != SiteEnergy(None, None, None, None):
            found[site] = one
    return found


def _held(tx: Connection, now: float) -> dict[str, dict[str, dict[int, float]]]:
    """What is drawn and what is held, of the last hours, or else minutes."""
    hours = by_site(tx, DRAWN_BY, HOUR_S, now - 3 * HOUR_S, now)
    if any(any(sites.values()) for sites in hours.values()):
        return hours
    return by_site(tx, DRAWN_BY, MINUTE_S, now - HOUR_S, now)


def _site(hours: Mapping[str, Over], late: Mapping[str, Over], now: float) -> SiteEnergy:
    it, facility, grams = (hours[m] for m in POWER)
    drawn = facility or it
    intensity = {at: 1000 * grams[at] / drawn[at] for at in grams if drawn.get(at)}
    watts, devices, held, cores = (late[m] for m in DRAWN_BY)
    has_devices = any(devices.values())
    return SiteEnergy(
        pue=_ratio(facility, it, now - DAY_S),
        carbon=forecast(intensity, now),
        device_w=_each(watts, held),
        core_w=None if has_devices else _each(watts, cores),
    )


def forecast(history: Over, now: float) -> Forecast | None:
    """The hours from now on, from values by the hour (see the module); None without any."""
    known = {at: value for at, value in history.items() if now - HISTORY_S <= at <= now}
    if not known:
        return None
    begin, overall = start_of(now, HOUR_S), _mean(known.values())
    same: dict[int, list[float]] = {}
    for at, value in known.items():
        same.setdefault(at % DAY_S, []).append(value)
    ahead = [
        _mean(same[at % DAY_S]) if at % DAY_S in same else overall
        for at in range(begin, begin + AHEAD_H * HOUR_S, HOUR_S)
    ]
    ahead[0] = known.get(begin, ahead[0])
    return Forecast(float(begin), float(HOUR_S), np.array(ahead))


def _ratio(above: Over, below: Over, since: float) -> float | None:
    """The mean of one over that of the other where both are known; at least 1."""
    times = [at for at in above if at >= since and below.get(at)]
    if not times:
        return None
    return max(1.0, fsum(above[at] for at in times) / fsum(below[at] for at in times))


def _each(watts: Over, held_milli: Over) -> float | None:
    """Watts a whole thing that is held, over the time in which both are known."""
    times = [at for at in watts if held_milli.get(at)]
    if not times:
        return None
    return 1000 * fsum(watts[at] for at in times) / fsum(held_milli[at] for at in times)


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return fsum(listed) / len(listed)


def energy_of(measured: Mapping[str, SiteEnergy], pools: Iterable[Pool]) -> dict[str, Energy]:
    """By site, for the sites of these pools; empty where nothing was measured in all of them."""
    models: dict[str, dict[str, float]] = {}
    for pool in pools:
        here = models.setdefault(pool.site, {})
        watts = _catalog_w(pool.device_model)
        if watts is not None:
            here[watts[0]] = watts[1]
    if not any(body_of(site) in measured for site in models):
        return {}
    nothing = SiteEnergy(None, None, None, None)
    found = {}
    for site, watts_of in models.items():
        one = measured.get(body_of(site), nothing)
        found[site] = Energy(
            device_w=one.device_w,
            core_w=one.core_w,
            pue=one.pue,
            carbon=one.carbon,
            watts_of=watts_of,
        )
    return found


def _catalog_w(name: str | None) -> tuple[str, float] | None:
    """The catalog's name of a model, and what a busy device draws."""
    if name is None:
        return None
    try:
        model = find(name)
    except UnknownDevice:
        return None
    return None if model.power_w is None else (model.name, float(model.power_w.value))
