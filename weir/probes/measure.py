"""What a host really does: matrix products by precision, memory bandwidth, disk. A whole script.

It needs nothing but Python: it is also sent to hosts that have no Weir. Products are made by the
numeric library that is there: torch with an accelerator, else numpy on the CPU. What no library can
measure is left out, and never guessed: numpy multiplies 8-bit integers, but not by the units that a
CPU has for it.

Laws:
- One result is the best of several repeats within the time that was given: what disturbs a
  measurement only ever makes it slower.
- A product of two n x n matrices counts 2 n^3 operations; results are GFLOPS (GOPS for int8) of one
  device, or of all CPUs that the process may use. Bandwidths are bytes that were read and written.

    python measure.py --seconds 2 --folder /scratch
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

SIZES = (1024, 2048, 4096, 8192, 16384)
"""Sizes of matrices, taken in turn until one product takes long enough to be timed."""

ENOUGH_S = 0.05
"""A repeat that is shorter says more about the start of a call than about the product."""

MEMORY_BYTES = 256 * 2**20
DISK_BYTES = 256 * 2**20
BLOCK = 4 * 2**20


def main() -> None:
    """Measure, and print one line of JSON."""
    asked = argparse.ArgumentParser(description="Measure this host.")
    asked.add_argument("--seconds", type=float, default=2.0, help="for each figure")
    asked.add_argument("--folder", default=None, help="where to write the file of the disk's test")
    given = asked.parse_args()
    print(json.dumps(measure(given.seconds, given.folder)))


def measure(seconds: float, folder: str | None = None) -> dict[str, Any]:
    """Everything that can be measured here: `gflops` by precision, bandwidths in bytes/s."""
    library, device, gflops = products(seconds)
    return {
        "at": time.time(),
        "host": platform.node(),
        "cpus": _cpus(),
        "library": library,
        "device": device,
        "gflops": gflops,
        "memory_bytes_per_s": memory(seconds),
        **disk(folder),
    }


def products(seconds: float) -> tuple[str, str, dict[str, int]]:
    """The library that was used, what it ran on, and GFLOPS by precision."""
    torch = _library("torch")
    if torch is not None and (device := _accelerator(torch)) is not None:
        return _by_torch(torch, device, seconds)
    numpy = _library("numpy")
    if numpy is not None:
        return _by_numpy(numpy, seconds)
    return ("", "cpu", {}) if torch is None else _by_torch(torch, "cpu", seconds)


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except Exception:  # a library that is broken is as good as none
        return None


def _accelerator(torch: Any) -> str | None:
    """The first accelerator that torch can use; makers' plug-ins are asked for by their name."""
    for module, name in (("torch_npu", "npu"), ("torch_mlu", "mlu"), ("torch_musa", "musa")):
        if _library(module) is not None and getattr(torch, name).is_available():
            return name
    return "cuda" if torch.cuda.is_available() else None


def _by_numpy(numpy: Any, seconds: float) -> tuple[str, str, dict[str, int]]:
    found = {}
    for precision, kind in (("fp64", numpy.float64), ("fp32", numpy.float32)):

        def product(size: int, kind: Any = kind) -> Callable[[], Any]:
            a = numpy.ones((size, size), dtype=kind)
            b, out = numpy.full_like(a, 0.5), numpy.empty_like(a)
            return lambda: numpy.matmul(a, b, out=out)

        found[precision] = _gflops(product, lambda: None, seconds)
    return f"numpy {numpy.__version__}", f"cpu, {_cpus()} cores", found


def _by_torch(torch: Any, device: str, seconds: float) -> tuple[str, str, dict[str, int]]:
    place: Any = getattr(torch, device, None)
    wait = place.synchronize if device != "cpu" else lambda: None
    name = place.get_device_name(0) if device != "cpu" else f"cpu, {_cpus()} cores"
    kinds = {"fp64": "float64", "fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
    found = {}
    for precision, kind in kinds.items():
        if precision == "fp32" and device == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = False

        def product(size: int, kind: str = kind) -> Callable[[], Any]:
            a = torch.randn(size, size, device=device).to(getattr(torch, kind))
            b = torch.randn(size, size, device=device).to(getattr(torch, kind))
            return lambda: torch.matmul(a, b)

        try:
            found[precision] = _gflops(product, wait, seconds)
        except Exception:  # this device has no such product: the figure stays unknown
            continue
    with suppress(Exception):  # no such product here, as above
        found["int8"] = _gflops(_in_int8(torch, device), wait, seconds)
    if device == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = True

        def in_tf32(size: int) -> Callable[[], Any]:
            a, b = (torch.randn(size, size, device=device) for _ in range(2))
            return lambda: torch.matmul(a, b)

        if torch.cuda.get_device_capability(0) >= (8, 0):
            found["tf32"] = _gflops(in_tf32, wait, seconds)
    return f"torch {torch.__version__}", str(name), found


def _in_int8(torch: Any, device: str) -> Callable[[int], Callable[[], Any]]:
    """Products of 8-bit integers into 32-bit ones; the second factor lies by columns, as the units
    for it want it.
    """

    def product(size: int) -> Callable[[], Any]:
        a, b = (
            torch.randint(-128, 128, (size, size), device=device).to(torch.int8) for _ in range(2)
        )
        by_columns = b.t()
        return lambda: torch._int_mm(a, by_columns)

    return product


def _gflops(
    product: Callable[[int], Callable[[], Any]], wait: Callable[[], None], seconds: float
) -> int:
    """The best rate over the sizes; the last size is the first whose product takes long enough."""
    best = 0.0
    for size in SIZES:
        once = product(size)
        once()
        wait()
        took = _best(once, wait, seconds / len(SIZES))
        best = max(best, 2 * size**3 / took / 1e9)
        if took >= ENOUGH_S:
            break
    return round(best)


def _best(act: Callable[[], Any], wait: Callable[[], None], seconds: float) -> float:
    """The shortest of the repeats that fit in so many seconds; three at least."""
    best, until, repeats = float("inf"), time.perf_counter() + seconds, 0
    while repeats < 3 or time.perf_counter() < until:
        began = time.perf_counter()
        act()
        wait()
        best, repeats = min(best, time.perf_counter() - began), repeats + 1
    return best


def memory(seconds: float) -> int:
    """Bytes a second that one copy of a large block reads and writes."""
    source = bytearray(os.urandom(2**20)) * (MEMORY_BYTES // 2**20)
    target = memoryview(bytearray(MEMORY_BYTES))
    took = _best(lambda: target.__setitem__(slice(None), source), lambda: None, seconds / 2)
    return round(2 * MEMORY_BYTES / took)


def disk(folder: str | None) -> dict[str, int | None]:
    """Bytes a second of one file written and synced, and read again past the cache where it can be.

    None where the folder can't be written to.
    """
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix="weir-measure-") as file:
            block = os.urandom(BLOCK)
            began = time.perf_counter()
            for _ in range(DISK_BYTES // BLOCK):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
            wrote = DISK_BYTES / (time.perf_counter() - began)
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            file.seek(0)
            began = time.perf_counter()
            while file.read(BLOCK):
                pass
            read = DISK_BYTES / (time.perf_counter() - began)
    except OSError:
        return {"disk_write_bytes_per_s": None, "disk_read_bytes_per_s": None}
    return {"disk_write_bytes_per_s": round(wrote), "disk_read_bytes_per_s": round(read)}


def _cpus() -> int:
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


if __name__ == "__main__":
    main()
