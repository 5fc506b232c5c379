from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from weir.core.alerts import (
    TRANSITIONS,
    Alert,
    Condition,
    Event,
    Reading,
    Rule,
    Silence,
    State,
    judge,
    met,
    step,
    still_quiet,
)

PUE = Rule("pue", "pue", Condition.ABOVE, 1.3, for_s=60, clear_s=30)


def watched(
    rule: Rule, *looks: tuple[float, float | None]
) -> tuple[Alert, list[tuple[float, str]]]:
    """The alert after these looks (time, value), and what was told when."""
    alert, told = Alert(rule.name, "site"), []
    for now, value in looks:
        alert, notices = step(rule, alert, Reading(value), now)
        told += [(notice.at, notice.what) for notice in notices]
    return alert, told


def test_it_fires_once_it_was_met_for_long_enough_and_is_told_once() -> None:
    alert, told = watched(PUE, (10, 1.4), (40, 1.4), (70, 1.5), (100, 1.4))

    assert (alert.state, alert.fired_at, alert.value) == (State.FIRING, 70, 1.4)
    assert told == [(70, "fires")]


def test_a_moment_in_between_starts_the_wait_again() -> None:
    assert watched(PUE, (10, 1.4), (40, 1.2), (70, 1.4), (100, 1.4))[1] == []
    assert watched(PUE, (10, 1.4), (40, None), (70, 1.4), (100, 1.4))[1] == []


def test_it_is_resolved_once_it_was_not_met_for_long_enough() -> None:
    looks = ((0, 1.4), (60, 1.4), (70, 1.2), (80, 1.4), (90, 1.2), (120, 1.2))
    alert, told = watched(PUE, *looks)

    assert (alert.state, told) == (State.CALM, [(60, "fires"), (120, "resolved")])


def test_unknown_resolves_nothing_and_is_what_absence_waits_for() -> None:
    alert, told = watched(PUE, (0, 1.4), (60, 1.4), (500, None), (900, None))
    assert (alert.state, alert.value, told) == (State.FIRING, 1.4, [(60, "fires")])

    silent = replace(PUE, condition=Condition.ABSENT)
    assert watched(silent, (0, 1.0), (10, None), (70, None))[1] == [(70, "fires")]


def test_what_goes_on_and_off_is_told_to_be_flapping_and_then_is_left_alone() -> None:
    rule = replace(PUE, for_s=0, clear_s=0)
    looks = [(t, 1.4 if t % 20 else 1.2) for t in range(10, 200, 10)]
    alert, told = watched(rule, *looks)
    assert alert.flapping
    said = [what for _, what in told]
    assert said == ["fires", "resolved", "fires", "resolved", "fires", "is flapping"]

    alert, notices = step(rule, alert, Reading(1.2), 400)
    assert (alert.fires, notices) == (True, ())
    alert, notices = step(rule, alert, Reading(1.2), 400 + 901)
    assert (alert.fires, [n.what for n in notices]) == (False, ["resolved"])


def test_rates_are_by_the_hour_and_history_is_compared_with_itself() -> None:
    fast = Rule("errors", "errors", Condition.RISES, 100.0)
    assert met(fast, Reading(60.0, ((0.0, 0.0),)), 1800.0) is True
    assert met(fast, Reading(40.0, ((0.0, 0.0),)), 1800.0) is False
    assert met(replace(fast, condition=Condition.FALLS), Reading(0.0, ((0.0, 60.0),)), 1800.0)
    assert met(fast, Reading(60.0), 1800.0) is None

    odd = Rule("odd", "use", Condition.DEVIATES, 3.0)
    usual = tuple((float(i), 50.0 + i % 3) for i in range(20))
    assert met(odd, Reading(51.0, usual), 30.0) is False
    assert met(odd, Reading(60.0, usual), 30.0) is True
    assert met(odd, Reading(60.0, usual[:3]), 30.0) is None


def test_every_subject_is_judged_by_itself_and_a_gone_one_is_unknown() -> None:
    rule = replace(PUE, for_s=0)
    readings = {"pue": {"a": Reading(1.4), "b": Reading(1.2)}}
    alerts, told = judge((rule,), readings, {}, (), 10.0)
    assert [(n.subject, n.what) for n in told] == [("a", "fires")]
    assert set(alerts) == {("pue", "a")}

    after, told = judge((rule,), {}, alerts, (), 20.0)
    assert (after[("pue", "a")].fires, told) == (True, ())


def test_what_is_silenced_is_judged_and_not_told() -> None:
    rule = replace(PUE, for_s=0)
    quiet = Silence("pue", "", 100.0, "ann")
    readings = {"pue": {"a": Reading(1.4)}}
    alerts, told = judge((rule,), readings, {}, (quiet,), 10.0)

    assert (alerts[("pue", "a")].fires, told) == (True, ())
    assert still_quiet((quiet,), alerts, 99.0) == (quiet,)
    assert still_quiet((quiet,), alerts, 100.0) == ()
    taken = replace(quiet, subject="a", acknowledged=True)
    assert still_quiet((taken,), alerts, 20.0) == (taken,)
    assert still_quiet((taken,), {}, 20.0) == ()


def test_what_still_fires_when_the_silence_ends_is_told_then_and_once() -> None:
    rule = replace(PUE, for_s=0, clear_s=0)
    quiet = Silence("pue", "", 100.0, "ann")
    readings = {"pue": {"a": Reading(1.4)}}
    said = []
    alerts, _ = judge((rule,), readings, {}, (quiet,), 10.0)
    for now in (90.0, 100.0, 110.0):
        alerts, told = judge((rule,), readings, alerts, (quiet,), now)
        said += [(n.what, n.at) for n in told]
    assert said == [("fires", 100.0)]


def test_the_end_is_told_to_whom_the_beginning_was_told() -> None:
    rule = replace(PUE, for_s=0, clear_s=0)
    quiet = Silence("pue", "a", 1e9, "ann")
    high, low = {"pue": {"a": Reading(1.4)}}, {"pue": {"a": Reading(1.2)}}
    open_, _ = judge((rule,), high, {}, (), 10.0)
    _, told = judge((rule,), low, open_, (quiet,), 20.0)
    assert [n.what for n in told] == ["resolved"], "it was acknowledged after it was told"

    never, _ = judge((rule,), high, {}, (quiet,), 10.0)
    assert judge((rule,), low, never, (quiet,), 20.0)[1] == (), "nobody knows that it fired"


@given(st.lists(st.tuples(st.floats(1, 500), st.sampled_from([1.0, 1.4, None]))))
def test_it_is_told_to_fire_and_to_be_resolved_by_turns(
    looks: Sequence[tuple[float, float | None]],
) -> None:
    at, timed = 0.0, []
    for gap, value in looks:
        at += gap
        timed.append((at, value))
    alert, told = watched(PUE, *timed)

    said = [what for _, what in told if what != "is flapping"]
    assert said == ["fires", "resolved"] * (len(said) // 2) + ["fires"] * (len(said) % 2)
    assert alert.fires == bool(len(said) % 2)


def test_the_table_names_every_state_and_event() -> None:
    assert {state for state, _ in TRANSITIONS} | set(TRANSITIONS.values()) == set(State)
    assert {event for _, event in TRANSITIONS} == set(Event)


@given(st.lists(st.tuples(st.floats(1, 500), st.sampled_from([1.0, 1.4, None]), st.booleans())))
def test_whatever_is_silenced_beginnings_and_ends_are_told_by_turns(
    looks: Sequence[tuple[float, float | None, bool]],
) -> None:
    at, alerts, said = 0.0, dict[tuple[str, str], Alert](), list[str]()
    for gap, value, quiet in looks:
        at += gap
        silences = (Silence("pue", "", at + 1, "ann"),) if quiet else ()
        alerts, told = judge((PUE,), {"pue": {"a": Reading(value)}}, alerts, silences, at)
        assert not (quiet and any(n.what != "resolved" for n in told))
        said += [n.what for n in told if n.what != "is flapping"]
    assert said == ["fires", "resolved"] * (len(said) // 2) + ["fires"] * (len(said) % 2)
    stands = alerts.get(("pue", "a"))
    assert (stands is not None and stands.told) == bool(len(said) % 2)
