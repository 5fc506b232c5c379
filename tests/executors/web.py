"""A web server on loopback that keeps what is put there, and breaks off when it is told to."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Web:
    """What is served by path, and what was asked: (method, path, Range or "").

    `breaks` are the lengths after which the next answers break off; `answers` are status codes that
    the next calls get instead of anything else. `sent` counts bytes of content. From the call
    number `slow_from` on, what is asked for comes once `slowly` is set.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    tags: bool = True
    sent: int = 0
    slowly: threading.Event | None = None
    slow_from: int = 1

    def sha256(self, path: str) -> str:
        return hashlib.sha256(self.files[path]).hexdigest()


@contextmanager
def web_up() -> Iterator[Web]:
    web = Web()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(web))
    server.daemon_threads = True
    web.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(web: Web) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            wanted = self.headers.get("Range", "")
            web.asked.append(("GET", path, wanted))
            if web.answers:
                self._end(web.answers.pop(0))
            elif path in web.moved:
                self._end(302, {"Location": web.moved[path]})
            elif path not in web.files:
                self._end(404)
            else:
                self._give(web.files[path], wanted)

        def do_PUT(self) -> None:
            path = self.path.partition("?")[0]
            web.asked.append(("PUT", path, ""))
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if web.answers:
                self._end(web.answers.pop(0))
                return
            web.files[path] = body
            self._end(201)

        def _give(self, content: bytes, wanted: str) -> None:
            tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
            headers = {"ETag": tag} if web.tags else {}
            if web.tags and self.headers.get("If-None-Match") == tag:
                self._end(304, headers)
                return
            start = 0
            if wanted and self.headers.get("If-Range") == tag:
                start = int(wanted.removeprefix("bytes=").partition("-")[0])
                whole = len(content)
                headers["Content-Range"] = f"bytes {start}-{whole - 1}/{whole}"
            given = content[start:]
            self.send_response(206 if start else 200)
            for name, value in {**headers, "Content-Length": str(len(given))}.items():
                self.send_header(name, value)
            self.end_headers()
            if web.slowly is not None and len(web.asked) >= web.slow_from:
                web.slowly.wait(20)
            cut = web.breaks.pop(0) if web.breaks else len(given)
            web.sent += min(cut, len(given))  # before the other side has it, and looks
            self.wfile.write(given[:cut])
            self.close_connection = True

        def _end(self, status: int, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {**(headers or {}), "Content-Length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    return Handler
