"""Servers on loopback that take what alerts send: HTTP, and SMTP as far as letters need it."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Got:
    """What a server was sent; `answers` are what it says, one each time, the last one for good."""

    port: int = 0
    answers: list[int] = field(default_factory=lambda: [200])
    calls: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    letters: list[EmailMessage] = field(default_factory=list)
    to: list[list[str]] = field(default_factory=list)

    def next(self) -> int:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def http() -> Iterator[Got]:
    """An HTTP server that takes what is posted."""
    got = Got()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = got.next()
            if status == 200:
                got.calls.append((self.path, dict(self.headers.items()), json.loads(body)))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        got.port = server.server_address[1]
        with _running(server):
            yield got


@contextmanager
def smtp() -> Iterator[Got]:
    """A mail server. An answer of 200 takes the letter; another one is given in its place."""
    got = Got()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 here")
            to: list[str] = []
            while line := self.rfile.readline().decode().strip():
                word = line.split(" ")[0].upper()
                if word == "EHLO":
                    self.say("250-here")
                    self.say("250 AUTH PLAIN")
                elif word == "AUTH":
                    self.say("235 welcome" if line.endswith(PASSWORD) else "535 no")
                elif word == "RCPT":
                    to.append(line.partition("<")[2].rstrip(">"))
                    self.say("250 ok")
                elif word == "DATA":
                    self.take(to)
                elif word == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 ok")

        def take(self, to: list[str]) -> None:
            self.say("354 go on")
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line)
            status = got.next()
            if status == 200:
                letter = message_from_bytes(b"".join(lines), policy=policy.default)
                assert isinstance(letter, EmailMessage)
                got.letters.append(letter)
                got.to.append(to)
                self.say("250 taken")
            else:
                self.say(f"{status} no")

        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        got.port = server.server_address[1]
        with _running(server):
            yield got


PASSWORD = "AHdlaXIAbWFpbC1zZWNyZXQ="
"""`weir` with `mail-secret`, as PLAIN has it."""


@contextmanager
def _running(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
