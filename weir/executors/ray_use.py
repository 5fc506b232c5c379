"""What runs at a Ray use: read from what their drivers note in the runs' folders."""

from __future__ import annotations

import json
import os
from typing import Any

from weir.executors.ray_runs import Run
from weir.wire.usage import RunUse

USE = ".use"


def use_of(run: Run) -> RunUse | None:
    """What a run has used by now, over all of its tasks; None while nothing was noted."""
    paths = [os.path.join(run.folder, f"{group}-{index}{USE}") for group, index in run.tasks]
    noted = [note for path in paths if (note := _noted(path)) is not None]
    if not noted:
        return None
    try:
        return RunUse(
            run=run.id,
            at=max(float(n["at"]) for n in noted),
            cpu_ms=sum(int(n["cpu_ms"]) for n in noted),
            memory_bytes=sum(int(n["memory_bytes"]) for n in noted),
            peak_bytes=sum(int(n["peak_bytes"]) for n in noted),
        )
    except (KeyError, TypeError, ValueError):  # somebody else has written there: nothing is known
        return None


def _noted(path: str) -> dict[str, Any] | None:
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
    except (OSError, ValueError):  # not there yet, or just being replaced on a slow file system
        return None
    return value if isinstance(value, dict) else None
