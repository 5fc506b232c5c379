"""Turn validation errors and YAML text into mistakes with field and line, all of them at once."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from weir.core.errors import BadInput, Mistake

M = TypeVar("M", bound=BaseModel)
Path = tuple[str | int, ...]

_PLAIN: Mapping[str, str] = {
    "dict_type": "must be fields with values",
    "model_type": "must be fields with values",
    "model_attributes_type": "must be fields with values",
    "string_type": "must be text; put it in quotes",
    "tuple_type": "must be a list",
    "too_short": "needs at least {min_length}",
    "too_long": "takes at most {max_length}",
}
"""Pydantic's words for Python's types, in words for files."""


FORMS: Mapping[str, str] = {
    r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$": (
        "is no name: 1 to 63 of a-z, 0-9, dot, dash and underscore, the first and the last a "
        "letter or a digit"
    ),
    r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$": (
        "is no path here: letters, digits, dots, dashes and underscores, with / between folders, "
        "and inside the job's folder"
    ),
    r"^[A-Za-z_][A-Za-z0-9_]*$": (
        "is no variable's name: letters, digits and underscores, no digit first"
    ),
    r"^(file|https?|s3)://": "is no URL: it begins with file://, http://, https:// or s3://",
    r"^(file|s3)://": "is no URL of a folder: it begins with file:// or s3://",
    r"^((docker|oras)://[A-Za-z0-9][A-Za-z0-9_.:/@-]*|[A-Za-z0-9_.-]+\.sif)$": (
        "is no image: docker://NAME, oras://NAME, or an input whose name ends with .sif"
    ),
    r"^[0-9a-f]{64}$": "is no SHA-256: 64 of 0-9 and a-f",
    r"^[A-Z]{3}$": "is no currency: three capital letters, as in CNY",
}
"""Patterns in words."""

_NO_FIELDS = ("dict_type", "model_type", "model_attributes_type")
_PERFORMANCES = ("min_performance", "total_performance")


def read_yaml(text: str, what: str) -> tuple[Any, Mapping[Path, int]]:
    """The data of one YAML (or JSON) document and the line of every field in it.

    Raises `BadInput` with the line where the text stops being YAML, or has a key twice.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is None:
            raise BadInput(f"{what} is empty")
        lines: dict[Path, int] = {}
        twice: list[Mistake] = []
        _walk(root, (), lines, twice, ())
        if twice:
            raise BadInput(f"{what} has {count_of(twice)}", twice)
        return yaml.safe_load(text), lines
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        problem = getattr(error, "problem", None) or str(error)
        raise BadInput(f"{what} is not YAML", [Mistake("(file)", problem, line)]) from None


def _walk(
    node: yaml.Node,
    path: Path,
    lines: dict[Path, int],
    twice: list[Mistake],
    around: tuple[yaml.Node, ...],
) -> None:
    if node in around:
        mark = node.start_mark
        raise yaml.MarkedYAMLError(problem="an alias stands within itself", problem_mark=mark)
    around = (*around, node)
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            if here in lines:
                message = f"stands twice, first in line {lines[here]}"
                twice.append(Mistake(show_path(here), message, key.start_mark.line + 1))
            lines[here] = key.start_mark.line + 1
            _walk(value, here, lines, twice, around)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _walk(value, (*path, index), lines, twice, around)


def validated(model: type[M], data: Any, what: str, lines: Mapping[Path, int] | None = None) -> M:
    """`data` as a `model`. Raises `BadInput` that names every mistake with its field and line."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        mistakes = mistakes_of(error.errors(), lines or {}, model)
        raise BadInput(f"{what} has {count_of(mistakes)}", mistakes) from None


def mistakes_of(
    errors: Iterable[Any], lines: Mapping[Path, int], model: type[BaseModel] | None = None
) -> list[Mistake]:
    """Pydantic's errors as ours, in the order of the file. With the `model` that was expected, a
    misspelled field is told which one is near.
    """
    listed = list(errors)
    fields = [_field(e, lines) for e in listed]
    found = [
        Mistake(show_path(field), _message(e, field, model), line_of(field, lines))
        for e, field in zip(listed, fields, strict=True)
        if not (e["type"] == "too_short" and _has_below(field, fields))
    ]
    return sorted(dict.fromkeys(found), key=lambda m: (m.line or 0, m.field))


def show_path(path: Sequence[str | int]) -> str:
    """`("tasks", 0, "cpu")` as `tasks[0].cpu`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "(file)"


def _has_below(field: Path, fields: Sequence[Path]) -> bool:
    """Whether a mistake lies inside `field`: its parts are there then, only wrong."""
    return any(len(f) > len(field) and f[: len(field)] == field for f in fields)


def _field(error: Any, lines: Mapping[Path, int]) -> Path:
    """Where the error is in the file: without pydantic's own steps (which of several models)."""
    steps = [p for p in error["loc"] if p != "[key]"]
    path: Path = ()
    for step in steps[:-1]:
        if not lines or (*path, step) in lines:
            path = (*path, step)
    return (*path, *steps[-1:])


def line_of(path: Path, lines: Mapping[Path, int]) -> int | None:
    """The line of the field, or of the nearest thing around it (a missing field has none)."""
    for end in range(len(path), -1, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return None


def _message(error: Any, field: Path, model: type[BaseModel] | None) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        near = get_close_matches(str(field[-1]), _fields_beside(field, model), 1)
        hint = f"did you mean {near[0]}?" if near else "see the schema for the fields there are"
        return f"is not a field here; {hint}"
    if kind == "string_pattern_mismatch":
        pattern = str(context["pattern"])
        return f"{error['input']!r} {FORMS.get(pattern, f'does not have the form {pattern}')}"
    if kind == "tuple_type" and field and field[-1] == "command":
        return f"must be a list of words; write [{_as_words(error['input'])}]"
    if kind in _NO_FIELDS and field and field[-1] in _PERFORMANCES:
        return "must be fields with values; write {precision: bf16, value: 2 PFLOPS}"
    if kind == "value_error":
        return str(context["error"])
    text = _PLAIN.get(kind, str(error["msg"])).format_map(context)
    shown = error["input"]
    if isinstance(shown, (str, int, float, bool)):
        return f"{shown!r}: {text[0].lower()}{text[1:]}"
    return text


def _as_words(command: object) -> str:
    """A command written as one text, as the list that it should be."""
    try:
        words = shlex.split(command) if isinstance(command, str) else []
    except ValueError:
        words = []
    return ", ".join(words or ["python", "x.py"])


def _fields_beside(field: Path, model: type[BaseModel] | None) -> list[str]:
    """The fields that may stand where `field` does; none if that can't be known."""
    here = [] if model is None else [model]
    for part in field[:-1]:
        below = [m for h in here if part in h.model_fields for m in _models_of(h, str(part))]
        here = below or here  # a number in a list, or the kind that chose one of several models
    return sorted({name for h in here for name in h.model_fields})


def _models_of(model: type[BaseModel], field: str) -> Iterator[type[BaseModel]]:
    """The models that a field's annotation speaks of."""
    kinds: list[Any] = [model.model_fields[field].annotation]
    while kinds:
        kind = kinds.pop()
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield kind
        kinds += get_args(kind)


def count_of(mistakes: Sequence[Mistake]) -> str:
    """How many mistakes, in words."""
    return "one mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
