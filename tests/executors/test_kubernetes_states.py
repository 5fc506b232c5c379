"""Checkpoints that come by a pod's log: what its script prints is laid out here as it was there."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from tests.contract.bench import order, shell
from weir.executors import kubernetes_states
from weir.executors.kubernetes_calls import Kubernetes
from weir.executors.kubernetes_inputs import BLOB, INDEX, inputs_of, pieces_of, too_large
from weir.executors.kubernetes_records import STATES, Container, Pod
from weir.executors.kubernetes_runs import Run
from weir.executors.kubernetes_script import INPUTS, ROOT, task_script
from weir.executors.kubernetes_states import States, states_script
from weir.executors.staging_checkpoint import listing
from weir.wire.jobspec import Checkpoint

SHELLS = [words for words in (["sh"], ["bash"], ["busybox", "sh"]) if shutil.which(words[0])]
"""Shells that an image may have, of those that this machine has."""


@pytest.fixture(params=SHELLS, ids=lambda words: words[0])
def words(request: pytest.FixtureRequest) -> list[str]:
    found: list[str] = request.param
    return found


class Looking:
    """The script, run over a folder of this machine as in a pod whose task goes on."""

    def __init__(self, words: list[str], root: Path, **wish: Any) -> None:
        self.folder, self.log = root / "work" / "ckpt", root / "log"
        self.folder.mkdir(parents=True)
        os.mkfifo(root / "states")
        self.wish = Checkpoint(path="ckpt", **{"every": "1s", **wish})
        script = states_script(self.wish).replace(ROOT, str(root))
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([*words, "-c", script], stdout=log)
        self.task = os.open(root / "states", os.O_WRONLY)

    def end(self) -> str:
        """The task ends; what was printed in all."""
        os.close(self.task)
        assert self.process.wait(10) == 0
        return self.log.read_text()

    def until(self, told: Callable[[str], bool]) -> str:
        until = time.monotonic() + 20
        while not told(text := self.log.read_text()):
            assert time.monotonic() < until, text
            time.sleep(0.05)
        return text


@pytest.fixture
def looking(words: list[str], tmp_path: Path) -> Iterator[Callable[..., Looking]]:
    made: list[Looking] = []

    def make(**wish: Any) -> Looking:
        made.append(Looking(words, tmp_path / "pod", **wish))
        return made[-1]

    yield make
    for one in made:
        one.process.send_signal(signal.SIGKILL)
        one.process.wait()


def run_of(folder: Path, wish: Checkpoint) -> Run:
    wanted = order("r", shell("true"), checkpoint=wish.model_dump())
    run = Run(wanted, "pool", str(folder), "jobs", "weir-r", 0.0, "word", started=1.0)
    os.makedirs(run.work)
    return run


class LogOf:
    """A Kubernetes of which only one log is read."""

    def __init__(self, text: Callable[[], bytes]) -> None:
        self.text, self.asked = text, list[int | None]()

    def log(self, pod: Pod, name: str, limit: int, target: str, since: int | None = None) -> bool:
        self.asked.append(since)
        Path(target).write_bytes(self.text()[:limit])
        return name == STATES


POD = Pod("p", "jobs", "u", {}, "n", "Running", 0, 0, {}, containers=(Container(STATES),))


def brought(run: Run, *texts: bytes) -> LogOf:
    """What is in a run's folder after its log was read at each of these lengths."""
    left = list(texts)
    cluster = LogOf(lambda: left.pop(0))
    states = States(cast(Kubernetes, cluster), lambda: 100.0)
    for _ in texts:
        states.bring(run, POD)
    return cluster


def test_a_state_comes_as_it_was_with_odd_names_and_bytes(
    looking: Callable[..., Looking], tmp_path: Path
) -> None:
    pod = looking(marker="sub/whole")
    content = {"n": b"41\n", "a b'c$(x)": bytes(range(256)) * 40, ".hidden": b"", "sub/é": b"x"}
    (pod.folder / "sub").mkdir()
    for name, data in content.items():
        (pod.folder / name).write_bytes(data)
    (pod.folder / "sub" / "é").chmod(0o755)
    (pod.folder / "link").symlink_to("/etc/passwd")
    (pod.folder / "two\nlines").touch()
    (pod.folder / "sub" / "whole").touch()
    pod.until(lambda text: "\nend " in text)
    run = run_of(tmp_path / "run", pod.wish)
    brought(run, pod.end().encode(errors="surrogateescape"))

    there = Path(run.work) / "ckpt"
    found = {str(p.relative_to(there)): p.read_bytes() for p in there.rglob("*") if p.is_file()}
    assert found == {**content, "sub/whole": b""}
    assert os.access(there / "sub" / "é", os.X_OK)
    sizes = {(name, size) for name, size, _ in listing(str(there))}
    assert sizes == {(n, s) for n, s, _ in listing(str(pod.folder)) if n not in ("two\nlines",)}


def test_what_is_not_whole_is_not_told(looking: Callable[..., Looking]) -> None:
    pod = looking(marker="whole")
    (pod.folder / "n").write_text("1")
    (pod.folder / "whole").touch()
    pod.until(lambda text: "\nend " in text)
    (pod.folder / "n").write_text("22")
    os.utime(pod.folder / "whole", (1, 1))  # older than what is beside it
    assert pod.end().count("\nend ") == 1


def test_the_last_state_is_told_though_it_is_not_due(looking: Callable[..., Looking]) -> None:
    pod = looking(marker="whole", every="1h")
    (pod.folder / "whole").touch()
    pod.until(lambda text: "\nend " in text)
    (pod.folder / "n").write_text("22")
    (pod.folder / "whole").touch()
    assert pod.end().count("\nend ") == 2


def test_without_a_marker_it_is_whole_once_it_stays_as_it_is(
    looking: Callable[..., Looking],
) -> None:
    pod = looking()
    (pod.folder / "n").write_text("1")
    text = pod.until(lambda text: "\nend " in text)
    assert re.search(r"^state \d+ 1 1$", text, re.MULTILINE)


def test_a_state_that_is_too_large_is_told_by_its_size(
    looking: Callable[..., Looking], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes_states, "MAX_STATE_BYTES", 1000)
    pod = looking()
    (pod.folder / "n").write_bytes(bytes(2048))
    pod.until(lambda text: " 2048\n" in text)
    run = run_of(tmp_path / "run", pod.wish)
    text = pod.end().encode()
    brought(run, text, text)
    (line,) = (tmp_path / "run" / "data.log").read_text().splitlines()
    assert "checkpoint: 2 KiB is more than the" in line
    assert not os.path.exists(os.path.join(run.work, "ckpt"))


BLOCK = b"state %d 1 2\n2 644 100 at.5\n./n\nNDE=\n.\nend %d 200\n"
"""A state as a pod prints it, with one file of two bytes."""


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"NDE=\n.\nend 1 200\n",
        BLOCK[:-9] % 1,
        BLOCK.replace(b"end %d 200", b"over %d 200") % (1, 1),
        BLOCK.replace(b"NDE=", b"N!!=") % (1, 1),
        BLOCK.replace(b"./n", b"../n") % (1, 1),
        BLOCK.replace(b"./n", b"/n") % (1, 1),
        BLOCK.replace(b"1 2\n2", b"1 2\n3") % (1, 1),
    ],
)
def test_what_did_not_come_whole_changes_nothing(text: bytes, tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", Checkpoint(path="ckpt"))
    brought(run, BLOCK % (1, 1), text.replace(b"state 1", b"state 2").replace(b"end 1", b"end 2"))
    there = Path(run.work) / "ckpt"
    assert [p.name for p in there.iterdir()] == ["n"]
    assert (there / "n").read_text() == "41"
    assert os.stat(there / "n").st_mtime_ns == 100_500_000_000
    assert sorted(os.listdir(run.work)) == ["ckpt"]


def test_a_log_is_read_from_where_the_last_state_ended(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", Checkpoint(path="ckpt"))
    second = BLOCK.replace(b"NDE=", b"NDI=").replace(b" 200", b" 260") % (2, 2)
    cluster = brought(run, BLOCK % (1, 1), b"41\n" + second, second)
    assert cluster.asked == [None, 200, 260]
    assert (Path(run.work) / "ckpt" / "n").read_text() == "42"


def test_the_run_that_has_waited_longest_is_looked_at_first(tmp_path: Path) -> None:
    now = [100.0]
    states = States(cast(Kubernetes, LogOf(lambda: b"")), lambda: now[0])
    first = run_of(tmp_path / "first", Checkpoint(path="ckpt", every="1s"))
    second = run_of(tmp_path / "second", Checkpoint(path="ckpt", every="1h"))
    second.order = second.order.model_copy(update={"run": "second"})
    waits = run_of(tmp_path / "waits", Checkpoint(path="ckpt"))
    waits.started = None
    without = Run(order("n", shell("true")), "pool", "/", "jobs", "weir-n", 0.0, "w", started=1.0)
    runs = [first, second, waits, without]

    assert states.due(runs) == [first, second]
    states.bring(second, POD)
    now[0] += 1
    states.bring(first, POD)
    assert states.due(runs) == []
    now[0] += 3
    assert states.due(runs) == [first]
    now[0] += 20
    assert states.due(runs) == [second, first]


def test_a_pod_lays_out_what_a_run_begins_with(words: list[str], tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", Checkpoint(path="ckpt"))
    folder = Path(run.work) / "ckpt"
    content = {"n": b"41\n", "sub/a b": bytes(range(256)) * 4000, "sub/empty": b""}
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "n").chmod(0o755)
    inputs = inputs_of(run)
    assert too_large(run, inputs) == ""
    assert inputs.restored is not None
    pod, secrets = tmp_path / "pod", tmp_path / "secrets"
    for place in (pod, secrets):
        place.mkdir()
    for name, data in zip((BLOB, INDEX), inputs.restored, strict=True):
        for piece in pieces_of(name, data, 1000):
            (secrets / piece.key).write_bytes(piece.content)
    script = task_script([], time.time() + 60, "ckpt", restored=True)
    script = script.replace(INPUTS, str(secrets)).replace(ROOT, str(pod))
    script = script.replace("/dev/termination-log", str(tmp_path / "said"))
    os.mkfifo(pod / "errors")
    errors = os.open(pod / "errors", os.O_RDONLY | os.O_NONBLOCK)
    done = subprocess.run([*words, "-c", script, "weir", "cat", "ckpt/n"], capture_output=True)
    os.close(errors)

    said = (tmp_path / "said").read_text()
    assert (done.returncode, done.stdout, said) == (0, b"41\n", "started\nexit 0\n")
    there = pod / "work" / "ckpt"
    found = {str(p.relative_to(there)): p.read_bytes() for p in there.rglob("*") if p.is_file()}
    assert found == content
    assert os.access(there / "n", os.X_OK)


def test_what_is_too_large_for_a_pod_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weir.executors.kubernetes_inputs.MAX_INPUT_BYTES", 1000)
    run = run_of(tmp_path / "run", Checkpoint(path="ckpt"))
    (Path(run.work) / "ckpt").mkdir()
    (Path(run.work) / "ckpt" / "n").write_bytes(bytes(2000))
    assert "and its checkpoint are more than 1000 B together" in too_large(run, inputs_of(run))
