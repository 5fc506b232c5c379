"""Data from and to S3, by a server of this machine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import boto3  # type: ignore[import-untyped]
import pytest
from moto.server import ThreadedMotoServer

from tests.contract.bench import order
from weir.executors.staging import Staging
from weir.executors.staging_access import StageError
from weir.executors.staging_settings import DataSettings, S3Settings, SoftwareSettings

BIG = os.urandom(9 * 2**20)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def staging(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Staging]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3 = boto3.client("s3", endpoint_url=endpoint)
    s3.create_bucket(Bucket="sets")
    s3.put_object(Bucket="sets", Key="open/big", Body=BIG)
    settings = DataSettings(
        read=("s3://sets/open/*",), write=("s3://sets/out/*",), s3=S3Settings(endpoint=endpoint)
    )
    made = Staging(settings, SoftwareSettings(), str(tmp_path), lambda: 0.0, pause=lambda s: None)
    yield made
    made.close()


def folder(home: Path, name: str) -> Path:
    made = home / name
    (made / "work").mkdir(parents=True)
    return made


def test_an_object_is_fetched_once(staging: Staging, tmp_path: Path) -> None:
    inputs = [{"path": "big", "url": "s3://sets/open/big"}]
    for run in ("a", "b"):
        here = folder(tmp_path, run)
        staging.bring_in(order(run, inputs=inputs), str(here), lambda: True)
        assert (here / "work" / "big").read_bytes() == BIG
        assert hashlib.sha256(BIG).hexdigest() in (here / "data.log").read_text()
    assert "(9 MiB carried)" in (tmp_path / "a" / "data.log").read_text()
    assert "(it was here)" in (tmp_path / "b" / "data.log").read_text()


def test_a_result_is_brought(staging: Staging, tmp_path: Path, endpoint: str) -> None:
    here = folder(tmp_path, "r")
    (here / "work" / "big").write_bytes(BIG)
    outputs = [{"path": "big", "url": "s3://sets/out/{job}/big"}]
    wanted = order("r", outputs=outputs)
    for _ in range(2):
        assert staging.bring_out(wanted, str(here), lambda: True) is None
    s3 = boto3.client("s3", endpoint_url=endpoint)
    assert s3.get_object(Bucket="sets", Key="out/root-r/big")["Body"].read() == BIG


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("s3://sets/open/none", "s3://sets/open/none: not found"),
        ("s3://sets/private/x", "does not let jobs read there"),
        ("s3://others/open/x", "does not let jobs read there"),
    ],
)
def test_what_can_not_be_had_is_told(
    staging: Staging, tmp_path: Path, url: str, reason: str
) -> None:
    inputs = [{"path": "x", "url": url}]
    with pytest.raises(StageError, match=f"input x: .*{reason}"):
        staging.bring_in(order("r", inputs=inputs), str(folder(tmp_path, "r")), lambda: True)


def test_a_place_that_is_not_there_fails_the_output(staging: Staging, tmp_path: Path) -> None:
    here = folder(tmp_path, "r")
    (here / "work" / "x").write_text("x")
    wanted = order("r", outputs=[{"path": "x", "url": "s3://sets/elsewhere/x"}])
    why = staging.bring_out(wanted, str(here), lambda: True)
    assert why is not None
    assert why.endswith("this center's operator does not let jobs write there")
