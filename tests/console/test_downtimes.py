"""Downtimes in the console: declared ahead, ended early, and excused afterwards."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.builders import NOW, pool
from tests.console.conftest import House
from weir.console.pages.operations_downtimes import times_of
from weir.control.downtimes import list_downtimes
from weir.core.errors import BadInput

AT, HOUR_S = "/operations/downtimes", 3600


def local(at: float) -> str:
    """A moment as the form's field has it, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M")


@pytest.fixture
def site(house: House) -> str:
    house.domain.site("shanghai", pool("gpu"))
    return house.domain.pools()["gpu"].site


def test_one_is_declared_ahead_and_ended(house: House, site: str) -> None:
    boss = house.browser("root", "operator")
    form: dict[str, Any] = {
        "site": site,
        "begins": local(NOW + HOUR_S),
        "length": "4h",
        "reason": "new pumps",
    }
    assert boss.post(AT, **form).status_code == 303
    [found] = list_downtimes(house.domain.ctx)
    assert found.ends_at - found.begins_at == 4 * HOUR_S and found.declared_by == "root"
    assert abs(found.begins_at - NOW - HOUR_S) < 60
    page = boss.get("/operations?tab=downtimes").text
    assert "new pumps" in page and "to come" in page and "an excuse" not in page.split("<tbody>")[1]
    assert boss.post(f"{AT}/end", downtime=found.id).status_code == 303
    assert list_downtimes(house.domain.ctx) == []


def test_what_is_over_needs_an_excuse_and_shows_that_it_is_one(house: House, site: str) -> None:
    boss = house.browser("root", "operator")
    form: dict[str, Any] = {
        "site": site,
        "begins": local(NOW - 6 * HOUR_S),
        "length": "2h",
        "reason": "flood",
    }
    refused = boss.post(AT, **form)
    assert refused.status_code == 422 and "as an excuse" in refused.text
    assert 'value="flood"' in refused.text and 'value="2h"' in refused.text
    assert boss.post(AT, **form, excuse="yes").status_code == 303
    page = boss.get("/operations?tab=downtimes").text
    assert "an excuse: declared afterwards" in page


def test_times_are_of_the_viewers_zone() -> None:
    form = {"begins": "2026-10-05T08:00", "begins_zone": "480", "length": "1h30m"}
    begins, ends = times_of(form, NOW)
    assert begins == datetime(2026, 10, 5, 0, 0, tzinfo=UTC).timestamp()
    assert ends == begins + 5400
    assert times_of({"begins": "", "length": "1h"}, NOW) == (None, NOW + HOUR_S)
    with pytest.raises(BadInput) as wrong:
        times_of({"begins": "soon", "length": "a while"}, NOW)
    assert {m.field for m in wrong.value.mistakes} == {"begins", "length"}
    with pytest.raises(BadInput):
        times_of({"begins": "2026-10-05T08:00", "begins_zone": "99999", "length": "1h"}, NOW)


def test_only_operators_declare_and_others_look(house: House, site: str) -> None:
    user = house.browser()
    page = user.get("/operations?tab=downtimes")
    assert page.status_code == 200 and AT not in page.text
    assert user.post(AT, site=site, length="1h", reason="x").status_code == 403
    assert list_downtimes(house.domain.ctx) == []


def test_a_sites_page_leads_operators_there(house: House, site: str) -> None:
    way = f"/operations?tab=downtimes&amp;site={site}"
    assert way in house.browser("root", "operator").get(f"/resources/sites/{site}").text
    assert way not in house.browser().get(f"/resources/sites/{site}").text
