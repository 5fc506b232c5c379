"""A real server of one program: started as a process on a free port, and gone at the end."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

START_S = 30.0


@contextmanager
def server_up(
    programs: Sequence[str], ready: str, log: Path, options: Callable[[str], Sequence[str]]
) -> Iterator[str]:
    """The URL of the first of these programs that is there, once it answers at `ready`; `options`
    are told where to listen (`127.0.0.1:PORT`). What it prints is in `log`.
    """
    program = next(filter(None, map(shutil.which, programs)), None)
    if program is None:
        # For `pytest -m real` elsewhere; `make test-real` installs it and takes a skip for a
        # failure.
        pytest.skip(f"there is no {programs[0]} on this machine")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{probe.getsockname()[1]}"
    with open(log, "wb") as said:
        process = subprocess.Popen(
            [program, *options(where)], stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
    try:
        until_answers(f"http://{where}{ready}", process, programs[0])
        yield f"http://{where}"
    finally:
        process.terminate()
        process.wait(20)


def until_answers(url: str, process: subprocess.Popen[bytes], name: str) -> None:
    """Return once this address answers 200; fails if the process ends, or takes too long."""
    over = time.monotonic() + START_S
    while True:
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.RequestError:
            pass  # it does not listen yet
        assert process.poll() is None, f"{name} has ended"
        assert time.monotonic() < over, f"{name} does not answer"
        time.sleep(0.05)
