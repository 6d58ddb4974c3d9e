"""The Hub's interface over one data set of a folder, `OWNER/NAME` owner/data, as its library asks it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.support.faulty_server import answering


@contextmanager
def hub(folder: Path) -> Iterator[str]:
    """The Hub's interface over one data set's files, as its library asks it."""
    commit = "0123456789abcdef0123456789abcdef01234567"

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path.startswith("/api/datasets/owner/data"):
                siblings = [
                    {"rfilename": str(each.relative_to(folder)), "size": each.stat().st_size, "blobId": "b" * 40}
                    for each in sorted(folder.rglob("*"))
                    if each.is_file()
                ]
                body = json.dumps({"id": "owner/data", "sha": commit, "siblings": siblings}).encode()
            elif path.startswith(f"/datasets/owner/data/resolve/{commit}/"):
                body = (folder / path.split(f"{commit}/")[1]).read_bytes()
            else:
                body = b""
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", "application/json")
            self.send_header("ETag", f'"{len(body)}"')
            self.end_headers()
            self.wfile.write(body)

    with answering(Handler) as address:
        yield address
