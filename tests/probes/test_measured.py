from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from weir.core.errors import BadInput, NotReady
from weir.probes import measure, measured
from weir.probes.measured import Kept, Measurement
from weir.wire.pools import PoolReport, Shape, pool_from

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


class Torch:
    """A torch that can only multiply 8-bit integers, of which the second lies by columns."""

    int8 = "int8"

    def __init__(self) -> None:
        self.multiplied: list[tuple[int, bool]] = []

    def randint(self, _least: int, _most: int, size: tuple[int, int], device: str) -> Matrix:
        return Matrix(size[0])

    def _int_mm(self, a: Matrix, b: Matrix) -> None:
        self.multiplied.append((a.size, b.by_columns))


@dataclass
class Matrix:
    size: int
    by_columns: bool = False

    def to(self, kind: str) -> Matrix:
        assert kind == "int8"
        return self

    def t(self) -> Matrix:
        return Matrix(self.size, not self.by_columns)


def test_products_of_8_bit_integers_are_measured_where_torch_has_them() -> None:
    torch = Torch()
    measure._in_int8(torch, "cuda")(64)()
    assert torch.multiplied == [(64, True)]


def test_the_script_needs_nothing_but_python(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", str(measure.__file__), "--seconds", "0.01"]
    done = subprocess.run([*command, "--folder", str(tmp_path)], capture_output=True, text=True)

    found = Measurement.model_validate_json(done.stdout)
    assert (found.library, found.gflops, found.of(0)) == ("", {}, ())


def test_a_folder_that_can_t_be_written_to_leaves_the_disk_unknown(tmp_path: Path) -> None:
    found = measure.disk(str(tmp_path / "none"))

    assert found == {"disk_write_bytes_per_s": None, "disk_read_bytes_per_s": None}


def test_a_figure_is_of_a_device_or_of_a_host_that_has_none() -> None:
    figures = (("bf16", 790_000),)
    cpu = ONE.model_copy(update={"device": "cpu, 4 cores"})
    assert (ONE.of(8), ONE.of(0)) == (figures, ())
    assert (cpu.of(8), cpu.of(0)) == ((), figures)


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
    [told, nothing] = [r.measured_host for r in kept.onto(reports)]
    assert told is not None and nothing is None
    assert (told.at, told.host, told.library, told.device) == (
        1.0,
        "n1",
        "torch 2.9",
        "NVIDIA H200",
    )
    assert pool_from(PoolReport.model_validate(kept.onto(reports)[0].model_dump())).measured_host
    by_cpu = ONE.model_copy(update={"device": "cpu, 4 cores"})
    measured.keep(tmp_path, {"a": by_cpu})
    os.utime(tmp_path / measured.FILE_NAME, (2, 2))
    report = kept.onto(reports)[0]
    assert report.measured_gflops == () and report.measured_host is not None
    hosts = [r.model_copy(update={"shape": Shape(cpu_milli=1, memory_bytes=1)}) for r in reports]
    assert kept.onto(hosts)[0].measured_gflops == (("bf16", 790_000),)
    (tmp_path / measured.FILE_NAME).write_text("broken")
    os.utime(tmp_path / measured.FILE_NAME, (1, 1))
    assert kept.onto(reports) == reports
