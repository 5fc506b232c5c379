"""joins: who waits, approve, reject."""

from __future__ import annotations

from pathlib import Path

from tests.cli.builders import NOW, weir
from weir.cli.joins import next_step
from weir.wire.joining import JoinAnswer, JoinRecord, JoinsAnswer

EAST = JoinRecord(
    id="t-1", kind="site", name="east / main", cluster="CN.S1.C1-5", executor="slurm", url=None,
    asked_at=NOW - 120, again=False,
)  # fmt: skip


def test_who_waits() -> None:
    answer = JoinsAnswer(needed=True, joins=(EAST,))
    lines = weir({"GET /v1/joins": answer}, "joins").stdout.splitlines()
    assert lines[1].split("  ")[:2] == ["t-1", "site"]
    assert "2 min ago" in lines[1]
    assert JoinsAnswer.model_validate_json(
        weir({"GET /v1/joins": answer}, "joins", "--json").stdout
    ) == answer  # fmt: skip


def test_nobody_waits() -> None:
    for needed, said in ((True, "approval\n"), (False, "is let in at once\n")):
        answer = JoinsAnswer(needed=needed, joins=())
        assert weir({"GET /v1/joins": answer}, "joins").stdout.endswith(said)


def test_approve_and_reject() -> None:
    approved = weir({"POST /v1/joins/t-1/approve": EAST}, "joins", "approve", "t-1")
    assert "east / main is let in as CN.S1.C1-5" in approved.stdout
    rejected = weir({"POST /v1/joins/t-1/reject": {}}, "joins", "reject", "t-1")
    assert rejected.stdout == "t-1 is refused\n"


def test_a_newcomer_is_told_that_it_has_to_be_approved(tmp_path: Path) -> None:
    joined = JoinAnswer(
        identifier="CN.S1-X", cluster="CN.S1.C1-X", token="t", parent="CN-F", parent_name="nation"
    )
    run = f"now run: weir agent run --home {tmp_path}"
    assert next_step(joined, tmp_path) == run
    waits = next_step(joined.model_copy(update={"pending": True}), tmp_path)
    assert waits.endswith(run)
    assert "approve" in waits
