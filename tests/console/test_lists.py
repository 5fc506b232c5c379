"""Lists and drawings: each view has its address, paging keeps what was chosen, parts come alone."""

from __future__ import annotations

import html
import re

from tests.builders import foreign, pool, spec
from tests.console.conftest import House
from weir.control.show import list_pools
from weir.wire.jobs import Submission


def test_jobs_are_paged_to_both_sides_and_each_page_has_its_address(house: House) -> None:
    house.domain.site("shanghai", pool("gpu"))
    house.domain.submit_all(*(Submission(spec=spec(f"job-{n:03}")) for n in range(120)))
    browser = house.browser()

    def names(at: str) -> list[str]:
        return re.findall(r">(job-\d+)<", browser.get(at).text)

    def way(name: str, at: str) -> str:
        found = re.search(rf'id="page-{name}" href="([^"]+)"', browser.get(at).text)
        return html.unescape(found[1]) if found else ""

    newest = names("/jobs")
    assert newest == [f"job-{n:03}" for n in range(119, 69, -1)]
    assert not way("newer", "/jobs") and not way("newest", "/jobs")
    second = way("older", "/jobs")
    third = way("older", second)
    assert names(third) == [f"job-{n:03}" for n in range(19, -1, -1)] and not way("older", third)
    back = way("newer", third)
    assert names(back) == names(second) and "after=" in back
    assert way("older", back) == third, "the same page has the same address again"
    assert names(way("newer", back)) == names("/jobs"), "the newest page is whole"
    assert names(way("newest", third)) == names("/jobs")
    assert 'data-live="/live"' in browser.get(way("newer", back)).text
    assert "data-live" not in browser.get(back).text.split("</head>")[1].split(">")[0]


def test_what_is_chosen_is_in_the_commands_too(house: House) -> None:
    page = house.browser().get("/jobs?state=failed&submitter=li&name=a+job&pool=CN.X-1").text
    said = html.unescape(page)
    assert "weir jobs --state failed --submitter li --name 'a job' --pool CN.X-1 --limit 50" in said
    assert "GET /v1/jobs?state=failed&submitter=li&name=a+job&pool=CN.X-1&limit=50" in said


def test_a_log_that_is_followed_goes_over_to_the_next_run(house: House) -> None:
    """A job that failed and is tried again: the page shows the new run's log from its beginning."""
    north = house.domain.site("north", pool("gpu"))
    job = house.domain.submit(spec(retries=1))
    house.domain.round()
    first = north.run()
    north.send(first, "stdout", 0, b"first run: many words\n")
    browser = house.browser()
    at = f"/live/jobs/{job}/files/stdout"
    old = browser.get(f"{at}?offset=0&run={first}")
    assert old.text == "first run: many words\n" and old.headers["X-Weir-Run"] == first
    north.say(first, "failed", exit_code=1)
    house.domain.round()
    second = north.run()
    north.send(second, "stdout", 0, b"second\n")
    new = browser.get(f"{at}?offset={old.headers['X-Weir-Offset']}&run={first}")
    assert new.text == "second\n"
    assert (new.headers["X-Weir-Run"], new.headers["X-Weir-Offset"]) == (second, "7")


def test_pools_that_were_ticked_stay_so_on_other_pages(house: House) -> None:
    house.domain.site("shanghai", *(pool(f"gpu-{n:02}") for n in range(40)))
    browser = house.browser()
    first = browser.get("/resources?sort=name").text
    one = re.search(r'name="pool" value="([^"]+)"', first)
    assert one
    box = rf'<input type="checkbox" name="pool" value="{one[1]}" checked'
    assert not re.search(box, first)
    assert re.search(box, browser.get(f"/resources?sort=name&pool={one[1]}").text)
    other = browser.get(f"/resources?sort=name&page=2&pool={one[1]}").text
    assert "Chosen on other pages" in other and re.search(box, other)
    compared = browser.get(f"/resources/compare?sort=name&from=directory&pool={one[1]}").text
    assert f'href="/resources?sort=name&amp;pool={one[1]}"' in compared, "the way back keeps it"


def test_the_drawing_alone_is_what_a_switch_of_it_brings(
    furnished: tuple[House, dict[str, str]],
) -> None:
    house, _ = furnished
    part = (
        house.browser()
        .get("/?view=tree", **{"HX-Request": "true", "HX-Target": "network-card"})
        .text
    )
    assert '<section class="card wide" id="network-card"' in part and "<svg" in part
    assert "<main" not in part and 'id="latest"' not in part


def test_pools_of_one_domain_are_found_by_it(house: House) -> None:
    link = house.domain.below("west")
    link.report(foreign("far", of=link.identifier))
    house.domain.site("near", pool("gpu"))
    browser = house.browser()
    [domain] = {d for p in list_pools(house.domain.ctx) for d in p.domains}
    assert f'href="/resources?domain={domain}"' in browser.get("/?view=tree").text
    found = browser.get(f"/resources?domain={domain}").text
    assert "far" in found and ">gpu<" not in found
    assert re.search(rf'value="{re.escape(domain)}" checked><span>west</span>', found)
