"""Every page of the console as a picture: a table of pages, the looks, and what holds on each.

A page that the console has and the table lacks fails a test of its own (test_pictures.py).
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from weir.console.words import words
from weir.core.indicators import INDICATORS

DESK, PHONE = {"width": 1360, "height": 900}, {"width": 390, "height": 844}
COLORS = 128
SETTLES_MS = 20_000
"""Longest wait until a page has drawn all that it shows."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A page: the picture's name, its address, and its title.

    A word in capitals stands for what the network has of it. `at` is the domain that is asked.
    """

    name: str
    path: str
    title: str
    at: str = "national"


@dataclass(frozen=True, slots=True)
class Look:
    """A browser: what is added to a picture's name, its window, language and scheme."""

    added: str
    viewport: Mapping[str, int]
    locale: str
    scheme: str
    judged: bool = False

    @property
    def language(self) -> str:
        return "zh" if self.locale.startswith("zh") else "en"

    def options(self) -> dict[str, Any]:
        """As Playwright wants them."""
        return {
            "viewport": dict(self.viewport),
            "locale": self.locale,
            "color_scheme": self.scheme,
            "timezone_id": "Asia/Shanghai",
            "has_touch": self.viewport is PHONE,
        }


LOOKS = (
    Look("", DESK, "en-GB", "light", judged=True),
    Look("-zh", DESK, "zh-CN", "dark"),
    Look("-phone", PHONE, "en-GB", "light"),
    Look("-phone-zh", PHONE, "zh-CN", "dark", judged=True),
)
"""Two of them are judged by axe-core: between them both languages, both schemes, both widths."""

SIGN_IN = Picture("signin", "/signin", "Sign in")

PICTURES = (
    Picture("overview", "/", "Overview"),
    Picture("tree", "/?view=tree&color=health", "Overview"),
    Picture("resources", "/resources?state=open", "Resources"),
    Picture("site", "/resources/sites/SITE", "SITE"),
    Picture("pool", "/resources/pools/POOL", "POOL"),
    Picture("compare", "/resources/compare?pool=POOL&pool=OTHER", "Compare pools"),
    Picture("identifier", "/resources/identifiers/POOL", "ID"),
    Picture("find", "/find?template=picky", "Find and submit"),
    Picture("jobs", "/jobs", "Jobs"),
    Picture("timeline", "/jobs?view=timeline", "Jobs"),
    Picture("job", "/jobs/JOB", "JOB"),
    Picture("waiting", "/jobs/WAITING", "WAITING"),
    Picture("failed", "/jobs/FAILED?log=stderr", "FAILED"),
    Picture("ended", "/jobs/ENDED", "ENDED"),
    Picture("monitoring", "/monitoring", "Monitoring"),
    Picture("indicator", "/monitoring/devices_held", "Accelerators held, by resource managers"),
    Picture(
        "indicator-of-a-pool",
        "/monitoring/devices_allocated?under=POOL",
        "Accelerators allocated",
    ),
    Picture("freshness", "/monitoring/freshness?span=1h", "Freshness and coverage"),
    Picture("links", "/monitoring/links", "Links"),
    Picture("link", "/monitoring/links/WAY", "WAY", at="region-west"),
    Picture("alerts", "/monitoring/alerts", "Alerts"),
    Picture("operations", "/operations", "Operations"),
    Picture("approval", "/operations", "Operations", at="region-west"),
    Picture("tokens", "/operations?tab=tokens", "Operations"),
    Picture("queues", "/operations?tab=queues", "Operations", at="region-west"),
    Picture("policies", "/operations?tab=policies", "Operations"),
    Picture("replay", "/operations/replays/REPLAY", "Simulate before you apply"),
    Picture("downtimes", "/operations?tab=downtimes", "Operations", at="region-west"),
    Picture("settings", "/operations?tab=settings", "Operations"),
    Picture("commands", "/commands", "API and command line"),
)

LABELS_ZH = {one.label: one.label_zh for one in INDICATORS}

NO_PAGES = {
    "/go": "it leads to another page",
    "/preferences": "it leads back",
    "/jobs/{job}/files/{name:path}": "a download",
    "/monitoring/reports/{file}": "a download; tests/control/test_reports.py reads it",
}
"""What is asked for by GET and is no page of the console, and why."""


def filled(path: str, meant: Mapping[str, str]) -> str:
    """An address with its words replaced."""
    for word, value in meant.items():
        path = path.replace(word, value)
    return path


def title_of(picture: Picture, names: Mapping[str, str], language: str) -> str:
    """The whole title that the page must have."""
    text = names.get(picture.title) or words(language)(picture.title)
    if language == "zh":
        text = LABELS_ZH.get(text, text)
    return f"{text} · {picture.at} · Weir"


def faults(
    page: Any,
    picture: Picture,
    look: Look,
    names: Mapping[str, str],
    judge: Callable[[Any], list[str]],
) -> Iterator[str]:
    """What is wrong with a page that is open: each with its name."""
    at = f"{picture.name}{look.added}"
    title, wanted = page.title(), title_of(picture, names, look.language)
    if title != wanted:
        yield f"{at}: its title is {title!r}, not {wanted!r}"
    lang = page.evaluate("document.documentElement.lang")
    if lang != words(look.language).tag:
        yield f"{at}: its language is {lang}"
    wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    if wide[0] > wide[1]:
        yield f"{at}: {wide[0]} px wide in a window of {wide[1]} px"
    if look.judged:
        yield from (f"{at}: {finding}" for finding in judge(page))


SETTLED = """() => document.fonts.status === "loaded"
  && !document.querySelector(".htmx-request, .htmx-swapping")
  && [...document.querySelectorAll("[data-series]")].every((at) => at.querySelector("svg, canvas"))
  && (!document.body.dataset.live || document.querySelector("#pulse.on") !== null)"""


def settle(page: Any) -> None:
    """Wait until the page has drawn its plots, has its letters, and hears the server's news."""
    waited = 0
    while not page.evaluate(SETTLED):
        assert waited < SETTLES_MS, f"{page.url} is not drawn: {json.dumps(page.title())}"
        page.wait_for_timeout(50)
        waited += 50


def keep(page: Any, path: Path, small: bool) -> None:
    """The window as a picture; as one of few colors if it is to be `small`."""
    shot = page.screenshot()
    if not small:
        path.write_bytes(shot)
        return
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    # The colors that most of it has, so that pages have one ground in all pictures.
    counted: list[Any] = sorted(
        picture.getcolors(picture.width * picture.height) or [], reverse=True
    )
    most = [channel for _, color in counted[:COLORS] for channel in color]
    palette = Image.new("P", (1, 1))
    palette.putpalette((most * (3 * 256 // len(most) + 1))[: 3 * 256])
    picture.quantize(palette=palette, dither=Image.Dither.NONE).save(path, optimize=True)
