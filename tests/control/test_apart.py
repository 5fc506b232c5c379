"""Jobs that have hosts for themselves or are spread, from the job file to the next round."""

from __future__ import annotations

from tests.builders import Domain, pool, spec
from weir.core.lifecycle import JobState

ONE = {"cpu": "1", "memory": "1GiB", "devices": {"count": 1}, "command": ["a"]}


def test_an_exclusive_job_keeps_its_host_while_it_runs(domain: Domain) -> None:
    north = domain.site("north", pool("gpu", hosts=2))
    alone = domain.submit(spec("alone", tasks=[{**ONE, "exclusive": True}]))
    assert domain.round() == 1
    north.run("accepted", "started")
    assert domain.pools()["gpu"].free_devices_milli == 8000

    beside = [domain.submit(spec(f"beside{i}", tasks=[ONE])) for i in range(9)]
    assert domain.round() == 8
    assert [domain.state(job) for job in (beside[7], beside[8])] == [
        JobState.PLACED, JobState.WAITING
    ]  # fmt: skip
    assert domain.state(alone) is JobState.RUNNING


def test_an_exclusive_job_waits_for_a_host_with_nothing_on_it(domain: Domain) -> None:
    north = domain.site("north", pool("gpu", hosts=1))
    domain.submit(spec("first", tasks=[ONE]))
    domain.round()
    run = north.order().run
    north.say(run, "accepted")
    north.say(run, "started")
    alone = domain.submit(spec("alone", tasks=[{**ONE, "exclusive": True}]))
    domain.round()
    assert domain.state(alone) is JobState.WAITING
    north.say(run, "succeeded", exit_code=0)
    domain.round()
    assert domain.state(alone) is JobState.PLACED


def test_a_running_job_that_is_spread_is_counted_so(domain: Domain) -> None:
    """It has a task on each of two hosts, so neither has room for a task of eight devices."""
    north = domain.site("north", pool("gpu", hosts=2))
    domain.submit(spec("spread", tasks=[{**ONE, "count": 2, "max_per_host": 1}]))
    domain.round()
    north.run("accepted", "started")
    large = domain.submit(spec("large", tasks=[{**ONE, "devices": {"count": 8}}]))
    domain.round()
    assert domain.state(large) is JobState.WAITING
