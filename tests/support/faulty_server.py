"""A web server of a folder's files that fails as real ones do, as often and in the ways it is told to.

Which request fails how is a function of a seed and the number of the request, so that a test that fails can be repeated.
"""

from __future__ import annotations

import contextlib
import random
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FAULTS = ("503", "429", "403", "reset", "cut", "stall", "no-range", "no-length", "lying-length")


@dataclass
class Behaviour:
    """How a server answers."""

    share: float = 0.0
    faults: Sequence[str] = FAULTS
    seed: int = 0
    ranges: bool = True
    length: bool = True
    etag: bool = True
    refuse: str | None = None
    """A part of paths that are always answered by 503."""
    done: Counter[str] = field(default_factory=Counter)
    """What was answered how often."""
    most: int = 0
    """Most requests that were in flight at once."""
    _now: int = 0
    _number: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next_fault(self) -> str | None:
        """How the next request fails, if it does."""
        with self._lock:
            self._number += 1
            chance = random.Random(f"{self.seed}/{self._number}")
            fault = chance.choice(list(self.faults)) if chance.random() < self.share else None
            self.done[fault or "whole"] += 1
            return fault

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count a request as in flight."""
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            yield
        finally:
            with self._lock:
                self._now -= 1


def _handler(root: Path, behaviour: Behaviour) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            with behaviour.counted(), contextlib.suppress(ConnectionError):
                self._answer()

        def _answer(self) -> None:
            path = root / self.path.partition("?")[0].lstrip("/")
            fault = behaviour.next_fault()
            if behaviour.refuse is not None and behaviour.refuse in self.path:
                fault = "503"
            if fault in ("503", "429", "403"):
                body = b"<h1>Slow down</h1>"
                self.send_response(int(fault))
                if fault == "429":
                    self.send_header("Retry-After", "0")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                return
            if fault == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
                return
            if not path.is_file():
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            data = path.read_bytes()
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            body, status = data, 200
            if asked and behaviour.ranges and fault != "no-range":
                first, last = int(asked[1]), min(int(asked[2]), len(data) - 1)
                if first >= len(data):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(data)}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                body, status = data[first : last + 1], 206
            self.send_response(status)
            if status == 206:
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
            if behaviour.etag:
                self.send_header("ETag", f'"{len(data):x}-{hash(data) & 0xFFFFFFFF:x}"')
            if fault == "lying-length":
                body = body[: len(body) // 2]
            if behaviour.length and fault != "no-length":
                self.send_header("Content-Length", str(len(body)))
            else:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            if fault in ("cut", "stall"):
                self.wfile.write(body[: len(body) * (behaviour._number % 7) // 8])
                self.wfile.flush()
                if fault == "stall":
                    threading.Event().wait(1.5)
                self.close_connection = True
                return
            self.wfile.write(body)

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that has gone is no error of the server's."""


@contextmanager
def serve(root: Path, behaviour: Behaviour | None = None) -> Iterator[str]:
    """The address of a server of the folder's files, for the length of the block."""
    with answering(_handler(root, behaviour or Behaviour())) as address:
        yield address


@contextmanager
def answering(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server that answers by a handler, for the length of the block."""
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
