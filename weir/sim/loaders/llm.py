"""Requests to language models, as in Azure's public traces: when, context tokens, generated tokens.

A request is one job: reading its context at one rate, then writing its tokens at another. The
rates are those of the model on the device that is simulated, and are given by who asks.

Source of the format: Azure Public Dataset, AzureLLMInferenceTrace (Patel et al., ISCA 2024).
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from weir.core.errors import BadInput
from weir.core.inventory import DEVICE_MILLI
from weir.sim.loaders.cells import Instants, Parts, converted, count
from weir.sim.loaders.faults import Faults
from weir.sim.loaders.table import read_table
from weir.sim.workload import Workload, workload

COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
_MOST_TOKENS = 1 << 50


def load_llm(
    path: str | Path,
    tokens_per_s: float,
    prefill_tokens_per_s: float,
    device_milli: int = DEVICE_MILLI,
) -> Workload:
    """A job a request: `context / prefill_tokens_per_s + generated / tokens_per_s` seconds.

    Each takes `device_milli` of a device (a share below 1000, else whole ones). Raises `BadInput`.
    """
    for name, rate in (
        ("tokens_per_s", tokens_per_s),
        ("prefill_tokens_per_s", prefill_tokens_per_s),
    ):
        if not (math.isfinite(rate) and rate > 0):
            raise BadInput(f"{name} is {rate}, and must be a number of tokens a second above 0")
    if device_milli < 1 or (device_milli > DEVICE_MILLI and device_milli % DEVICE_MILLI):
        raise BadInput(f"device_milli is {device_milli}; take 1 to 1000, or whole devices")
    faults = Faults(str(path))
    instants = Instants("TIMESTAMP")
    parts = Parts()
    for chunk in read_table(path, faults, COLUMNS):
        instants.take(chunk.columns["TIMESTAMP"], chunk.lines, faults)
        for name in COLUMNS[1:]:
            read = count(most=_MOST_TOKENS, noun="a whole number of tokens")
            parts.add(name, converted(chunk.columns[name], chunk.lines, name, faults, read))
    faults.check()
    submit_s, start = instants.seconds_after()
    tokens = parts.whole()
    prefill_s = tokens["ContextTokens"] / prefill_tokens_per_s
    backwards = int((np.diff(submit_s) < 0).sum())
    note = f"the clock goes backwards {backwards} times; rows were sorted by time"
    return workload(
        Path(path).name,
        map(str, range(len(submit_s))),
        submit_s=submit_s,
        duration_s=prefill_s + tokens["GeneratedTokens"] / tokens_per_s,
        device_milli=np.full(len(submit_s), device_milli),
        epoch_s=start if instants.is_epoch(start) else np.nan,
        notes=[note] if backwards else [],
    )
