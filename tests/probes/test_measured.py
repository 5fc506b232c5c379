from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from weir.core.errors import BadInput, NotReady
from weir.probes import measure, measured
from weir.probes.measured import Kept, Measurement
from weir.wire.pools import PoolReport, Shape

ONE = Measurement(
    at=1.0,
    host="n1",
    cpus=4,
    library="torch 2.9",
    device="NVIDIA H200",
    gflops={"bf16": 790_000},
    memory_bytes_per_s=1,
    disk_write_bytes_per_s=None,
    disk_read_bytes_per_s=None,
)


def test_this_machine_is_measured_by_the_script_that_is_sent(tmp_path: Path) -> None:
    found = measured.take(0.1, str(tmp_path))

    assert found.cpus >= 1
    assert found.memory_bytes_per_s > 10**8
    assert found.disk_write_bytes_per_s is not None
    assert set(found.gflops) >= {"fp64", "fp32"}
    assert all(value > 0 for value in found.gflops.values())
    assert list(tmp_path.iterdir()) == []


def test_the_script_needs_nothing_but_python(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", str(measure.__file__), "--seconds", "0.01"]
    done = subprocess.run([*command, "--folder", str(tmp_path)], capture_output=True, text=True)

    found = Measurement.model_validate_json(done.stdout)
    assert (found.library, found.gflops, found.of_device) == ("", {}, ())


def test_a_folder_that_can_t_be_written_to_leaves_the_disk_unknown(tmp_path: Path) -> None:
    found = measure.disk(str(tmp_path / "none"))

    assert found == {"disk_write_bytes_per_s": None, "disk_read_bytes_per_s": None}


def test_what_a_cpu_did_counts_for_no_device() -> None:
    assert ONE.of_device == (("bf16", 790_000),)
    assert ONE.model_copy(update={"device": "cpu, 4 cores"}).of_device == ()


def test_measurements_are_kept_by_pool(tmp_path: Path) -> None:
    other = ONE.model_copy(update={"host": "n2"})
    measured.keep(tmp_path / "agent", {"a": ONE, "b": ONE})
    measured.keep(tmp_path / "agent", {"b": other})

    assert measured.read(tmp_path / "agent") == {"a": ONE, "b": other}
    assert measured.read(tmp_path) == {}


def test_a_broken_file_and_a_failed_measurement_say_so(tmp_path: Path) -> None:
    (tmp_path / measured.FILE_NAME).write_text('{"a": 1}')
    with pytest.raises(BadInput, match="is no file of measurements"):
        measured.read(tmp_path)
    with pytest.raises(NotReady, match="can't be run"):
        measured.take(0.1, None, ("/no/such/srun",))
    with pytest.raises(NotReady, match="the measurement failed: no such partition"):
        measured.take(0.1, None, ("sh", "-c", "echo no such partition >&2; exit 1"))


def test_what_a_device_did_goes_into_its_pool_s_report(tmp_path: Path) -> None:
    shape = Shape(cpu_milli=1000, memory_bytes=2**30, devices=1)
    model: dict[str, Any] = {
        "hosts": 1,
        "shape": shape,
        "device_model": "nvidia-h200-sxm",
        "free": (),
    }
    reports = [PoolReport(name="a", **model), PoolReport(name="b", **model)]
    kept = Kept(tmp_path)
    assert kept.onto(reports) == reports

    measured.keep(tmp_path, {"a": ONE})
    assert [r.measured_gflops for r in kept.onto(reports)] == [(("bf16", 790_000),), ()]
    (tmp_path / measured.FILE_NAME).write_text("broken")
    os.utime(tmp_path / measured.FILE_NAME, (1, 1))
    assert kept.onto(reports) == reports
