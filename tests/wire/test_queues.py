"""The file of queues: what it says, and every mistake at once with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.control.queues import queues_from
from weir.core.errors import BadInput
from weir.scheduling.snapshot import Queue
from weir.wire.queues import read_queues, read_queues_file

GOOD = """
queues:
  - {name: science, weight: 2}
  - name: physics
    parent: science
    quota:
      cpu: {nominal: 1500m}
      memory: {nominal: 512GiB, borrow: 0}
      devices: {nominal: 8, borrow: 4}
"""


def mistakes(text: str) -> list[tuple[str, str, int | None]]:
    with pytest.raises(BadInput) as refused:
        read_queues(text, "queues.yaml")
    return [(m.field, m.message, m.line) for m in refused.value.mistakes]


def test_quantities_become_amounts_and_what_is_left_out_has_no_limit() -> None:
    assert queues_from(read_queues(GOOD, "x")) == (
        Queue("science", weight=2.0),
        Queue(
            "physics",
            "science",
            nominal=(1500, 512 * 2**30, 8000),
            borrow=(None, 0, 4000),
        ),
    )


def test_every_mistake_is_told_at_once() -> None:
    text = """
queues:
  - {name: a, weight: -1}
  - {name: b, parent: sience}
  - {name: science, parent: d}
  - {name: d, parent: science}
  - {name: a}
  - {name: e, quota: {devices: {nominal: many}, memory: {borrow: 1GiB}, gpu: {nominal: 1}}}
"""
    assert [(f, line) for f, _, line in mistakes(text)] == [
        ("queues[0].weight", 3),
        ("queues[1].parent", 4),
        ("queues[2].parent", 5),
        ("queues[3].parent", 6),
        ("queues[4].name", 7),
        ("queues[5].quota.devices.nominal", 8),
        ("queues[5].quota.gpu", 8),
        ("queues[5].quota.memory", 8),
    ]
    said = {f: m for f, m, _ in mistakes(text)}
    assert said["queues[1].parent"] == "there is no queue 'sience'; did you mean science?"
    assert said["queues[2].parent"] == "the parents lead in a circle: science -> d -> science"
    assert said["queues[4].name"] == "there is another queue named 'a'"
    assert "greater than 0" in said["queues[0].weight"]
    assert said["queues[5].quota.memory"].startswith("needs nominal")


def test_its_own_parent_is_a_circle() -> None:
    [(field, message, _)] = mistakes("queues: [{name: a, parent: a}]")
    assert (field, message) == ("queues[0].parent", "the parents lead in a circle: a -> a")


@pytest.mark.parametrize("text", ["queues: []", "queues: 3", "- a", "other: 1"])
def test_what_is_no_list_of_queues_is_refused(text: str) -> None:
    assert mistakes(text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="can't be read"):
        read_queues_file(tmp_path / "none.yaml")
