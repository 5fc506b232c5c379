"""The laws of `weir.executors.base`, for every executor."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

from tests.contract.bench import Bench, order, shell
from weir.core.lifecycle import RunEvent

STARTED, SUCCEEDED = RunEvent.STARTED, RunEvent.SUCCEEDED
FAILED, CANCELED = RunEvent.FAILED, RunEvent.CANCELED


def test_a_run_starts_then_succeeds(bench: Bench) -> None:
    end = bench.run(order("r", shell("echo out; echo err >&2")))

    assert bench.events("r") == [STARTED, SUCCEEDED]
    assert (end.exit_code, end.reason) == (0, "")
    assert bench.text("r") == "out\n"
    assert bench.text("r", "stderr") == "err\n"


def test_submitted_twice_it_runs_once(bench: Bench, tmp_path: Path) -> None:
    wanted = order("r", shell(f"echo ran >> {tmp_path}/effects"))
    bench.submit(wanted, wanted)
    bench.submit(wanted)
    bench.end("r")
    bench.submit(wanted)

    assert (tmp_path / "effects").read_text() == "ran\n"


def test_submitted_again_after_a_restart_it_runs_once(bench: Bench, tmp_path: Path) -> None:
    fifo = _gate(tmp_path)
    wanted = order("r", shell(f"echo ran >> {tmp_path}/effects; read line < {fifo}"))
    bench.submit(wanted)
    bench.started("r")
    bench.until_file(tmp_path / "effects")
    bench.restart()
    bench.submit(wanted)
    fifo.write_text("go\n")

    assert bench.end("r").event is SUCCEEDED
    assert bench.events("r") == [STARTED, SUCCEEDED]
    assert (tmp_path / "effects").read_text() == "ran\n"


def test_an_end_not_yet_observed_is_seen_after_a_restart(bench: Bench) -> None:
    bench.run(order("r", shell("exit 3")))
    bench.restart()

    assert bench.end("r").exit_code == 3
    assert bench.events("r") == [STARTED, FAILED]


def test_submitted_again_after_it_was_forgotten_it_does_not_run(
    bench: Bench, tmp_path: Path
) -> None:
    wanted = order("r", shell(f"echo ran >> {tmp_path}/effects"))
    bench.run(wanted)
    bench.executor.forget(["r"])
    bench.submit(wanted)
    bench.restart()
    bench.submit(wanted)

    assert bench.end("r").event is SUCCEEDED
    assert (tmp_path / "effects").read_text() == "ran\n"


def test_an_exit_code_is_told(bench: Bench) -> None:
    end = bench.run(order("r", shell("exit 7")))

    assert (end.event, end.exit_code, end.reason) == (FAILED, 7, "exit code 7")


def test_a_signal_is_told(bench: Bench) -> None:
    end = bench.run(order("r", shell("kill -SEGV $$")))

    assert (end.event, end.reason) == (FAILED, "killed by signal SIGSEGV")


def test_a_program_that_is_not_there_cannot_start(bench: Bench) -> None:
    end = bench.run(order("r", {"command": ["no-such-program"]}))

    assert end.event is FAILED
    assert end.reason == "can't start: there is no program no-such-program"


def test_cancel_stops_a_run(bench: Bench) -> None:
    bench.submit(order("r", shell("exec sleep 1000")))
    bench.started("r")
    bench.executor.cancel(["r"])

    assert bench.end("r").event is CANCELED
    assert bench.events("r") == [STARTED, CANCELED]


def test_cancel_stops_what_does_not_listen(bench: Bench, tmp_path: Path) -> None:
    script = f"trap '' TERM; echo ready > {tmp_path}/ready; while true; do sleep 1; done"
    bench.submit(order("r", shell(script)))
    bench.until_file(tmp_path / "ready")
    bench.executor.cancel(["r"])

    assert bench.end("r").event is CANCELED


def test_cancel_at_once_ends_it_too(bench: Bench) -> None:
    bench.submit(order("r", shell("exec sleep 1000")))
    bench.executor.cancel(["r"])

    assert bench.end("r").event is CANCELED


def test_cancel_of_the_unknown_and_of_the_ended_does_nothing(bench: Bench) -> None:
    bench.executor.cancel(["unknown"])
    bench.run(order("r"))
    bench.executor.cancel(["r", "unknown"])

    assert [s.event for s in bench.executor.status(["r"])] == [SUCCEEDED]
    assert bench.events("r") == [STARTED, SUCCEEDED]


def test_status_tells_the_state_of_each(bench: Bench) -> None:
    bench.run(order("ended", shell("exit 2")))
    bench.submit(order("running", shell("exec sleep 1000")))
    bench.started("running")
    ended, running, unknown = bench.executor.status(["ended", "running", "unknown"])

    assert (ended.event, ended.exit_code) == (FAILED, 2)
    assert running.event is STARTED
    assert unknown.event is RunEvent.VANISHED


def test_all_tasks_of_a_gang_run(bench: Bench) -> None:
    say = 'echo "$WEIR_TASK_GROUP $WEIR_TASK_INDEX of $WEIR_TASK_COUNT"'
    end = bench.run(order("r", shell(say, name="a", count=2), shell(say, name="b")))

    assert end.event is SUCCEEDED
    texts = [bench.text("r"), bench.text("r", "a-1/stdout"), bench.text("r", "b-0/stdout")]
    assert texts == ["a 0 of 2\n", "a 1 of 2\n", "b 0 of 1\n"]


def test_when_one_task_fails_the_gang_fails(bench: Bench) -> None:
    one = 'if [ "$WEIR_TASK_INDEX" = 1 ]; then exit 5; fi; exec sleep 1000'
    end = bench.run(
        order("r", shell(one, name="worker", count=3), shell("sleep 1000", name="head"))
    )

    assert (end.event, end.exit_code) == (FAILED, 5)
    assert end.reason == "worker-1: exit code 5"
    assert bench.events("r") == [STARTED, FAILED]


def test_files_are_complete_at_the_end_and_readable_until_forgotten(bench: Bench) -> None:
    lines = "\n".join(str(i) for i in range(1, 20001)) + "\n"
    script = "seq 20000; seq 20000 > made; seq 20000 >&2"
    bench.run(order("r", shell(script), outputs=[{"path": "made"}]))

    sizes = {file.name: file.size for file in bench.executor.files("r")}
    assert sizes == dict.fromkeys(("stdout", "stderr", "output/made"), len(lines))
    for name in sizes:
        assert _all(bench, "r", name, 10_000) == lines
        assert bench.executor.read("r", name, len(lines), 100) == b""
    bench.executor.forget(["r"])
    assert list(bench.executor.files("r")) == []
    assert bench.executor.read("r", "stdout", 0, 100) == b""


def test_an_empty_result_is_one(bench: Bench) -> None:
    bench.run(order("r", shell(": > done"), outputs=[{"path": "done", "required": True}]))

    assert ("output/done", 0) in {(f.name, f.size) for f in bench.executor.files("r")}
    assert bench.executor.read("r", "output/done", 0, 100) == b""


def test_what_is_not_a_file_of_the_run_reads_as_nothing(bench: Bench) -> None:
    bench.run(order("r", shell("echo x > secret")))

    for name in ("secret", "output/secret", "../r/tmp/secret", "/etc/passwd", ""):
        assert bench.executor.read("r", name, 0, 100) == b""


def test_a_required_output_that_is_missing_fails_the_run(bench: Bench) -> None:
    outputs = [{"path": "maybe"}, {"path": "model/weights", "required": True}]
    end = bench.run(order("r", outputs=outputs))

    assert (end.event, end.reason) == (FAILED, "output model/weights: missing")


def test_an_output_that_is_too_large_fails_the_run(bench: Bench) -> None:
    script = "echo out; echo err >&2; head -c 2048 /dev/zero > big"
    end = bench.run(order("r", shell(script), outputs=[{"path": "big", "max_size": "1KiB"}]))

    assert (end.event, end.reason) == (FAILED, "output big: 2 KiB is more than 1 KiB")
    assert sorted(f.name for f in bench.executor.files("r")) == ["stderr", "stdout"]


def test_inputs_are_there_before_the_command(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "far").write_text("by url")
    inputs = [
        {"path": "a/text", "text": "in line\n"},
        {"path": "bytes", "base64": base64.b64encode(b"\x00\x01").decode()},
        {"path": "far", "url": f"file://{tmp_path}/far", "sha256": _sha256(b"by url")},
        {"path": "run.sh", "text": "#!/bin/sh\nexec wc -c a/text bytes far\n"},
    ]
    bench.run(order("r", {"command": ["./run.sh"]}, inputs=inputs))

    assert bench.text("r").split() == ["8", "a/text", "2", "bytes", "6", "far", "16", "total"]


def test_an_input_with_another_checksum_fails_the_run(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "far").write_text("changed")
    far = {"path": "far", "url": f"file://{tmp_path}/far", "sha256": _sha256(b"as it was")}
    end = bench.run(order("r", shell(f"echo ran > {tmp_path}/effects"), inputs=[far]))

    found, said = _sha256(b"changed"), _sha256(b"as it was")
    reason = f"its sha256 is {found}, and the job file says {said}"
    assert end.event is FAILED
    assert end.reason == f"input far: file://{tmp_path}/far: {reason}"
    assert bench.events("r") == [FAILED]
    assert not (tmp_path / "effects").exists()


def test_an_input_that_is_not_there_fails_the_run(bench: Bench, tmp_path: Path) -> None:
    end = bench.run(order("r", inputs=[{"path": "far", "url": f"file://{tmp_path}/none"}]))

    assert (end.event, end.reason) == (FAILED, f"input far: file://{tmp_path}/none: not found")


def test_wall_time_is_kept(bench: Bench) -> None:
    end = bench.run(order("r", shell("exec sleep 1000"), walltime="1s"))

    assert (end.event, end.reason) == (FAILED, "wall time of 1s exceeded")
    # Times of another server are as exact as the calls that compare the clocks.
    assert end.at - bench.started("r").at >= 0.5


def test_memory_is_kept(bench: Bench) -> None:
    hog = {"command": ["/usr/bin/env", "python3", "-c", HOG], "memory": "32MiB"}
    end = bench.run(order("r", hog))

    assert end.event is FAILED
    assert end.reason.startswith("out of memory: used ")
    assert end.reason.endswith(" of 32 MiB")


def test_pools_count_only_runs_that_are_asked_for(judge: Bench) -> None:
    (before,) = judge.executor.pools([])
    wanted = order("r", shell("exec sleep 1000", cpu=2, memory="1GiB"))
    judge.submit(wanted)
    judge.started("r")
    (counted,), (left_out,) = judge.executor.pools([]), judge.executor.pools([wanted])

    assert left_out == before
    assert _cpu(counted.free) == _cpu(before.free) - 2000
    judge.executor.cancel(["r"])
    judge.end("r")
    assert judge.executor.pools([]) == [before]


def test_an_order_is_admitted_while_it_fits(judge: Bench) -> None:
    (pool,) = judge.executor.pools([])
    half = pool.shape.memory_bytes // 2 + 1
    task = shell("exec sleep 1000", memory=half, count=pool.hosts)
    first, second = order("first", task), order("second", task)

    assert not judge.executor.admit([first], [])
    assert "room" in judge.executor.admit([second], [first])[second.run]
    assert "pool" in judge.executor.admit([order("r", pool="elsewhere")], [])["r"]


HOG = """
import time
held = []
while True:
    held.append(bytearray(2**22))
    for i in range(0, 2**22, 4096):
        held[-1][i] = 1
    time.sleep(0.01)
"""


def _all(bench: Bench, run: str, name: str, limit: int) -> str:
    """All of a file, in pieces."""
    text = b""
    while piece := bench.executor.read(run, name, len(text), limit):
        text += piece
    return text.decode()


def _cpu(free: object) -> int:
    assert isinstance(free, tuple)
    return sum(f.hosts * f.cpu_milli for f in free)


def _gate(folder: Path) -> Path:
    """A named pipe: who reads it waits until it is written to."""
    os.mkfifo(folder / "gate")
    return folder / "gate"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
