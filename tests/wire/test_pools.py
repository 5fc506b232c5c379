"""A pool goes over the wire and comes back the same."""

import pytest
from hypothesis import given
from pydantic import ValidationError

from tests.scheduling.builders import POOLS, pool
from weir.core.inventory import FreeShape, MeasuredHost, Pool
from weir.wire.pools import PoolReport, pool_from, report_of


@given(POOLS)
def test_a_pool_comes_back_the_same(sent: Pool) -> None:
    text = report_of(sent).model_dump_json()
    assert pool_from(PoolReport.model_validate_json(text)) == sent


def test_what_was_measured_goes_along() -> None:
    host = MeasuredHost(
        at=1.5, host="n1", cpus=4, library="numpy 2", device="cpu, 4 cores", memory_bytes_per_s=9
    )
    sent = pool("a", devices=0, measured_gflops=(("fp64", 200),), measured_host=host)
    text = report_of(sent).model_dump_json()
    assert pool_from(PoolReport.model_validate_json(text)) == sent
    wrong = report_of(sent).model_dump()
    wrong["measured_host"]["memory_bytes_per_s"] = -1
    with pytest.raises(ValidationError):
        PoolReport.model_validate(wrong)


def test_a_pool_can_be_sent_with_less_free_than_it_has() -> None:
    left = (FreeShape(1000, 1, ((500, 1),), 1),)
    assert pool_from(report_of(pool("a"), left)).free == left


@pytest.mark.parametrize(
    "wrong",
    [
        {"hosts": 0},
        {"shape": {"cpu_milli": 0, "memory_bytes": 1}},
        {"currency": "yuan"},
        {"name": "no name"},
        {"location": {"latitude": 91}},
        {"price_micro_per_device_hour": -1},
        {"unknown": 1},
    ],
)
def test_a_report_that_can_not_be_is_refused(wrong: dict[str, object]) -> None:
    right = report_of(pool("a")).model_dump()
    with pytest.raises(ValidationError):
        PoolReport.model_validate({**right, **wrong})
