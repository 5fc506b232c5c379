"""Certificates: looked at once an hour, and only where there is TLS."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from weir.probes.certificate import LOOK_S, Certificates, certificate_of

BEGIN = ssl.cert_time_to_seconds("Jan  1 00:00:00 2026 GMT")
DAY = 86400.0
SHOWN = {"notBefore": "Jan  1 00:00:00 2026 GMT", "notAfter": "Apr 11 00:00:00 2026 GMT"}


def test_how_much_of_its_lifetime_has_passed_by_a_look_an_hour() -> None:
    asked: list[str] = []

    def fetch(url: str, _timeout_s: float) -> Mapping[str, Any]:
        asked.append(url)
        return SHOWN

    certificates = Certificates(1.0, fetch)
    assert certificates.spent("https://up", BEGIN + 90 * DAY) == pytest.approx(0.9)
    assert certificates.spent("https://up", BEGIN + 90 * DAY + LOOK_S - 1) > 0.9  # type: ignore[operator]
    assert certificates.spent("http://up", BEGIN) is None
    assert asked == ["https://up"]
    assert certificates.spent("https://up", BEGIN + 100 * DAY) == pytest.approx(1.0)
    assert len(asked) == 2


def test_one_that_is_not_to_be_had_is_unknown_until_it_is_and_then_as_it_was_last() -> None:
    shown: list[Mapping[str, Any] | None] = [None, SHOWN, None]
    certificates = Certificates(1.0, lambda *_: shown.pop(0))
    assert certificates.spent("https://up", BEGIN) is None
    assert certificates.spent("https://up", BEGIN + 10 * DAY) == pytest.approx(0.1)
    assert certificates.spent("https://up", BEGIN + 20 * DAY) == pytest.approx(0.2)


def test_nobody_there_is_no_certificate() -> None:
    assert certificate_of("https://127.0.0.1:1", 1.0) is None
    assert certificate_of("https://", 1.0) is None


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a TLS server on loopback whose certificate, for 30 days, is trusted here."""
    made = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30")
    names = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    subprocess.run(
        [*made, *names, "-keyout", "key", "-out", "crt"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "crt"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    caller, _ = plain.accept()
                    with suppress(OSError), context.wrap_socket(caller, server_side=True):
                        pass

        threading.Thread(target=serve, daemon=True).start()
        yield f"https://127.0.0.1:{plain.getsockname()[1]}"


@pytest.mark.real
def test_the_certificate_of_a_server_that_is_trusted(
    secure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = certificate_of(secure, 5.0)
    assert found is not None
    life = ssl.cert_time_to_seconds(found["notAfter"]) - ssl.cert_time_to_seconds(
        found["notBefore"]
    )
    assert life == 30 * DAY

    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    assert certificate_of(secure, 5.0) is None, "it is not trusted any more"
