"""queues show, apply, set, remove; policy show and set."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.builders import NOW, weir
from tests.client.builders import FakeServer, problem
from weir.wire.queues import QueueEntry, read_queues
from weir.wire.scheduling import SchedulingAnswer, SchedulingChange

SCIENCE = QueueEntry.model_validate(
    {"name": "science", "quota": {"devices": {"nominal": "8", "borrow": "4"}}}
)
PHYSICS = QueueEntry(name="physics", parent="science")
CHANGE = SchedulingChange(
    number=7, set_at=NOW, set_by="li", what="queues", policy="fair", queues=("science", "physics")
)
ANSWER = SchedulingAnswer(number=7, policy="fair", queues=(SCIENCE, PHYSICS), changes=(CHANGE,))


def server() -> FakeServer:
    return FakeServer(
        {"GET /v1/scheduling": ANSWER, "PUT /v1/queues": ANSWER, "PUT /v1/policy": ANSWER}
    )


def sent(fake: FakeServer) -> dict[str, object]:
    found: dict[str, object] = json.loads(fake.asked[-1].content)
    return found


def test_what_is_shown_can_be_applied(tmp_path: Path) -> None:
    shown = weir(server(), "queues", "show").stdout
    assert read_queues(shown, "shown") == (SCIENCE, PHYSICS)
    file = tmp_path / "queues.yaml"
    file.write_text(shown)
    fake = server()
    assert weir(fake, "queues", "apply", str(file)).stdout == (
        "the queues are now science, physics\n"
    )
    listed = sent(fake)["queues"]
    assert isinstance(listed, list)
    assert [q["name"] for q in listed] == ["science", "physics"]


def test_mistakes_of_a_file_are_told_before_anything_is_sent(tmp_path: Path) -> None:
    file = tmp_path / "queues.yaml"
    file.write_text("queues:\n- {name: a, parent: b}\n- {name: c, weight: 0}\n")
    fake = server()
    result = weir(fake, "queues", "apply", str(file))
    assert result.exit_code == 2
    assert "queues[0].parent (line 2)" in result.stderr
    assert "queues[1].weight (line 3)" in result.stderr
    assert fake.asked == []


def test_one_queue_is_changed_and_the_others_stay() -> None:
    fake = server()
    options = ("--weight", "3", "--devices", "16", "--cpu", "1.5+2", "--parent", "")
    assert weir(fake, "queues", "set", "science", *options).exit_code == 0
    body = sent(fake)
    assert body["seen"] == 7, "nothing is lost that somebody else has set in between"
    science, physics = (QueueEntry.model_validate(q) for q in body["queues"])  # type: ignore[attr-defined]
    assert (science.weight, science.parent, physics) == (3.0, None, PHYSICS)
    assert science.quota.nominal() == (1500, None, 16_000)
    assert science.quota.borrow() == (2000, None, None)


def test_a_queue_is_made_and_a_limit_taken_away() -> None:
    fake = server()
    assert weir(fake, "queues", "set", "arts", "--parent", "science").exit_code == 0
    assert [q["name"] for q in sent(fake)["queues"]] == ["science", "physics", "arts"]  # type: ignore[attr-defined]
    assert weir(fake, "queues", "set", "science", "--devices", "none").exit_code == 0
    [science, _] = (QueueEntry.model_validate(q) for q in sent(fake)["queues"])  # type: ignore[attr-defined]
    assert science.quota.nominal() == (None, None, None)


def test_wrong_changes_are_told_and_not_sent() -> None:
    for arguments, said in (
        (("set", "x", "--parent", "sciense"), "did you mean science?"),
        (("set", "x", "--devices", "many"), "is not a number of devices"),
        (("remove", "science"), "there is no queue 'science'"),
        (("remove", "nobody"), "there is no queue 'nobody'"),
    ):
        fake = server()
        result = weir(fake, "queues", *arguments)
        assert result.exit_code != 0
        assert said in " ".join(result.stderr.split())
        assert [r.method for r in fake.asked] == ["GET"]


def test_a_queue_is_removed() -> None:
    fake = server()
    assert weir(fake, "queues", "remove", "physics").exit_code == 0
    assert [q["name"] for q in sent(fake)["queues"]] == ["science"]  # type: ignore[attr-defined]


def test_the_policy_and_who_has_changed_it() -> None:
    said = weir(server(), "policy", "show").stdout
    assert said.splitlines()[:2] == ["policy  fair", "queues  science, physics"]
    assert "2023-11-15 06:13:20  li  queues  fair    science, physics" in said
    fresh = ANSWER.model_copy(update={"changes": (), "queues": ()})
    assert "nothing was changed" in weir({"GET /v1/scheduling": fresh}, "policy", "show").stdout


def test_another_policy() -> None:
    fake = server()
    assert weir(fake, "policy", "set", "fair").stdout == "the policy is now fair\n"
    assert sent(fake)["policy"] == "fair"
    refused = problem(422, "weir.input.invalid", "There is no policy 'fare'.")
    result = weir({"PUT /v1/policy": refused}, "policy", "set", "fare")
    assert (result.exit_code, "no policy 'fare'" in result.stderr) == (2, True)
