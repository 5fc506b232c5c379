"""Chinese pages, as they are: no English word is on them but names, identifiers, units and what is
marked as English.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import pytest

from tests.builders import origin
from tests.console.conftest import House
from tests.console.test_freshness import BEGIN, WIDTH, tell
from weir.console.app import PAGES
from weir.console.pages.find import templates
from weir.console.pages.operations import TABS
from weir.core.indicators import INDICATORS
from weir.scheduling.policies import POLICIES

CHINESE = {"Accept-Language": "zh-CN"}
VOID = {"meta", "link", "input", "br", "img", "hr", "path", "circle", "rect", "line"}
NAMES = frozenset({"code", "pre", "kbd", "script", "style", "textarea", "datalist"})
"""What is in these is written for machines, or by people."""

SAID = ("aria-label", "title", "placeholder", "data-live-text", "data-away-text", "data-unit")
ALLOWED = {
    # Names of things and of people in this house.
    *(
        "nation",
        "far",
        "shanghai",
        "gpu",
        "npu",
        "west",
        "east",
        "steel",
        "cuda",
        "main",
        "http",
        "none",
    ),
    *("ended", "failed", "runs", "waits", "secret", "li", "root", "wang", "job", "my", "science"),
    *("nvidia", "sxm", "huawei", "ascend", "NVIDIA", "Huawei", "Ascend", "SXM", "CN", "local"),
    *("host", "power", "hello", "echo", "handed", "training", "train", "suzhou", "works", "demo"),
    # Programs, formats, notations and their names.
    *("Weir", "weir", "HTTP", "API", "URL", "YAML", "CSV", "HTML", "Markdown", "OpenAPI", "JSON"),
    *("English", "CPU", "PUE", "WUE", "CUE", "CATS", "UTC", "TLS", "ID", "ISO", "IEC", "sqlite"),
    *("VictoriaMetrics", "CO", "Redfish", "Prometheus", "MIG", "IT", "GET", "PUT", "POST", "HBM"),
    *("DELETE", "postgresql", "GPU", "NPU", "FP", "BF", "TF", "INT", "stdout", "stderr"),
    *("operator", "test", "EASY", "ARGO", "draft", "ietf", "cats", "metric", "definition"),
    *("fp", "bf", "tf", "int", "OpenMetrics", "PromQL", "link", "python", "py"),
    # What the API calls its own: a call is told with the names of what goes in and out.
    *("before", "next", "key", "wait", "from", "code", "CODE", "FILE", "NAME"),
    *(word for name in (*POLICIES, *templates()) for word in name.split("-")),
    # Units.
    *("ms", "GiB", "MiB", "TiB", "KiB", "kWh", "Wh", "GWh", "MWh", "kW", "MW", "kg", "Gbit"),
    *("GFLOPS", "TFLOPS", "PFLOPS", "TOPS", "POPS", "GOPS", "CNY", "bit", "bytes", "KB", "GB"),
}


MACHINES = re.compile(
    r"\b[A-Z]{2,4}(\.[A-Z]\d+)*-[0-9A-Z]\b|https?://\S+|/[a-z/]+|--[a-z-]+|weir [a-z -]+"
)
"""Identifiers, addresses, options and commands, in the midst of a text."""


class Said(HTMLParser):
    """Collects what a page says, but for what is marked as English or written for machines."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, bool]] = []
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        silent = bool(self.open and self.open[-1][1])
        silent |= tag in NAMES or (values.get("lang") or "zh").startswith("en")
        if not silent:
            self.found += [str(values[name]) for name in SAID if values.get(name)]
        if tag not in VOID:
            self.open.append((tag, silent))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip() and not (self.open and self.open[-1][1]):
            self.found.append(data.strip())


def english(page: str) -> list[str]:
    """Texts that have an English word which is not allowed."""
    parser = Said()
    parser.feed(page)
    wrong = []
    for text in parser.found:
        bare = MACHINES.sub("", text)
        words = set(re.findall(r"[A-Za-z][A-Za-z]+", bare)) - ALLOWED
        if words:
            wrong.append(f"{sorted(words)}: {text[:120]}")
    return wrong


@pytest.fixture
def lived_in(furnished: tuple[House, dict[str, str]]) -> tuple[House, list[str]]:
    """A house in which things have happened, and the addresses of its pages."""
    house, ids = furnished
    domain = house.domain
    gpu = domain.pools()["gpu"]
    west = domain.below("far", *[])
    west.exchange(rtt_us=30_000)
    told = {BEGIN + WIDTH * n: 1.0 for n in range(40)}
    for metric, part in (("probe_tried", "host"), ("probe_up", "host"), ("it_power", "")):
        tell(house, gpu.id, metric, part, told)
    handed = origin("w-1", gpu.id, west.identifier)
    domain.submit(who=west.who, origin=handed)
    domain.round()
    browser = house.browser("root", "operator")
    down: dict[str, Any] = {"site": gpu.site, "length": "4h", "reason": "水泵"}
    assert browser.post("/operations/downtimes", **down).status_code == 303
    values = {"site": gpu.site, "pool": gpu.id, "identifier": gpu.id}
    paths = [
        path.format(**values) for method, path, _, _ in PAGES
        if method == "GET" and set(re.findall(r"{(\w+)}", path)) <= set(values)
    ]  # fmt: skip
    paths += [f"/jobs/{one}" for one in ids.values()]
    paths += [f"/operations?tab={tab}" for tab in TABS]
    paths += [f"/monitoring/{i.name}" for i in INDICATORS[::6]]
    paths += [
        "/?view=tree",
        "/jobs?view=timeline",
        "/monitoring/links?show=age",
        f"/monitoring/links/{quote(west.id)}%3ECN-F",
        f"/monitoring/freshness?under={gpu.site}&span=1h",
        f"/resources/compare?pool={gpu.id}",
        "/resources?figures=measured",
        "/no-such-page",
    ]
    return house, [p for p in paths if p not in ("/go", "/preferences")]


def test_no_page_in_chinese_says_anything_in_english(lived_in: tuple[House, list[str]]) -> None:
    house, paths = lived_in
    browser = house.browser("root", "operator")
    found = {}
    for path in paths:
        answer = browser.get(path, **CHINESE)
        if answer.status_code < 500 and (wrong := english(answer.text)):
            found[path] = wrong
    assert not found, "\n".join(f"{path}\n  " + "\n  ".join(w) for path, w in found.items())


def test_an_english_word_would_be_found() -> None:
    assert english("<p>排队 waiting</p>") and english('<a title="Open it">x</a>')
    assert not english('<p lang="en">waiting</p><code>waiting</code><p>8 GiB CN.R1.S2-X</p>')
