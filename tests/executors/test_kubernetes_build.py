"""What builds environments in pods, run as a pod runs it: by `python -c`."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.executors.test_staging_software import wheel
from weir.executors import kubernetes_build
from weir.executors.kubernetes_records import Container, Pod
from weir.executors.kubernetes_settings import KubernetesSettings
from weir.executors.kubernetes_software import container, key_of, told


@pytest.fixture
def pod(tmp_path: Path) -> Path:
    """Folders as a pod has them, and wheels of a package."""
    wheel(tmp_path / "wheels", "weirtestpkg", "1.5")
    for name in ("environments", "own", "inputs"):
        (tmp_path / name).mkdir()
    return tmp_path


def plan(pod: Path, requirements: str, **changes: Any) -> dict[str, Any]:
    """A plan as the pod gets it; the requirements are in two pieces."""
    cut = len(requirements) // 2
    for number, piece in enumerate((requirements[:cut], requirements[cut:])):
        (pod / "inputs" / str(number)).write_text(piece)
    return {
        "requirements": [str(pod / "inputs" / str(number)) for number in (0, 1)],
        "environments": str(pod / "environments"),
        "pip_options": ["--no-index", f"--find-links={pod}/wheels", "--only-binary=:all:"],
        "build_s": 100,
        "told": str(pod / "own" / "environment"),
        "message": str(pod / "own" / "message"),
        **changes,
    }


def run(wanted: dict[str, Any]) -> tuple[int, str]:
    """Its exit code, and its termination message."""
    code = Path(kubernetes_build.__file__).read_text()
    done = subprocess.run([sys.executable, "-c", code, json.dumps(wanted)], check=False)
    return done.returncode, Path(wanted["message"]).read_text()


def test_it_is_built_once_and_found_again_by_its_content(pod: Path) -> None:
    wanted = plan(pod, "weirtestpkg==1.5\n")
    code, first = run(wanted)
    folder = Path(wanted["told"]).read_text()
    said = subprocess.run(
        [f"{folder}/bin/python", "-c", "import weirtestpkg; print(weirtestpkg.VERSION)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (code, said.stdout) == (0, "1.5\n")
    assert first == f"environment {Path(folder).name} built in {first.split()[-1]}"
    assert run(wanted) == (0, f"environment {Path(folder).name} it was here")
    (Path(folder) / kubernetes_build.COMPLETE).unlink()  # as if its pod had been killed
    assert "built in" in run(wanted)[1]
    assert run(plan(pod, "weirtestpkg>=1.0\n"))[0] == 0
    assert Path(wanted["told"]).read_text() != folder


def test_what_is_not_to_be_had_is_told_reason_first(pod: Path) -> None:
    code, said = run(plan(pod, "weirtestpkg==9.9\n"))
    assert code == 1
    assert said.startswith("pip install failed: ERROR: No matching distribution found")
    assert "from versions: 1.5" in said
    assert not (pod / "own" / "environment").exists()


def test_who_waits_for_another_waits_no_longer_than_it_may(pod: Path) -> None:
    wanted = plan(pod, "weirtestpkg==1.5\n")
    run(wanted)
    folder = Path(wanted["told"]).read_text()
    with open(f"{folder}.lock", "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert run({**wanted, "build_s": 1}) == (
            1,
            "another pod has been building it for too long",
        )


def test_a_pip_that_takes_too_long_is_ended(pod: Path) -> None:
    code, said = run(plan(pod, "weirtestpkg==1.5\n", build_s=0.01))
    assert code == 1
    assert said in ("venv took too long", "pip install took too long")


def test_the_container_says_what_the_image_lacks() -> None:
    settings = KubernetesSettings.model_validate(
        {"namespace": "n", "image": "i", "software": {"python": "no-such-python"}}
    )
    command = container(settings, "i", [])["command"]
    assert "$(" not in "".join(command[4:]).replace("$$(", "")
    done = subprocess.run(
        [word.replace("/dev/termination-log", "/dev/stderr") for word in command],
        capture_output=True,
        text=True,
        check=False,
    )
    said = "there is no Python no-such-python in the image\n"
    assert (done.returncode, done.stderr) == (127, said)


def test_what_pods_say_of_their_environments_is_said_once() -> None:
    before = Container("environment", code=0, said="environment abc built in 3s\n")
    both = [
        Pod("p", "n", "u", {}, "", "Running", 0, 0, {}, before=(before,)),
        None,
        Pod("q", "n", "v", {}, "", "Running", 0, 0, {}, before=(before, Container("other"))),
    ]
    assert told(both) == ["environment abc built in 3s"]
    assert key_of(told(both)) == "abc"
    assert key_of(["pip install failed: no"]) == ""
