"""The documents that name fields, settings and commands name the ones that there are."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any

import click
import pytest

from weir.cli.main import VERBS, main
from weir.wire.jobspec import JobSpec
from weir.wire.specfile import read_job

ROOT = Path(__file__).parents[2]
JOB_FILE = (ROOT / "docs" / "job-file.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

SECTIONS = {
    "JobSpec": "The job",
    "Tasks": "A task group",
    "Topology": "One block of a pool",
    "Devices": "Accelerators",
    "PerformanceWish": "Performance",
    "Variant": "A variant",
    "Constraints": "Where it may run",
    "Apart": "Apart from others",
    "Array": "An array",
    "Input": "An input",
    "Output": "An output",
    "Checkpoint": "A checkpoint",
}
"""The heading of each part of the schema begins so."""

SCHEMA: dict[str, Any] = JobSpec.model_json_schema()
PARTS: dict[str, Any] = {n: d for n, d in SCHEMA["$defs"].items() if "properties" in d}


def test_every_part_of_a_job_file_has_a_section() -> None:
    assert set(PARTS) | {"JobSpec"} == set(SECTIONS)


@pytest.mark.parametrize("part", SECTIONS)
def test_every_field_of_a_job_file_is_described_with_its_default(part: str) -> None:
    fields = (SCHEMA if part == "JobSpec" else PARTS[part])["properties"]
    text = re.split(rf"^## {SECTIONS[part]}\b", JOB_FILE, flags=re.MULTILINE)[1]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.*)\|$", text.split("\n## ")[0], re.MULTILINE)
    assert {name for name, _, _ in rows} == set(fields)
    for name, meaning, default in rows:
        known = fields[name].get("default")
        assert meaning
        if isinstance(known, bool | int | str):
            assert default.strip().strip("`") == str(known).replace("T", "t").replace("F", "f")


def test_the_example_is_a_job(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.+?)```", JOB_FILE, re.DOTALL)
    for name in ("train.py", "train_npu.py"):
        (tmp_path / name).write_text("")
    spec = read_job(example, "the example", tmp_path)
    assert spec.tasks[0].devices is not None
    assert spec.tasks[0].devices.total_performance is not None


def test_the_worked_example_of_identifiers_runs() -> None:
    done = doctest.testfile(str(ROOT / "docs" / "identifiers.md"), module_relative=False)
    assert (done.attempted > 5, done.failed) == (True, 0)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_in_pages_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in re.findall(r"\bweir ([^`\n#]+)", text):
        words = re.sub(r"^-s \S+ ", "", line).split()
        if not words or words[0] not in VERBS:
            continue
        command: click.Command | None = main.get_command(click.Context(main), words[0])
        if isinstance(command, click.Group) and len(words) > 1:
            command = command.get_command(click.Context(command), words[1].strip(",.;"))
        assert command is not None, line
        known = {o for p in command.params for o in p.opts}
        used = {word for word in words if re.fullmatch(r"--[a-z-]+", word)}
        if not isinstance(command, click.Group):
            assert used <= known | {"--server"}, f"{line}: {used - known}"
