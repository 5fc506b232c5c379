"""What was measured on the pools of an agent: taken on a host of the pool, kept in one file.

Laws:
- A measurement says when, on which host, on what device and by which library it was made.
- A pool's figure is of one device; of one host where it has none. What CPUs did beside devices is
  kept, and counts for no device. Pools that are emulated have nothing to measure.
- When, where and how it was measured, and memory and disk, go up with the pool in any case.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from weir.core.errors import BadInput, NotReady
from weir.probes import measure
from weir.wire.base import Wire
from weir.wire.pools import MeasuredHost, PoolReport

log = logging.getLogger(__name__)

FILE_NAME = "measured.json"
ABOUT_S = 60.0
"""What a measurement takes at most beside the seconds for each of its figures."""

FIGURES = 8


class Measurement(Wire):
    """One measurement of one host. GFLOPS (GOPS for int8) by precision; bytes a second."""

    at: float
    host: str
    cpus: int
    library: str
    device: str
    gflops: dict[str, int]
    memory_bytes_per_s: int
    disk_write_bytes_per_s: int | None
    disk_read_bytes_per_s: int | None

    @property
    def by_cpu(self) -> bool:
        """Whether CPUs computed, and no accelerator."""
        return self.device.startswith("cpu")

    def of(self, devices: int) -> tuple[tuple[str, int], ...]:
        """What it says of a pool with so many devices a host, by precision: of a device if it has
        any and one computed, of a host if it has none.
        """
        counts = self.by_cpu != bool(devices)
        return tuple((p, v) for p, v in self.gflops.items() if v > 0) if counts else ()

    @property
    def told(self) -> MeasuredHost:
        """What goes up with the pool beside its figures."""
        return MeasuredHost(
            at=self.at,
            host=self.host[:253],
            cpus=self.cpus,
            library=self.library[:200],
            device=self.device[:200],
            memory_bytes_per_s=self.memory_bytes_per_s,
            disk_write_bytes_per_s=self.disk_write_bytes_per_s,
            disk_read_bytes_per_s=self.disk_read_bytes_per_s,
        )


_FILE = TypeAdapter(dict[str, Measurement])


def read(folder: Path) -> dict[str, Measurement]:
    """The measurements kept in an agent's folder, by pool. Raises `BadInput` for a broken file."""
    path = folder / FILE_NAME
    try:
        return _FILE.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        raise BadInput(f"{path} is no file of measurements: {error.errors()[0]['msg']}") from None


def keep(folder: Path, found: Mapping[str, Measurement]) -> None:
    """Keep measurements by pool beside those of other pools; all of it or nothing is written."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    both = {**read(folder), **found}
    text = json.dumps({name: m.model_dump() for name, m in both.items()}, indent=1)
    fresh = folder / f".{FILE_NAME}.{os.getpid()}"
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(folder / FILE_NAME)


class Kept:
    """What was measured in an agent's folder, read again when it has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: float | None = None
        self._found: dict[str, Measurement] = {}

    def onto(self, reports: Sequence[PoolReport]) -> list[PoolReport]:
        """The reports, each with what was measured of its pool, where anything was.

        A file that can't be read is as good as none, and said to be so in the log.
        """
        try:
            changed_at: float | None = (self._folder / FILE_NAME).stat().st_mtime
        except OSError:
            changed_at = None
        if changed_at != self._seen:
            self._seen = changed_at
            try:
                self._found = read(self._folder)
            except (BadInput, OSError) as error:
                log.warning("%s", error)
                self._found = {}
        return [
            report
            if (found := self._found.get(report.name)) is None or report.emulated
            else _with(report, found)
            for report in reports
        ]


def _with(report: PoolReport, found: Measurement) -> PoolReport:
    figures = found.of(report.shape.devices) or report.measured_gflops
    return report.model_copy(update={"measured_gflops": figures, "measured_host": found.told})


def take(
    seconds: float, folder: str | None, before: Sequence[str] = (), python: str | None = None
) -> Measurement:
    """Measure where the words `before` lead (`srun ...`), or here. Raises `NotReady`.

    The script is sent along: the host needs Python, and a numeric library for products.
    """
    usual = "python3" if before else sys.executable
    command = [*before, python or usual, "-", "--seconds", str(seconds)]
    command += ["--folder", folder] if folder else []
    script = Path(measure.__file__).read_text(encoding="utf-8")
    limit = ABOUT_S + FIGURES * seconds
    try:
        done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=limit)
    except OSError as error:
        raise NotReady(f"{command[0]} can't be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise NotReady(f"no measurement within {limit:.0f} s; is a host free?") from None
    try:
        return Measurement.model_validate_json(done.stdout.strip().rpartition("\n")[2])
    except ValidationError:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise NotReady(
            f"the measurement failed: {said[-1] if said else f'exit code {done.returncode}'}"
        ) from None
