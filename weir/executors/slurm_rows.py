"""Which of Slurm's jobs are which run's: one answer of Slurm's, looked up by run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from weir.executors.slurm_records import COMPLETING, Job
from weir.executors.slurm_runs import Run, job_name
from weir.executors.slurm_words import WAITING

_PREFIX = job_name("")


class Rows:
    """The jobs of one answer."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._jobs: dict[str, list[Job]] = {}
        self._names: dict[str, list[Job]] = {}
        self._ids: dict[str, Job] = {}
        self._elements: dict[tuple[str, int], Job] = {}
        for job in jobs:
            self._ids[job.id] = job
            if job.array is not None and job.index is not None:
                self._elements[(job.array, job.index)] = job
            else:
                self._jobs.setdefault(job.leader or job.id, []).append(job)
            if job.name.startswith(_PREFIX):
                self._names.setdefault(job.name, []).append(job)
        for components in self._jobs.values():
            components.sort(key=lambda job: int(job.id))

    def of(self, run: Run) -> list[Job]:
        """The job of a run: its components, or an array's element, or what waits of its array. A
        run whose job is not known is found by its job's name.
        """
        if run.own is not None and (own := self._ids.get(run.own)) is not None:
            return self._whole(own)
        if run.job is None:
            jobs = [j for j in self._names.get(run.name, []) if run.index in (None, j.index)]
            first = next((job for job in jobs if not job.over), jobs[0] if jobs else None)
            return [] if first is None else self._whole(first)
        if run.index is None:
            return self._jobs.get(run.job, [])
        element = self._elements.get((run.job, run.index))
        if element is not None:
            return [element]
        return [job for job in self._jobs.get(run.job, []) if job.state in WAITING]

    def _whole(self, job: Job) -> list[Job]:
        """All components of a job; an array's element is one by itself."""
        if job.array is not None and job.index is not None:
            return [job]
        return self._jobs.get(job.leader or job.id, [])

    def holds(self, run: Run, since: float | None = None) -> bool:
        """Whether the job of a run holds something, or has held it after `since`."""
        return any(
            job.holds or (since is not None and job.over and (job.ended or 0.0) >= since)
            for job in self.of(run)
        )

    def alive(self) -> Iterator[tuple[str, Job]]:
        """Jobs of ours that have not ended, but for arrays, with the run of each."""
        for jobs in self._jobs.values():
            for job in jobs:
                alive = not job.over and job.state != COMPLETING
                if alive and job.array is None and job.name.startswith(_PREFIX):
                    yield job.name.removeprefix(_PREFIX), job
