"""A job with an image or requirements goes only where these can be had, and is told why not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import Domain, pool, spec
from weir.core.lifecycle import JobState

REQUIREMENTS = {
    "inputs": [{"path": "requirements.txt", "text": "numpy"}],
    "requirements": "requirements.txt",
}


@pytest.mark.parametrize(
    ("wish", "trait"),
    [({"image": "docker://a/b"}, "container"), (REQUIREMENTS, "environments")],
)
def test_it_goes_where_its_software_can_be_had(
    domain: Domain, wish: dict[str, Any], trait: str
) -> None:
    plain = pool("plain")
    able = pool("able").model_copy(update={"traits": ("other", trait)})
    north = domain.site("north", plain)
    job = domain.submit(spec("train", **wish))
    domain.round()
    assert domain.state(job) is JobState.WAITING
    [reason] = domain.why(job).reasons
    assert (reason.reason, reason.needed) == ("TRAIT", trait)

    north.report(plain, able)
    domain.round()
    assert domain.job(job).pool_name == "able"
    found = domain.find(spec("train", **wish))
    assert [c.pool_name for c in found.candidates] == ["able"]
    [no] = found.rejections
    assert (no.pool_name, [r.split()[0] for r in no.reasons]) == ("plain", ["TRAIT"])
