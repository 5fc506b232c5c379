"""How a run stands, from what Kubernetes says of its pods: has it started, how did it end, and why.

All of it is pure. What the center did to a pod (evicted or preempted it, lost its node, deleted it)
is the run's loss and no failure of the job: it is told as VANISHED, so that the job is placed again
elsewhere. What the job did itself is its failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from weir.core import units
from weir.core.lifecycle import RunEvent
from weir.executors.kubernetes_records import GROUP_LABEL, Container, Pod
from weir.executors.kubernetes_runs import Run
from weir.executors.local_run import End, explain
from weir.wire.jobspec import walltime_s

MAX_REASON = 500

SLOW_NODE_S = 30.0
"""A pod that is still there so long after it was to be gone is on a node that does not answer."""

STOPPED_CODES = (143, 137)
"""Exit codes of a task that was told to stop, or killed."""

LOST = {
    "Evicted": "evicted from its node",
    "Preempting": "preempted on its node",
    "Preempted": "preempted by a pod of the center's own",
    "NodeLost": "its node was lost",
    "NodeShutdown": "its node was shut down",
    "Shutdown": "its node was shut down",
    "Terminated": "its node was shut down",
    "NodeAffinity": "its node did not take it",
    "UnexpectedAdmissionError": "its node did not take it",
    "TopologyAffinityError": "its node did not take it",
    "PreemptionByScheduler": "preempted by a pod of the center's own",
    "DeletionByTaintManager": "its node was lost, or closed to it",
    "EvictionByEvictionAPI": "evicted at the center",
    "DeletionByPodGC": "its node is gone",
    "TerminationByKubelet": "stopped by its node",
    "TaintManagerEviction": "its node was lost, or closed to it",
    "NodeControllerEviction": "its node was lost",
}
"""What a pod, its condition DisruptionTarget or an event says when the center took its place."""

PULL = frozenset(
    {
        *("ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable"),
        *("SignatureValidationFailed", "InvalidImageName", "ErrImageNeverPull"),
    }
)
HOPELESS = frozenset({"InvalidImageName", "ErrImageNeverPull"})
STUCK = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
UNSTARTED = frozenset({"ContainerCannotRun", "StartError", "CreateContainerError"})


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task and its pod, if it has one; `was` is the uid of the pod that it had before."""

    group: str
    index: int
    pod: Pod | None = None
    was: str = ""

    @property
    def replaced(self) -> bool:
        """Whether Kubernetes made another pod for one that was deleted."""
        return bool(self.was) and self.pod is not None and self.pod.uid != self.was

    @property
    def lost(self) -> bool:
        """Whether the pod that it had is gone."""
        return bool(self.was) and (self.pod is None or self.replaced)

    @property
    def begun(self) -> bool:
        if self.pod is None or self.unbuilt is not None:
            return False
        return self.pod.task.started is not None or self.over

    @property
    def unbuilt(self) -> Container | None:
        """What was to come before the task, and has failed."""
        before = self.pod.before if self.pod and self.pod.task.code is None else ()
        return next((c for c in before if c.code), None)

    @property
    def over(self) -> bool:
        """Whether the task itself has come to its end, whatever is still done beside it."""
        return self.pod is not None and (self.pod.over or self.pod.task.over)

    @property
    def settled(self) -> bool:
        """Whether also what is done beside it has: now all of its files are to be had.

        A task that was killed before it began has no files; who would bring them may then wait for
        it without end.
        """
        if self.pod is None:
            return False
        never = self.pod.task.over and "started" not in self.words
        return never or self.pod.over or all(c.over for c in self.pod.containers)

    @property
    def words(self) -> list[str]:
        """What the task said of itself."""
        return self.pod.task.said.splitlines() if self.pod else []

    @property
    def code(self) -> int | None:
        return self.pod.task.code if self.pod else None


def views_of(run: Run, pods: Iterable[Pod]) -> tuple[TaskView, ...]:
    """A run's tasks with their pods: of several the one that was there before, else the first."""
    found: dict[tuple[str, int], list[Pod]] = {}
    for pod in pods:
        found.setdefault((pod.labels.get(GROUP_LABEL, ""), pod.task_index), []).append(pod)
    before = run.pods or ("",) * len(run.tasks)
    views = []
    for (group, index), was in zip(run.tasks, before, strict=True):
        there = sorted(found.get((group, index), ()), key=lambda p: (p.uid != was, p.created))
        views.append(TaskView(group, index, there[0] if there else None, was))
    return tuple(views)


def has_begun(views: Sequence[TaskView]) -> bool:
    """Whether a run has started: all of its tasks have, or one has ended already."""
    return all(v.begun for v in views) or any(v.over and v.words for v in views)


def started_at(views: Sequence[TaskView], now: float) -> float:
    """When a run started. Kubernetes tells whole seconds, cut: what was seen just now started now,
    and nothing is told to have started earlier than it can have.
    """
    told = [v.pod.task.started for v in views if v.pod and v.pod.task.started is not None]
    last = max(told, default=now)
    return now if now - last < 2 else last + 1


def end_of(
    run: Run, views: Sequence[TaskView], events: Mapping[str, str], now: float
) -> End | None:
    """The end of a run; None while it goes on. `events` are what is told of its pods, by reason."""
    found = _outcome(run, views, events, now)
    if found is None:
        return None
    event, code, reason = found
    times = [v.pod.task.ended for v in views if v.pod and v.pod.task.ended is not None]
    at = max(times, default=now)
    if run.stop is not None:
        at = max(at, run.stop.at)
    return End(event, min(max(at, run.started or 0.0), now), code, reason[:MAX_REASON])


def stuck(views: Sequence[TaskView]) -> tuple[str, bool]:
    """Why a run can't start, and whether it never will; empty if nothing is known to be wrong."""
    for view in views:
        for container in (*view.pod.before, *view.pod.containers) if view.pod else ():
            if container.waiting in PULL:
                text = f"the image can't be pulled: {container.said or container.waiting}"
                return _named(views, view, text), container.waiting in HOPELESS
            if container.waiting in STUCK:
                return _named(views, view, container.said or container.waiting), False
    return "", False


def waits_for(views: Sequence[TaskView]) -> str:
    """Why a run has not started yet, in Kubernetes' words; empty if it says nothing."""
    for view in views:
        if view.pod is not None and view.pod.unscheduled:
            return view.pod.unscheduled
    return ""


def _outcome(
    run: Run, views: Sequence[TaskView], events: Mapping[str, str], now: float
) -> tuple[RunEvent, int | None, str] | None:
    ended = [v for v in views if v.over]
    done = len(ended) == len(views) and all(v.code == 0 for v in views)
    if done and all(v.settled for v in views):
        if any("late" in v.words for v in views):
            return _late(run)
        return RunEvent.SUCCEEDED, 0, ""
    if run.stop is not None:
        return None  # told once its pods are gone
    lost = next((v for v in views if _is_lost(v, now)), None)
    if lost is not None:
        return RunEvent.VANISHED, None, _named(views, lost, _how_lost(lost, events))
    bad = [v for v in ended if v.code != 0 and v.settled]
    own = [v for v in bad if "stopped" not in v.words]
    first = min(own or bad, key=lambda v: (v.pod.task.ended or now) if v.pod else now, default=None)
    if first is None:
        return None
    code, reason = _failure(run, first)
    if any("late" in v.words for v in views):
        return _late(run)
    if any(word.startswith("cannot ") for word in first.words):
        return RunEvent.FAILED, None, f"can't start: {_named(views, first, reason)}"
    return RunEvent.FAILED, code, _named(views, first, reason)


def _late(run: Run) -> tuple[RunEvent, int | None, str]:
    event = RunEvent.REFUSED if run.started is None else RunEvent.VANISHED
    return event, None, "it did not start in time"


def _is_lost(view: TaskView, now: float) -> bool:
    """Whether the center took a task's place away."""
    pod = view.pod
    if view.lost:
        return True
    if pod is None:
        return False
    if pod.over and (pod.reason in LOST or pod.reason.startswith("OutOf")):
        return True
    ended = pod.over or pod.task.over
    if pod.disrupted or pod.gone_at is not None:
        # It may have been done by then, or have failed by itself.
        if ended:
            return pod.task.code is None or _was_stopped(pod.task)
        return pod.gone_at is not None and now > pod.gone_at + SLOW_NODE_S
    return pod.over and pod.task.code is None and pod.reason not in ("DeadlineExceeded", "")


def _was_stopped(task: Container) -> bool:
    return task.code in STOPPED_CODES or "stopped" in task.said.splitlines()


def _how_lost(view: TaskView, events: Mapping[str, str]) -> str:
    pod = view.pod
    if pod is not None and not view.replaced:
        where = f" ({pod.node})" if pod.node else ""
        for word in (pod.disrupted, pod.reason):
            if word in LOST:
                return f"{LOST[word]}{where}" + (f": {pod.said}" if pod.said else "")
        if pod.over and pod.reason:
            return f"its node did not take it{where}: {pod.said or pod.reason}"
    for reason, text in events.items():
        if reason in LOST:
            return f"{LOST[reason]}: {text}"
    if pod is not None and not view.replaced and not view.over:
        return f"its node does not answer ({pod.node})"
    return "its pod was deleted at the center"


def _failure(run: Run, view: TaskView) -> tuple[int | None, str]:
    """The exit code of a task that failed, and why in words."""
    assert view.pod is not None
    pod, task = view.pod, view.pod.task
    if view.unbuilt is not None and pod.reason == "":
        return None, (view.unbuilt.said or f"{view.unbuilt.name} failed").splitlines()[0]
    if pod.reason == "DeadlineExceeded":
        limit = walltime_s(run.order.spec)
        shown = units.show_duration_s(limit) if limit else "its pod"
        return None, f"wall time of {shown} exceeded"
    if task.reason == "OOMKilled" or "oom" in view.words:
        tasks = next(t for t in run.order.spec.tasks if t.name == view.group)
        most = units.show_bytes(units.parse_bytes(tasks.memory))
        # Kubernetes tells no figure: a task is stopped at its limit, which is then what it used.
        return None, f"out of memory: used {most} of {most}"
    cannot = next((w for w in view.words if w.startswith("cannot ")), "")
    if cannot:
        return None, cannot.removeprefix("cannot ")
    if task.reason in UNSTARTED:
        return None, f"can't start: {task.said or task.reason}"
    if task.code is None:
        return None, f"ended without an exit code: {pod.said or pod.reason or pod.phase}"
    return task.code, explain(task.code)


def _named(views: Sequence[TaskView], view: TaskView, what: str) -> str:
    """`what` with the task's name in front, where the run has several."""
    return f"{view.group}-{view.index}: {what}" if len(views) > 1 else what
