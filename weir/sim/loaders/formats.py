"""The formats of workloads: a table, and one call that recognizes which of them a file has."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from weir.core.errors import BadInput
from weir.core.inventory import DEVICE_MILLI
from weir.sim.loaders import gavel, llm, own, swf
from weir.sim.loaders.columns import columns_with_example, load_csv
from weir.sim.loaders.gavel import load_gavel
from weir.sim.loaders.llm import load_llm
from weir.sim.loaders.openb import load_openb
from weir.sim.loaders.opening import head
from weir.sim.loaders.own import load_own
from weir.sim.loaders.swf import load_swf
from weir.sim.workload import Workload


@dataclass(frozen=True, slots=True)
class Options:
    """What some formats have to be told besides the path. See their loaders."""

    mapping: str = ""
    time_format: str | None = None
    order: str | Path | None = None
    cores_per_task: int | None = None
    tokens_per_s: float | None = None
    prefill_tokens_per_s: float | None = None
    device_milli: int = DEVICE_MILLI


@dataclass(frozen=True, slots=True)
class Format:
    """One format: how its files are read, and recognized by their beginning or their name."""

    name: str
    what: str
    recognizes: Callable[[str], bool]
    read: Callable[[str | Path, Options], Workload]
    ending: str = ""


def load(
    path: str | Path, format_name: str | None = None, options: Options | None = None
) -> Workload:
    """The workload in a file, in the format of that name, else in the one that it looks like.

    Raises `BadInput`: an unknown name, a file that looks like none of them, or its mistakes.
    """
    chosen = _named(format_name) if format_name else _recognized(path)
    return chosen.read(path, options or Options())


def format_of(path: str | Path) -> str:
    """The name of the format that a file looks like. Raises `BadInput` if there is none."""
    return _recognized(path).name


def _named(name: str) -> Format:
    for entry in FORMATS:
        if entry.name == name:
            return entry
    close = get_close_matches(name, [entry.name for entry in FORMATS], n=1, cutoff=0.5)
    hint = f" (did you mean {close[0]}?)" if close else ""
    raise BadInput(f"there is no format {name!r}{hint}; the formats are {_listed()}")


def _recognized(path: str | Path) -> Format:
    text = head(path)
    if not text.strip():
        raise BadInput(f"{path} is empty")
    name = Path(path).name.lower().removesuffix(".gz")
    for entry in FORMATS:
        # By name first: a broken log is still a log, and its own loader says what is wrong.
        if entry.ending and name.endswith(entry.ending):
            return entry
    for entry in FORMATS:
        if entry.recognizes(text):
            return entry
    raise BadInput(f"{path} looks like none of the formats {_listed()}; name the right one")


def _listed() -> str:
    return "; ".join(f"{entry.name}: {entry.what}" for entry in FORMATS)


def _lines(text: str) -> list[str]:
    """The whole lines of a file's beginning (the last may be cut), blank ones left out."""
    lines = text.splitlines()
    whole = lines if text.endswith(("\n", "\r")) or len(lines) == 1 else lines[:-1]
    return [line for line in whole if line.strip()]


def _header(text: str) -> list[str]:
    rows = [line for line in _lines(text) if not line.startswith("#")]
    return [name.strip() for name in next(csv.reader(rows[:1]), [])]


def _is_swf(text: str) -> bool:
    for line in _lines(text):
        if line.lstrip().startswith(";"):
            continue
        fields = line.split()
        return len(fields) == swf.WIDTH and all(map(_is_number, fields))
    return text.lstrip().startswith(";")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_gavel(text: str) -> bool:
    fields = next(iter(_lines(text)), "").split("\t")
    return len(fields) == len(gavel.COLUMNS) and all(map(_is_number, fields[5:]))


def _has(*names: str) -> Callable[[str], bool]:
    return lambda text: set(names) <= set(_header(text))


def _is_own(text: str) -> bool:
    return own.is_lines(text) or _has(*own.NEEDED)(text)


def _read_csv(path: str | Path, options: Options) -> Workload:
    if not options.mapping:
        raise BadInput(f"{path} is a CSV without a map of columns: {columns_with_example(path)}")
    return load_csv(path, options.mapping, options.time_format)


def _read_llm(path: str | Path, options: Options) -> Workload:
    if options.tokens_per_s is None or options.prefill_tokens_per_s is None:
        raise BadInput(
            f"{path} has requests in tokens: say how many tokens a second the model writes "
            "(tokens_per_s) and reads (prefill_tokens_per_s) on the devices that are simulated"
        )
    return load_llm(path, options.tokens_per_s, options.prefill_tokens_per_s, options.device_milli)


FORMATS: tuple[Format, ...] = (
    Format(
        "swf",
        "Standard Workload Format, 18 numbers a row",
        _is_swf,
        lambda path, options: load_swf(path, options.cores_per_task),
        ".swf",
    ),
    Format(
        "gavel",
        "Gavel's traces, ten fields between tabs",
        _is_gavel,
        lambda path, _: load_gavel(path),
        ".trace",
    ),
    Format(
        "own", "Weir's own CSV or JSON lines", _is_own, lambda path, _: load_own(path), ".jsonl"
    ),
    Format(
        "openb",
        "Alibaba's pods (cluster-trace-gpu-v2023)",
        _has("name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli"),
        lambda path, options: load_openb(path, options.order),
    ),
    Format("llm", "Azure's requests to language models", _has(*llm.COLUMNS), _read_llm),
    Format(
        "csv",
        "any CSV, by a map of its columns",
        lambda text: len(_header(text)) > 1,
        _read_csv,
    ),
)
"""In the order in which they are tried: the most particular first."""
