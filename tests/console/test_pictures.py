"""The pictures' table has every page that the console has."""

from __future__ import annotations

import re
from pathlib import Path

from tests.console.pictures import LOOKS, NO_PAGES, PICTURES, SIGN_IN
from weir.console.app import PAGES

PAGE = Path(__file__).parents[2] / "docs" / "console.md"
ROUTES = [path for method, path, _, _ in PAGES if method == "GET"]


def route_of(address: str) -> str:
    """Which route answers for an address of the table."""
    path = address.partition("?")[0]
    return next(r for r in ROUTES if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", r), path))


def test_every_page_has_a_picture() -> None:
    drawn = {route_of(picture.path) for picture in (SIGN_IN, *PICTURES)}
    assert set(ROUTES) - drawn == set(NO_PAGES)


def test_a_picture_has_a_name_of_its_own() -> None:
    names = [p.name for p in (SIGN_IN, *PICTURES)]
    assert len(set(names)) == len(names)


def test_both_languages_widths_and_schemes_are_judged() -> None:
    judged = [look for look in LOOKS if look.judged]
    assert {look.language for look in judged} == {"en", "zh"}
    assert {look.scheme for look in judged} == {"light", "dark"}
    assert len({look.viewport["width"] for look in judged}) == 2


def test_the_documents_show_every_picture_and_each_is_there() -> None:
    shown = set(re.findall(r"images/console/([a-z-]+)\.png", PAGE.read_text("utf-8")))
    wanted = {f"{picture.name}{look.added}" for picture in (SIGN_IN, *PICTURES) for look in LOOKS}
    assert shown == wanted
    assert {file.stem for file in (PAGE.parent / "images" / "console").glob("*.png")} == wanted
