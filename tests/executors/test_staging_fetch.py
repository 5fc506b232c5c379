"""Fetched once, whole, checked, and gone on with after a break."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.executors.web import Web, web_up
from weir.executors.staging_access import Abandoned, StageError
from weir.executors.staging_cache import Cache, copy, key_of
from weir.executors.staging_fetch import Fetched, Fetcher, Wish
from weir.executors.staging_settings import DataSettings
from weir.executors.staging_sources import Sources

DATA = os.urandom(3_000_000)
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def web() -> Iterator[Web]:
    with web_up() as found:
        found.files["/data"] = DATA
        yield found


@dataclass
class Site:
    """A cache with a clock of its own, and the fetcher over it."""

    folder: Path
    limit: int = 10**9
    time: float = 1000.0

    def __post_init__(self) -> None:
        self.settings = DataSettings(
            read=("http://*", f"file://{self.folder}/*"), inside=("127.0.0.1",)
        )
        self.pauses: list[float] = []
        cache = str(self.folder / "cache")
        self.cache = Cache(cache, self.limit, lambda: self.time, self.pauses.append)
        self.cache.open()
        self.fetcher = Fetcher(self.cache, Sources(self.settings), self.pauses.append)

    def fetch(
        self, url: str, sha256: str | None = None, wanted: Callable[[], bool] = lambda: True
    ) -> Fetched:
        self.time += 1
        return self.fetcher.fetch(Wish(url, sha256, wanted, lambda done, total: None))

    def content(self, sha256: str) -> bytes:
        with self.cache.reading(sha256) as path:
            return b"" if path is None else Path(path).read_bytes()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_second_job_fetches_nothing(site: Site, web: Web) -> None:
    assert site.fetch(f"{web.url}/data", SHA) == Fetched(SHA, len(DATA), len(DATA))
    assert site.fetch(f"{web.url}/elsewhere", SHA) == Fetched(SHA, len(DATA), 0)
    assert len(web.asked) == 1
    assert site.content(SHA) == DATA


def test_without_a_checksum_it_is_asked_whether_it_has_changed(site: Site, web: Web) -> None:
    assert site.fetch(f"{web.url}/data").carried == len(DATA)
    assert site.fetch(f"{web.url}/data") == Fetched(SHA, len(DATA), 0)
    assert web.sent == len(DATA)
    web.files["/data"] = b"changed"
    changed = site.fetch(f"{web.url}/data")
    assert (changed.size, site.content(changed.sha256)) == (7, b"changed")


def test_what_has_no_mark_of_change_is_fetched_each_time(site: Site, web: Web) -> None:
    web.tags = False
    assert site.fetch(f"{web.url}/data").carried == len(DATA)
    assert site.fetch(f"{web.url}/data").carried == len(DATA)


def test_another_checksum_names_both_and_leaves_nothing(site: Site, web: Web) -> None:
    wrong = "0" * 64
    with pytest.raises(StageError, match=f"its sha256 is {SHA}, and the job file says {wrong}"):
        site.fetch(f"{web.url}/data?secret=1", wrong)
    assert not site.cache.has(wrong)
    assert site.cache.part(wrong).size == 0


def test_after_a_break_it_goes_on_where_it_was(site: Site, web: Web) -> None:
    web.breaks = [1_000_000, 1_500_000]
    assert site.fetch(f"{web.url}/data", SHA).size == len(DATA)
    assert [asked[2] for asked in web.asked] == ["", "bytes=1000000-", "bytes=2500000-"]
    assert web.sent == len(DATA)
    assert site.content(SHA) == DATA


def test_a_process_that_ended_in_the_middle_has_left_what_it_had(site: Site, web: Web) -> None:
    left = [2]

    def wanted() -> bool:
        left[0] -= 1
        return left[0] >= 0

    with pytest.raises(Abandoned):
        site.fetch(f"{web.url}/data", wanted=wanted)
    there = site.cache.part(key_of(f"{web.url}/data")).size
    assert 0 < there < len(DATA)
    again = Site(site.folder)
    assert again.fetch(f"{web.url}/data").sha256 == SHA
    assert web.asked[-1][2] == f"bytes={there}-"


def test_what_changed_during_a_break_is_fetched_from_its_start(site: Site, web: Web) -> None:
    web.breaks = [1_000_000]
    changed = DATA[::-1]

    def pause(_seconds: float) -> None:
        web.files["/data"] = changed

    site.fetcher = Fetcher(site.cache, Sources(site.settings), pause)
    found = site.fetch(f"{web.url}/data")
    assert site.content(found.sha256) == changed


def test_a_server_that_is_away_is_tried_again_and_then_given_up(site: Site, web: Web) -> None:
    web.answers = [503, 429, 500]
    assert site.fetch(f"{web.url}/data").sha256 == SHA
    assert site.pauses == [0.5, 1.0, 2.0]
    web.answers = [503] * 10
    with pytest.raises(StageError, match=r"/data: the server answered 503 .* \(tried 6 times\)"):
        site.fetch(f"{web.url}/data")


def test_what_is_not_there_is_not_tried_again(site: Site, web: Web) -> None:
    with pytest.raises(StageError, match="/none: the server answered 404"):
        site.fetch(f"{web.url}/none?token=secret")
    assert len(web.asked) == 1


def test_two_who_want_the_same_at_once_fetch_it_once(site: Site, web: Web) -> None:
    web.slowly, waiting = threading.Event(), threading.Semaphore(0)

    def pause(_seconds: float) -> None:
        waiting.release()
        threading.Event().wait(0.01)

    cache = Cache(site.cache.folder, 10**9, lambda: 0.0, pause)
    site.fetcher = Fetcher(cache, Sources(site.settings), pause)
    with ThreadPoolExecutor(2) as threads:
        found = [threads.submit(site.fetch, f"{web.url}/data", SHA) for _ in range(2)]
        assert waiting.acquire(timeout=20)  # one of them waits for the other
        web.slowly.set()
        assert {f.result(20).sha256 for f in found} == {SHA}
    assert len(web.asked) == 1


def test_a_file_of_the_center_is_fetched_when_it_has_changed(site: Site) -> None:
    file = site.folder / "set"
    file.write_text("one")
    first = site.fetch(f"file://{file}")
    assert site.fetch(f"file://{file}") == Fetched(first.sha256, 3, 0)
    file.write_text("two!")
    assert site.content(site.fetch(f"file://{file}").sha256) == b"two!"
    os.mkfifo(site.folder / "fifo")
    with pytest.raises(StageError, match="is no file"):
        site.fetch(f"file://{site.folder}/fifo")


def test_the_least_lately_used_goes_first_and_never_what_is_read(tmp_path: Path) -> None:
    site = Site(tmp_path, limit=25)
    names = []
    for number in range(3):
        file = tmp_path / f"f{number}"
        file.write_text(f"{number}" * 10)
        names.append(site.fetch(f"file://{file}").sha256)
    with site.cache.reading(names[0]) as path:  # used last now, and in use
        assert path is not None
        assert site.cache.evict() == [names[1]]
        site.limit = 5
        small = Cache(site.cache.folder, 5, lambda: 0.0, lambda s: None)
        assert small.evict() == [names[2]]
        assert Path(path).read_text() == "0" * 10
    assert small.evict() == [names[0]]


@settings(max_examples=25, deadline=None)
@given(
    uses=st.lists(st.integers(0, 5), max_size=30),
    limit=st.integers(0, 60),
)
def test_the_cache_keeps_within_its_limit_and_keeps_the_latest(
    tmp_path_factory: pytest.TempPathFactory, uses: list[int], limit: int
) -> None:
    """A model of a cache of files of 10 bytes: the latest used that fit are there."""
    site = Site(tmp_path_factory.mktemp("cache"), limit=limit)
    latest: list[int] = []
    for use in uses:
        file = site.folder / f"f{use}"
        file.write_text(f"{use}" * 10)
        with site.cache.reading(site.fetch(f"file://{file}").sha256):
            pass
        site.cache.evict()
        latest = ([use] + [x for x in latest if x != use])[: limit // 10]
    there = {int(site.content(name)[:1]) for name in os.listdir(f"{site.cache.folder}/objects")}
    assert there == set(latest)


def test_a_copy_is_the_jobs_own(tmp_path: Path) -> None:
    (tmp_path / "object").write_bytes(DATA)
    copy(str(tmp_path / "object"), str(tmp_path / "mine"))
    assert (tmp_path / "mine").read_bytes() == DATA
    (tmp_path / "mine").write_bytes(b"changed")
    assert (tmp_path / "object").read_bytes() == DATA
