"""What a kubelet serves of its containers' logs, over TLS: for the kubelet of tests."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


@dataclass
class Log:
    """A container's log; how long it was at which times, so that it can be read from one on."""

    file: Path
    sizes: list[tuple[float, int]] = field(default_factory=list)

    def note(self, now: float) -> None:
        """Note how long it is now."""
        size = self.file.stat().st_size if self.file.exists() else 0
        if size != (self.sizes[-1][1] if self.sizes else 0):
            self.sizes.append((now, size))

    def since(self, at: float) -> int:
        """From where on it holds all lines that were printed at that time or later."""
        return max((size for when, size in self.sizes if when < at), default=0)


def log_server(
    find: Callable[[Sequence[str]], Log | None], port: int, certificate: Path
) -> ThreadingHTTPServer:
    """A server of the logs that `find` finds by namespace, pod and container."""

    class Logs(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            words = asked.path.strip("/").split("/")
            query = {name: values[0] for name, values in parse_qs(asked.query).items()}
            log = find(words[1:4]) if len(words) == 4 else None
            found = log is not None and log.file.exists()
            body = b"no such container"
            if log is not None and found:
                since = query.get("sinceTime")
                at = datetime.fromisoformat(since.replace("Z", "+00:00")) if since else None
                body = log.file.read_bytes()[log.since(at.timestamp()) if at else 0 :]
                body = body[: int(query.get("limitBytes", "67108864"))]
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", port), Logs)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server
