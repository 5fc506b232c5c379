from weir.agent.pace import Pace, Reports


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_little_is_told_at_once() -> None:
    clock = Clock()
    reports = Reports(Pace(burst=3, per_s=2, move_s=0.01, most_s=1), clock)
    for _ in range(20):
        reports.came(1)
        assert reports.wait() == 1
        reports.told(1)
        clock.now += 0.5


def test_after_much_more_is_waited_for_within_bounds() -> None:
    clock = Clock()
    reports = Reports(Pace(burst=3, per_s=2, move_s=0.01, most_s=1), clock)
    reports.told(30)
    assert abs(reports.pause_s() - 0.3) < 1e-9
    reports.told(5000)
    assert abs(reports.pause_s() - 1.0) < 1e-9
    clock.now += 1.0
    assert reports.pause_s() == 0


def test_enough_waits_for_nothing() -> None:
    reports = Reports(Pace(move_s=10, most_s=3600, lull_s=3600, enough=64), Clock())
    reports.told(30)
    reports.came(60)
    reports.came(4)
    assert reports.wait() == 64  # else it would wait for minutes


def test_who_stops_waits_no_more() -> None:
    reports = Reports(Pace(move_s=10, most_s=3600, lull_s=3600), Clock())
    reports.told(30)
    reports.stop()
    assert reports.wait() == 0


def test_when_no_more_comes_it_is_not_waited_for() -> None:
    reports = Reports(Pace(move_s=10, most_s=3600, lull_s=0.01), Clock())
    reports.told(30)
    reports.came(3)
    assert reports.wait() == 3
    assert reports.pause_s() == 0
