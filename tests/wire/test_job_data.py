"""Where a job's data lies: from its inputs to its demand."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from weir.core.demand import from_record, to_record
from weir.wire.jobdemand import demand_of
from weir.wire.jobspec import JobSpec


def with_inputs(*inputs: dict[str, Any]) -> JobSpec:
    named = [{"path": f"in{n}", **given} for n, given in enumerate(inputs)]
    task = {"command": ["true"]}
    return JobSpec.model_validate({"name": "job", "tasks": [task], "inputs": named})


def test_amounts_at_a_site_are_added_up() -> None:
    job = with_inputs(
        {"url": "s3://a/x", "site": "suzhou", "size": "2TB"},
        {"url": "s3://a/y", "site": "suzhou", "size": "1TB"},
        {"url": "s3://b/z", "site": "chengdu", "size": "1kB"},
        {"url": "https://c/z"},
        {"text": "small"},
    )
    demand = demand_of(job)
    assert demand.data == (("chengdu", 1000), ("suzhou", 3 * 10**12))
    assert from_record(to_record(demand)) == demand


def test_without_data_a_record_is_what_it_always_was() -> None:
    assert "data" not in to_record(demand_of(with_inputs()))


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"url": "s3://a", "site": "suzhou"}, "go together"),
        ({"url": "s3://a", "size": "1GB"}, "go together"),
        ({"text": "a", "site": "suzhou", "size": "1GB"}, "only what is given by url"),
    ],
)
def test_what_says_half_is_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        with_inputs(given)
