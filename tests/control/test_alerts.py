"""Alerts of a domain: looked at, told once, silenced, acknowledged, forgotten."""

from __future__ import annotations

import dataclasses
import threading

import pytest

from tests.builders import LI, OPERATOR, Cluster, Domain, MakeDomain, foreign, pool, spec
from weir.control.alerts import (
    acknowledge,
    end_silence,
    list_alerts,
    list_rules,
    list_silences,
    notices_after,
    shipped_rules,
    silence,
)
from weir.control.alerts_readings import Kept
from weir.control.alerts_round import KEEP_NOTICES_S, look
from weir.control.context import Context
from weir.control.remove import remove_cluster
from weir.control.series_roll import note_jobs, roll_up, write_down
from weir.core.alerts import Rule
from weir.core.errors import BadInput, NotFound
from weir.core.series import Key, single, start_of
from weir.store import alerts as rows_of
from weir.store.domains import count
from weir.wire.alert_answers import AcknowledgeRequest, NoticeAnswer, QuietRequest
from weir.wire.alerts import read_rules
from weir.wire.samples import Point, pack

SILENT = "rules: [{name: silent, indicator: pools_silent, each: cluster, above: 0}]"
PUE = """
rules:
  - {name: pue, indicator: pue, each: site, above: 1.3, over: 5m, for: 1m, clear: 1m}
"""


def rules(text: str) -> tuple[Rule, ...]:
    return read_rules(text, "rules")


def turn(domain: Domain, seconds: float = 0.0) -> int:
    """Time goes on, samples are rolled up, and a fresh server looks."""
    domain.clock.turn(seconds)
    roll_up(domain.ctx)
    return look(domain.ctx, Kept())


def told(domain: Domain) -> list[tuple[str, str, str]]:
    return [(n.what, n.rule, n.name) for n in notices(domain)]


def notices(domain: Domain) -> list[NoticeAnswer]:
    return list(notices_after(domain.ctx, 0, 1000).notices)


def open_(domain: Domain) -> list[tuple[str, str, str]]:
    return [(a.rule, a.name, a.state) for a in list_alerts(domain.ctx)]


def sent(cluster: Cluster, subject: str, width: int = 60, part: str = "", **values: float) -> None:
    """Samples of a subject at the minute that is just over."""
    at = start_of(cluster.domain.clock() - width, width)
    rows = [Point(Key(subject, metric, part), at, single(v)) for metric, v in values.items()]
    answer = cluster.exchange(samples=(pack(width, rows),), want=False)
    assert answer.refused == ()


@pytest.fixture
def watched(make_domain: MakeDomain) -> Domain:
    return make_domain(alert_rules=rules(SILENT))


def test_a_center_that_falls_silent_is_told_once_and_its_return_once(watched: Domain) -> None:
    site = watched.site("suzhou", pool("gpu"))
    assert turn(watched) == 0
    assert turn(watched, 31) == 1
    assert turn(watched, 15) == 0
    assert open_(watched) == [("silent", "suzhou / main", "firing")]

    site.hear()
    assert turn(watched, 5) == 1
    assert told(watched) == [
        ("fires", "silent", "suzhou / main"),
        ("resolved", "silent", "suzhou / main"),
    ]
    first, second = notices(watched)
    assert (first.number, second.number) == (1, 2)
    assert second.fired_at == first.at
    assert open_(watched) == []


def test_nothing_is_written_where_nothing_changes(watched: Domain) -> None:
    watched.site("suzhou", pool("gpu"))
    turn(watched, 31)
    with watched.ctx.store.read() as tx:
        seen = count(tx, rows_of.COUNTER)
    turn(watched, 5)
    with watched.ctx.store.read() as tx:
        assert count(tx, rows_of.COUNTER) == seen


def test_a_link_that_is_silent_is_one_alert_and_not_one_of_each_site(watched: Domain) -> None:
    watched.below("east", foreign("one", watched.id, 7), foreign("two", watched.id, 8))
    turn(watched, 31)
    assert open_(watched) == [("silent", "east", "firing")]


def test_pue_of_each_site_over_time(make_domain: MakeDomain) -> None:
    domain = make_domain(alert_rules=rules(PUE))
    good, bad = domain.site("good", pool("a")), domain.site("bad", pool("b"))
    for _ in range(4):
        for cluster, facility in ((good, 120.0), (bad, 150.0)):
            place = domain_site(cluster)
            sent(cluster, place, it_power=100.0, facility_power=facility)
        turn(domain, 60)
    assert open_(domain) == [("pue", "bad", "firing")]
    (notice,) = notices(domain)
    assert (notice.value, notice.severity, notice.domain) == (1.5, "warning", "nation")


@pytest.mark.parametrize("known", [1, 3])
def test_no_pue_is_told_of_a_site_of_which_one_pool_is_known(
    make_domain: MakeDomain, known: int
) -> None:
    domain = make_domain(alert_rules=rules(PUE))
    site = domain.site("suzhou", *[pool(f"p{n}") for n in range(3)])
    for _ in range(4):
        sent(site, domain_site(site), facility_power=450.0)
        for n in range(known):
            sent(site, site.named[f"p{n}"], it_power=100.0)
        turn(domain, 60)
    assert open_(domain) == ([("pue", "suzhou", "firing")] if known == 3 else [])


def domain_site(cluster: Cluster) -> str:
    """The identifier of the site that a cluster is of."""
    return next(p.site for p in cluster.domain.pools().values() if p.cluster == cluster.id)


def test_absence_is_an_alert_of_what_was_there(make_domain: MakeDomain) -> None:
    text = "rules: [{name: gone, indicator: it_power, each: site, absent: true, for: 1m}]"
    domain = make_domain(alert_rules=rules(text))
    site = domain.site("suzhou", pool("a"))
    assert turn(domain, 600) == 0, "nobody has ever measured there"
    sent(site, domain_site(site), it_power=100.0)
    assert turn(domain) == 0
    turn(domain, 400)
    turn(domain, 60)
    assert told(domain) == [("fires", "gone", "suzhou")]


def test_more_is_asked_for_than_there_is(make_domain: MakeDomain) -> None:
    text = "rules: [{name: demand, indicator: demand_over_supply, above: 100 %}]"
    domain = make_domain(alert_rules=rules(text))
    domain.site("suzhou", pool("gpu", hosts=1, devices=8))
    domain.submit(spec(devices=8))
    assert turn(domain) == 0
    domain.submit(spec(devices=8))
    assert turn(domain) == 1
    assert notices(domain)[0].value == 200.0


def test_jobs_that_fail(make_domain: MakeDomain) -> None:
    text = "rules: [{name: errors, indicator: jobs_failed, above: 20 %, over: 30m}]"
    domain = make_domain(alert_rules=rules(text))
    site = domain.site("suzhou", pool("gpu", hosts=8))
    for number in range(6):
        domain.submit(spec(devices=1))
        domain.round()
        run = site.order().run
        ending = "failed" if number % 2 else "succeeded"
        code = {"exit_code": 1} if number % 2 else {"exit_code": 0}
        site.say(run, "accepted", "started")
        site.say(run, ending, **code)
    domain.clock.turn(100)
    note_jobs(domain.ctx)
    assert turn(domain) == 1
    assert notices(domain)[0].value == 50.0


def test_what_was_measured_is_far_from_the_claim(make_domain: MakeDomain) -> None:
    text = "rules: [{name: claim, indicator: claims_far, each: pool, above: 0}]"
    domain = make_domain(alert_rules=rules(text))
    domain.site(
        "suzhou",
        pool("slow", device_model="nvidia-h100-sxm5", measured_gflops=(("bf16", 300_000),)),
        pool("fine", device_model="nvidia-h100-sxm5", measured_gflops=(("bf16", 750_000),)),
        pool("unknown", device_model="nvidia-h100-sxm5"),
    )
    turn(domain)
    assert open_(domain) == [("claim", "suzhou / slow", "firing")]


def test_a_claim_that_is_off_by_more_than_a_tenth(make_domain: MakeDomain) -> None:
    text = "rules: [{name: claim, indicator: claim_off, each: pool, above: 10 %, for: 2m}]"
    domain = make_domain(alert_rules=rules(text))
    site = domain.site("suzhou", pool("short"), pool("whole"), pool("unseen"))
    other = domain.site(
        "wuxi",
        pool("slow", devices=4, measured_gflops=(("bf16", 600_000),)),
        *(pool(f"usual-{n}", devices=4, measured_gflops=(("bf16", 780_000),)) for n in range(3)),
    )
    ids = {name: found.id for name, found in domain.pools().items()}
    for _ in range(4):
        sent(site, ids["short"], devices_seen=12.0, cpu_seen=128.0)
        sent(site, ids["whole"], devices_seen=15.0, cpu_seen=256.0)
        sent(site, f"{ids['unseen']}/one-host", cpu_seen=64.0)
        other.hear()
        turn(domain, 60)
    assert sorted(open_(domain)) == [
        ("claim", "suzhou / short", "firing"),
        ("claim", "wuxi / slow", "firing"),
    ]
    values = {a.name: a.value for a in list_alerts(domain.ctx)}
    assert values["suzhou / short"] == 25.0
    assert values["wuxi / slow"] == pytest.approx(100 * (1 - 600 / 780))


def test_a_rise_within_the_hour_of_the_whole_domain(make_domain: MakeDomain) -> None:
    text = "rules: [{name: more, indicator: jobs, part: waiting, rises: 5, over: 20m}]"
    domain = make_domain(alert_rules=rules(text))
    for _ in range(14):
        write_down(domain.ctx)
        turn(domain, 60)
    assert told(domain) == []
    for _ in range(4):
        domain.submit()
    turn(domain, 1)
    assert told(domain) == [("fires", "more", "nation")], "4 in 14 minutes are 17 an hour"


def test_a_site_that_loses_devices_by_its_own_past(make_domain: MakeDomain) -> None:
    text = """
rules:
  - {name: lost, indicator: devices, each: site, deviates: 3, over: 6h}
  - {name: shrinks, indicator: devices, each: pool, falls: 1, over: 6h}
"""
    domain = make_domain(alert_rules=rules(text))
    gone = domain.site("suzhou", pool("gpu", hosts=10), pool("small", hosts=1))
    domain.site("chengdu", pool("gpu", hosts=10))
    for _ in range(20):
        write_down(domain.ctx)
        turn(domain, 900)
    assert told(domain) == [], "nothing has changed"

    gone.report(pool("gpu", hosts=8), pool("small", hosts=1))
    turn(domain, 1)
    assert told(domain) == [
        ("fires", "lost", "suzhou"),
        ("fires", "shrinks", "suzhou / gpu"),
    ]


def test_a_new_site_has_no_past_to_fall_from(make_domain: MakeDomain) -> None:
    text = "rules: [{name: lost, indicator: devices, each: site, deviates: 3, over: 6h}]"
    domain = make_domain(alert_rules=rules(text))
    new = domain.site("suzhou", pool("gpu", hosts=10))
    for _ in range(6):
        write_down(domain.ctx)
        turn(domain, 900)
    new.report(pool("gpu", hosts=8))
    turn(domain, 1)
    assert told(domain) == [], "an hour and a half of six is too little to tell"


def test_a_link_that_leaves_its_usual_way(make_domain: MakeDomain) -> None:
    text = "rules: [{name: odd, indicator: link_latency, each: link, deviates: 4, over: 30m}]"
    domain = make_domain(alert_rules=rules(text))
    site = domain.site("suzhou", pool("a"))
    way = f"{site.id}>{domain.id}"
    for minute in range(25):
        sent(site, way, link_rtt=0.010 + 0.0001 * (minute % 3))
        turn(domain, 60)
    assert told(domain) == []
    sent(site, way, link_rtt=0.030)
    turn(domain)
    assert told(domain) == [("fires", "odd", "suzhou / main > nation")]


def test_a_silence_holds_for_its_time_and_then_what_still_fires_is_told(watched: Domain) -> None:
    site = watched.site("suzhou", pool("gpu"))
    request = QuietRequest(rule="silent", subject=site.id, for_s=100, why="moving racks")
    silence(watched.ctx, OPERATOR, request)
    assert turn(watched, 31) == 0
    (alert,) = list_alerts(watched.ctx)
    assert alert.quiet is not None
    assert (alert.state, alert.quiet.why) == ("firing", "moving racks")
    assert turn(watched, 70) == 1
    assert told(watched) == [("fires", "silent", "suzhou / main")]
    assert list_silences(watched.ctx) == []


def test_a_silence_that_is_taken_away_ends_at_once(watched: Domain) -> None:
    watched.site("suzhou", pool("gpu"))
    silence(watched.ctx, OPERATOR, QuietRequest(rule="silent", for_s=1000))
    assert turn(watched, 31) == 0
    end_silence(watched.ctx, "silent", "")
    assert turn(watched) == 1
    with pytest.raises(NotFound):
        end_silence(watched.ctx, "silent", "")


def test_an_acknowledgement_holds_until_it_is_over(watched: Domain) -> None:
    site = watched.site("suzhou", pool("gpu"))
    asked = AcknowledgeRequest(rule="silent", subject=site.id)
    with pytest.raises(NotFound, match="no alert silent fires"):
        acknowledge(watched.ctx, LI, asked)
    turn(watched, 31)
    acknowledge(watched.ctx, LI, asked)
    (alert,) = list_alerts(watched.ctx)
    assert alert.quiet is not None
    assert (alert.quiet.acknowledged, alert.quiet.by) == (True, LI.subject)
    site.hear()
    turn(watched, 1)
    assert list_silences(watched.ctx) == []
    turn(watched, 40)
    assert [what for what, *_ in told(watched)] == ["fires", "resolved", "fires"]


def test_a_silence_of_everything_or_of_no_rule_is_refused(watched: Domain) -> None:
    with pytest.raises(BadInput):
        silence(watched.ctx, OPERATOR, QuietRequest(for_s=10))
    with pytest.raises(NotFound, match="did you mean silent"):
        silence(watched.ctx, OPERATOR, QuietRequest(rule="silnt", for_s=10))


def test_what_has_left_is_over(watched: Domain) -> None:
    site = watched.site("suzhou", pool("gpu"))
    turn(watched, 31)
    remove_cluster(watched.ctx, site.id)
    assert turn(watched) == 1
    assert turn(watched, 60) == 0
    assert [what for what, *_ in told(watched)] == ["fires", "resolved"]


def test_a_rule_that_is_no_more_is_over(watched: Domain) -> None:
    watched.site("suzhou", pool("gpu"))
    turn(watched, 31)
    ctx = without_rules(watched.ctx)
    assert look(ctx, Kept()) == 1
    assert look(ctx, Kept()) == 0
    assert notices(watched)[-1].what == "resolved"


def without_rules(ctx: Context) -> Context:
    return dataclasses.replace(ctx, settings=dataclasses.replace(ctx.settings, alert_rules=()))


def test_several_servers_that_look_at_once_tell_each_notice_once(watched: Domain) -> None:
    for name in ("a", "b", "c"):
        watched.site(name, pool("gpu"))
    watched.clock.turn(31)
    together = threading.Barrier(4)

    def one() -> None:
        together.wait()
        look(watched.ctx, Kept())

    servers = [threading.Thread(target=one) for _ in range(4)]
    for server in servers:
        server.start()
    for server in servers:
        server.join()
    assert sorted(told(watched)) == [("fires", "silent", f"{n} / main") for n in "abc"]
    assert [n.number for n in notices(watched)] == [1, 2, 3]


def test_calm_is_forgotten_and_so_are_old_notices(watched: Domain) -> None:
    site = watched.site("suzhou", pool("gpu"))
    turn(watched, 31)
    site.hear()
    turn(watched)
    with watched.ctx.store.read() as tx:
        assert len(rows_of.read_alerts(tx)) == 1, "whether it is flapping depends on it"
    for _ in range(2):
        watched.clock.turn(1900)
        site.hear()
        turn(watched)
    with watched.ctx.store.read() as tx:
        assert rows_of.read_alerts(tx) == {}
    watched.clock.turn(KEEP_NOTICES_S)
    site.hear()
    turn(watched)
    assert notices(watched) == []


def test_the_shipped_rules_look_at_a_domain_with_everything(make_domain: MakeDomain) -> None:
    domain = make_domain(alert_rules=shipped_rules())
    site = domain.site("suzhou", pool("gpu"))
    sent(site, site.id, part="host", probe_up=0.0, probe_tried=1.0)
    sent(site, f"{site.id}>{domain.id}", link_sent=10.0, link_lost=9.0)
    sent(site, f"{site.id}/host-1", width=10, storage_total=100.0, storage_used=95.0)
    assert turn(domain) == 0, "all of them wait for a while"
    states = {(a.rule, a.name) for a in list_alerts(domain.ctx) if a.state == "pending"}
    assert states == {
        ("disk-nearly-full", "suzhou / main / host-1"),
        ("link-degraded", "suzhou / main > nation"),
        ("source-silent", "suzhou / main"),
    }
    assert {r.name for r in list_rules(domain.ctx)} == {r.name for r in shipped_rules()}
