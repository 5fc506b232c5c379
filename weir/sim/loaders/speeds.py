"""How fast kinds of job run on device models: a table of what was measured, for a simulation.

    kind,model,speed                    train: {nvidia-h20: 1, nvidia-l20: 0.4}
    train,nvidia-h20,1                  tune:
    train,nvidia-l20,0.4                  nvidia-h20: 10
    tune,nvidia-h20,10

A speed is work in any unit a second, the same unit for all models of a kind. A job's duration is
that on the fastest model of its kind in the table; on one of half the speed it takes twice as long.

Laws:
- A model may go by any name of the catalog. One that the catalog does not know is a mistake.
- A kind has each model once. Every mistake is told at once, with its line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from weir.core.devices import UnknownDevice, find
from weir.core.errors import BadInput
from weir.sim.loaders.cells import number
from weir.sim.loaders.faults import Faults, quoted
from weir.sim.loaders.opening import opened
from weir.sim.loaders.table import Layout, columns_of, read_table
from weir.sim.workload import Workload
from weir.wire.mistakes import read_yaml

COLUMNS = ("kind", "model", "speed")

Speeds = dict[str, dict[str, float]]


def load_speeds(path: str | Path) -> Speeds:
    """Speeds by kind and canonical device model, of a CSV or (.yaml, .yml, .json) a mapping. Raises
    `BadInput`.
    """
    faults = Faults(str(path))
    mapped = Path(path).suffix.lower() in (".yaml", ".yml", ".json")
    found: Speeds = {}
    for line, kind, model, text in (_of_yaml if mapped else _of_csv)(path, faults):
        try:
            speed = number(text)
            if not speed > 0:
                raise ValueError(f"{quoted(text)} is no speed; it is more than 0")
            name = find(model).name
        except UnknownDevice as error:
            faults.add(line, "model", str(error))
        except ValueError as error:
            faults.add(line, "speed", str(error))
        else:
            if name in found.setdefault(kind, {}):
                faults.add(line, "model", f"{kind} has a speed on {name} already")
            found[kind][name] = speed
    faults.check()
    return found


def notes_of(speeds: Mapping[str, Mapping[str, float]], load: Workload) -> Iterator[str]:
    """What to know of these speeds and a workload. Raises `BadInput` where no job has a kind of
    the table, so that it would say nothing.
    """
    if not speeds:
        return
    known = [name in speeds for name in load.kind.names]
    jobs = sum(known[code] for code in load.kind.codes.tolist() if code >= 0)
    if not jobs:
        names = ", ".join(map(quoted, load.kind.names[:5])) or "none"
        near = {n for k in speeds for n in get_close_matches(k, load.kind.names, n=1)}
        hint = f"; did you mean {' or '.join(sorted(near))}?" if near else ""
        raise BadInput(
            f"No job is of a kind that has speeds ({', '.join(list(speeds)[:5])}); kinds of the "
            f"jobs are {names}{hint}"
        )
    if jobs < len(load):
        yield f"{len(load) - jobs} jobs are of no kind with known speeds: as fast on every model."


def _of_csv(path: str | Path, faults: Faults) -> Iterator[tuple[int | None, str, str, str]]:
    layout = Layout(comments=[])
    strange = [name for name in columns_of(path, layout) if name not in COLUMNS]
    if strange:
        raise BadInput(
            f"{path} has columns that mean nothing: {', '.join(map(quoted, strange))}; those of "
            f"speeds are {', '.join(COLUMNS)}"
        )
    for chunk in read_table(path, faults, COLUMNS, layout=layout):
        of = chunk.columns
        for line, *cells in zip(chunk.lines, *(of[name] for name in COLUMNS), strict=True):
            kind, model, speed = (cell.strip() for cell in cells)
            if kind:
                yield line, kind, model, speed
            else:
                faults.add(line, "kind", "is empty, and a value is needed")


def _of_yaml(path: str | Path, faults: Faults) -> Iterator[tuple[int | None, str, str, str]]:
    with opened(path) as stream:
        try:
            text = stream.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise BadInput(f"{path} is no UTF-8 text: {error.reason}") from None
    data, lines = read_yaml(text, str(path))
    if not isinstance(data, dict):
        raise BadInput(f"{path} is no table of speeds; write KIND: {{MODEL: SPEED}}")
    for kind, models in data.items():
        at = lines.get((str(kind),))
        if not isinstance(models, dict) or not models:
            faults.add(at, str(kind), "needs speeds by model, as {nvidia-h20: 1.0}")
            continue
        for model, speed in models.items():
            yield lines.get((str(kind), str(model)), at), str(kind), str(model), str(speed)
