"""What real processes of this machine use, as /proc tells it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from weir.executors.local_process import use_by_session

BUSY = """
import os, sys, time
held = bytearray(60 * 2**20)
if os.fork() == 0:
    until = time.process_time() + 0.4
    while time.process_time() < until:
        pass
    os._exit(0)
os.wait()
print("done", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def busy() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    yield process
    process.kill()
    process.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_cpu_time_counts_children_that_have_ended(busy: subprocess.Popen[str]) -> None:
    assert busy.stdout is not None
    assert busy.stdout.readline() == "done\n"
    begun = time.monotonic()
    used = use_by_session([busy.pid, os.getpid() + 10**7])
    assert time.monotonic() - begun < 5
    assert list(used) == [busy.pid]
    cpu_ms, rss_bytes = used[busy.pid]
    assert cpu_ms >= 350
    assert rss_bytes >= 60 * 2**20
