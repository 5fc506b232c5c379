"""What is the local executor's own: real processes of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.bench import KINDS, Bench, local, local_settings, order, shell
from weir.core.errors import BadInput, Conflict
from weir.core.lifecycle import RunEvent
from weir.executors import local_files, local_process, local_supervisor
from weir.executors.local import LocalExecutor

FAILED, REFUSED, SUCCEEDED = RunEvent.FAILED, RunEvent.REFUSED, RunEvent.SUCCEEDED


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(local, tmp_path) as bench:
        yield bench


def claim_of(bench: Bench, run: str, task: str = "main-0") -> Path:
    return bench.home / "local" / "runs" / run / f"{task}.claim"


def process_of(bench: Bench, run: str) -> local_process.Process:
    claim = str(claim_of(bench, run)).removesuffix(".claim")
    return bench.until(lambda: local_process.claimant(claim), "a claim")


def test_nothing_of_the_agents_environment_is_in_a_jobs(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIR_TOKEN", "secret")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    bench.run(order("r", {"command": ["env"]}))

    names = {line.partition("=")[0] for line in bench.text("r").splitlines()}
    given = "HOME LANG PATH PWD TMPDIR WEIR_JOB_ID WEIR_RUN_ID WEIR_ROOT_JOB WEIR_TASK_GROUP"
    given += " WEIR_TASK_INDEX WEIR_TASK_COUNT WEIR_POOL WEIR_DEVICE_MODEL WEIR_DEVICES"
    given += " WEIR_EMULATED WEIR_STACK OMP_NUM_THREADS OPENBLAS_NUM_THREADS MKL_NUM_THREADS"
    shells = {"_", "SHLVL"}  # where /bin/sh is bash
    assert names - shells == {*given.split(), "NUMEXPR_NUM_THREADS"}


def test_the_environment_says_where_the_task_is(bench: Bench) -> None:
    task = {
        "variants": [{"stack": "cuda", "command": ["env"], "environment": {"A": "variant"}}],
        "devices": {"count": 1},
        "environment": {"A": "task", "B": "task", "WEIR_POOL": "mine"},
        "cpu": 8,
        "count": 3,
    }
    groups = [{"group": "main", "count": 3, "stack": "cuda"}]
    own = {"A": "job", "B": "job", "C": "job"}
    bench.run(order("r", task, groups=groups, array_index=7, environment=own))

    said = dict(line.split("=", 1) for line in bench.text("r", "main-2/stdout").splitlines())
    assert (said["A"], said["B"], said["C"]) == ("variant", "task", "job")
    assert said["WEIR_DEVICES"] == "2.0"
    assert (said["WEIR_POOL"], said["WEIR_STACK"], said["WEIR_EMULATED"]) == ("pool", "cuda", "1")
    assert (said["WEIR_JOB_ID"], said["WEIR_ARRAY_INDEX"]) == ("job-r", "7")
    assert said["HOME"] == str(bench.home / "local" / "runs" / "r" / "work")


def test_a_task_runs_on_the_cores_it_asked_for(bench: Bench) -> None:
    cores = len(os.sched_getaffinity(0))
    bench.run(order("one", {"command": ["nproc"], "cpu": "500m"}))
    bench.run(order("all", {"command": ["nproc"], "cpu": 8}))

    assert bench.text("one") == "1\n"
    assert bench.text("all") == f"{min(8, cores)}\n"


def test_a_shells_own_words_are_looked_up_as_programs(bench: Bench) -> None:
    end = bench.run(order("r", {"command": ["exit", "3"]}))

    assert end.reason == "can't start: there is no program exit"


def test_what_a_task_leaves_behind_ends_with_it(bench: Bench) -> None:
    bench.run(order("r", shell("sleep 1000 & echo $!")))
    left = int(bench.text("r"))

    bench.until(lambda: True if _gone(left) else None, "the rest to end")


def test_killed_with_what_watches_it_a_run_has_failed(bench: Bench) -> None:
    bench.submit(order("r", shell("exec sleep 1000")))
    os.killpg(process_of(bench, "r").pid, signal.SIGKILL)

    end = bench.end("r")
    assert end.event is FAILED
    assert end.reason.startswith("ended without an exit code")


def test_killed_while_nobody_looked_a_run_has_failed(bench: Bench) -> None:
    bench.submit(order("r", shell("sleep 1000 & echo $! > left; wait")))
    process = process_of(bench, "r")
    work = claim_of(bench, "r").parent / "work"
    left = int(bench.until_file(work / "left"))
    bench.executor.close()
    os.kill(process.pid, signal.SIGKILL)
    os.waitpid(process.pid, 0)
    bench.executor = local(bench.home)
    bench.seen = []
    bench.__enter__()

    assert bench.end("r").reason.startswith("ended without an exit code")
    bench.until(lambda: True if _gone(left) else None, "the orphan to end")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [("start", "ended without an exit code"), ("boot", "the machine was restarted")],
)
def test_another_process_of_the_same_number_is_not_taken_for_it(
    bench: Bench, wrong: str, reason: str
) -> None:
    bench.submit(order("r", shell("exec sleep 1000")))
    bench.started("r")
    process = process_of(bench, "r")
    bench.executor.close()
    os.killpg(process.pid, signal.SIGKILL)
    os.waitpid(process.pid, 0)
    bystander = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    stat = local_process.stat_of(bystander.pid)
    assert stat is not None
    start = stat.start - 1 if wrong == "start" else stat.start
    boot = process.boot if wrong == "start" else "another-boot"
    claim_of(bench, "r").write_text(f"{bystander.pid} {start} {boot}\n")
    try:
        bench.executor = local(bench.home)
        bench.__enter__()
        assert bench.end("r").reason.startswith(reason)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_stop_that_was_begun_is_finished_by_the_next_process(bench: Bench) -> None:
    bench.submit(order("r", shell("trap '' TERM; echo > ready; while true; do sleep 1; done")))
    bench.until_file(claim_of(bench, "r").parent / "work" / "ready")
    bench.executor.cancel(["r"])
    bench.restart()

    assert bench.end("r").event is RunEvent.CANCELED


def test_wall_time_counts_over_a_restart(bench: Bench) -> None:
    bench.submit(order("r", shell("exec sleep 1000"), walltime="1s"))
    started = bench.started("r")
    bench.restart()

    assert bench.started("r").at == started.at
    assert bench.end("r").reason == "wall time of 1s exceeded"


def test_pages_that_processes_share_count_once(bench: Bench) -> None:
    program = (
        "import os, time; held = bytearray(60 * 2**20); "
        "[os.fork() for _ in range(2)]; time.sleep(1.3)"
    )
    hog = {"command": [sys.executable, "-c", program], "memory": "150MiB"}

    assert bench.run(order("r", hog)).event is SUCCEEDED


def test_what_is_printed_is_shown_up_to_a_limit(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_files, "MAX_STREAM_BYTES", 1000)
    bench.run(order("r", shell("head -c 5000 /dev/zero")))

    assert bench.executor.files("r")[0].size == 1000
    assert len(bench.executor.read("r", "stdout", 400, 5000)) == 600
    assert bench.executor.read("r", "stdout", 1000, 5000) == b""


def test_an_output_that_leads_elsewhere_or_is_no_file_is_not_shown(bench: Bench) -> None:
    script = "ln -s /etc/passwd link; ln -s /etc etc; mkfifo pipe; mkdir folder; echo x > file"
    names = ["link", "etc/passwd", "pipe", "folder", "file"]
    end = bench.run(order("r", shell(script), outputs=[{"path": name} for name in names]))

    assert end.event is SUCCEEDED
    shown = [f.name for f in bench.executor.files("r")]
    assert shown == ["stdout", "stderr", "output/file"]
    assert bench.executor.read("r", "output/link", 0, 100) == b""


@pytest.mark.parametrize("run", ["../r", "a/b", "", ".", "..", "x" * 200])
def test_a_run_whose_name_is_a_path_is_refused(bench: Bench, run: str) -> None:
    assert bench.run(order(run)).event is REFUSED


def test_a_run_that_does_not_fit_is_refused(bench: Bench) -> None:
    end = bench.run(order("r", shell("true", devices={"count": 2}, count=5)))

    assert end.event is REFUSED
    assert end.reason == (
        "no room in pool pool: group main needs 5 tasks of 1 CPU, 256 MiB, 2 devices; "
        "there is room for 4"
    )


def test_a_run_that_could_not_start_in_time_is_refused(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "far").write_text("content")
    far = {"path": "far", "url": f"file://{tmp_path}/far"}

    assert bench.run(order("r", inputs=[far], start_within_s=-1)).event is REFUSED


def test_a_url_that_needs_a_missing_package_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    settings = local_settings(data={"read": ["s3://bucket/*"]})
    with Bench(lambda home: LocalExecutor(settings, home, time.time), tmp_path / "s3") as bench:
        end = bench.run(order("r", inputs=[{"path": "x", "url": "s3://bucket/key"}]))

    assert end.reason.startswith("input x: S3 needs a package that is not installed here")


def test_pools_go_by_their_identifiers_once_these_are_known(bench: Bench) -> None:
    bench.executor.name_pools({"pool": "CN.S1.C1.P1-X"})
    bench.restart()

    assert not bench.executor.admit([order("r", pool="CN.S1.C1.P1-X")], [])
    assert bench.run(order("r", pool="CN.S1.C1.P1-X")).event is SUCCEEDED


def test_a_folder_has_one_executor_at_a_time(bench: Bench) -> None:
    with pytest.raises(Conflict, match="another agent"):
        local(bench.home).open(lambda: None)


def test_runs_end_with_the_agent_where_the_operator_says_so(tmp_path: Path) -> None:
    def make(home: Path) -> LocalExecutor:
        return LocalExecutor(local_settings(stop_runs_on_exit=True), home, time.time)

    with Bench(make, tmp_path) as bench:
        bench.submit(order("r", shell("exec sleep 1000")))
        bench.started("r")
        bench.restart()
        assert bench.end("r").reason == "stopped: the agent that ran it was shut down"


def test_without_descriptors_of_processes_it_looks_for_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_supervisor, "have_pidfd", lambda: False)
    with Bench(KINDS["local"], tmp_path) as bench:
        assert bench.run(order("r", shell("exit 3"))).exit_code == 3


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"hosts": 2}, "one host, not 2"),
        ({"shape": {"cpu_milli": 10**9, "memory_bytes": 1}}, "1000000000 is more than"),
        ({"shape": {"cpu_milli": 1, "memory_bytes": 2**60}}, "1 EiB is more than"),
        ({"shape": {"cpu_milli": 1, "memory_bytes": 1, "devices": 999}}, "/dev/nvidia"),
    ],
)
def test_a_real_pool_claims_no_more_than_this_machine_has(
    tmp_path: Path, change: dict[str, object], problem: str
) -> None:
    pool = {
        "name": "real",
        "hosts": 1,
        "shape": {"cpu_milli": 1000, "memory_bytes": 2**20},
        "device_model": "nvidia-h100-sxm5",
    }
    executor = LocalExecutor(local_settings(pools=[{**pool, **change}]), tmp_path, lambda: 0.0)

    with pytest.raises(BadInput, match=problem):
        executor.open(lambda: None)
    executor.close()


def _gone(pid: int) -> bool:
    stat = local_process.stat_of(pid)
    return stat is None or stat.state in "ZX"
