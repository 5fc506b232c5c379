"""A command of the operator's own: it prints OpenMetrics, one line a value.

    weir_facility_power{site="true"} 1250000
    weir_racks_used{site="true"} 310
    weir_device_power{pool="gpu"} 48211.5

The name is a metric's (`weir_` before it may be left out); the labels say of what: `pool` or `host`
by name, or `site`; without any it is the cluster. `part` is the metric's part. The command is
killed, with all that it started, when its time is over.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from contextlib import suppress

from weir.client.problems import Unreachable
from weir.core.errors import BadInput, Mistake
from weir.core.metrics import METRICS
from weir.probes.base import CLUSTER, SITE, Look, Sample, bounded, known, pool
from weir.probes.openmetrics import Line, parse
from weir.wire.probes import CommandProbeSettings

MAX_OUTPUT = 8 * 2**20


class CommandProbe:
    """One command, run again for every look."""

    def __init__(self, settings: CommandProbeSettings) -> None:
        self.name, self.interval_s = settings.name, settings.interval_s
        self._command, self._timeout_s = settings.command, settings.timeout_s

    def look(self, now: float) -> Look:
        """What the command prints."""
        lines = parse(self._run())
        unknown = sorted({line.name for line in lines} - _NAMES)
        if unknown:
            raise BadInput(
                f"{self._command[0]} prints metrics that are none",
                [Mistake("output", f"{name} is no metric of Weir") for name in unknown[:20]],
            )
        samples, said = bounded([sample for line in lines for sample in _of(line)], self.name)
        return Look(samples, said=said)

    def kept(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to let go of: a command that still runs ends with its time."""

    def _run(self) -> str:
        with tempfile.TemporaryFile() as out:
            # Into a file, which the system keeps bounded: however much is printed, memory holds.
            process = subprocess.Popen(
                [
                    "/bin/sh",
                    "-c",
                    f'ulimit -f {MAX_OUTPUT // 512}; exec "$@"',
                    "sh",
                    *self._command,
                ],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            try:
                code = process.wait(self._timeout_s)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                _end(process)
            if code is None:
                raise Unreachable(f"{self._command[0]} was not done after {self._timeout_s:g} s")
            if code != 0:
                raise Unreachable(f"{self._command[0]} ended with {code}")
            out.seek(0)
            return out.read(MAX_OUTPUT).decode("utf-8", "replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Nothing of it goes on, what it has started neither."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


_NAMES = frozenset(METRICS) | frozenset(f"weir_{name}" for name in METRICS)


def _of(line: Line) -> list[Sample]:
    labels = line.labels
    if "pool" in labels:
        place = pool(labels["pool"])
    elif "host" in labels:
        place = f"host/{labels['host']}"
    else:
        place = SITE if labels.get("site", "false") not in ("", "false", "0") else CLUSTER
    return known(line.name.removeprefix("weir_"), line.value, place, labels.get("part", ""))
