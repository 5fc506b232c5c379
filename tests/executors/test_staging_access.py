"""What jobs may reach: patterns, addresses, and that nothing secret is shown."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.contract.bench import order
from tests.executors.web import web_up
from weir.executors.staging_access import Access, StageError, expanded, rule_of, shown
from weir.executors.staging_settings import DataSettings
from weir.executors.staging_sources import Sources, checked_transport


def access(**settings: object) -> Access:
    return Access.of(DataSettings.model_validate(settings))


def test_by_default_the_public_internet_is_read_and_nothing_else() -> None:
    mine = access()
    mine.check("https://example.org/a?token=x")
    mine.check("http://example.org/a")
    for url in ("file:///etc/passwd", "s3://bucket/key"):
        with pytest.raises(StageError, match="does not let jobs read"):
            mine.check(url)
    with pytest.raises(StageError, match="does not let jobs write"):
        mine.check("http://example.org/a", write=True)


@pytest.mark.parametrize(
    ("pattern", "fits", "fails"),
    [
        ("https://*.example.org/*", "https://a.example.org/x", "https://evil.net/a.example.org/x"),
        ("https://data.org/sets/*", "https://data.org/sets/x", "https://data.org/setsx"),
        ("https://data.org", "https://DATA.org/any/path", "http://data.org/any/path"),
        ("s3://sets/a/*", "s3://sets/a/b/c", "s3://sets2/a/b"),
        ("s3://sets/a/*", "s3://sets/a/b", "s3://sets/ab"),
    ],
)
def test_each_part_of_a_pattern_is_matched_by_itself(pattern: str, fits: str, fails: str) -> None:
    mine = access(read=[pattern])
    mine.check(fits)
    with pytest.raises(StageError):
        mine.check(fails)


@pytest.mark.parametrize(
    "url",
    [
        "https://good.org@evil.net/x",
        "https://user:password@good.org/x",
        "https://good.org/a/../../x",
        "https://good.org/a/%2e%2e/x",
    ],
)
def test_tricks_with_urls_are_not_taken(url: str) -> None:
    with pytest.raises(StageError, match="is not taken"):
        access().check(url)


def test_a_link_leads_out_of_no_folder(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "secret").write_text("x")
    (tmp_path / "shared" / "link").symlink_to(tmp_path / "secret")
    mine = access(read=[f"file://{tmp_path}/shared/*"])
    mine.check(f"file://{tmp_path}/shared/data")
    for path in ("shared/link", "secret", "shared-not/x"):
        with pytest.raises(StageError):
            mine.check(f"file://{tmp_path}/{path}")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "10.1.2.3", "169.254.169.254", "fe80::1", "0.0.0.0", "::ffff:127.0.0.1",
     "2002:7f00:1::", "224.0.0.1", "192.168.0.1"],
)  # fmt: skip
def test_an_address_that_is_not_public_is_not_reached(address: str) -> None:
    with pytest.raises(StageError, match="not a public address"):
        access().check_address("host.example", address)
    access(inside=["*.example"]).check_address("host.example", address)


@given(st.integers(min_value=0, max_value=2**32 - 1))
def test_only_the_listed_network_is_reached_inside(number: int) -> None:
    address = f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    mine = access(inside=["10.20.0.0/16"])
    try:
        mine.check_address("host", address)
    except StageError:
        assert not address.startswith("10.20.")
    else:
        assert not address.startswith(("127.", "169.254.", "192.168."))
        assert not address.startswith("10.") or address.startswith("10.20.")


def test_a_public_name_of_an_inner_address_is_refused_when_it_is_connected_to() -> None:
    with web_up() as web:
        web.files["/x"] = b"inner"
        with pytest.raises(StageError, match="not a public address"):
            Sources(DataSettings()).open(f"{web.url}/x").__enter__()
        assert web.asked == []


def test_a_redirect_is_judged_like_any_url() -> None:
    with web_up() as web:
        web.moved["/x"] = "http://other.invalid/secret"
        sources = Sources(DataSettings(read=("http://127.0.0.1/*",), inside=("127.0.0.1",)))
        with pytest.raises(StageError, match=r"other\.invalid/secret: this center's operator"):
            sources.open(f"{web.url}/x").__enter__()


def test_the_transport_connects_by_what_the_check_has_seen() -> None:
    seen: list[tuple[str, str]] = []
    with web_up() as web:
        web.files["/x"] = b"content"
        transport = checked_transport(lambda host, address: seen.append((host, address)))
        with httpx.Client(transport=transport) as client:
            url = web.url.replace("127.0.0.1", "localhost")
            assert client.get(f"{url}/x").content == b"content"
    assert ("localhost", "127.0.0.1") in seen


def test_what_is_shown_of_a_url_holds_no_secret() -> None:
    assert shown("https://u:p@h.org/a/b?X-Signature=s#f") == "https://h.org/a/b"


def test_a_url_can_be_each_jobs_own() -> None:
    one = order("r", array_index=3)
    assert expanded("s3://b/{job}/{index}", one) == "s3://b/root-r/3"
    assert expanded("s3://b/{other}/{index}", order("r")) == "s3://b/{other}/0"


@pytest.mark.parametrize("pattern", ["ftp://x/*", "example.org", "file://data/*", "https:///x"])
def test_a_wrong_pattern_is_a_mistake_of_the_settings(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"begins with none|names no"):
        rule_of(pattern)
    with pytest.raises(ValidationError):
        DataSettings.model_validate({"read": [pattern]})
