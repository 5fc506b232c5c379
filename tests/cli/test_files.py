"""logs, files, fetch."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.builders import a_detail, weir
from tests.client.builders import FakeServer, Turns, piece
from weir.core.lifecycle import JobState
from weir.wire.jobs import FileAnswer, FilesAnswer

LIST = FilesAnswer(
    run="r-1", files=(FileAnswer(name="stdout", size=6), FileAnswer(name="out/m.bin", size=2048))
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("options", "name"),
    [((), "stdout"), (("--stderr",), "stderr"), (("--file", "out/log.txt"), "out/log.txt")],
)
def test_logs(options: tuple[str, ...], name: str) -> None:
    replies = {f"GET /v1/jobs/j-1/files/{name}": piece(b"hello\n", 6, False)}
    result = weir(replies, "logs", "j-1", *options)
    assert (result.exit_code, result.stdout) == (0, "hello\n")


def test_logs_follow() -> None:
    parts = Turns([piece(b"one\n", 4, False), piece(b"", 4, False), piece(b"two\n", 8, True)])
    server = FakeServer({"GET /v1/jobs/j-1/files/stdout": parts})
    assert weir(server, "logs", "-f", "j-1").stdout == "one\ntwo\n"
    assert [float(r.url.params["wait_s"]) for r in server.asked] == [20.0, 20.0, 20.0]


def test_logs_of_a_job_that_never_ran() -> None:
    replies = {"GET /v1/jobs/j-1": a_detail(state=JobState.CANCELED)}
    assert weir(replies, "logs", "-f", "j-1").exit_code == 1


def test_files_have_units() -> None:
    result = weir({"GET /v1/jobs/j-1/files": LIST}, "files", "j-1")
    assert result.stdout == "FILE        SIZE\nstdout       6 B\nout/m.bin  2 KiB\n"


def test_fetch_all(folder: Path) -> None:
    replies = {
        "GET /v1/jobs/j-1/files": LIST,
        "GET /v1/jobs/j-1/files/stdout": piece(b"hello\n", 6, True),
        "GET /v1/jobs/j-1/files/out/m.bin": piece(b"\0" * 2048, 2048, True),
    }
    result = weir(replies, "fetch", "j-1")
    assert result.stdout == "j-1/stdout  6 B\nj-1/out/m.bin  2 KiB\n"
    assert (folder / "j-1/out/m.bin").read_bytes() == b"\0" * 2048


RESULTS = FilesAnswer(
    run="r-1",
    files=(FileAnswer(name="stdout", size=6), FileAnswer(name="output/result.json", size=2)),
)


def test_a_result_is_found_by_its_name_alone(folder: Path) -> None:
    replies = {
        "GET /v1/jobs/j-1/files": RESULTS,
        "GET /v1/jobs/j-1/files/output/result.json": piece(b"{}", 2, True),
    }
    result = weir(replies, "fetch", "j-1", "result.json")
    assert result.stdout == "j-1/output/result.json  2 B\n"
    assert weir(replies, "logs", "j-1", "--file", "result.json").stdout == "{}"


def test_a_file_of_that_very_name_comes_first() -> None:
    both = (FileAnswer(name="m", size=1), FileAnswer(name="output/m", size=2))
    replies = {
        "GET /v1/jobs/j-1/files": FilesAnswer(run="r-1", files=both),
        "GET /v1/jobs/j-1/files/m": piece(b"1", 1, True),
    }
    assert weir(replies, "logs", "j-1", "--file", "m").stdout == "1"


def test_a_file_that_is_not_there_is_told_with_those_that_are() -> None:
    result = weir({"GET /v1/jobs/j-1/files": RESULTS}, "fetch", "j-1", "resul.json")
    assert result.exit_code == 1
    assert "j-1 has no file resul.json; there are: stdout, output/result.json" in result.stderr


def test_an_empty_output_says_so() -> None:
    replies = {
        "GET /v1/jobs/j-1/files/stdout": piece(b"", 0, False),
        "GET /v1/jobs/j-1": a_detail(),
    }
    result = weir(replies, "logs", "j-1")
    assert (result.stdout, result.stderr) == ("", "stdout of j-1 is empty; it is running\n")


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "a\\evil"])
def test_fetch_stays_in_its_folder(folder: Path, name: str) -> None:
    listed = FilesAnswer(run="r-1", files=(FileAnswer(name=name, size=1),))
    server = FakeServer({"GET /v1/jobs/j-1/files": listed})
    result = weir(server, "fetch", "j-1", "--to", "in")
    assert result.exit_code == 2
    assert len(server.asked) == 1
    assert list(folder.iterdir()) == []


def test_a_fetch_that_fails_leaves_nothing_half(folder: Path) -> None:
    broken = Turns([piece(b"half", 8, True), piece(b"", 8, True)])
    result = weir({"GET /v1/jobs/j-1/files/out": broken}, "fetch", "j-1", "out", "--to", ".")
    assert result.exit_code == 1
    assert list(folder.iterdir()) == []
