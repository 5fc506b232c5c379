"""Readings: each rule's indicator at each of its subjects, now and as far back as the rule asks.

What is made of inventory is read from the network as it is. What is made of samples is worked out
from the series that lie in each subject, of their newest bucket or of all within the rule's time;
for the whole domain from the totals that were worked out already. Of many series nothing is read
again within a minute: no oftener does anything change that comes from below.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from weir.control.alerts_claims import FRESH_S, Compared, claims_of, newest
from weir.control.alerts_pasts import points_of, subjects_of
from weir.control.context import Context
from weir.control.line import demands_of
from weir.control.network import Network, load_network
from weir.core.alert_watch import CLAIM_OFF, PAST, WATCHED, place_of
from weir.core.alerts import Each, Reading, Rule
from weir.core.indicator_laws import Indicator, Law, Measured, PoolNow, Readings, View
from weir.core.indicator_readings import readings_of, view_at
from weir.core.indicator_samples import OF_PLACES
from weir.core.indicator_view import Placed, placed
from weir.core.inventory import DEVICE_MILLI
from weir.core.series import WIDTHS, Bucket, Key, merged, start_of
from weir.scheduling.packing import subtract
from weir.scheduling.snapshot import PoolState
from weir.store import jobs
from weir.store import series as rows_of
from weir.store.series_totals import read_totals

FEW = 2_000
"""With more series than this, a rule over samples is read less often than at each look."""

MANY_S = 60.0
"""How often then at most; of a rule's time it may be a fifth."""

CLAIMS_S = 300.0
"""How often then what pools claim is compared with what was found."""

BUCKETS = 12
"""At least so many buckets of time are looked at within a rule's time, and few more."""

DEMAND, SUPPLY = "demand_devices", "device_milli_total"

Places = Mapping[str, Mapping[int, Key]]
"""The series that lie in each subject, by number."""

Past = Mapping[str, Sequence[tuple[float, float]]]
"""Each subject's points: when, and what."""

Found = dict[str, Reading]


@dataclass(slots=True)
class Kept:
    """What one server has worked out and need not at the next look. Losing it costs time only."""

    found: dict[str, tuple[float, float, Found]] = field(default_factory=dict)
    pasts: dict[str, tuple[int, Past]] = field(default_factory=dict)
    claims: tuple[float, float, Compared] | None = None


def read_rules(
    ctx: Context, tx: Connection, rules: Iterable[Rule], now: float, kept: Kept
) -> dict[str, Found]:
    """The readings of every rule, by its name and by subject."""
    rules = list(rules)
    claimed = any(rule.indicator == CLAIM_OFF.name for rule in rules)
    look = _Look(ctx, tx, now, kept, claimed=claimed)
    return {rule.name: look.at(rule) for rule in rules}


def width_of(over_s: float) -> int:
    """The tier to look at within so many seconds: the widest that gives buckets enough."""
    enough = [w for w in WIDTHS[1:] if over_s / w >= BUCKETS]
    return enough[-1] if enough else WIDTHS[1]


class _Look:
    """One look of one server: the network and the series are read once, as far as asked for."""

    def __init__(
        self, ctx: Context, tx: Connection, now: float, kept: Kept, *, claimed: bool
    ) -> None:
        self._ctx, self._tx, self._now, self._kept = ctx, tx, now, kept
        self._claimed = claimed
        self._network: Network | None = None
        self._there: Placed | None = None
        self._inventory: dict[Each, dict[str, View]] = {}
        domain = ctx.domain()
        self._domain = domain.id or domain.name

    def at(self, rule: Rule) -> Found:
        """The readings of one rule."""
        indicator = WATCHED[rule.indicator]
        if indicator.metrics:
            return self._of_samples(rule, indicator)
        pasts = self._past_of_inventory(rule, indicator) if rule.condition in PAST else {}
        return {
            subject: Reading(
                _part(indicator, indicator.measure(view), rule.part), tuple(pasts.get(subject, ()))
            )
            for subject, view in self._views(rule.each).items()
        }

    # From inventory.

    def _views(self, each: Each) -> dict[str, View]:
        """What inventory says of each subject."""
        if each not in self._inventory:
            self._inventory[each] = self._made(each)
        return self._inventory[each]

    def _made(self, each: Each) -> dict[str, View]:
        pools, claims = self._net().pools_below(), self._claims()
        if each is Each.DOMAIN:
            by_state = jobs.by_state(self._tx)
            return {self._domain: View([_pool_now(s, claims) for s in pools], by_state)}
        groups: dict[str, list[PoolNow]] = defaultdict(list)
        for state in pools:
            # A cluster is one's own, or the link by which a pool is reached.
            places = {Each.SITE: state.pool.site, Each.CLUSTER: state.cluster}
            groups[places.get(each, state.pool.id)].append(_pool_now(state, claims))
        return {subject: View(found, {}) for subject, found in groups.items()}

    def _claims(self) -> Compared:
        """What each pool claims beside what was found; nothing where no rule asks for it."""
        if not self._claimed:
            return {}
        begin, end, known = self._kept.claims or (0.0, 0.0, {})
        if begin <= self._now < end:
            return known
        pools = [state.pool for state in self._net().pools_below()]
        found, series = claims_of(self._tx, pools, self._now)
        pause_s = CLAIMS_S if series > FEW else 0.0
        self._kept.claims = self._now, self._now + pause_s, found
        return found

    def _placed(self, indicator: Indicator) -> Placed | None:
        """Which pools there are, for an indicator that compares a meter with what lies in it."""
        if indicator.name not in OF_PLACES:
            return None
        if self._there is None:
            self._there = placed(state.pool for state in self._net().pools_below())
        return self._there

    def _net(self) -> Network:
        if self._network is None:
            self._network = load_network(self._ctx, self._tx, self._now)
        return self._network

    # From samples.

    def _of_samples(self, rule: Rule, indicator: Indicator) -> Found:
        begin, end, known = self._kept.found.get(rule.name, (0.0, 0.0, {}))
        if begin <= self._now < end:
            return known
        rows = rows_of.listed(self._tx, metrics=set(indicator.metrics))
        places = self._places(rows, rule.each)
        values = self._values(rule, indicator, places)
        past = self._past(rule, indicator, places) if rule.condition in PAST else {}
        found = {s: Reading(v, tuple(past.get(s, ()))) for s, v in values.items()}
        within_s = 0.0 if rule.condition in PAST else rule.over_s
        pause_s = max(MANY_S, within_s / 5) if len(rows) > FEW else 0.0
        self._kept.found[rule.name] = self._now, self._now + pause_s, found
        return found

    def _places(self, rows: Sequence[rows_of.SeriesRow], each: Each) -> Places:
        """The series that lie in each subject, by number."""
        if each is Each.DOMAIN:
            return {self._domain: {row.id: row.key for row in rows}}
        places: dict[str, dict[int, Key]] = defaultdict(dict)
        for row in rows:
            place = place_of(row.key.subject, each)
            if place is not None:
                places[place][row.id] = row.key
        return places

    def _values(
        self,
        rule: Rule,
        indicator: Indicator,
        places: Places,
    ) -> dict[str, float | None]:
        over_s = 0.0 if rule.condition in PAST else rule.over_s
        if rule.each is Each.DOMAIN and not over_s:
            return {self._domain: self._total_now(rule, indicator)}
        ids = [number for keys in places.values() for number in keys]
        buckets = self._within(ids, over_s) if over_s else newest(self._tx, ids, self._now)
        found: dict[str, float | None] = {}
        for subject, keys in places.items():
            there = [(n, buckets[n]) for n in keys if n in buckets]
            found[subject] = _measured(
                indicator, rule.part, keys, there, round(over_s), self._placed(indicator)
            )
        return found

    def _within(self, ids: Sequence[int], over_s: float) -> dict[int, Bucket]:
        """All of each series' buckets of the last so many seconds as one."""
        width = width_of(over_s)
        begin = start_of(self._now - over_s, width)
        read = rows_of.read(self._tx, width, ids, begin, int(self._now) + 1)
        return {
            number: merged([p[at] for at in sorted(p)], width) for number, p in read.items() if p
        }

    def _total_now(self, rule: Rule, indicator: Indicator) -> float | None:
        """The whole domain's newest total; of demand, if nobody samples it, what jobs ask for."""
        begin = start_of(self._now - FRESH_S[60], 60)
        totals = read_totals(self._tx, 60, begin, int(self._now) + 1, [indicator.name])
        newest = max((at for at, *_ in totals), default=None)
        by = {part: value for at, _, part, value in totals if at == newest}
        if by:
            return _part(indicator, Measured(by.get(""), by), rule.part)
        if DEMAND in indicator.metrics and not rule.part:
            return indicator.measure(View((), {}, self._demand())).value
        return None

    def _demand(self) -> Readings:
        """Accelerators that waiting jobs ask for, and those of all pools, as samples of now."""
        pools = self._net().pools_below()
        waiting = jobs.waiting_by_shape(self._tx)
        demands = demands_of(self._ctx, self._tx, set(waiting))
        milli = sum(
            number * max(1, group.count) * group.device.milli
            for shape, number in waiting.items()
            for group in demands[shape].groups
            if group.device is not None
        )
        supply = sum(state.pool.devices for state in pools) * DEVICE_MILLI
        here = self._domain, ""
        return {DEMAND: {here: milli / DEVICE_MILLI}, SUPPLY: {here: float(supply)}}

    # The past.

    def _past(self, rule: Rule, indicator: Indicator, places: Places) -> Past:
        """Each subject's points within the rule's time, oldest first, worked out once a bucket."""
        return self._kept_past(rule, lambda width, _: self._points(rule, indicator, places, width))

    def _past_of_inventory(self, rule: Rule, indicator: Indicator) -> Past:
        """The same of inventory: of the domain what it wrote down, of places what was noted."""

        def noted(width: int, now: int) -> Past:
            found = points_of(
                self._tx,
                indicator,
                lambda measured: _part(indicator, measured, rule.part),
                subjects_of(self._net().pools_below(), rule.each),
                range(start_of(self._now - rule.over_s, width), now - width, width),
            )
            return {s: list(self._enough(p, rule.over_s)) for s, p in found.items()}

        return self._kept_past(rule, noted)

    def _kept_past(self, rule: Rule, of_places: Callable[[int, int], Past]) -> Past:
        """The past of the domain, or of places by a bucket's width and the one that now lies in."""
        width = width_of(rule.over_s)
        key = start_of(self._now, width)
        known = self._kept.pasts.get(rule.name)
        if known is None or known[0] != key:
            if rule.each is Each.DOMAIN:
                points: Past = {self._domain: list(self._past_of_domain(rule))}
            else:
                points = of_places(width, key)
            known = self._kept.pasts[rule.name] = key, points
        return known[1]

    def _past_of_domain(self, rule: Rule) -> tuple[tuple[float, float], ...]:
        width = width_of(rule.over_s)
        begin = start_of(self._now - rule.over_s, width)
        rows = read_totals(self._tx, width, begin, int(self._now) - width, [rule.indicator])
        times: dict[int, dict[str, float]] = defaultdict(dict)
        for at, _, part, value in rows:
            times[at][part] = value
        indicator = WATCHED[rule.indicator]
        parts = (
            (at, _part(indicator, Measured(by.get(""), by), rule.part)) for at, by in times.items()
        )
        points = [(float(at), value) for at, value in parts if value is not None]
        return tuple(self._enough(points, rule.over_s))

    def _points(
        self,
        rule: Rule,
        indicator: Indicator,
        places: Places,
        width: int,
    ) -> dict[str, list[tuple[float, float]]]:
        ids = [number for keys in places.values() for number in keys]
        begin = start_of(self._now - rule.over_s, width)
        read = rows_of.read(self._tx, width, ids, begin, int(self._now) - width)
        found = {}
        for subject, keys in places.items():
            points = []
            for at in sorted({at for n in keys for at in read[n]}):
                there = [(n, read[n][at]) for n in keys if at in read[n]]
                value = _measured(indicator, rule.part, keys, there, width, self._placed(indicator))
                if value is not None:
                    points.append((float(at), value))
            found[subject] = list(self._enough(points, rule.over_s))
        return found

    def _enough(
        self, points: Sequence[tuple[float, float]], over_s: float
    ) -> Sequence[tuple[float, float]]:
        """A past of less than half the time asked for is none: it would tell of a moment."""
        return points if points and self._now - points[0][0] >= over_s / 2 else ()


def _pool_now(state: PoolState, claims: Compared) -> PoolNow:
    left, found = subtract(state.pool.free, state.claims), claims.get(state.pool.id, ())
    return PoolNow(state.pool, left, state.silent, found)


def _measured(
    indicator: Indicator,
    part: str,
    keys: Mapping[int, Key],
    buckets: Sequence[tuple[int, Bucket]],
    width_s: int,
    there: Placed | None,
) -> float | None:
    """`width_s`: the width of the buckets; 0 for the newest of each series, whatever its width."""
    if not buckets:
        return None
    if width_s:
        view = view_at(keys, buckets, width_s, there)
    else:
        view = View((), {}, readings_of(keys, buckets), WIDTHS[0], placed=there)
    return _part(indicator, indicator.measure(view), part)


def _part(indicator: Indicator, measured: Measured, part: str) -> float | None:
    """The whole, or one part. Of a sum, a part that nobody tells beside others is 0."""
    if not part:
        return measured.value
    if part in measured.by:
        return measured.by[part]
    return 0 if measured.value is not None and indicator.law is Law.SUM else None
