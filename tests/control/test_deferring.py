"""Jobs that can wait are put off to better hours by a live server, and it says so truly."""

from __future__ import annotations

from tests.builders import OPERATOR, Domain, MakeDomain, pool, spec
from tests.control.test_surroundings import measured
from weir.control.policies import set_policy
from weir.core.lifecycle import JobState
from weir.core.series import start_of
from weir.wire.jobspec import JobSpec

HOUR = 3600


def priced(domain: Domain, *ahead: float, rest: float = 1.0) -> tuple[int, ...]:
    """A tariff of 24 hours: what a kWh costs in the hours from now on, else `rest`; micro-units."""
    first = int(domain.clock() // HOUR)
    by_hour = {(first + n) % 24: price for n, price in enumerate(ahead)}
    return tuple(round(1e6 * by_hour.get(hour, rest)) for hour in range(24))


def to_the_hour(domain: Domain, hours: int = 1, minutes: int = 0) -> None:
    """Go on to so many whole hours from the begin of this one."""
    then = start_of(domain.clock(), HOUR) + hours * HOUR + minutes * 60
    domain.clock.turn(then - domain.clock())


def patient(patience: str = "8h", walltime: str = "1h", **fields: object) -> JobSpec:
    return spec(patience=patience, walltime=walltime, **fields)  # type: ignore[arg-type]


def test_a_job_that_can_wait_starts_in_the_cheap_hour_and_why_says_so(
    make_domain: MakeDomain,
) -> None:
    domain = make_domain(policy="cheapest")
    to_the_hour(domain)
    tariff = priced(domain, 1.0, 1.0, 1.0, 0.62)
    gpu = domain.site("gpu", pool(energy_price_micro_per_kwh=tariff))
    waits, hurries = domain.submit(patient()), domain.submit(spec(walltime="1h"))
    assert domain.round() == 1
    assert domain.state(hurries) == JobState.PLACED
    assert domain.job(waits).start_after == domain.clock() + 3 * HOUR
    why = domain.why(waits)
    assert why.said[0].code == "put_off_price"
    assert why.said[0].values == {"by_s": 3 * HOUR, "percent": 38}
    assert "in 3 h: it is then expected to cost 38 % less" in why.text
    assert why.start_s[0] == 3 * HOUR
    to_the_hour(domain, 2, 59)
    gpu.hear()
    assert domain.round() == 0
    to_the_hour(domain, 1)
    gpu.hear()
    assert domain.round() == 1
    assert domain.state(waits) == JobState.PLACED
    assert "put off" in domain.story(waits)


def test_nobody_is_put_off_beyond_patience_or_deadline(make_domain: MakeDomain) -> None:
    domain = make_domain(policy="cheapest")
    to_the_hour(domain)
    domain.site("gpu", pool(energy_price_micro_per_kwh=priced(domain, 1, 1, 0.8, 0.1)))
    short = domain.submit(patient("150m", devices=1))
    late = domain.submit(patient("210m", deadline="225m", devices=1))
    none = domain.submit(patient("30m", devices=1))
    domain.round()
    two = domain.clock() + 2 * HOUR
    assert [domain.job(j).start_after for j in (short, late, none)] == [two, two, None]
    assert domain.state(none) == JobState.PLACED


def test_the_cleaner_hour_is_waited_for_under_greenest(make_domain: MakeDomain) -> None:
    """An hour to come is as it was the day before: then it was clean two hours from now."""
    domain = make_domain(policy="greenest")
    to_the_hour(domain)
    gpu = domain.site("gpu", pool())
    now = start_of(domain.clock(), HOUR)
    grams: dict[float, float] = {now - n * HOUR: 100.0 if n == 22 else 400.0 for n in range(1, 25)}
    kwh = dict.fromkeys(grams, 100000.0)
    emitted = {at: 100.0 * g for at, g in grams.items()}
    measured(gpu, HOUR, {"it_power": kwh, "facility_power": kwh, "carbon_emission": emitted})
    job = domain.submit(patient())
    domain.round()
    assert domain.job(job).start_after == now + 2 * HOUR
    assert domain.why(job).said[0].code == "put_off_carbon"
    assert domain.why(job).said[0].values["percent"] == 75


def test_jobs_are_put_off_beside_each_other(make_domain: MakeDomain) -> None:
    """Room for one: the second finds the cheap hour booked, though it comes a round later."""
    domain = make_domain(policy="cheapest")
    to_the_hour(domain)
    tariff = priced(domain, 1.0, 1.0, 0.2, 0.4)
    domain.site("gpu", pool(hosts=1, energy_price_micro_per_kwh=tariff))
    first = domain.submit(patient())
    domain.round()
    second = domain.submit(patient())
    domain.round()
    now = domain.clock()
    assert domain.job(first).start_after == now + 2 * HOUR
    assert domain.job(second).start_after == now + 3 * HOUR
    said = domain.find(patient()).said
    assert [s.code for s in said] == []  # the two good hours are taken, the rest are alike


def test_what_runs_is_in_the_way_until_its_walltime(make_domain: MakeDomain) -> None:
    domain = make_domain(policy="cheapest")
    to_the_hour(domain)
    tariff = priced(domain, 1.0, 1.0, 0.2, 0.4)
    gpu = domain.site("gpu", pool(hosts=1, energy_price_micro_per_kwh=tariff))
    runs = domain.submit(spec(walltime="3h"))
    domain.round()
    gpu.run("accepted", "started")
    assert domain.state(runs) == JobState.RUNNING
    job = domain.submit(patient())
    domain.round()
    assert domain.job(job).start_after == domain.clock() + 3 * HOUR


def test_find_says_when_it_would_start(make_domain: MakeDomain) -> None:
    domain = make_domain(policy="cheapest")
    to_the_hour(domain)
    domain.site("gpu", pool(energy_price_micro_per_kwh=priced(domain, 1.0, 0.5)))
    (said,) = domain.find(patient()).said
    assert (said.code, said.values) == ("would_price", {"by_s": HOUR, "percent": 50})
    assert domain.find(patient(), policy="fastest").said == ()
    assert domain.find(spec(walltime="1h")).said == ()


def test_another_policy_lets_go_whom_it_would_not_put_off(make_domain: MakeDomain) -> None:
    domain = make_domain(policy="cheapest")
    to_the_hour(domain)
    domain.site("gpu", pool(energy_price_micro_per_kwh=priced(domain, 1.0, 1.0, 0.5)))
    job = domain.submit(patient())
    assert domain.round() == 0
    set_policy(domain.ctx, OPERATOR, "fastest")
    assert domain.round() == 1
    assert domain.state(job) == JobState.PLACED


def test_a_policy_that_looks_at_no_hours_places_at_once(make_domain: MakeDomain) -> None:
    domain = make_domain(policy="balanced")
    to_the_hour(domain)
    domain.site("gpu", pool(energy_price_micro_per_kwh=priced(domain, 1.0, 0.1)))
    job = domain.submit(patient())
    assert domain.round() == 1
    assert domain.state(job) == JobState.PLACED


def test_of_a_job_without_a_walltime_nobody_knows_what_its_hours_cost(
    make_domain: MakeDomain,
) -> None:
    domain = make_domain(policy="cheapest")
    to_the_hour(domain)
    domain.site("gpu", pool(energy_price_micro_per_kwh=priced(domain, 1.0, 0.1)))
    domain.submit(spec(patience="8h"))
    assert domain.round() == 1


def test_its_own_start_comes_first_then_its_patience(make_domain: MakeDomain) -> None:
    domain = make_domain(policy="cheapest")
    to_the_hour(domain)
    tariff = priced(domain, 1.0, 0.1, 1.0, 1.0, 0.5)
    gpu = domain.site("gpu", pool(energy_price_micro_per_kwh=tariff))
    began = domain.clock()
    job = domain.submit(patient(start_after="2h"))
    assert domain.round() == 0
    assert domain.job(job).start_after == began + 2 * HOUR
    assert domain.why(job).said[0].code == "deferred"
    to_the_hour(domain, 2)
    gpu.hear()
    assert domain.round() == 0
    assert domain.job(job).start_after == began + 4 * HOUR


def test_a_canceled_job_books_nothing(make_domain: MakeDomain) -> None:
    domain = make_domain(policy="cheapest")
    to_the_hour(domain)
    tariff = priced(domain, 1.0, 1.0, 0.2)
    domain.site("gpu", pool(hosts=1, energy_price_micro_per_kwh=tariff))
    first = domain.submit(patient())
    domain.round()
    domain.cancel(first)
    second = domain.submit(patient())
    domain.round()
    assert domain.job(second).start_after == domain.clock() + 2 * HOUR
