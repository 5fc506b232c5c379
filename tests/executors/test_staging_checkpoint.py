"""Checkpoints: packed when they are whole, kept while they are carried, unpacked whole."""

from __future__ import annotations

import os
import tarfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.bench import order
from weir.executors import staging_checkpoint as checkpoints
from weir.executors.staging import Staging
from weir.executors.staging_access import StageError
from weir.executors.staging_checkpoint import Listing, whole, whole_at_the_end
from weir.executors.staging_settings import DataSettings, SoftwareSettings
from weir.wire.checkpoint import Saved, next_to_send, parse
from weir.wire.exchange import RunOrder
from weir.wire.jobspec import Checkpoint

MARKED = Checkpoint(path="ckpt", marker="whole")
PLAIN = Checkpoint(path="ckpt")


def at(**times: float) -> Listing:
    return tuple((name, 1, int(time * 1e9)) for name, time in sorted(times.items()))


def test_with_a_marker_it_is_whole_when_the_marker_is_the_latest() -> None:
    assert whole(MARKED, at(a=1, whole=2), None)
    assert whole(MARKED, at(a=2, whole=2), None)
    assert not whole(MARKED, at(a=3, whole=2), None)
    assert not whole(MARKED, at(a=1), at(a=1))
    assert not whole_at_the_end(MARKED, at(a=3, whole=2), None, 100)


def test_without_a_marker_it_is_whole_when_nothing_changed_between_two_looks() -> None:
    assert whole(PLAIN, at(a=1), at(a=1))
    assert not whole(PLAIN, at(a=1), None)
    assert not whole(PLAIN, at(a=1, b=2), at(a=1))
    assert not whole(PLAIN, (), ())


def test_at_the_end_what_was_left_alone_for_a_while_is_whole() -> None:
    assert whole_at_the_end(PLAIN, at(a=1), None, 10)
    assert not whole_at_the_end(PLAIN, at(a=9), None, 10)
    assert whole_at_the_end(PLAIN, at(a=9), at(a=9), 10)


saved = st.builds(
    Saved,
    st.integers(0, 999_999_999),
    st.integers(0, 10**12 - 1),
    st.integers(0, 10**15 - 1),
    st.binary(min_size=32, max_size=32).map(bytes.hex),
)


@given(saved)
def test_a_name_reads_back(one: Saved) -> None:
    assert parse(one.name) == one
    assert len(one.name) <= 300


@given(st.lists(saved, max_size=6, unique_by=lambda s: s.number), st.data())
def test_what_was_begun_is_carried_to_its_end_then_the_newest(
    all_of: list[Saved], data: st.DataObject
) -> None:
    sent = {s.name: data.draw(st.integers(0, s.size)) for s in all_of}
    went = max((s.number for s in all_of if sent[s.name] >= s.size), default=0)
    chosen = parse(next_to_send([s.name for s in all_of], sent) or "")
    late = [s for s in all_of if s.number > went]
    begun = [s for s in late if sent[s.name] > 0]
    assert chosen == (max(begun or late) if late else None)


class Run:
    """A run with a folder, and a staging whose clock is moved by hand."""

    def __init__(self, folder: Path, name: str = "r", **wish: object) -> None:
        self.time, self.home = 1000.0, folder
        data = DataSettings.model_validate(
            {"read": [f"file://{folder}/*"], "write": [f"file://{folder}/*"]}
        )
        self.staging = Staging(data, SoftwareSettings(), str(folder), lambda: self.time)
        self.folder = folder / name
        self.work = self.folder / "work"
        self.work.mkdir(parents=True)
        self.order = order(name, checkpoint={"path": "ckpt", "every": "1s", **wish})

    def write(self, *names: str) -> None:
        """Write these files of the checkpoint, one after the other."""
        (self.work / "ckpt").mkdir(exist_ok=True)
        self.time += 1
        for number, name in enumerate(names):
            (self.work / "ckpt" / name).write_text(f"{name} of {self.time}")
            os.utime(self.work / "ckpt" / name, (self.time + number / 100,) * 2)

    def end(self) -> None:
        """Its tasks end, without success."""
        self.staging.leave(self.order, str(self.folder), False, self.time + 5, lambda: True)

    def names(self, end: bool | None = None) -> list[str]:
        found = self.staging.files(self.order, str(self.folder), end)
        return [file.name for file in found if parse(file.name)]

    def until(self, found: Callable[[], bool]) -> None:
        """Wait for the looking thread, whose pauses are of a second."""
        deadline = time.monotonic() + 20
        while not found():
            assert time.monotonic() < deadline
            self.time += 0.3
            time.sleep(0.05)

    def order_from(self, name: str) -> RunOrder:
        return self.order.model_copy(update={"restore": name})

    def log(self) -> str:
        return (self.folder / "data.log").read_text()


def test_new_states_are_packed_while_the_run_goes_on_and_go_on_in_the_next(tmp_path: Path) -> None:
    run = Run(tmp_path, marker="whole")
    run.write("weights", "whole")
    run.until(lambda: len(run.names()) == 1)
    run.write("weights", "whole")
    run.until(lambda: len(run.names()) == 2)
    run.write("weights", "whole")
    run.until(lambda: any(parse(n).number == 3 for n in run.names()))  # type: ignore[union-attr]
    newest = max(run.names(), key=lambda n: parse(n).number)  # type: ignore[union-attr]
    assert len(run.names()) == checkpoints.KEPT
    packed = run.staging.read(run.order, str(run.folder), newest, 0, 2**20)

    after = Run(tmp_path, "next", marker="whole")
    Path(after.staging.archive("next")).parent.mkdir()
    Path(after.staging.archive("next")).write_bytes(packed)
    after.staging.bring_in(after.order_from(newest), str(after.folder), lambda: True)
    assert sorted(p.name for p in (after.work / "ckpt").iterdir()) == ["weights", "whole"]
    assert (after.work / "ckpt" / "weights").read_text().startswith("weights of")
    assert f"goes on from {newest}" in after.log()
    run.staging.close()
    after.staging.close()


def test_a_run_that_succeeded_has_no_checkpoints_and_one_that_failed_its_last(
    tmp_path: Path,
) -> None:
    run = Run(tmp_path, marker="whole")
    run.write("weights", "whole")
    for _ in range(2):
        run.end()
        assert len(run.names(False)) == 1
    assert run.names(True) == []
    run.staging.close()


def test_one_that_is_on_its_way_is_not_replaced(tmp_path: Path) -> None:
    run = Run(tmp_path, marker="whole")
    run.write("weights", "whole")
    run.until(lambda: len(run.names()) == 1)
    [first] = run.names()
    run.staging.read(run.order, str(run.folder), first, 0, 100)
    run.write("weights", "whole")
    looks = [0]

    def looked() -> bool:
        looks[0] += 1
        return looks[0] > 40

    run.until(looked)
    assert run.names() == [first]
    run.staging.read(run.order, str(run.folder), first, 0, 2**20)
    run.until(lambda: len(run.names()) == 2)
    run.staging.close()


def test_what_is_too_large_is_said_and_not_carried(tmp_path: Path) -> None:
    run = Run(tmp_path, marker="whole", max_size="10B")
    run.write("weights", "whole")
    run.end()
    assert run.names(False) == []
    assert "is more than its max_size of 10 B; raise that, or give checkpoint.url" in run.log()
    run.staging.close()


def test_by_a_url_only_a_word_of_it_is_carried(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/far/{{job}}"
    run = Run(tmp_path, marker="whole", url=url, max_size="1B")
    run.write("weights", "whole")
    run.end()
    [name] = run.names(False)
    word = run.staging.read(run.order, str(run.folder), name, 0, 2**20)
    [far] = (tmp_path / "far").rglob("*.tar")
    assert str(far).encode() in word

    after = Run(tmp_path, "next", marker="whole", url=url)
    Path(after.staging.archive("next")).parent.mkdir()
    Path(after.staging.archive("next")).write_bytes(word)
    for _ in range(2):  # again after a crash
        after.staging.bring_in(after.order_from(name), str(after.folder), lambda: True)
    assert (after.work / "ckpt" / "whole").exists()
    far.write_bytes(b"another")
    third = Run(tmp_path, "third", marker="whole", url=url)
    Path(third.staging.archive("third")).write_bytes(word)
    os.truncate(far, 3)
    third.staging.bring_in(
        third.order_from(name), str(third.folder), lambda: True
    )  # from the cache
    assert (third.work / "ckpt" / "whole").exists()
    run.staging.close()


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out"])
def test_an_archive_puts_nothing_outside(tmp_path: Path, name: str) -> None:
    (tmp_path / "work").mkdir()
    with tarfile.open(tmp_path / "bad", "w") as archive:
        archive.add(__file__, arcname=name)
    with suppress(StageError):  # or it is put inside, as what is left of its name
        checkpoints.unpack(str(tmp_path / "bad"), str(tmp_path / "work"), "ckpt")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "work" / "out").exists()


def test_links_are_not_packed(tmp_path: Path) -> None:
    (tmp_path / "ckpt").mkdir()
    (tmp_path / "ckpt" / "link").symlink_to("/etc/passwd")
    (tmp_path / "ckpt" / "file").write_text("x")
    assert [path for path, _, _ in checkpoints.listing(str(tmp_path / "ckpt"))] == ["file"]
