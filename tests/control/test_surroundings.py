"""A live round weighs what is measured: energy, data, speeds, and how full sites were of late."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.builders import ASCEND, H100, Cluster, Domain, MakeDomain, pool, spec
from tests.control.test_series import sent
from weir.control.bandwidth import links_of
from weir.control.energy import catalog_w, declared, energy_of, forecast
from weir.control.schedule import Remembered, load_round, load_snapshot
from weir.control.speeds import SETTLED
from weir.control.surroundings import REFRESH_S
from weir.core.devices import Precision
from weir.core.inventory import HostShape, Pool
from weir.core.lifecycle import JobState
from weir.core.series import body_of, start_of
from weir.scheduling.planner import Planner
from weir.scheduling.policies import policy
from weir.scheduling.snapshot import Snapshot
from weir.scheduling.speeds import speed
from weir.wire.jobspec import JobSpec

A100 = "nvidia-a100-sxm4-40gb"
HOUR = 3600


def later(domain: Domain, *clusters: Cluster) -> None:
    """What was read is read anew; all clusters are in touch."""
    domain.clock.turn(REFRESH_S)
    for cluster in clusters:
        cluster.hear()


def snapshot(domain: Domain) -> Snapshot:
    with domain.ctx.store.read() as tx:
        return load_snapshot(domain.ctx, tx, domain.clock())[0]


def place_of(domain: Domain, job: str) -> str:
    """The name of the site where a job was placed."""
    domain.round()
    found = domain.why(job).chosen
    assert found is not None, domain.why(job)
    return found.site_name


def measured(cluster: Cluster, width: int, values: Mapping[str, Mapping[float, float]]) -> None:
    """What a site's probes have told: by metric, by time."""
    subject = cluster.identifier
    points = [(subject, m, at, v) for m, by_time in values.items() for at, v in by_time.items()]
    assert sent(cluster, *points, width=width).refused == ()


def draws(domain: Domain, cluster: Cluster, grams_per_kwh: float, pue: float = 1.2) -> None:
    """A site that draws 100 kW of IT power now, at this intensity."""
    now = start_of(domain.clock(), 60) - 60
    facility = 100_000.0 * pue
    told = {
        "it_power": 100_000.0,
        "facility_power": facility,
        "carbon_emission": facility / 1000 * grams_per_kwh,
    }
    measured(cluster, 60, {m: {now: v} for m, v in told.items()})


def test_the_greener_site_is_preferred(make_domain: MakeDomain) -> None:
    domain = make_domain(policy="greenest")
    coal, water = domain.site("coal", pool()), domain.site("water", pool())
    draws(domain, coal, 800.0)
    draws(domain, water, 20.0)
    later(domain, coal, water)
    assert place_of(domain, domain.submit(spec(devices=4))) == "water"


def test_what_a_watt_takes_of_the_building_counts(make_domain: MakeDomain) -> None:
    domain = make_domain(policy="greenest")
    hot, cold = domain.site("hot", pool()), domain.site("cold", pool())
    draws(domain, hot, 500.0, pue=1.9)
    draws(domain, cold, 500.0, pue=1.1)
    later(domain, hot, cold)
    assert place_of(domain, domain.submit(spec(devices=4))) == "cold"


def test_the_hours_to_come_count_and_not_only_this_one(make_domain: MakeDomain) -> None:
    domain = make_domain(policy="greenest")
    sun, wind = domain.site("sun", pool()), domain.site("wind", pool())
    begin = start_of(domain.clock(), HOUR)
    hours = [begin - n * HOUR for n in range(72, 0, -1)]
    same_hour = begin % 86400

    def tells(cluster: Cluster, grams: Mapping[float, float]) -> None:
        power = dict.fromkeys(grams, 1e5)
        emitted = {at: 100 * g for at, g in grams.items()}
        told = {"it_power": power, "facility_power": power, "carbon_emission": emitted}
        measured(cluster, HOUR, told)

    # Sunny in this hour of every day, and dark in all others.
    tells(sun, {at: 10.0 if at % 86400 == same_hour else 900.0 for at in hours})
    tells(wind, dict.fromkeys(hours, 400.0))
    short, long = spec(devices=2, walltime="30m"), spec(devices=2, walltime="12h")
    assert place_of(domain, domain.submit(short)) == "sun"
    assert place_of(domain, domain.submit(long)) == "wind"


def test_without_measurements_there_is_no_energy(make_domain: MakeDomain) -> None:
    domain = make_domain(policy="greenest")
    domain.site("north", pool())
    assert snapshot(domain).energy == {}


def test_jobs_go_where_their_data_is(make_domain: MakeDomain) -> None:
    domain = make_domain(policy="nearest")
    domain.site("a", pool())
    domain.site("b", pool())
    job = spec(devices=1)
    data = {"path": "in", "url": "s3://set/x", "site": "b", "size": "500GB"}
    with_data = JobSpec.model_validate({**job.model_dump(exclude_unset=True), "inputs": [data]})
    assert place_of(domain, domain.submit(job)) == "a"
    assert place_of(domain, domain.submit(with_data)) == "b"
    assert domain.find(with_data).candidates[0].site_name == "b"


def test_bandwidth_between_sites_is_known(make_domain: MakeDomain) -> None:
    domain = make_domain(policy="fastest")
    a, b = domain.site("a", pool()), domain.site("b", pool())
    now = start_of(domain.clock(), 60) - 60
    sent(a, (f"{a.id}>{domain.id}", "link_bandwidth", now, 1e9), width=60)
    sent(b, (f"{b.id}>{domain.id}", "link_bandwidth", now, 4e9), width=60)
    sites = a.identifier, b.identifier
    later(domain, a, b)
    assert snapshot(domain).links == {sites: 1.0, sites[::-1]: 1.0}


def test_links_between_sites_go_by_a_domain_or_straight() -> None:
    ways = {("a", "D"): 1.0, ("b", "D"): 4.0, ("b", "c"): 9.0, ("e", "F"): 2.0}
    found = links_of(ways, {"A": "a", "B": "b", "C": "c", "E": "e"})
    assert found == {("A", "B"): 1.0, ("B", "A"): 1.0, ("B", "C"): 9.0, ("C", "B"): 9.0}


def runs_for(domain: Domain, cluster: Cluster, seconds: float, job: JobSpec) -> None:
    """A job runs so long on the one cluster that can take it."""
    domain.submit(job)
    domain.round()
    run = cluster.run("accepted", "started")
    domain.clock.turn(seconds)
    cluster.say(run, "succeeded", exit_code=0)
    cluster.hear()


def test_a_kind_of_job_goes_where_it_ran_faster(make_domain: MakeDomain) -> None:
    domain = make_domain(policy="fastest")
    old = domain.site("old", pool(model=A100))
    kind = spec("train", devices=4, walltime="2h")
    runs_for(domain, old, 4000, kind)
    new = domain.site("new", pool(model=ASCEND))
    old.hear()
    old.report(pool(model=A100, open=False))
    runs_for(domain, new, 1000, kind)
    for cluster in (old, new):
        cluster.hear()
    old.report(pool(model=A100))
    later(domain, old, new)
    [known] = snapshot(domain).speeds.values()
    assert known == {A100: pytest.approx(1 / 4000), ASCEND: pytest.approx(1 / 1000)}
    other = spec("other", devices=4, walltime="2h")
    assert place_of(domain, domain.submit(kind)) == "new"
    assert place_of(domain, domain.submit(other)) in ("new", "old")


def test_where_a_kind_never_ran_its_speed_is_an_estimate_and_says_so(
    make_domain: MakeDomain,
) -> None:
    domain = make_domain(policy="fastest")
    old = domain.site("old", pool(model=A100))
    kind = spec("train", devices=4, walltime="2h")
    runs_for(domain, old, 4000, kind)
    later(domain, old, domain.site("new", pool(model=H100)))
    job = domain.submit(kind)
    assert place_of(domain, job) == "new", "its figures are better"
    chosen, second = domain.why(job).chosen, domain.why(job).runner_up
    assert chosen is not None and second is not None
    units = [next(t.unit for t in c.terms if t.name == "run") for c in (chosen, second)]
    assert units == ["s (estimated)", "s"]
    [(name, model)] = snapshot(domain).estimated
    assert (name.split("/")[:2], model) == (["li", "train"], H100)


@pytest.mark.parametrize("precision", [Precision.FP16, Precision.INT8, Precision.FP64])
def test_an_estimate_is_by_the_precision_that_the_job_names(
    make_domain: MakeDomain, precision: Precision
) -> None:
    domain = make_domain(policy="fastest")
    old = domain.site("old", pool(model=A100))
    least = {"precision": precision.value, "value": "1 TFLOPS"}
    task = {"command": ["true"], "devices": {"count": 4, "min_performance": least}}
    kind = JobSpec.model_validate({"name": "train", "tasks": [task], "walltime": "2h"})
    runs_for(domain, old, 4000, kind)
    later(domain, old, domain.site("new", pool(model=H100)))
    [known] = snapshot(domain).speeds.values()
    shown = {"k": {A100: 1 / 4000}}
    expected = speed("k", H100, shown, precision=precision)
    assert expected is not None
    assert known[H100] == pytest.approx(expected.value)
    others = {p: speed("k", H100, shown, precision=p) for p in (Precision.FP16, Precision.FP64)}
    assert others[Precision.FP16] != others[Precision.FP64]


def test_a_job_that_began_anew_teaches_nothing(make_domain: MakeDomain) -> None:
    domain = make_domain(policy="fastest")
    site = domain.site("old", pool())
    domain.submit(spec(retries=1))
    domain.round()
    site.say(site.order().run, "accepted", "started", "failed", exit_code=1)
    domain.round()
    run = site.run("accepted", "started")
    domain.clock.turn(60)
    site.say(run, "succeeded", exit_code=0)
    domain.clock.turn(REFRESH_S)
    assert snapshot(domain).speeds == {}


def test_the_mean_settles_and_then_follows(make_domain: MakeDomain) -> None:
    domain = make_domain(policy="fastest")
    site = domain.site("one", pool())
    for seconds in (100, 300):
        runs_for(domain, site, seconds, spec("a"))
        site.hear()
    domain.clock.turn(REFRESH_S)
    [known] = snapshot(domain).speeds.values()
    assert known[H100] == pytest.approx(1 / 200)
    assert SETTLED > 2


def test_a_site_that_was_full_of_late_is_left_alone(make_domain: MakeDomain) -> None:
    domain = make_domain(policy="even")
    full, idle = domain.site("full", pool()), domain.site("idle", pool())
    begin = start_of(domain.clock(), HOUR)
    for cluster, held in ((full, 15_000.0), (idle, 1_000.0)):
        subject, at = cluster.named["gpu"], begin - HOUR
        told = (subject, "device_milli_total", at, 16_000.0), (
            subject,
            "device_milli_held",
            at,
            held,
        )  # fmt: skip
        sent(cluster, *told, width=HOUR)
    past = snapshot(domain).past
    assert sorted(past.values()) == [pytest.approx(1 / 16), pytest.approx(15 / 16)]
    assert place_of(domain, domain.submit(spec(devices=2))) == "idle"


def test_rounds_go_on_until_it_is_read_anew(make_domain: MakeDomain) -> None:
    domain = make_domain(policy="greenest")
    site = domain.site("north", pool())
    draws(domain, site, 300.0)
    domain.clock.now = start_of(domain.clock(), REFRESH_S) + REFRESH_S + 1.0
    known = Remembered(Planner(policy("greenest")))

    def round_at(seconds: float) -> tuple[bool, float | None]:
        domain.clock.turn(seconds)
        site.hello(1)
        with domain.ctx.store.read() as tx:
            loaded = load_round(domain.ctx, tx, domain.clock(), known)
        told = loaded.snapshot or loaded.change
        around = told.around if told is loaded.change else {"priced_at": told.priced_at}  # type: ignore[union-attr]
        return loaded.snapshot is not None, around.get("priced_at")

    first = round_at(0)
    assert first == (True, domain.clock() - 1)
    assert round_at(20) == (False, None), "nothing is told again"
    assert round_at(REFRESH_S) == (False, first[1] + REFRESH_S)


# Pure


def test_a_forecast_is_the_same_hour_of_the_days_before() -> None:
    now = 50 * 86400.0 + 1800
    begin = start_of(now, HOUR)
    history = {begin - 24 * HOUR: 10.0, begin - 48 * HOUR: 30.0, begin - 23 * HOUR: 7.0}
    found = forecast(history, now)
    assert found is not None
    assert float(found.mean(begin, begin)) == 20.0
    assert float(found.mean(begin + HOUR, begin + HOUR)) == 7.0
    assert float(found.mean(begin + 2 * HOUR, begin + 2 * HOUR)) == pytest.approx(47 / 3)
    assert float(found.mean(begin + 24 * HOUR, begin + 24 * HOUR)) == 20.0
    now_known = forecast({**history, begin: 99.0}, now)
    assert now_known is not None
    assert float(now_known.mean(begin, begin)) == 99.0
    assert forecast({}, now) is None
    assert forecast({begin - 100 * 86400: 5.0}, now) is None


def test_energy_is_of_the_sites_that_have_pools() -> None:
    shape = HostShape(1000, 2**30, 1)
    where = Pool("p", "p", "c", "CN-F.S1-X", "s", 1, shape, (), device_model=H100)
    assert energy_of({}, [where]) == {}
    assert body_of(where.site) == "CN-F.S1" or body_of(where.site)


def test_who_is_known_to_be_short_goes_first_by_prediction(make_domain: MakeDomain) -> None:
    domain = make_domain(policy="learned")
    site = domain.site("one", pool(hosts=1))
    for name, seconds in (("long", 5000.0), ("short", 50.0)):
        runs_for(domain, site, seconds, spec(name))
        site.hear()
    later(domain, site)
    jobs = {name: domain.submit(spec(name)) for name in ("long", "short")}
    domain.round()
    assert [domain.state(jobs[n]) for n in ("long", "short")] == [
        JobState.WAITING,
        JobState.PLACED,
    ]


def test_without_devices_the_power_of_a_site_is_shared_by_its_cores(domain: Domain) -> None:
    site = domain.site("cpu", pool(devices=0))
    now = start_of(domain.clock(), 60) - 60
    sent(site, (site.identifier, "it_power", now, 2000.0), width=60)
    sent(site, (site.named["gpu"], "cpu_milli_held", now, 100_000.0), width=60)
    later(domain, site)
    found = snapshot(domain).energy[site.identifier]
    assert (found.core_w, found.device_w) == (20.0, None)
    assert float(found.kw(0, 50_000)) == 1.0
    assert math.isnan(float(replace(found, core_w=None).kw(0, 1000)))


def test_jobs_go_where_energy_is_cheap_while_they_run(make_domain: MakeDomain) -> None:
    """Nobody measures anything: the catalog says what devices draw, pools say what a kWh costs."""
    domain = make_domain(policy="cheapest")
    hour = int(domain.clock() // HOUR) % 24
    night = tuple(100_000 if n == hour else 2_000_000 for n in range(24))
    domain.site("night", pool(energy_price_micro_per_kwh=night))
    domain.site("flat", pool(energy_price_micro_per_kwh=(1_000_000,)))
    short, long = spec(devices=2, walltime="20m"), spec(devices=2, walltime="12h")
    assert place_of(domain, domain.submit(short)) == "night"
    assert place_of(domain, domain.submit(long)) == "flat"


def test_find_says_what_energy_adds_to_the_price(make_domain: MakeDomain) -> None:
    domain = make_domain(policy="cheapest")
    domain.site("a", pool(price_micro_per_device_hour=0, energy_price_micro_per_kwh=(1_000_000,)))
    (found,) = domain.find(spec(devices=4)).candidates
    (price,) = (term for term in found.terms if term.name == "price")
    drawn = catalog_w(H100)
    assert drawn is not None
    assert price.value == pytest.approx(4 * drawn[1] / 1000)
    assert snapshot(domain).priced_at is not None


def test_a_declared_price_is_that_of_the_hour_in_utc() -> None:
    """Told from any moment on, for a week, and the same every day."""
    prices = tuple(n * 1_000_000 for n in range(24))
    at = 20_000 * 86400 + 22 * HOUR + 600
    found = declared(prices, at)
    assert [float(found.mean(at + n * HOUR, at + n * HOUR)) for n in (0, 1, 2, 26)] == [
        22,
        23,
        0,
        0,
    ]
    assert float(declared((500_000,), at).mean(at, at + 9 * 86400)) == 0.5
