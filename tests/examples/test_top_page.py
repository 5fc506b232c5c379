"""What docs/monitoring.md says and shows of `weir top` is what it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from weir.cli.top import HELP, VIEWS, Seen, State, press, rows_of

PAGE = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text(encoding="utf-8")
SCREENS = re.findall(r"```text\n(weir top .+?)\n```", PAGE, re.DOTALL)


def test_every_view_is_shown_with_its_headings_and_the_keys() -> None:
    views = [screen.split()[2] for screen in SCREENS]
    assert views == list(VIEWS.values())
    for view, screen in zip(views, SCREENS, strict=True):
        lines = screen.splitlines()
        heads, _ = rows_of(State(view), Seen(0.0))
        shown = lines[2].split("  ")
        told = [word.strip().removesuffix("…") for word in shown if word.strip()]
        assert len(told) == len(heads), "a heading that has no room ends with an ellipsis"
        assert all(head.startswith(word) for head, word in zip(heads, told, strict=True))
        assert lines[-1] == HELP
        assert len(lines) > 5, "there is something in it"


@pytest.mark.parametrize(("key", "view"), VIEWS.items())
def test_the_page_names_the_keys_that_there_are(key: str, view: str) -> None:
    said = " ".join(PAGE.split())
    assert f"`{key}` {view}" in said
    assert press(State(), key, Seen(0.0)).view == view


def test_the_way_in_and_back_is_as_the_page_says() -> None:
    assert "`q` ends" in PAGE
    assert press(State(), "q", Seen(0.0)).over
    assert press(State("pools", site="CN.S1-1"), "esc", Seen(0.0)) == State("sites")
