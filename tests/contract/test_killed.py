"""The executor's process is killed with -9; nothing is lost and nothing runs twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.contract.bench import KINDS, Bench, order, shell
from weir.core.lifecycle import RunEvent
from weir.wire.exchange import RunOrder


def test_a_run_goes_on_and_is_found_again(kind: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    script = f"echo ran >> {tmp_path}/effects; read line < {tmp_path}/gate; echo done; exit 4"
    wanted = order("r", shell(script))
    with child_of(kind, tmp_path, [wanted]) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "started\n"
        child.kill()

    with Bench(KINDS[kind], tmp_path) as bench:
        bench.started("r")
        assert [s.event for s in bench.executor.status(["r"])] == [RunEvent.STARTED]
        bench.submit(wanted)
        (tmp_path / "gate").write_text("go\n")
        assert bench.end("r").exit_code == 4
        assert bench.text("r") == "done\n"
    assert (tmp_path / "effects").read_text() == "ran\n"


def test_a_run_that_ended_meanwhile_is_told(kind: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    script = f"read line < {tmp_path}/gate; exit 6"
    with child_of(kind, tmp_path, [order("r", shell(script))]) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "started\n"
        child.kill()
    (tmp_path / "gate").write_text("go\n")

    with Bench(KINDS[kind], tmp_path) as bench:
        assert bench.end("r").exit_code == 6


MANY = {"ray": 20}
"""How many runs are being submitted; Ray takes seconds of a core for each."""


def test_killed_amid_submitting_every_run_runs_once(kind: str, tmp_path: Path) -> None:
    effects = tmp_path / "effects"
    effects.mkdir()
    orders = [
        order(
            f"r{i}",
            shell(f"echo ran >> {effects}/r{i}", cpu="100m", memory="1MiB"),
            start_within_s=600,  # some servers take a second to start one
        )
        for i in range(MANY.get(kind, 60))
    ]
    with child_of(kind, tmp_path, orders) as child:
        while not any(effects.iterdir()):
            os.sched_yield()
        child.kill()

    with Bench(KINDS[kind], tmp_path) as bench:
        bench.submit(*orders)
        ends = {bench.end(o.run).event for o in orders}
        assert ends == {RunEvent.SUCCEEDED}
    assert {(effects / o.run).read_text() for o in orders} == {"ran\n"}


@contextmanager
def child_of(kind: str, home: Path, orders: Sequence[RunOrder]) -> Iterator[subprocess.Popen[str]]:
    """A process with an executor that submits these orders; killed at the end, if not before."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.contract.child", kind, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    try:
        assert child.stdin is not None
        child.stdin.writelines(f"{o.model_dump_json()}\n" for o in orders)
        child.stdin.close()
        yield child
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert child.stdout is not None
        child.stdout.close()
