"""How far a run is, on a page that a browser shows: served to this machine only, and nothing but that.

Two addresses are answered, `/` and `/progress.json`, by comparison with the words themselves: no path from outside becomes a
file. The page runs its own script only, which its policy names by hash. Knows progress and HTTP.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from curate.engine.progress import read_progress

HOST: Final = "127.0.0.1"
_HERE = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?")
"""Hosts that a browser on this machine asks: a page from elsewhere whose name was pointed here asks by its own name."""


def page() -> tuple[bytes, str]:
    """The page, and its content security policy: its own style and script by their hashes, its own numbers, no more."""
    text = Path(__file__).with_name("status.html").read_text("utf-8")
    hashes = {
        kind: base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        for kind, content in re.findall(r"<(style|script)>(.*?)</\1>", text, re.DOTALL)
    }
    policy = (
        f"default-src 'none'; script-src 'sha256-{hashes['script']}'; style-src 'sha256-{hashes['style']}'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return text.encode(), policy


class _Handler(BaseHTTPRequestHandler):
    """Answers for one run."""

    server: StatusServer
    server_version, sys_version = "curate", ""

    def do_GET(self) -> None:
        """The page, its numbers, or nothing."""
        if not _HERE.fullmatch(self.headers.get("Host", "")):
            self._answer(403, b"this page is for this machine only\n", "text/plain")
        elif self.path == "/":
            self._answer(200, self.server.page, "text/html; charset=utf-8")
        elif self.path == "/progress.json":
            self._numbers()
        else:
            self._answer(404, b"there are / and /progress.json\n", "text/plain")

    def _numbers(self) -> None:
        try:
            state = read_progress(self.server.run) | {"run": str(self.server.run)}
        except (OSError, ValueError, KeyError):
            self._answer(503, b"the run's progress cannot be read\n", "text/plain")
            return
        self._answer(200, json.dumps(state).encode(), "application/json")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", self.server.policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of requests."""


class StatusServer(ThreadingHTTPServer):
    """Serves a run's page at HOST. `port` 0 takes one that is free. Raises FileNotFoundError where there is no run, OSError
    where the port is taken."""

    daemon_threads = True

    def __init__(self, run: str | Path, port: int = 0) -> None:
        read_progress(run)
        self.run = run
        self.page, self.policy = page()
        super().__init__((HOST, port), _Handler)

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://{HOST}:{self.server_address[1]}/"
