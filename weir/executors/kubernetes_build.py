"""Builds an environment of Python packages, in a pod, before its task: sent there as it stands.

    python -c THIS PLAN        PLAN is JSON: the requirements' files, the folder of environments,
                               options of pip, seconds that it may take, where to leave its words

An environment is known by the requirements, the Python and the options of pip; where the folder is
on a volume that pods share, the next one finds it there. What is left in `told`: the environment's
folder. What is said goes into the container's termination message: lines, of a failure its reason
first.

Laws:
- Nothing but Python's own library is needed, from 3.8 on.
- Who builds holds a lock; the others wait and find it there. What was begun and not finished is
  begun anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from typing import Any

COMPLETE = "complete"
TOLD_LINES = 15


class Failed(Exception):
    """Why there is no environment: lines."""


def build(plan: dict[str, Any]) -> str:
    """See to it that the environment is there; what is to be said of it. Raises Failed."""
    until = time.monotonic() + plan["build_s"]
    text = b"".join(_content(path) for path in plan["requirements"])
    version = f"{sys.version} {os.uname().machine}"
    parts = (sys.executable, version, *plan["pip_options"], text.decode(errors="replace"))
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
    folder = os.path.join(plan["environments"], key)
    done = os.path.join(folder, COMPLETE)
    with open(f"{folder}.lock", "ab") as lock:
        _take(lock, until)
        began = time.monotonic()
        if os.path.exists(done):
            os.utime(done)
            said = "it was here"
        else:
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder, text, plan, until)
            with open(done, "wb"):
                pass
            said = f"built in {max(1, round(time.monotonic() - began))}s"
    with open(f"{plan['told']}.part", "w", encoding="utf-8") as file:
        file.write(folder)
    os.rename(f"{plan['told']}.part", plan["told"])
    return f"environment {key} {said}"


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _take(lock: Any, until: float) -> None:
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise Failed("another pod has been building it for too long") from None
            time.sleep(0.5)


def _make(folder: str, text: bytes, plan: dict[str, Any], until: float) -> None:
    file, python = f"{plan['told']}.txt", os.path.join(folder, "bin", "python")
    with open(file, "wb") as out:
        out.write(text)
    check = [sys.executable, "-m", "pip", "--python", sys.executable, "--version"]
    if subprocess.run(check, capture_output=True, check=False).returncode == 0:
        _call("venv", [sys.executable, "-m", "venv", "--without-pip", folder], until)
        pip = [sys.executable, "-m", "pip", "--python", python]
    else:  # it has no pip, or one that works for its own Python only
        _call("venv", [sys.executable, "-m", "venv", folder], until)
        pip = [python, "-m", "pip"]
    pip += ["--disable-pip-version-check", "--no-cache-dir", "install", "--no-input"]
    _call("pip install", [*pip, *plan["pip_options"], "--requirement", file], until)


def _call(name: str, command: list[str], until: float) -> None:
    left = until - time.monotonic()
    if left <= 0:
        raise Failed(f"{name} took too long")
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=left,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"{name} took too long") from None
    if done.returncode:
        lines = [x for x in done.stdout.decode(errors="replace").splitlines() if x.strip()]
        last = lines[-1].strip() if lines else f"exit code {done.returncode}"
        raise Failed("\n".join([f"{name} failed: {last}", *lines[-TOLD_LINES:]]))


def main() -> int:
    """Do what the one argument says."""
    plan = json.loads(sys.argv[1])
    try:
        said, code = build(plan), 0
    except (Failed, OSError) as error:
        said, code = str(error), 1
    print(said)
    with open(plan["message"], "w", encoding="utf-8") as file:
        file.write(said[:4000])
    return code


if __name__ == "__main__":
    sys.exit(main())
