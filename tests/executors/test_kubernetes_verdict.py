"""How a run stands, from what is said of its pods."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.contract.bench import order, shell
from weir.core.lifecycle import RunEvent
from weir.executors.kubernetes_records import Container, Pod
from weir.executors.kubernetes_runs import Run
from weir.executors.kubernetes_verdict import end_of, has_begun, started_at, stuck, views_of
from weir.executors.local_run import Stop

NOW = 1000.0


def run(count: int = 1, **changes: Any) -> Run:
    wanted = order("r", shell("true", count=count, memory="64MiB"), walltime="2m")
    given = {"pool": "pool", "folder": "/nowhere", "namespace": "n", "name": "weir-r", "at": 0.0}
    return Run(wanted, word="w", **{**given, **changes})


def pod(task: dict[str, Any] | None = None, index: int = 0, **changes: Any) -> Pod:
    """A pod of task `index`; `task` says how its container stands."""
    containers = (Container("files", code=0), Container("task", started=900.0, **(task or {})))
    value: dict[str, Any] = {
        **{"name": f"p{index}", "namespace": "n", "uid": f"u{index}", "node": "node-1"},
        **{"labels": {"weir.network/group": "main"}, "phase": "Running", "cpu_milli": 0},
        **{"memory_bytes": 0, "asked": {}, "containers": containers, "task_index": index},
        **changes,
    }
    return Pod(**value)


def over(code: int, said: str = "", **more: Any) -> dict[str, Any]:
    return {"code": code, "ended": 950.0, "said": said or f"started\nexit {code}", **more}


def ended(task: dict[str, Any], index: int = 0, **changes: Any) -> Pod:
    return pod(task, index, phase="Failed" if task["code"] else "Succeeded", **changes)


CASES: list[tuple[Pod, RunEvent, int | None, str]] = [
    (ended(over(0)), RunEvent.SUCCEEDED, 0, ""),
    (ended(over(7)), RunEvent.FAILED, 7, "exit code 7"),
    (ended(over(139)), RunEvent.FAILED, 139, "killed by signal SIGSEGV"),
    (
        ended(over(137, reason="OOMKilled")),
        RunEvent.FAILED,
        None,
        "out of memory: used 64 MiB of 64 MiB",
    ),
    (
        ended(over(137, "exit 137\noom")),
        RunEvent.FAILED,
        None,
        "out of memory: used 64 MiB of 64 MiB",
    ),
    (
        ended(over(127, "cannot there is no program x")),
        RunEvent.FAILED,
        None,
        "can't start: there is no program x",
    ),
    (
        ended(over(128, "no such file: /bin/sh", reason="StartError")),
        RunEvent.FAILED,
        None,
        "can't start: no such file: /bin/sh",
    ),
    (ended(over(0, "late")), RunEvent.REFUSED, None, "it did not start in time"),
    (
        pod(phase="Failed", reason="DeadlineExceeded"),
        RunEvent.FAILED,
        None,
        "wall time of 2m exceeded",
    ),
    (
        pod(phase="Failed", reason="Evicted", said="low on memory"),
        RunEvent.VANISHED,
        None,
        "evicted from its node (node-1): low on memory",
    ),
    (
        pod(phase="Failed", reason="OutOfcpu", said="too few"),
        RunEvent.VANISHED,
        None,
        "its node did not take it (node-1): too few",
    ),
    (
        ended(over(143, "stopped"), disrupted="PreemptionByScheduler"),
        RunEvent.VANISHED,
        None,
        "preempted by a pod of the center's own (node-1)",
    ),
    (
        ended(over(137), gone_at=990.0),
        RunEvent.VANISHED,
        None,
        "its pod was deleted at the center",
    ),
    (
        pod(gone_at=900.0),
        RunEvent.VANISHED,
        None,
        "its node does not answer (node-1)",
    ),
]


@pytest.mark.parametrize(("seen", "event", "code", "reason"), CASES)
def test_ends_are_told_apart(seen: Pod, event: RunEvent, code: int | None, reason: str) -> None:
    wanted = run()
    end = end_of(wanted, views_of(wanted, [seen]), {}, NOW)

    assert end is not None
    assert (end.event, end.exit_code, end.reason) == (event, code, reason)


def test_a_task_that_was_done_before_its_pod_was_deleted_has_succeeded() -> None:
    wanted = run()
    end = end_of(wanted, views_of(wanted, [ended(over(0), gone_at=990.0)]), {}, NOW)

    assert end is not None
    assert end.event is RunEvent.SUCCEEDED


def test_while_outputs_come_a_run_goes_on() -> None:
    wanted = run()
    busy = pod(over(0), containers=(Container("files"), Container("task", **over(0))))

    assert end_of(wanted, views_of(wanted, [busy]), {}, NOW) is None


def test_a_task_killed_before_it_began_leaves_nobody_waiting_for_its_files() -> None:
    killed = pod({"code": 137, "ended": 950.0, "reason": "OOMKilled"})
    waits = replace(killed, containers=(Container("files", started=900.0), killed.containers[1]))
    views = views_of(run(), [waits])

    end = end_of(run(), views, {}, NOW)
    assert end is not None
    assert (end.event, end.reason.split(":")[0]) == (RunEvent.FAILED, "out of memory")


def test_a_gang_fails_with_who_failed_first_by_itself() -> None:
    wanted = run(3)
    views = views_of(
        wanted,
        [
            ended(over(143, "stopped\nexit 143"), 0),
            ended(over(5), 1),
            pod(index=2),
        ],
    )
    end = end_of(wanted, views, {}, NOW)

    assert end is not None
    assert (end.event, end.exit_code, end.reason) == (RunEvent.FAILED, 5, "main-1: exit code 5")


def test_a_gang_has_begun_when_all_have() -> None:
    wanted = run(2)
    waiting = pod(None, 1, containers=())

    assert not has_begun(views_of(wanted, [pod(), waiting]))
    assert has_begun(views_of(wanted, [pod(), pod(index=1)]))


def test_a_pod_that_was_replaced_is_a_run_that_is_lost() -> None:
    wanted = run(pods=("before",))
    for pods in ([pod()], []):
        end = end_of(wanted, views_of(wanted, pods), {}, NOW)
        assert end is not None
        assert (end.event, end.reason) == (RunEvent.VANISHED, "its pod was deleted at the center")
    end = end_of(wanted, views_of(wanted, []), {"Preempted": "by big/p"}, NOW)
    assert end is not None
    assert end.reason == "preempted by a pod of the center's own: by big/p"


def test_a_run_that_is_being_stopped_ends_by_that() -> None:
    wanted = run(stop=Stop(RunEvent.CANCELED, "canceled", 990.0))
    assert end_of(wanted, views_of(wanted, [ended(over(143))]), {}, NOW) is None


def test_an_image_that_does_not_come_is_said() -> None:
    wanted = run()
    for word, hopeless in (("ImagePullBackOff", False), ("InvalidImageName", True)):
        waits = Container("task", waiting=word, said="no such image")
        views = views_of(wanted, [pod(containers=(waits,))])
        assert stuck(views) == ("the image can't be pulled: no such image", hopeless)


def test_a_start_is_never_told_too_early() -> None:
    wanted = run()
    views = views_of(wanted, [pod()])

    assert started_at(views, 900.9) == 900.9
    assert started_at(views, NOW) == 901.0
    assert started_at([replace(views[0], pod=None)], NOW) == NOW


UNBUILT = Container("environment", code=1, said="pip install failed: no such\n  more of it")


def unbuilt(before: Container = UNBUILT, **changes: Any) -> Pod:
    """A pod in which what comes before the task has failed, or goes on."""
    waiting = tuple(Container(name, waiting="PodInitializing") for name in ("files", "task"))
    return replace(pod(phase="Failed", **changes), containers=waiting, before=(before,))


def test_packages_that_can_not_be_had_fail_a_run_that_never_started() -> None:
    views = views_of(run(), [unbuilt()])
    end = end_of(run(), views, {}, NOW)

    assert not has_begun(views)
    assert end is not None
    assert (end.event, end.reason) == (RunEvent.FAILED, "pip install failed: no such")
    nothing = end_of(run(), views_of(run(), [unbuilt(replace(UNBUILT, said=""))]), {}, NOW)
    assert nothing is not None
    assert nothing.reason == "environment failed"


def test_a_pod_that_the_center_takes_while_it_builds_is_lost() -> None:
    views = views_of(run(), [unbuilt(reason="Evicted")])
    end = end_of(run(), views, {}, NOW)
    assert end is not None
    assert end.event is RunEvent.VANISHED


def test_an_image_that_does_not_come_for_what_is_first_keeps_the_run_from_starting() -> None:
    before = Container("environment", waiting="ImagePullBackOff", said="not there")
    waits = replace(unbuilt(before), phase="Pending")
    assert stuck(views_of(run(), [waits])) == ("the image can't be pulled: not there", False)
