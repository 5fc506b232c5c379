"""A job file and its mistakes: all of them at once, each with its line and a way out."""

from pathlib import Path
from typing import Any

import pytest

from weir.core.errors import BadInput, Mistake
from weir.wire.jobspec import JobSpec
from weir.wire.mistakes import FORMS
from weir.wire.specfile import read_job, read_job_file

FILE = """\
name: Train
tasks:
  - command: [python, train.py]
    memory: 12 bananas
    devices:
      models: [h1000]
wall_time: 1h
retries: -1
constraints:
  max_latency: 20
"""


def mistakes(text: str, folder: Path = Path(".")) -> list[str]:
    with pytest.raises(BadInput) as caught:
        read_job(text, "job.yaml", folder)
    return [str(m) for m in caught.value.mistakes] or [caught.value.detail]


def test_six_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    with pytest.raises(BadInput, match=r"job\.yaml has 6 mistakes") as caught:
        read_job(FILE, "job.yaml", Path("."))
    found = caught.value.mistakes
    assert [(m.line, m.field) for m in found] == [
        (1, "name"),
        (4, "tasks[0].memory"),
        (6, "tasks[0].devices.models[0]"),
        (7, "wall_time"),
        (8, "retries"),
        (10, "constraints.max_latency"),
    ]


def test_an_unknown_device_is_told_its_neighbors() -> None:
    assert "near it: nvidia-h100-sxm5" in mistakes(FILE)[2]


def test_a_misspelled_field_is_told_the_one_that_is_meant() -> None:
    text = "name: a\nprioriti: 3\ntasks:\n  - command: [x]\n    devices:\n      cuont: 1\n"
    assert mistakes(text) == [
        "line 2, prioriti: is not a field here; did you mean priority?",
        "line 6, tasks[0].devices.cuont: is not a field here; did you mean count?",
    ]


def test_a_field_like_no_other_points_at_the_schema() -> None:
    text = "name: a\nqwxyz: 3\ntasks: [{command: [x]}]\n"
    assert mistakes(text) == [
        "line 2, qwxyz: is not a field here; see the schema for the fields there are"
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "job.yaml is empty"),
        ("# only a remark\n", "job.yaml is empty"),
        ("name: a\nname: b\n", "line 2, name: stands twice, first in line 1"),
        (
            "name: a\ntasks:\n  - cpu: 1\n    cpu: 2\n",
            "line 4, tasks[0].cpu: stands twice, first in line 3",
        ),
        ("name: [\n", "line 2, (file): expected the node content, but found '<stream end>'"),
        ("name: a\n---\nname: b\n", "line 2, (file): but found another document"),
        ("name: &a [*a]\n", "line 1, (file): an alias stands within itself"),
        ("- a\n", "line 1, (file): must be fields with values"),
        ("hello\n", "line 1, (file): 'hello': must be fields with values"),
        ("tasks: [{command: [x]}]\n", "line 1, name: is missing"),
        ("name: a\ntasks: []\n", "line 2, tasks: needs at least 1"),
        ("name: a\ntasks: {command: [x]}\n", "line 2, tasks: must be a list"),
        (
            "name: a\ntasks: [{command: [1]}]\n",
            "line 2, tasks[0].command[0]: 1: must be text; put it in quotes",
        ),
    ],
)
def test_what_is_no_job_is_said_plainly(text: str, told: str) -> None:
    assert mistakes(text) == [told]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "command: python x.py 3",
            "tasks[0].command: must be a list of words; write [python, x.py, 3]",
        ),
        ("command: 3", "tasks[0].command: must be a list of words; write [python, x.py]"),
        (
            "command: [x]\n    devices: {total_performance: 2 PFLOPS}",
            "tasks[0].devices.total_performance: must be fields with values; "
            "write {precision: bf16, value: 2 PFLOPS}",
        ),
    ],
)
def test_a_wrong_form_is_told_with_a_right_one(line: str, told: str) -> None:
    (found,) = mistakes(f"name: a\ntasks:\n  - cpu: 1\n    {line}\n")
    assert found.endswith(told)


def test_a_pattern_is_told_in_words() -> None:
    found = mistakes("name: My Job\ntasks: [{command: [x], environment: {1A: b}}]\n")
    assert found[0].startswith("line 1, name: 'My Job' is no name: 1 to 63 of a-z, 0-9")
    assert "is no variable's name" in found[1]


def test_every_pattern_of_a_job_file_has_words() -> None:
    found: set[str] = set()
    todo: list[Any] = [JobSpec.model_json_schema()]
    while todo:
        part = todo.pop()
        if isinstance(part, dict):
            found |= {part["pattern"]} if isinstance(part.get("pattern"), str) else set()
            found |= set(part.get("patternProperties", {}))
        todo += part.values() if isinstance(part, dict) else part if isinstance(part, list) else []
    assert found
    assert found <= set(FORMS)


def test_a_mistake_inside_a_list_is_told_and_not_the_list_as_well() -> None:
    found = mistakes("name: a\ntasks:\n  - cpu: frogs\n    command: [x]\n")
    assert len(found) == 1
    assert found[0].startswith("line 3, tasks[0].cpu: 'frogs'")


def test_json_is_read_like_yaml() -> None:
    job = read_job('{"name": "a", "tasks": [{"command": ["x"]}]}', "job.json", Path("."))
    assert (job.name, job.tasks[0].command) == ("a", ("x",))


def test_sources_are_taken_along_as_text_or_bytes(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("déjà\n", encoding="utf-8")
    (tmp_path / "in.bin").write_bytes(b"\xff\x00")
    (tmp_path / "job.yaml").write_text(
        "name: a\ntasks: [{command: [x]}]\n"
        "inputs: [{path: t, source: in.txt}, {path: b, source: in.bin}]\n"
    )
    job = read_job_file(tmp_path / "job.yaml")
    assert [i.content() for i in job.inputs] == ["déjà\n".encode(), b"\xff\x00"]
    assert [(i.source, i.text is None) for i in job.inputs] == [(None, False), (None, True)]


def test_a_source_that_is_not_there_is_told_among_the_other_mistakes(tmp_path: Path) -> None:
    text = "name: A\ntasks: [{command: [x]}]\ninputs:\n  - path: t\n    source: gone.txt\n"
    assert mistakes(text, tmp_path)[1] == (
        "line 5, inputs[0].source: gone.txt can't be read: No such file or directory"
    )
    alone = text.replace("A", "a", 1)
    assert len(mistakes(alone, tmp_path)) == 1


def test_a_file_that_is_not_utf8_or_not_there_is_no_crash(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    with pytest.raises(BadInput, match=r"latin\.yaml can't be read: 'utf-8' codec"):
        read_job_file(tmp_path / "latin.yaml")
    with pytest.raises(BadInput, match=r"gone\.yaml can't be read"):
        read_job_file(tmp_path / "gone.yaml")


def test_a_mistake_shows_its_line_only_if_it_has_one() -> None:
    assert str(Mistake("a.b", "is wrong")) == "a.b: is wrong"
    assert str(Mistake("a.b", "is wrong", 3)) == "line 3, a.b: is wrong"
