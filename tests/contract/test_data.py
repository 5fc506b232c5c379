"""Data by URL, for the executors that have a folder for each run."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.bench import KINDS, Bench, order, shell
from tests.contract.conftest import params, started
from tests.contract.test_killed import child_of
from tests.executors.web import Web, web_up
from weir.core.lifecycle import RunEvent
from weir.wire.checkpoint import parse

SUCCEEDED, FAILED = RunEvent.SUCCEEDED, RunEvent.FAILED


@pytest.fixture(params=params(("local", "slurm", "kubernetes", "kubernetes-volume")))
def kind(request: pytest.FixtureRequest) -> str:
    return started(request)


@pytest.fixture
def bench(kind: str, tmp_path: Path) -> Iterator[Bench]:
    with Bench(KINDS[kind], tmp_path) as bench:
        yield bench


@pytest.fixture
def web() -> Iterator[Web]:
    with web_up() as web:
        yield web


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_second_job_carries_nothing_and_both_say_what_they_have(bench: Bench, web: Web) -> None:
    web.files["/set"] = b"data"
    inputs = [{"path": "set", "url": f"{web.url}/set?token=secret"}]
    for run in ("a", "b"):
        assert bench.run(order(run, shell("cat set"), inputs=inputs)).event is SUCCEEDED
        assert bench.text(run) == "data"
    assert web.sent == 4
    told = bench.text("a", "data.log")
    assert f"input set: 4 B from {web.url}/set (4 B carried), sha256 {sha256('data')}" in told
    assert "(it was here)" in bench.text("b", "data.log")
    assert "secret" not in told


def test_killed_in_the_middle_of_an_input_the_next_process_goes_on(
    kind: str, web: Web, tmp_path: Path
) -> None:
    content = "0123456789" * 300_000
    web.files["/set"] = content.encode()
    web.breaks, web.slowly, web.slow_from = [1_000_000], threading.Event(), 2
    inputs = [{"path": "set", "url": f"{web.url}/set", "sha256": sha256(content)}]
    wanted = order("r", shell("wc -c <set"), inputs=inputs)
    with child_of(kind, tmp_path, [wanted]) as child:
        while len(web.asked) < 2:
            assert child.poll() is None
            threading.Event().wait(0.05)
        child.kill()
    web.slowly.set()
    with Bench(KINDS[kind], tmp_path) as bench:
        bench.submit(wanted)
        assert bench.end("r").event is SUCCEEDED
        assert bench.text("r").strip() == "3000000"
    assert web.asked[-1][2] == "bytes=1000000-"


def test_outputs_go_where_the_job_wants_them(bench: Bench, web: Web) -> None:
    far = bench.home / "far"
    outputs = [
        {"path": "model", "url": f"file://{far}/{{job}}/{{index}}/model"},
        {"path": "web", "url": f"{web.url}/put/web?sign=secret"},
        {"path": "none", "url": f"{web.url}/put/none"},
        {"path": "near"},
    ]
    script = "echo model > model; echo web > web; echo near > near"
    end = bench.run(order("r", shell(script), outputs=outputs, array_index=7))

    assert (end.event, end.reason) == (SUCCEEDED, "")
    assert (far / "root-r" / "7" / "model").read_text() == "model\n"
    assert web.files == {"/put/web": b"web\n"}
    names = [f.name for f in bench.executor.files("r")]
    assert names == ["stdout", "stderr", "output/near", "data.log"]
    told = bench.text("r", "data.log")
    assert f"output web: 4 B to {web.url}/put/web, sha256 {sha256('web' + chr(10))}" in told
    assert "secret" not in told


def test_a_server_that_is_away_for_a_moment_loses_no_output(bench: Bench, web: Web) -> None:
    web.answers = [503]
    outputs = [{"path": "x", "url": f"{web.url}/x"}]
    assert bench.run(order("r", shell("echo x > x"), outputs=outputs)).event is SUCCEEDED
    assert web.files == {"/x": b"x\n"}


def test_an_output_that_is_not_taken_fails_the_run_with_the_reason(bench: Bench, web: Web) -> None:
    web.answers = [403]
    outputs = [{"path": "x", "url": f"{web.url}/x?secret"}]
    end = bench.run(order("r", shell("echo x > x"), outputs=outputs))
    reason = f"output x: {web.url}/x: the server answered 403 Forbidden"
    assert (end.event, end.reason) == (FAILED, reason)
    assert bench.events("r") == [RunEvent.STARTED, FAILED]


def test_a_run_that_failed_brings_nothing(bench: Bench, web: Web) -> None:
    outputs = [{"path": "x", "url": f"{web.url}/x"}]
    assert bench.run(order("r", shell("echo x > x; exit 3"), outputs=outputs)).exit_code == 3
    assert web.files == {}


def test_killed_while_outputs_are_on_their_way_they_are_brought_again(
    bench: Bench, web: Web
) -> None:
    web.answers = [503] * 3
    outputs = [{"path": "x", "url": f"{web.url}/x"}]
    bench.submit(order("r", shell("echo x > x"), outputs=outputs))
    bench.until(lambda: web.asked or None, "the output to be brought")
    bench.restart()
    web.answers = []
    assert bench.end("r").event is SUCCEEDED
    assert web.files == {"/x": b"x\n"}


def test_canceled_while_outputs_are_on_their_way_it_is_canceled(bench: Bench, web: Web) -> None:
    web.answers = [503] * 10
    outputs = [{"path": "x", "url": f"{web.url}/x"}]
    bench.submit(order("r", shell("echo x > x"), outputs=outputs))
    bench.until(lambda: web.asked or None, "the output to be brought")
    bench.executor.cancel(["r"])
    assert bench.end("r").event is RunEvent.CANCELED


def test_a_run_that_is_stopped_leaves_its_checkpoint_and_the_next_goes_on(bench: Bench) -> None:
    wish = {"path": "ckpt", "marker": "whole", "every": "1s"}
    script = 'cat "$WEIR_CHECKPOINT"/n; cd ckpt; echo 41 > n; touch whole; exec sleep 1000'
    spec = order("a", shell(script)).spec.model_dump(exclude_unset=True) | {"checkpoint": wish}
    first = order("a").model_dump(exclude_unset=True) | {"spec": spec}
    bench.submit(order("a").model_validate(first))
    bench.started("a")

    def saved() -> str | None:
        return next((f.name for f in bench.executor.files("a") if parse(f.name)), None)

    name = bench.until(saved, "a checkpoint")
    packed = bench.executor.read("a", name, 0, 2**20)
    bench.executor.cancel(["a"])
    bench.end("a")
    assert saved() == name  # it can be read until it is forgotten

    archive = Path(bench.executor.archive("b"))  # type: ignore[attr-defined]
    archive.parent.mkdir(parents=True, exist_ok=True)
    archive.write_bytes(packed)
    bench.submit(order("a").model_validate(first | {"run": "b", "restore": name}))
    bench.started("b")

    def told() -> str | None:
        bench.executor.files("b")  # as an agent asks, before it reads
        return bench.text("b") or None

    bench.until(told, "what the checkpoint says")
    assert bench.text("b") == "41\n"
    bench.executor.forget(["a"])
    bench.executor.cancel(["b"])
    bench.end("b")
    bench.executor.forget(["b"])
    assert not archive.exists()
