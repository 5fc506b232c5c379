"""Every page: it comes in both languages, keeps to its own rules, and invents nothing."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import pytest

from tests.builders import pool
from tests.console.conftest import House
from weir.wire.pools import MeasuredHost

PAGES = (
    "/",
    "/?view=tree&color=health&size=cores",
    "/?scope=domain",
    "/resources",
    "/resources?device=nvidia-h100-sxm5&sort=price&q=gpu",
    "/resources?device=none-such",
    "/resources/compare",
    "/find",
    "/find?template=picky",
    "/find?template=sweep&policy=cheapest",
    "/jobs",
    "/jobs?view=timeline",
    "/jobs?state=running&state=waiting&name=x",
    "/monitoring",
    "/monitoring/alerts",
    "/monitoring/devices_allocated?span=24h",
    "/monitoring/links",
    "/monitoring/links?show=age&page=2",
    "/operations",
    "/operations?tab=tokens",
    "/operations?tab=queues",
    "/operations?tab=policies",
    "/operations?tab=settings",
    "/monitoring/devices_held?span=30d",
    "/monitoring/devices_held?span=1y&page=2",
    "/resources?price=%3C%3D+10+CNY&bf16=%3E%3D+100+TFLOPS&proven=claimed&core-price=x",
    "/resources?figures=measured&level=regional&fp64-measured=x&figures=nonsense",
    "/commands",
)


class Rules(HTMLParser):
    """What a page breaks of: no inline script or style, nothing from elsewhere, unique ids."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: list[str] = []
        self.ids: set[str] = set()
        self.lang = ""
        self.unnamed: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "html":
            self.lang = named.get("lang") or ""
        if tag == "style" or "style" in named or (tag == "script" and "src" not in named):
            self.broken.append(f"inline {tag} {named}")
        self.broken += [f"{tag} {n}" for n in named if n.startswith("on")]
        for name in ("href", "src", "action", "hx-get", "hx-post", "formaction"):
            at = named.get(name)
            if at is not None and not at.startswith(("/", "#")):
                self.broken.append(f"{tag} {name}={at}")
        if "id" in named:
            if named["id"] in self.ids:
                self.broken.append(f"two elements are {named['id']}")
            self.ids.add(named["id"] or "")


def check(text: str, lang: str) -> None:
    rules = Rules()
    rules.feed(text)
    assert not rules.broken
    assert rules.lang == lang


def all_pages(house: House, ids: dict[str, str]) -> list[str]:
    pools = [p.id for p in house.domain.pools().values()]
    site = next(iter(house.domain.pools().values())).site
    return [
        *PAGES,
        *(f"/jobs/{i}" for i in ids.values()),
        f"/jobs/{ids['runs']}?log=stderr",
        f"/find?job={ids['ended']}",
        f"/resources/sites/{site}",
        *(f"/resources/pools/{p}" for p in pools),
        "/resources/compare?" + "&".join(f"pool={p}" for p in pools),
        f"/resources/identifiers/{house.domain.id}",
        f"/jobs?pool={pools[0]}",
    ]


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_every_page_comes_and_keeps_to_the_rules(
    furnished: tuple[House, dict[str, str]], lang: str
) -> None:
    house, ids = furnished
    browser = house.browser("root", "operator")
    for path in all_pages(house, ids):
        answer = browser.get(path, **{"Accept-Language": lang})
        assert answer.status_code == 200, (path, answer.text[-300:])
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        check(answer.text, lang)


def test_a_pool_s_page_says_how_it_was_measured(house: House) -> None:
    host = MeasuredHost(
        at=1.0, host="n<1>", cpus=4, library="numpy 2", device="cpu, 4 cores",
        memory_bytes_per_s=3 * 2**30,
    )  # fmt: skip
    figures = (("fp64", 200),)
    cpu = pool("cpu", devices=0, measured_gflops=figures, measured_host=host)
    house.domain.site("s", cpu, pool("gpu"))
    browser = house.browser()
    ids = {p.name: p.id for p in house.domain.pools().values()}
    page = browser.get(f"/resources/pools/{ids['cpu']}", **{"Accept-Language": "en"}).text
    for word in ("Measured here", "n&lt;1&gt;", "numpy 2", "200 GFLOPS", "3 GiB/s", "FP64, a host"):
        assert word in page
    chinese = browser.get(f"/resources/pools/{ids['cpu']}", **{"Accept-Language": "zh-CN"}).text
    check(chinese, "zh-CN")
    assert "内存带宽" in chinese
    other = browser.get(f"/resources/pools/{ids['gpu']}", **{"Accept-Language": "en"}).text
    assert "Numeric library" not in other


def test_every_page_comes_where_everything_is_dear_and_kept(
    furnished: tuple[House, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one page keeps is never taken for what another one asks for."""
    monkeypatch.setattr("weir.console.recent.DEAR_S", -1.0)
    house, ids = furnished
    browser = house.browser("root", "operator")
    for path in (*all_pages(house, ids), *all_pages(house, ids)):
        answer = browser.get(path)
        assert answer.status_code == 200, (path, answer.text[-300:])


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_with_no_data_pages_say_what_to_do_next(house: House, lang: str) -> None:
    browser = house.browser("root", "operator")
    for path in PAGES:
        answer = browser.get(path, **{"Accept-Language": lang})
        assert answer.status_code == 200, (path, answer.text[-300:])
        check(answer.text, lang)
    for path in ("/", "/resources", "/jobs"):
        assert 'class="empty"' in browser.get(path).text


def test_a_part_of_a_page_comes_without_the_frame_and_is_the_same(
    furnished: tuple[House, dict[str, str]],
) -> None:
    browser = furnished[0].browser()
    for path in ("/?view=tree", "/resources?sort=name", "/jobs?state=running", "/monitoring"):
        whole = browser.get(path).text
        part = browser.get(path, **{"HX-Request": "true", "Accept": "*/*"}).text
        assert "<html" not in part and 'class="rail"' not in part
        assert mains(part) == mains(whole) and len(part) < len(whole)


def mains(text: str) -> int:
    """How long the main part is; the form tokens and times in it are as long whenever it is."""
    return len(re.sub(r"<time.*?</time>", "", text[text.index("<main") : text.index("</main>")]))


def test_who_is_not_signed_in_sees_nothing_and_comes_back(house: House) -> None:
    visitor = house.visitor()
    for path in PAGES:
        answer = visitor.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/signin")
    assert visitor.get("/jobs?state=failed").headers["location"] == (
        "/signin?next=/jobs%3Fstate%3Dfailed"
    )
    answer = visitor.post("/signin", token=house.token("li", "user"), next="/jobs?state=failed")
    assert answer.headers["location"] == "/jobs?state=failed"


def test_programs_are_answered_as_before(house: House) -> None:
    http = house.visitor().http
    assert http.get("/").json()["name"] == "nation"
    assert http.get("/v1/pools", headers={"Accept": "text/html"}).status_code == 401
    assert http.get("/healthz").json() == {"status": "alive"}


def test_what_jobs_and_people_write_is_text(furnished: tuple[House, dict[str, str]]) -> None:
    house, ids = furnished
    page = house.browser().get(f"/jobs/{ids['runs']}").text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    answer = house.browser().get('/resources?q="><script>alert(2)</script>')
    assert "<script>alert" not in answer.text


def test_what_is_not_there_is_told_as_a_page(house: House) -> None:
    browser = house.browser()
    for path in ("/jobs/j-none", "/resources/pools/x", "/find?template=none", "/monitoring/none"):
        answer = browser.get(path)
        assert answer.status_code == 404, path
        check(answer.text, "en")
    assert browser.get("/resources/identifiers/nonsense").status_code == 422
    assert browser.get("/static/none.css").status_code == 404


def test_a_fault_tells_no_more_than_that(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    browser = house.browser()
    monkeypatch.setattr("weir.control.measure.measure", broken)
    answer = browser.get("/")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text


def test_a_spec_and_its_files_are_for_whose_they_are(
    furnished: tuple[House, dict[str, str]],
) -> None:
    house, ids = furnished
    for person, role, shown in (("li", "user", True), ("wang", "user", False)):
        browser = house.browser(person, role)
        assert ("xyzzy" in browser.get(f"/jobs/{ids['secret']}").text) is shown
        answer = browser.get(f"/jobs/{ids['runs']}/files/stdout")
        assert answer.status_code == (200 if shown else 403)
        assert ("step 1" in answer.text) is shown
    mine = house.browser().get(f"/jobs/{ids['runs']}/files/stdout")
    assert mine.headers["content-disposition"].startswith("attachment")


def test_the_search_goes_to_what_it_names(furnished: tuple[House, dict[str, str]]) -> None:
    house, ids = furnished
    browser, pool = house.browser(), house.domain.pools()["gpu"]
    for words, at in (
        (ids["runs"], f"/jobs/{ids['runs']}"),
        (pool.id.lower(), f"/resources/pools/{pool.id}"),
        (pool.site, f"/resources/sites/{pool.site}"),
        (house.domain.id, f"/resources/identifiers/{house.domain.id}"),
        ("ascend 910b", "/resources?q=ascend%20910b"),
    ):
        assert browser.get(f"/go?q={words}").headers["location"] == at


def test_long_lists_page_without_losing_place(house: House) -> None:
    from tests.builders import spec
    from weir.wire.jobs import Submission

    jobs = [Submission(spec=spec(f"job-{n}", count=999)) for n in range(120)]
    wanted = set(house.domain.submit_all(*jobs))
    browser, at, seen = house.browser(), "/jobs?state=waiting", []
    while at:
        page = browser.get(at).text
        seen += re.findall(r'id="row-(\w+)"', page)
        following = re.search(r'href="(/jobs\?[^"]*before=\w+)"', page)
        at = following[1].replace("&amp;", "&") if following else ""
    assert len(seen) == len(set(seen)) == 120
    assert set(seen) == wanted


def test_language_and_look_are_kept_and_lead_nowhere_else(house: House) -> None:
    browser = house.browser()
    for wanted in ("https://evil.example/", "//evil.example", "/\\evil.example", "jobs"):
        answer = browser.get(f"/preferences?theme=dark&next={wanted}")
        assert answer.headers["location"] == "/"
    assert 'data-theme="dark"' in browser.get("/jobs").text
    answer = browser.get("/preferences?language=zh&next=/jobs%3Fview%3Dtimeline")
    assert answer.headers["location"] == "/jobs?view=timeline"
    assert 'lang="zh-CN"' in browser.get("/jobs").text
    browser.get("/preferences?language=none-such")
    assert 'lang="zh-CN"' in browser.get("/jobs").text


def test_what_there_is_goes_from_the_whole_down_to_each_pool(
    furnished: tuple[House, dict[str, str]],
) -> None:
    """Devices and performance by precision: on top of the overview, and of every place below."""
    house, _ = furnished
    browser = house.browser()
    overview = browser.get("/").text
    tile = overview.split("Nominal performance")[1].split('<div class="tile">')[0]
    assert [k for k in ("fp16", "fp32", "fp64", "int8") if k in tile] == ["fp16", "fp32", "fp64"]

    whole = browser.get("/monitoring/devices").text
    [below] = re.findall(r'href="([^"]*under=[^"]+)">shanghai<', whole)
    at = html.unescape(below)
    site = browser.get(f"/monitoring/devices{at}" if at.startswith("?") else at).text
    numbers = re.findall(r'class="num right">(\d+)', site)
    total = int(re.findall(r'<p class="value"><span class="num">(\d+)', site)[0])
    assert len(numbers) >= 2 and sum(map(int, numbers[-2:])) == total > 0, "its two pools"
    parts = browser.get("/monitoring/performance_nominal").text.split("Further down")[1]
    assert "fp16" in parts.lower()


def test_an_address_that_nobody_has_is_a_page_for_people_and_a_problem_for_programs(
    house: House,
) -> None:
    browser = house.browser()
    page = browser.get("/no-such-page")
    assert page.status_code == 404 and "<main" in page.text and 'href="/jobs"' in page.text
    answer = browser.http.get("/no-such-page", headers={"Accept": "application/json"})
    assert answer.status_code == 404 and "problem" in answer.headers["content-type"]
    assert "problem" in browser.get("/v1/no-such-call").headers["content-type"]


def test_at_the_root_a_program_is_told_of_the_server_and_a_person_gets_the_page(
    house: House,
) -> None:
    visitor = house.visitor()
    answer = visitor.http.get("/", headers={"Accept": "*/*"}, follow_redirects=False)
    assert answer.status_code == 200 and "json" in answer.headers["content-type"]
    assert visitor.get("/").headers["location"] == "/signin"
