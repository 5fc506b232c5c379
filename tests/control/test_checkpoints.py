"""Checkpoints of jobs: what has come whole is kept, goes with the next order, and to the next
domain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import pytest

from tests.builders import LI, Cluster, Domain, MakeDomain, origin, pool, spec
from weir.control import checkpoints
from weir.control.show import list_files
from weir.core.errors import BadInput, NotAllowed, NotFound
from weir.core.lifecycle import JobState
from weir.store.checkpoints import of_jobs
from weir.wire.checkpoint import Saved
from weir.wire.jobs import FileAnswer, Submission

WISH: Mapping[str, Any] = {"checkpoint": {"path": "ckpt"}, "retries": 5}


def saved(number: int, content: bytes, at: int = 0) -> Saved:
    return Saved(number, at, len(content), hashlib.sha256(content).hexdigest())


def carry(center: Cluster, run: str, number: int, content: bytes) -> str:
    """A checkpoint comes in two pieces."""
    name = saved(number, content, int(center.domain.clock())).name
    center.send(run, name, 0, content[:3])
    center.send(run, name, 3, content[3:])
    return name


def saved_at(domain: Domain, job: str) -> float | None:
    with domain.ctx.store.read() as tx:
        rows = of_jobs(tx, [job]).get(job)
    return rows[0].saved_at if rows else None


def test_a_job_goes_on_from_its_newest_whole_checkpoint(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit(spec("train", **WISH))
    domain.round()
    order = north.order()
    assert order.restore is None
    north.say(order.run, "accepted", "started")
    domain.clock.turn(60)
    carry(north, order.run, 1, b"state one")
    newest = carry(north, order.run, 2, b"state two")
    assert saved_at(domain, job) == domain.clock()
    domain.clock.turn(60)
    north.send(order.run, saved(3, b"state three").name, 0, b"state")  # it broke off
    north.say(order.run, "vanished", reason="node lost")
    domain.round()

    again = north.order()
    assert (again.job, again.restore) == (job, newest)
    ctx = domain.ctx
    assert checkpoints.read(ctx, north.who, again.run, newest, 0, 100) == (b"state two", 9)
    assert checkpoints.read(ctx, north.who, again.run, newest, 6, 2) == (b"tw", 9)


def test_a_checkpoint_of_a_later_run_is_newer(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    domain.submit(spec("train", **WISH))
    last = ""
    for round_number in range(2):
        domain.round()
        run = north.run()
        domain.clock.turn(5)
        for number in range(1, 4 - round_number):
            last = carry(north, run, number, f"round {round_number} {number}".encode())
        north.say(run, "failed", exit_code=1)
    domain.round()
    assert north.order().restore == last


def test_only_the_two_newest_are_kept(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit(spec("train", **WISH))
    domain.round()
    run = north.run()
    names = [carry(north, run, n, f"state {n}".encode()) for n in range(1, 6)]
    shown = [f.name for f in checkpoints_of(domain, job)]
    assert shown == names[-2:]
    assert domain.ctx.files.read(run, names[0], 0, 10) == b""
    assert domain.ctx.files.read(run, names[-1], 0, 10) == b"state 5"


def checkpoints_of(domain: Domain, job: str) -> list[FileAnswer]:
    return [f for f in list_files(domain.ctx, LI, job).files if "checkpoint/" in f.name]


def test_what_came_otherwise_than_it_was_is_no_checkpoint(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    domain.submit(spec("train", **WISH))
    domain.round()
    run = north.run()
    good = carry(north, run, 1, b"state one")
    north.send(run, saved(2, b"state two").name, 0, b"state 222")
    north.say(run, "failed", exit_code=1)
    domain.round()
    assert north.order().restore == good


def test_a_job_without_the_wish_begins_anew(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    domain.submit(spec("train", retries=5))
    domain.round()
    run = north.run()
    carry(north, run, 1, b"state one")
    north.say(run, "failed", exit_code=1)
    domain.round()
    assert north.order().restore is None


def test_only_the_agent_of_a_run_may_read_its_jobs_checkpoint(domain: Domain) -> None:
    north, south = domain.site("north", pool("gpu")), domain.site("south")
    domain.submit(spec("train", **WISH))
    domain.round()
    run = north.run()
    name = carry(north, run, 1, b"state one")
    for who in (south.who, LI):
        with pytest.raises(NotAllowed):
            checkpoints.read(domain.ctx, who, run, name, 0, 9)
    with pytest.raises(NotFound):
        checkpoints.read(domain.ctx, north.who, run, saved(9, b"x").name, 0, 9)
    with pytest.raises(NotFound):
        checkpoints.read(domain.ctx, north.who, "j1-9", name, 0, 9)


def test_after_success_they_are_deleted_and_after_a_failure_later(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    kept = []
    for end in ("succeeded", "failed"):
        job = domain.submit(spec(end, checkpoint={"path": "ckpt"}))
        domain.round()
        run = north.run()
        kept.append((job, run, carry(north, run, 1, b"state one")))
        north.say(run, end, exit_code=0 if end == "succeeded" else 1)
    domain.expire()
    assert [saved_at(domain, job) is None for job, _, _ in kept] == [True, False]
    assert [domain.ctx.files.read(run, name, 0, 9) for _, run, name in kept] == [b"", b"state one"]
    domain.clock.turn(checkpoints.KEEP_S + 60)
    domain.expire()
    assert saved_at(domain, kept[1][0]) is None


def test_a_link_leaves_a_checkpoint_and_the_job_goes_on_from_it(make_domain: MakeDomain) -> None:
    north = make_domain("north", "regional")
    up = north.above()
    site = north.site("site", pool("gpu"))
    one = saved(4, b"state one", at=10)

    def leave(offset: int, data: bytes) -> int:
        return checkpoints.leave(north.ctx, up.who, "p1-2", one.name, offset, data)

    assert leave(0, b"") == 0
    assert leave(0, b"sta") == 3
    assert leave(0, b"sta") == 3
    assert leave(3, b"te one") == 9
    with pytest.raises(BadInput, match="does not fit"):
        leave(9, b"more")
    handed = origin("p1-2", site.named["gpu"]).model_copy(update={"restore": one.name})
    [job] = north.submit_all(Submission(spec=spec("train", **WISH), origin=handed), who=up.who)
    assert north.submit_all(Submission(spec=spec("train", **WISH), origin=handed), who=up.who) == [
        job
    ]
    north.round()
    order = site.order()
    assert order.restore == one.name
    read = checkpoints.read(north.ctx, site.who, order.run, one.name, 0, 100)
    assert read == (b"state one", 9)
    site.say(order.run, "accepted", "started", "succeeded", exit_code=0)
    assert north.state(job) is JobState.SUCCEEDED


def test_what_a_link_has_not_left_whole_is_begun_anew(make_domain: MakeDomain) -> None:
    north = make_domain("north", "regional")
    up = north.above()
    site = north.site("site", pool("gpu"))
    one = saved(4, b"state one", at=10)
    checkpoints.leave(north.ctx, up.who, "p1-2", one.name, 0, b"sta")
    handed = origin("p1-2", site.named["gpu"]).model_copy(update={"restore": one.name})
    north.submit_all(Submission(spec=spec("train", **WISH), origin=handed), who=up.who)
    north.round()
    assert site.order().restore is None
    with pytest.raises(NotAllowed):
        checkpoints.leave(north.ctx, site.who, "p1-2", one.name, 0, b"sta")
    with pytest.raises(BadInput, match="is not the name of a checkpoint"):
        checkpoints.leave(north.ctx, up.who, "p1-2", "stdout", 0, b"sta")


def test_what_must_be_brought_first_may_start_later(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    far = [{"path": "x", "url": "https://example.org/x"}]
    for fields, more in (
        ({}, 0),
        ({"inputs": far}, 3600),
        ({"inputs": far, "stage_within": "10m"}, 600),
        ({"checkpoint": {"path": "ckpt"}}, 0),
    ):
        domain.submit(spec("job", **fields))
        domain.round()
        order = north.order()
        assert order.start_within_s == domain.ctx.settings.start_within_s + more
        north.say(order.run, "accepted", "started", "succeeded", exit_code=0)


def test_a_silent_center_is_waited_for_as_long_as_it_may_bring_data(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    far = [{"path": "x", "url": "https://example.org/x"}]
    job = domain.submit(spec("job", inputs=far, stage_within="10m"))
    domain.round()
    north.run("accepted")
    settings = domain.ctx.settings
    domain.clock.turn(settings.lease_s + settings.start_within_s + 590)
    domain.expire()
    assert domain.state(job) is JobState.PLACED
    domain.clock.turn(20)
    domain.expire()
    assert domain.state(job) is JobState.WAITING
