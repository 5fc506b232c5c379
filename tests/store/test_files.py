"""Files of runs: pieces come in any sizes, again and late, and read back as one."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.store.files import Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(str(tmp_path))


def test_pieces_read_back_as_one_file(files: Files) -> None:
    files.put("r1", "stdout", 0, b"one ")
    files.put("r1", "stdout", 4, b"two ")
    files.put("r1", "stderr", 0, b"other")
    assert files.read("r1", "stdout", 0, 100) == b"one two "
    assert files.read("r1", "stdout", 2, 4) == b"e tw"
    assert files.read("r1", "stdout", 8, 100) == b""
    assert files.read("r1", "stderr", 0, 100) == b"other"
    assert files.read("r2", "stdout", 0, 100) == b""


def test_a_piece_that_comes_late_hides_no_longer_one(files: Files) -> None:
    files.put("r1", "stdout", 0, b"abcdef")
    files.put("r1", "stdout", 0, b"abc")
    assert files.read("r1", "stdout", 0, 100) == b"abcdef"


def test_a_gap_ends_what_can_be_read(files: Files) -> None:
    files.put("r1", "stdout", 0, b"abc")
    files.put("r1", "stdout", 5, b"fgh")
    assert files.read("r1", "stdout", 0, 100) == b"abc"
    assert files.read("r1", "stdout", 4, 100) == b""


def test_any_name_is_a_file_of_its_own_inside_the_folder(tmp_path: Path) -> None:
    files = Files(str(tmp_path / "inside"))
    names = ["..", ".", "a/b", "a%2Fb", "../up", "数据" * 100, "数据" * 101, "x" * 300, "/" * 300]
    for number, name in enumerate(names):
        files.put("..", name, 0, str(number).encode())
    assert [int(files.read("..", name, 0, 9)) for name in names] == list(range(len(names)))
    assert [p.name for p in tmp_path.iterdir()] == ["inside"]


@given(
    content=st.binary(max_size=60),
    cuts=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12),
    offset=st.integers(0, 60),
    limit=st.integers(1, 60),
)
def test_however_a_file_came_what_came_can_be_read(
    content: bytes, cuts: list[tuple[int, int]], offset: int, limit: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files, known = Files(folder), set[int]()
        for start, size in cuts:
            piece = content[start : start + size]
            files.put("r", "f", start, piece)
            known |= set(range(start, start + len(piece)))
        end = offset
        while end in known and end - offset < limit:
            end += 1
        assert files.read("r", "f", offset, limit) == content[offset:end]
