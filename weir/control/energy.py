"""What energy is at the sites, for the scheduler: from what their probes have measured.

- The PUE of a site is the energy of its facility over that of its IT, of the last day.
- Its carbon intensity is what it emits over what its facility draws, hour by hour. The forecast is
  seasonal: an hour to come is the mean of the same hour of the days before, as far as they were
  measured; the hour that it is now goes on as it is; an hour that was never measured counts as the
  mean of all (R. Hyndman, G. Athanasopoulos, Forecasting, ch. 5.2, the seasonal naive method).
- A busy device draws what the catalog says of its model. Where that is not known, and for the cores
  of a site without devices, the site's IT power is shared out among what runs hold there.

- What a kWh costs is what a pool of the site declares, by the hour of the day.

Nothing is guessed: a site of which nothing was measured has none of it, and a network in which
nobody measures, and nobody declares what energy costs, has no energy to weigh at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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

DECLARED_H = 7 * 24
"""How many hours ahead a price is told that is known for every day."""

POWER = ("it_power", "facility_power", "carbon_emission")
DRAWN_BY = ("it_power", "device_milli_total", "device_milli_held", "cpu_milli_held")


@dataclass(frozen=True, slots=True)
class SiteEnergy:
    """What was measured at a site; None is unknown. Watts are of what runs hold there."""

    pue: float | None
    carbon: Forecast | None
    device_w: float | None
    core_w: float | None


def read_energy(tx: Connection, now: float, since: float | None = None) -> dict[str, SiteEnergy]:
    """By the body of the site's identifier; sites that measured nothing are left out. With `since`
    the past is told too, from then on.
    """
    begin = now - HISTORY_S if since is None else min(since, now - HISTORY_S)
    long = by_site(tx, POWER, HOUR_S, begin, now)
    late = by_site(tx, POWER, MINUTE_S, now - HOUR_S, now)
    held = _held(tx, now) if late or long else {}
    sites = {site for metric in POWER for site in (*long.get(metric, ()), *late.get(metric, ()))}
    found = {}
    for site in sorted(sites):
        hours = {m: dict(long.get(m, {}).get(site, {})) for m in POWER}
        for metric in POWER:
            if minutes := late.get(metric, {}).get(site):
                hours[metric][start_of(now, HOUR_S)] = _mean(minutes.values())
        drawn = {m: held.get(m, {}).get(site, {}) for m in DRAWN_BY}
        one = _site(hours, drawn, now, since)
        if one != SiteEnergy(None, None, None, None):
            found[site] = one
    return found


def _held(tx: Connection, now: float) -> dict[str, dict[str, dict[int, float]]]:
    """What is drawn and what is held, of the last hours, or else minutes."""
    hours = by_site(tx, DRAWN_BY, HOUR_S, now - 3 * HOUR_S, now)
    if any(any(sites.values()) for sites in hours.values()):
        return hours
    return by_site(tx, DRAWN_BY, MINUTE_S, now - HOUR_S, now)


def _site(
    hours: Mapping[str, Over], late: Mapping[str, Over], now: float, since: float | None
) -> SiteEnergy:
    it, facility, grams = (hours[m] for m in POWER)
    drawn = facility or it
    intensity = {at: 1000 * grams[at] / drawn[at] for at in grams if drawn.get(at)}
    watts, devices, held, cores = (late[m] for m in DRAWN_BY)
    has_devices = any(devices.values())
    return SiteEnergy(
        pue=_ratio(facility, it, now - DAY_S),
        carbon=forecast(intensity, now, since),
        device_w=_each(watts, held),
        core_w=None if has_devices else _each(watts, cores),
    )


def forecast(history: Over, now: float, since: float | None = None) -> Forecast | None:
    """The hours from now on, from values by the hour (see the module), or those from `since` on;
    None without any.
    """
    first = now - HISTORY_S if since is None else min(since, now - HISTORY_S)
    known = {at: value for at, value in history.items() if first <= at <= now}
    if not known:
        return None
    begin, overall = start_of(now if since is None else since, HOUR_S), _mean(known.values())
    same: dict[int, list[float]] = {}
    for at, value in known.items():
        same.setdefault(at % DAY_S, []).append(value)
    usual = {hour: _mean(values) for hour, values in same.items()}
    end = start_of(now, HOUR_S) + AHEAD_H * HOUR_S
    told = [known.get(at, usual.get(at % DAY_S, overall)) for at in range(begin, end, HOUR_S)]
    return Forecast(float(begin), float(HOUR_S), np.array(told))


def declared(prices_micro: Sequence[int], begin: float, hours: int = DECLARED_H) -> Forecast:
    """What a kWh costs in the hours from `begin` on, by the prices of the hours of a day."""
    first = start_of(begin, HOUR_S)
    hour = first // HOUR_S
    told = [prices_micro[(hour + n) % len(prices_micro)] / 1e6 for n in range(hours)]
    return Forecast(float(first), float(HOUR_S), np.array(told))


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


def energy_of(
    measured: Mapping[str, SiteEnergy],
    pools: Iterable[Pool],
    priced_from: float | None = None,
    hours: int = DECLARED_H,
) -> dict[str, Energy]:
    """By site, for the sites of these pools; empty where nothing is known in all of them. Declared
    prices are told for so many hours from `priced_from` on, if that is given.
    """
    models: dict[str, dict[str, float]] = {}
    prices: dict[str, tuple[int, ...]] = {}
    for pool in pools:
        here = models.setdefault(pool.site, {})
        if pool.energy_price_micro_per_kwh and priced_from is not None:
            prices.setdefault(pool.site, pool.energy_price_micro_per_kwh)
        watts = catalog_w(pool.device_model)
        if watts is not None:
            here[watts[0]] = watts[1]
    if not prices and not any(body_of(site) in measured for site in models):
        return {}
    begin = priced_from or 0.0
    tariffs = {told: declared(told, begin, hours) for told in set(prices.values())}
    nothing = SiteEnergy(None, None, None, None)
    found = {}
    for site, watts_of in models.items():
        one = measured.get(body_of(site), nothing)
        found[site] = Energy(
            device_w=one.device_w,
            core_w=one.core_w,
            pue=one.pue,
            carbon=one.carbon,
            price=tariffs[prices[site]] if site in prices else None,
            watts_of=watts_of,
        )
    return found


def catalog_w(name: str | None) -> tuple[str, float] | None:
    """The catalog's name of a model, and what a busy device draws."""
    if name is None:
        return None
    try:
        model = find(name)
    except UnknownDevice:
        return None
    return None if model.power_w is None else (model.name, float(model.power_w.value))
