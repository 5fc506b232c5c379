"""What agents and parents of different versions make of each other's messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from weir.wire.exchange import (
    ExchangeAnswer,
    ExchangeRequest,
    GroupPlace,
    RunOrder,
    read_answer,
    read_request,
)
from weir.wire.jobspec import JobSpec
from weir.wire.specfile import read_job_file

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "jobs").glob("*.yaml"))
PLAIN = JobSpec.model_validate({"name": "plain", "tasks": [{"command": ["true"]}]})


def an_order(run: str, spec: JobSpec = PLAIN) -> RunOrder:
    return RunOrder(
        run=run,
        revision=1,
        job="j",
        root_job="j",
        submitter="ann",
        pool="CN.R1.S1.C1.P1-T",
        groups=(GroupPlace(group="main", count=1),),
        spec=spec,
        start_within_s=60,
    )


def an_answer(*orders: RunOrder) -> ExchangeAnswer:
    return ExchangeAnswer(
        domain="CN.R1-K",
        generation=3,
        acknowledged=7,
        orders=orders,
        revision=9,
        lease_s=30,
        server_time=1.5,
    )


def written(answer: ExchangeAnswer) -> Any:
    """As a server writes it: without what has its default value."""
    return json.loads(answer.model_dump_json(exclude_defaults=True))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda f: f.stem)
def test_an_order_without_its_default_values_is_the_same_order(file: Path) -> None:
    answer = an_answer(an_order("r1", read_job_file(file)))
    assert read_answer(json.dumps(written(answer)).encode()) == answer


def test_an_order_that_is_not_understood_is_told_and_the_others_are_read() -> None:
    said = written(an_answer(an_order("r1"), an_order("r2"), an_order("r3")))
    said["orders"][1]["spec"]["tasks"][0]["qubits"] = 5
    said["orders"][2]["until"] = 99
    said["orders"][2]["spec"]["priority"] = "heavenly"
    answer = read_answer(json.dumps(said).encode())
    assert [o.run for o in answer.orders] == ["r1"]
    assert [u.run for u in answer.unread] == ["r2", "r3"]
    assert "spec.tasks[0].qubits: is not a field here" in answer.unread[0].why
    assert "priority" in answer.unread[1].why
    assert "until" in answer.unread[1].why
    assert (answer.revision, answer.acknowledged) == (9, 7)


def test_an_answer_with_more_than_this_version_knows_is_read() -> None:
    said = written(an_answer(an_order("r1"))) | {"weather": {"rain": True}}
    assert read_answer(json.dumps(said).encode()) == an_answer(an_order("r1"))


@pytest.mark.parametrize(
    "content", [b"<html>", b"{}", b'{"orders": 3}', b'{"orders": [{"job": 1}]}', b""]
)
def test_what_is_no_answer_is_an_error(content: bytes) -> None:
    with pytest.raises(ValidationError):
        read_answer(content)
    if content.startswith(b'{"orders"'):  # the same in an answer that is whole otherwise
        with pytest.raises(ValidationError):
            read_answer(json.dumps(written(an_answer()) | json.loads(content)).encode())


POOL = {
    "name": "npu",
    "hosts": 2,
    "shape": {"cpu_milli": 4000, "memory_bytes": 2**33},
    "free": [{"hosts": 1, "cpu_milli": 4000, "memory_bytes": 2**33}],
    "location": {"region": "Gansu"},
}
REQUEST = {
    "cluster": "CN.R1.S1.C1-T",
    "incarnation": "incarnation",
    "journal": "journal-1",
    "sent_at": 1.0,
    "inventory": [POOL],
    "observations": [{"seq": 1, "run": "r1", "event": "started", "at": 1.0}],
    "gaps": [{"begin": 0, "end": 10, "reason": "thinned"}],
}


@given(st.data())
def test_whatever_a_newer_agent_adds_is_not_heard(data: st.DataObject) -> None:
    said = json.loads(json.dumps(REQUEST))
    data.draw(st.sampled_from(list(objects(said))))["new_in_99"] = {"any": ["thing"]}
    assert read_request(json.dumps(said).encode()) == ExchangeRequest.model_validate(REQUEST)


def objects(value: Any) -> list[dict[str, Any]]:
    """Every object within a message."""
    if isinstance(value, list):
        return [o for v in value for o in objects(v)]
    if not isinstance(value, dict):
        return []
    return [value, *(o for v in value.values() for o in objects(v))]
