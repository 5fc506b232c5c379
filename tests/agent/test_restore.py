"""An agent brings the checkpoint that an order names before it starts the run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.fakes import Running, ScriptedExecutor, ScriptedParent, an_order, until
from weir.client.problems import Unreachable
from weir.core.errors import NotFound
from weir.core.lifecycle import RunEvent
from weir.wire.checkpoint import Saved
from weir.wire.exchange import RunOrder

CONTENT = bytes(range(256)) * 10_000
SAVED = Saved(3, 1000, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


class Restoring(ScriptedExecutor):
    """An executor whose runs can go on from checkpoints under `folder`."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.there: list[bool] = []

    def archive(self, run: str) -> str:
        return str(self.folder / run)

    def submit(self, orders: object) -> None:
        super().submit(orders)  # type: ignore[arg-type]
        self.there += [(self.folder / o.run).exists() for o in orders]  # type: ignore[attr-defined]


class Keeping(ScriptedParent):
    """A parent that has a checkpoint. `breaks` says how often its answer is lost from now on."""

    def __init__(self) -> None:
        super().__init__()
        self.content, self.breaks, self.read = CONTENT, 0, 0

    def read_checkpoint(self, run: str, name: str, offset: int, limit: int) -> bytes:
        if name != SAVED.name:
            raise NotFound("there is no such checkpoint any more")
        if self.breaks and offset:
            self.breaks -= 1
            raise Unreachable("it broke off")
        data = self.content[offset : offset + limit]
        self.read += len(data)
        return data


def going_on(run: str, name: str = SAVED.name) -> RunOrder:
    return an_order(run).model_copy(update={"restore": name})


@pytest.fixture
def parent() -> Keeping:
    return Keeping()


@pytest.fixture
def executor(tmp_path: Path) -> Restoring:
    return Restoring(tmp_path / "restores")


@pytest.fixture
def running(tmp_path: Path, executor: Restoring, parent: Keeping) -> Iterator[Running]:
    running = Running(tmp_path / "agent", executor, parent)
    yield running
    running.stop()


def test_a_run_starts_when_its_checkpoint_is_there(
    running: Running, executor: Restoring, parent: Keeping
) -> None:
    parent.breaks = 1
    parent.orders = [going_on("r1")]
    until(lambda: executor.submitted == ["r1"], "the run to be submitted")
    assert executor.there == [True]
    assert (executor.folder / "r1").read_bytes() == CONTENT
    assert parent.read == len(CONTENT)  # nothing twice, though it broke off
    assert parent.events("r1") == [RunEvent.ACCEPTED]


@pytest.mark.parametrize("wrong", ["gone", "changed", "short"])
def test_a_run_whose_checkpoint_can_not_be_had_is_sent_back(
    running: Running, executor: Restoring, parent: Keeping, wrong: str
) -> None:
    if wrong != "gone":
        parent.content = b"x" * SAVED.size if wrong == "changed" else CONTENT[:1000]
    name = SAVED.name if wrong != "gone" else Saved(9, 1, 1, "0" * 64).name
    parent.orders = [going_on("r1", name)]
    until(lambda: RunEvent.REFUSED in parent.events("r1"), "the run to be refused")
    assert executor.submitted == []


def test_canceled_while_it_waits_for_its_checkpoint_it_never_starts(
    running: Running, executor: Restoring, parent: Keeping
) -> None:
    parent.breaks = 10**6
    parent.orders = [going_on("r1")]
    until(lambda: parent.read > 0, "the checkpoint to be begun")
    parent.cancels = ["r1"]
    until(lambda: RunEvent.CANCELED in parent.events("r1"), "the run to be canceled")
    assert executor.submitted == []


def test_another_process_goes_on_with_what_has_come(
    tmp_path: Path, executor: Restoring, parent: Keeping
) -> None:
    parent.breaks = 10**6
    first = Running(tmp_path / "agent", executor, parent)
    parent.orders = [going_on("r1")]
    until(lambda: parent.read > 0, "the checkpoint to be begun")
    first.stop()
    parent.breaks = 0
    second = Running(tmp_path / "agent", executor, parent)
    until(lambda: executor.submitted == ["r1"], "the run to be submitted")
    assert (executor.folder / "r1").read_bytes() == CONTENT
    assert parent.read == len(CONTENT)
    second.stop()


def test_an_executor_that_knows_no_checkpoints_begins_anew(tmp_path: Path, parent: Keeping) -> None:
    plain = ScriptedExecutor()
    running = Running(tmp_path / "agent", plain, parent)
    parent.orders = [going_on("r1")]
    until(lambda: plain.submitted == ["r1"], "the run to be submitted")
    assert parent.read == 0
    running.stop()


def test_checkpoints_keep_no_log_and_no_end_waiting(tmp_path: Path, parent: Keeping) -> None:
    executor = ScriptedExecutor()
    big = Saved(1, 1, 3 * 2**20, "0" * 64)
    executor.contents = {
        ("r1", big.name): b"x" * big.size,
        ("r1", "stdout"): b"one",
        ("r2", "stdout"): b"two",
    }
    running = Running(tmp_path / "agent", executor, parent)
    parent.orders = [an_order("r1", 1), an_order("r2", 2)]
    until(lambda: executor.submitted == ["r1", "r2"], "the runs to be submitted")
    executor.happen("r1", RunEvent.STARTED)
    executor.happen("r2", RunEvent.STARTED)
    until(lambda: parent.files.get(("r1", big.name)) == big.size, "all of it to come")
    names = [(c.run, c.name) for request in parent.requests for c in request.chunks]
    assert names.index(("r2", "stdout")) < len(names) - 1 - names[::-1].index(("r1", big.name))
    newer = Saved(2, 2, 5, "1" * 64)
    executor.contents[("r1", newer.name)] = b"newer"
    executor.happen("r1", RunEvent.FAILED, exit_code=1)
    until(lambda: RunEvent.FAILED in parent.events("r1"), "the end to be told")
    assert parent.files[("r1", newer.name)] == 5
    running.stop()
