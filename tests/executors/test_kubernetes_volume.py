"""Runs whose folders are on a volume of a real Kubernetes; and what without one comes and goes by
Secrets and logs.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests import kubernetes as real
from tests.contract.bench import Bench, order, shell
from tests.kubernetes import NAMESPACE, Server, kubernetes
from tests.kubernetes_claims import claim_of
from weir.cli.agent_checks_kubernetes import kubernetes_checks
from weir.core.lifecycle import RunEvent
from weir.executors.kubernetes_software import FOLDER, RESTING_S, prune
from weir.wire.checkpoint import parse
from weir.wire.exchange import RunOrder

__all__ = ["kubernetes"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

SUCCEEDED, FAILED, VANISHED = RunEvent.SUCCEEDED, RunEvent.FAILED, RunEvent.VANISHED
MIB = 2**20


@pytest.fixture
def server(kubernetes: Server) -> Server:
    real.publish(kubernetes)
    return kubernetes


@pytest.fixture
def run(request: pytest.FixtureRequest) -> str:
    """A run's identifier that no other test of this session has."""
    return f"v-{hashlib.sha256(request.node.name.encode()).hexdigest()[:12]}"


@pytest.fixture
def bench(server: Server, tmp_path: Path) -> Iterator[Bench]:
    with Bench(real.volume_executor, tmp_path) as bench:
        yield bench


def test_what_is_larger_than_secrets_and_logs_takes_the_volume(bench: Bench, run: str) -> None:
    content = os.urandom(9 * MIB)
    (bench.home / "large").write_bytes(content)
    inputs = [{"path": "in/large", "url": f"file://{bench.home}/large"}]
    outputs = [{"path": "copy", "required": True, "max_size": "16MiB"}]
    end = bench.run(order(run, shell("cp in/large copy"), inputs=inputs, outputs=outputs))

    assert (end.event, end.reason) == (SUCCEEDED, "")
    sizes = {f.name: f.size for f in bench.executor.files(run)}
    assert sizes["output/copy"] == 9 * MIB
    found = b""
    while piece := bench.executor.read(run, "output/copy", len(found), MIB):
        found += piece
    assert hashlib.sha256(found).digest() == hashlib.sha256(content).digest()


def test_tasks_of_a_run_share_its_working_directory_and_see_no_other(
    bench: Bench, server: Server, run: str
) -> None:
    first = 'if [ "$WEIR_TASK_INDEX" = 0 ]; then echo hello > said; else'
    script = f"{first} until [ -s said ]; do sleep 0.1; done; cat said; ls -A /weir; fi"
    assert bench.run(order(run, shell(script, count=2))).event is SUCCEEDED
    assert bench.text(run, "main-1/stdout").split() == ["hello", "errors", "tmp", "work"]
    (claim,) = {
        mount["subPath"]
        for pod in server.pods(run)
        for container in pod["spec"]["containers"]
        for mount in container["volumeMounts"]
        if mount["name"] == "volume"
    }
    assert claim == f"runs/{run}/work"
    bench.executor.forget([run])
    assert not (bench.home / "volume" / "runs" / run).exists()


def with_checkpoint(name: str, script: str, restore: str | None = None) -> RunOrder:
    wish = {"path": "ckpt", "marker": "whole", "every": "1s"}
    own: dict[str, Any] = {} if restore is None else {"restore": restore}
    return order(name, shell(script), checkpoint=wish, **own)


def saved(bench: Bench, run: str) -> str | None:
    found = [file.name for file in bench.executor.files(run) if parse(file.name)]
    return found[-1] if found else None


@pytest.mark.parametrize("make", [real.executor, real.volume_executor], ids=["logs", "volume"])
def test_a_run_that_the_center_deletes_goes_on_elsewhere_from_what_it_had(
    server: Server, tmp_path: Path, run: str, make: Any
) -> None:
    counting = """
    n=$(cat ckpt/n 2>/dev/null || echo 0); echo "from $n"
    until [ -e {gate} ]; do n=$((n + 1)); echo $n >ckpt/n; touch ckpt/whole; sleep 0.3; done
    """.format(gate=tmp_path / "gate")
    with Bench(make, tmp_path) as bench:
        bench.submit(with_checkpoint(run, counting))
        bench.started(run)
        bench.until(lambda: saved(bench, run), "a checkpoint")
        (pod,) = server.pods(run)
        server.delete(f"/api/v1/namespaces/{NAMESPACE}/pods/{pod['metadata']['name']}")
        assert bench.end(run).event is VANISHED
        name = saved(bench, run)
        assert name is not None
        packed = bench.executor.read(run, name, 0, MIB)
        archive = Path(bench.executor.archive(f"{run}-b"))  # type: ignore[attr-defined] # it restores
        archive.parent.mkdir(exist_ok=True)
        archive.write_bytes(packed)
        (tmp_path / "gate").touch()
        assert bench.run(with_checkpoint(f"{run}-b", counting, name)).event is SUCCEEDED
        assert int(bench.text(f"{run}-b").removeprefix("from ")) > 0


def test_a_run_that_fails_leaves_its_last_state_without_a_volume_too(
    server: Server, tmp_path: Path, run: str
) -> None:
    script = "echo 7 >ckpt/n; touch ckpt/whole; exit 3"
    with Bench(real.executor, tmp_path) as bench:
        assert bench.run(with_checkpoint(run, script)).exit_code == 3
        name = saved(bench, run)
        assert name is not None
        assert b"7\n" in bench.executor.read(run, name, 0, MIB)


def test_an_image_without_the_python_fails_the_run_in_words(
    server: Server, tmp_path: Path, run: str
) -> None:
    make = partial(real.executor, software={"python": "/no/python"})
    inputs = [{"path": "r.txt", "text": "x"}]
    with Bench(make, tmp_path) as bench:
        end = bench.run(order(run, inputs=inputs, requirements="r.txt"))
    assert (end.event, end.reason) == (FAILED, "there is no Python /no/python in the image")


def test_the_doctor_sees_whether_the_folder_is_the_volume(server: Server, tmp_path: Path) -> None:
    claim = claim_of(tmp_path / "volume", NAMESPACE, str(server.agent))

    def states(folder: Path) -> dict[str, tuple[str, str]]:
        settings = real.settings(volume={"claim": claim, "folder": str(folder)})
        found = kubernetes_checks(settings, probe=True)
        return {check.what: (check.state, check.said) for check in found}

    good = states(tmp_path / "volume")
    assert {state for state, _ in good.values()} == {"ok"}
    assert good[f"probe in {NAMESPACE}"][1].endswith("what it left on the volume is seen here")
    assert sorted(os.listdir(tmp_path / "volume")) == ["runs"]
    assert os.listdir(tmp_path / "volume" / "runs") == []
    (tmp_path / "other").mkdir()
    other = states(tmp_path / "other")
    assert other[f"probe in {NAMESPACE}"][0] == "wrong"
    assert other["volume"][0] == "ok"
    assert states(tmp_path / "none")["volume"][0] == "wrong"


def test_environments_that_nobody_uses_go_when_there_are_too_many(
    server: Server, tmp_path: Path
) -> None:
    for number, name in enumerate(("old", "used", "older", "new", "newest")):
        folder = tmp_path / FOLDER / name
        folder.mkdir(parents=True)
        (folder / "complete").touch()
        os.utime(folder / "complete", (1000 + number, 1000 + number))
    (tmp_path / FOLDER / "unfinished").mkdir()
    volume = {"claim": "c", "folder": str(tmp_path)}
    settings = real.settings(volume=volume, software={"python": "p", "keep": 1})

    def there() -> list[str]:
        return sorted(e.name for e in os.scandir(tmp_path / FOLDER) if e.is_dir())

    prune(settings, {"used"}, 1002.5 + RESTING_S)
    assert there() == ["new", "newest", "unfinished", "used"]  # `new` was taken a moment ago
    prune(settings, {"used"}, 9000 + RESTING_S)
    assert there() == ["newest", "unfinished", "used"]
