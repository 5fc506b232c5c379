"""What was measured on the pools of an agent: taken on a host of the pool, kept in one file.

Laws:
- A measurement says when, on which host, on what device and by which library it was made.
- Only what a device did is a pool's figure: what CPUs did is kept, and told, and counts for no
  device. Pools that are emulated have nothing to measure.
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
from weir.wire.pools import PoolReport

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
    def of_device(self) -> tuple[tuple[str, int], ...]:
        """What an accelerator did, by precision; nothing where the CPU was measured."""
        return () if self.device.startswith("cpu") else tuple(self.gflops.items())


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
        self._figures: dict[str, tuple[tuple[str, int], ...]] = {}

    def onto(self, reports: Sequence[PoolReport]) -> list[PoolReport]:
        """The reports, each with what a device of its pool was measured to do, where it was.

        A file that can't be read is as good as none, and said to be so in the log.
        """
        try:
            changed_at: float | None = (self._folder / FILE_NAME).stat().st_mtime
        except OSError:
            changed_at = None
        if changed_at != self._seen:
            self._seen = changed_at
            try:
                found = read(self._folder)
            except (BadInput, OSError) as error:
                log.warning("%s", error)
                found = {}
            self._figures = {name: m.of_device for name, m in found.items() if m.of_device}
        if not self._figures:
            return list(reports)
        return [
            report.model_copy(update={"measured_gflops": self._figures[report.name]})
            if report.name in self._figures
            else report
            for report in reports
        ]


def take(seconds: float, folder: str | None, before: Sequence[str] = ()) -> Measurement:
    """Measure where the words `before` lead (`srun ...`), or here. Raises `NotReady`.

    The script is sent along: the host needs Python, and a numeric library for products.
    """
    python = [sys.executable] if not before else ["python3"]
    command = [*before, *python, "-", "--seconds", str(seconds)]
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
