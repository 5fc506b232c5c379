"""What inventory was at each place, for rules that compare with a place's own past.

Of the past there is what was noted of pools (`control.pools_past`); what was held of them then is
known from samples. A place of which nothing was noted yet has no past.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from sqlalchemy import Connection

from weir.control.pools_past import HELD, HELD_METRICS, Held, held_of, notes_of, of_pools
from weir.core.alert_watch import place_of
from weir.core.alerts import Each
from weir.core.indicator_laws import Indicator, Measured
from weir.core.indicator_readings import readings_of
from weir.core.inventory import Pool
from weir.core.inventory_past import Notes, first_noted, stretches
from weir.core.series import Bucket
from weir.scheduling.snapshot import PoolState
from weir.store import series as rows_of

Points = dict[str, list[tuple[float, float]]]
Choose = Callable[[Measured], float | None]


def subjects_of(states: Iterable[PoolState], each: Each) -> Callable[[str], str | None]:
    """Which subject of a rule a pool of the past belongs to, as those that are there now do."""
    of_pool: dict[str, str] = {}
    of_cluster: dict[str | None, str] = {}
    for state in states:
        places = {Each.SITE: state.pool.site, Each.CLUSTER: state.cluster}
        subject = places.get(each, state.pool.id)
        of_pool[state.pool.id] = subject
        # A cluster is one's own, or the link by which it is reached: so its former pools were too.
        of_cluster[place_of(state.pool.id, Each.CLUSTER)] = subject

    def subject_of(pool: str) -> str | None:
        if pool in of_pool:
            return of_pool[pool]
        if each is Each.CLUSTER:
            return of_cluster.get(place_of(pool, Each.CLUSTER))
        return place_of(pool, each)

    return subject_of


def points_of(
    tx: Connection,
    indicator: Indicator,
    choose: Choose,
    subject_of: Callable[[str], str | None],
    times: range,
) -> Points:
    """An indicator of inventory at the end of each bucket of `times`, by subject, oldest first."""
    width, begin, end = times.step, times.start, times.stop
    groups: dict[str, dict[str, Sequence[tuple[int, Pool]]]] = defaultdict(dict)
    for pool, notes in notes_of(tx, begin, end + width).items():
        subject = subject_of(pool)
        if subject is not None:
            groups[subject][pool] = notes
    held = _held(tx, times) if indicator.name in HELD else {}
    return {
        subject: _points(indicator, choose, notes, times, held) for subject, notes in groups.items()
    }


def _points(
    indicator: Indicator, choose: Choose, notes: Notes, times: range, held: Mapping[int, Held]
) -> list[tuple[float, float]]:
    first = first_noted(notes)
    pieces = stretches(notes, times.start, times.stop + times.step)
    begins = [begin for begin, _, _ in pieces]
    stood: dict[int, float | None] = {}
    found: list[tuple[float, float]] = []
    for at in times:
        last = at + times.step - 1
        if first is None or last < first:
            continue
        place = bisect_right(begins, last) - 1
        if indicator.name in HELD:
            value = choose(of_pools(indicator, pieces[place][2], held.get(at, {})))
        else:
            if place not in stood:
                stood[place] = choose(of_pools(indicator, pieces[place][2], {}))
            value = stood[place]
        if value is not None:
            found.append((float(at), value))
    return found


def _held(tx: Connection, times: range) -> dict[int, Held]:
    """What resource managers said was held, by the begin of the bucket."""
    keys = {row.id: row.key for row in rows_of.listed(tx, metrics=HELD_METRICS)}
    by_time: dict[int, list[tuple[int, Bucket]]] = defaultdict(list)
    read = rows_of.read(tx, times.step, list(keys), times.start, times.stop)
    for number, buckets in read.items():
        for at, bucket in buckets.items():
            by_time[at].append((number, bucket))
    return {at: held_of(readings_of(keys, some)) for at, some in by_time.items()}
