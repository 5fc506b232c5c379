"""Mistakes: fields are found by name and by way, through lists, unions and tags."""

from typing import Any

import pytest

from weir.core.errors import BadInput
from weir.executors.settings import AgentFile, AgentSettings
from weir.wire.mistakes import read_yaml, show_path, validated

AGENT = """\
name: north
executor:
  kind: local
  pols: []
  pools:
    - name: cpu
      hosts: 1
      shape: {cpu_mili: 1, cpu_milli: 1, memory_bytes: 1}
uplinks: [{url: "http://x", token_file: t, cluster: c, clustr: d}]
"""


def told(model: Any, text: str) -> list[str]:
    data, lines = read_yaml(text, "agent.yaml")
    with pytest.raises(BadInput) as caught:
        validated(model, data, "agent.yaml", lines)
    return [str(m) for m in caught.value.mistakes]


def test_a_near_field_is_found_below_lists_and_tagged_unions() -> None:
    found = told(AgentSettings, AGENT)
    assert [m.rpartition("; ")[2] for m in found] == [
        "did you mean pools?",
        "did you mean cpu_milli?",
        "did you mean cluster?",
    ]
    assert [m.partition(",")[0] for m in found] == ["line 4", "line 8", "line 9"]


def test_a_near_field_is_found_one_level_further_down() -> None:
    indented = "".join(f"    {line}\n" for line in AGENT.splitlines())
    found = told(AgentFile, "agents:\n  -\n" + indented)
    assert [m.rpartition("; ")[2] for m in found][1] == "did you mean cpu_milli?"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (("tasks", 0, "cpu"), "tasks[0].cpu"),
        (("a",), "a"),
        ((), "(file)"),
        ((0, "a"), "[0].a"),
    ],
)
def test_a_path_is_shown_as_people_write_it(path: tuple[str | int, ...], shown: str) -> None:
    assert show_path(path) == shown
