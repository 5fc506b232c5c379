"""Waiting for a real server, started as a process, to answer by HTTP."""

from __future__ import annotations

import subprocess
import time

import httpx

START_S = 30.0


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
