"""The sheets of months, from the links of the monitoring page."""

from __future__ import annotations

import re

from tests.console.conftest import House


def test_every_link_gives_a_download_in_the_readers_language(house: House) -> None:
    house.furnish()
    browser = house.browser(role="viewer")
    page = browser.get("/monitoring")
    links = re.findall(r'href="(/monitoring/reports/[^"]+)"', page.text)
    assert len(links) == 6
    for link in links:
        answer = browser.get(link)
        assert answer.status_code == 200, link
        assert answer.headers["content-disposition"].startswith('attachment; filename="weir-nation')
    sheets = [link for link in links if link.endswith(".md")]
    assert browser.get(sheets[0]).text.startswith("# Monthly sheet")
    chinese = browser.get(f"{sheets[0]}?zone=%2B08:00", **{"Accept-Language": "zh-CN"})
    assert chinese.text.startswith("# 月报")


def test_what_is_no_sheet_is_told_so(house: House) -> None:
    browser = house.browser()
    assert browser.get("/monitoring/reports/2023-10.pdf").status_code == 404
    assert browser.get("/monitoring/reports/october.md").status_code == 422
    assert house.visitor().get("/monitoring/reports/2023-10.md").status_code == 303
