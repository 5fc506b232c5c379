"""The driver of a run of one task, as it runs on a node: no Ray is needed for that."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from weir.executors import ray_driver
from weir.executors.ray_verdict import Trail, read_trail

LIMIT_S = 20.0


def _plan(folder: Path, *command: str, task: dict[str, Any] | None = None, **changes: Any) -> Path:
    (folder / "work").mkdir(exist_ok=True)
    one = {
        "name": "main-0",
        "base": str(folder / "main-0"),
        "work": str(folder / "work"),
        "command": list(command),
        "environment": {"PATH": f"{ray_driver.PYTHON}:/usr/bin:/bin", "GIVEN": "yes"},
        "memory_bytes": 2**30,
        "devices": 0,
        **(task or {}),
    }
    plan = {
        "start_by": time.time() + 60,
        "wall_s": None,
        "grace_s": 0.3,
        "emulated": False,
        "numbers_from": ["CUDA_VISIBLE_DEVICES"],
        "visible": [],
        "tasks": [one],
        **changes,
    }
    path = folder / "plan.json"
    path.write_text(json.dumps(plan))
    return path


def _start(path: Path, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, ray_driver.__file__, str(path)], env={**os.environ, **environment}
    )


def _run(path: Path, **environment: str) -> tuple[int, Trail]:
    code = _start(path, **environment).wait(LIMIT_S)
    return code, read_trail(str(path.parent))


def _until(path: Path) -> str:
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        if path.exists() and path.read_text().endswith("\n"):
            return path.read_text().strip()
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {path}")


def _gone(pid: int) -> bool:
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_it_runs_the_command_in_a_clean_environment(tmp_path: Path) -> None:
    path = _plan(tmp_path, "sh", "-c", "echo $GIVEN $SECRET; pwd; exit 3")
    code, trail = _run(path, SECRET="no")

    assert code == 3
    assert trail.results[0].code == 3
    assert trail.ended is not None
    assert (tmp_path / "main-0.stdout").read_text() == f"yes\n{tmp_path}/work\n"


def test_what_was_claimed_is_not_run(tmp_path: Path) -> None:
    path = _plan(tmp_path, "sh", "-c", "echo ran >>ran")
    assert _run(path)[0] == 0
    assert _run(path)[0] == 0

    assert (tmp_path / "work" / "ran").read_text() == "ran\n"


def test_what_comes_too_late_is_not_run(tmp_path: Path) -> None:
    code, trail = _run(_plan(tmp_path, "sh", "-c", "echo ran >ran", start_by=time.time() - 1))

    assert (code, trail.late, trail.started) == (0, True, None)
    assert not (tmp_path / "work" / "ran").exists()


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    _, trail = _run(_plan(tmp_path, "no-such-program"))

    assert trail.results[0].cannot == "there is no program no-such-program"
    assert trail.started is None


def test_wall_time_is_kept(tmp_path: Path) -> None:
    _, trail = _run(_plan(tmp_path, "sleep", "1000", wall_s=1))

    assert (trail.results[0].stop, trail.results[0].wall_s) == ("wall", 1)


def test_memory_is_kept(tmp_path: Path) -> None:
    hog = "import time; held = bytearray(2**27); held[::4096] = held[::4096]; time.sleep(1000)"
    task = {"memory_bytes": 2**26}
    _, trail = _run(_plan(tmp_path, "python", "-c", hog, task=task))

    assert (trail.results[0].memory_bytes or 0) > 2**26


def test_what_a_task_has_used_is_noted(tmp_path: Path) -> None:
    work = "import time; held = bytearray(2**25); held[::4096] = held[::4096]\n"
    work += "while time.process_time() < 1.2: pass"
    _run(_plan(tmp_path, "sh", "-c", f'python -c "{work}"; true'))
    used = json.loads((tmp_path / "main-0.use").read_text())

    assert used["cpu_ms"] >= 1100, "children that have ended count too"
    assert used["memory_bytes"] == 0 < 2**25 < used["peak_bytes"] < 2**30


def test_a_sample_now_and_then_is_noted_and_totals_never_fall(tmp_path: Path) -> None:
    use = ray_driver.Use(str(tmp_path / "use"))
    use.take([os.getpid()], 5)
    assert not (tmp_path / "use").exists(), "it is too soon"
    use.note([os.getpid()], 7)
    mine = json.loads((tmp_path / "use").read_text())
    assert (mine["cpu_ms"] > 0, mine["memory_bytes"], mine["peak_bytes"]) == (True, 7, 5)
    use.note([])
    after = json.loads((tmp_path / "use").read_text())
    assert (after["cpu_ms"], after["memory_bytes"]) == (mine["cpu_ms"], 0)


def test_told_to_stop_it_stops_what_does_not_listen(tmp_path: Path) -> None:
    script = "trap '' TERM; echo $$ >pid; while true; do sleep 1; done"
    driver = _start(_plan(tmp_path, "sh", "-c", script))
    pid = int(_until(tmp_path / "work" / "pid"))
    driver.send_signal(signal.SIGTERM)
    driver.wait(LIMIT_S)

    assert read_trail(str(tmp_path)).results[0].stop == "stopped"
    assert _gone(pid)


def test_a_stop_that_the_command_hears_first_is_a_stop(tmp_path: Path) -> None:
    driver = _start(_plan(tmp_path, "sh", "-c", "echo $$ >pid; exec sleep 1000"))
    os.kill(int(_until(tmp_path / "work" / "pid")), signal.SIGTERM)
    driver.send_signal(signal.SIGTERM)
    driver.wait(LIMIT_S)

    assert read_trail(str(tmp_path)).results[0].stop == "stopped"


def test_killed_it_takes_its_command_with_it(tmp_path: Path) -> None:
    driver = _start(_plan(tmp_path, "sh", "-c", "sleep 1000 & echo $! >pid; wait"))
    pid = int(_until(tmp_path / "work" / "pid"))
    driver.kill()
    driver.wait(LIMIT_S)

    assert _gone(pid)
    assert read_trail(str(tmp_path)).ended is None


def test_what_a_command_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    _run(_plan(tmp_path, "sh", "-c", "sleep 1000 & echo $! >pid"))

    assert _gone(int((tmp_path / "work" / "pid").read_text()))


@pytest.mark.parametrize(
    ("emulated", "told", "seen"), [(False, "3,5", "3,5"), (True, "3,5", ""), (False, "", "")]
)
def test_a_task_is_told_the_devices_that_ray_gave(
    tmp_path: Path, emulated: bool, told: str, seen: str
) -> None:
    script = 'echo "$CUDA_VISIBLE_DEVICES|$WEIR_DEVICES"'
    path = _plan(tmp_path, "sh", "-c", script, task={"devices": 2}, emulated=emulated)
    _run(path, CUDA_VISIBLE_DEVICES=told)
    visible, places = (tmp_path / "main-0.stdout").read_text().strip().split("|")

    assert visible == seen
    assert [p.rpartition(".")[2] for p in places.split(",")] == (told or "0,1").split(",")
