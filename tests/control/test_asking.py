"""Asking: where could it run, why does it wait, what is that identifier, how much is there?"""

import pytest

from tests.builders import ASCEND, Domain, MakeDomain, foreign, origin, pool, spec
from weir.control.measure import measure
from weir.control.resolve import resolve
from weir.core import identifiers
from weir.core.errors import BadInput, NotFound
from weir.core.identifiers import Kind
from weir.wire.jobs import IndicatorAnswer


def test_finding_ranks_what_fits_and_says_why_the_rest_does_not(domain: Domain) -> None:
    dear = pool("dear", price_micro_per_device_hour=9_000_000)
    domain.site("north", pool("cheap"), dear, pool("npu", model=ASCEND), pool("cpu", devices=0))
    wanted = spec().model_dump()
    wanted["tasks"][0]["devices"]["models"] = ["h100"]
    found = domain.find(type(spec()).model_validate(wanted))
    assert [c.pool_name for c in found.candidates] == ["cheap", "dear"]
    assert found.candidates[0].start_in_s == 0
    assert found.candidates[0].cost < found.candidates[1].cost
    assert {r.pool_name: r.reasons[0].split()[0] for r in found.rejections} == {
        "npu": "DEVICE_MODEL",
        "cpu": "DEVICE_NONE",
    }
    assert domain.find(policy="fifo").policy == "fifo"
    with pytest.raises(BadInput, match="no policy 'frogs'"):
        domain.find(policy="frogs")


def test_finding_submits_nothing(domain: Domain) -> None:
    domain.site("north", pool("gpu"))
    domain.find()
    assert domain.round() == 0
    assert domain.pools()["gpu"].runs == 0


def test_why_a_job_waits_in_a_network_without_pools(domain: Domain) -> None:
    job = domain.submit()
    assert domain.why(job).text == "There is no pool in this network yet."


def test_why_a_job_waits_for_room(domain: Domain) -> None:
    domain.site("north", pool("gpu", hosts=1))
    domain.submit()
    domain.round()
    first, second = domain.submit(), domain.submit()
    assert domain.why(first).text.startswith("It waits for room; pool ")
    answer = domain.why(second)
    assert answer.text == "It waits for room, with one job ahead of it."
    assert (answer.ahead, answer.hopeless) == (1, False)
    assert {r.reason for r in answer.reasons} == {"BUSY", "HELD"}


def test_why_a_job_can_never_run_and_what_would_help(domain: Domain) -> None:
    domain.site("north", pool("gpu", devices=4))
    answer = domain.why(domain.submit(spec(devices=8)))
    assert answer.hopeless
    assert answer.text.startswith("No pool of this network could ever take it as it is")
    assert [r.reason for r in answer.reasons] == ["HOST_DEVICES"]
    assert [(c.instead, c.pools) for c in answer.changes] == [("4 devices per host", 1)]


def test_why_a_job_waits_again_says_what_was_before(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit()
    domain.round()
    north.say(north.order().run, "refused", reason="full")
    assert domain.why(job).text == "It waits for room. Before that: refused: full."


def test_why_a_job_is_where_it_is(domain: Domain) -> None:
    north = domain.site("north", pool("a"), pool("b", price_micro_per_device_hour=1_000_000))
    job = domain.submit()
    assert "the next round will" in domain.why(job).text
    domain.round()
    answer = domain.why(job)
    assert answer.text == "It is on north / a: the lowest cost of all that fit."
    assert answer.chosen and answer.chosen.pool_name == "a"
    assert answer.runner_up and answer.runner_up.pool_name == "b"
    north.say(north.run(), "failed", reason="exit code 1")
    assert domain.why(job).text == (
        "It ran on north / a: the lowest cost of all that fit. It failed: exit code 1."
    )
    north.report(pool("b"))
    assert domain.why(job).chosen.pool_name == "(gone)"  # type: ignore[union-attr]


def test_why_a_job_never_ran(domain: Domain) -> None:
    job = domain.submit()
    domain.cancel(job)
    assert domain.why(job).text == "It was canceled by li. It was never placed."
    with pytest.raises(NotFound):
        domain.why("j404")


# Identifiers.


def test_what_was_issued_here_is_known_by_name(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    site = identifiers.parse(north.id).parent or ""
    found = [resolve(domain.ctx, i) for i in ("CN-F", site, north.id, north.named["gpu"])]
    assert [(f.kind, f.name, f.known) for f in found] == [
        ("national", "nation", True),
        ("site", "north", True),
        ("cluster", "main", True),
        ("pool", "gpu", True),
    ]
    assert [f.source for f in found[1:]] == ["issued by nation"] * 3
    assert found[3].facts["hosts"] == 2


def test_lower_case_and_blanks_are_read(domain: Domain) -> None:
    assert resolve(domain.ctx, "  cn-f ").id == "CN-F"
    with pytest.raises(BadInput, match="this is no identifier") as caught:
        resolve(domain.ctx, "CN-X")
    assert "check character" in caught.value.mistakes[0].message


def test_hosts_and_devices_of_a_pool_are_known_by_their_numbers(domain: Domain) -> None:
    north = domain.site("north", pool("gpu", hosts=2, devices=8))
    host = identifiers.issue(north.named["gpu"], Kind.HOST, 2)
    device = identifiers.issue(host, Kind.DEVICE, 8)
    assert [resolve(domain.ctx, i).known for i in (host, device)] == [True, True]
    assert resolve(domain.ctx, device).facts["pool"] == north.named["gpu"]
    beyond = (
        identifiers.issue(north.named["gpu"], Kind.HOST, 3),
        identifiers.issue(host, Kind.DEVICE, 9),
    )
    assert [resolve(domain.ctx, i).known for i in beyond] == [False, False]


def test_what_is_below_a_linked_domain_is_referred_to_it(domain: Domain) -> None:
    north = domain.below("north")
    unknown = identifiers.issue(north.identifier, Kind.SITE, 9)
    found = resolve(domain.ctx, unknown)
    assert (found.known, found.source, found.referral) == (False, "", "http://north")
    link = resolve(domain.ctx, north.identifier)
    assert (link.known, link.name, link.facts["url"]) == (True, "north", "http://north")


def test_what_is_elsewhere_is_referred_upwards(make_domain: MakeDomain) -> None:
    north = make_domain("north", "regional")
    north.above()
    assert resolve(north.ctx, "CN.S1-G").referral == "http://nation"


def test_what_nobody_is_known_for_has_no_referral(domain: Domain) -> None:
    found = resolve(domain.ctx, "CN.S1-G")
    assert (found.known, found.referral, found.retired) == (False, None, False)


def test_what_a_link_reported_is_known_from_the_report(domain: Domain) -> None:
    north = domain.below("north")
    far = foreign("far", of=north.identifier)
    north.report(far)
    assert resolve(domain.ctx, far.id).name == "far"
    assert resolve(domain.ctx, far.site).name == "site 1"
    assert resolve(domain.ctx, far.cluster).source == "a pool's report"


# Indicators.


def measured(domain: Domain) -> dict[str, IndicatorAnswer]:
    return {i.name: i for i in measure(domain.ctx)}


def test_a_pool_seen_by_two_ways_counts_once(domain: Domain) -> None:
    region = domain.below("region", kind="regional")
    industry = domain.below("industry", kind="industry")
    shared = foreign("shared", of=region.identifier, hosts=2, devices=8)
    region.report(shared)
    industry.report(shared.model_copy(update={"domains": (region.identifier,), "hops": 1}))
    found = measured(domain)
    assert [found[n].value for n in ("pools", "sites", "hosts", "devices")] == [1, 1, 2, 16]
    job = domain.submit()
    domain.round()
    assert region.order().job == job  # the nearer way
    assert measured(domain)["devices_allocated"].value == 50.0
    domain.clock.turn(domain.ctx.settings.lease_s + 1)
    industry.hear()  # the nearer way is silent: the same pool by the other
    assert measured(domain)["pools_silent"].value == 0
    assert measured(domain)["devices"].value == 16


def test_jobs_that_others_handed_over_are_theirs_to_count(make_domain: MakeDomain) -> None:
    north = make_domain("north", "regional")
    up = north.above()
    site = north.site("site", pool("gpu"))
    north.submit()
    north.submit(who=up.who, origin=origin("p-1", site.named["gpu"]))
    assert measured(north)["jobs"].value == 1
