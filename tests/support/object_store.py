"""An S3 server for tests, in this process, and a gateway before it that fails as networks and stores do.

Which request fails how is a function of a seed and the number of the request.
"""

from __future__ import annotations

import http.client
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlparse

import pytest

from tests.support.faulty_server import Behaviour, answering

BUCKET = "curate-test"
SECRET = "test-secret"
FAULTS = ("503", "429", "reset", "lost-reply", "cut")


@contextmanager
def object_store() -> Iterator[dict[str, str]]:
    """An S3 server with the empty bucket `curate-test`, as the environment that names it; skips where moto is not there."""
    boto3 = pytest.importorskip("boto3")
    pytest.importorskip("obstore")
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test-key",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
    }
    client = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id="test-key",
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
    )
    client.create_bucket(Bucket=BUCKET)
    try:
        yield environment
    finally:
        client.close()
        server.stop()


@contextmanager
def gateway(endpoint: str, behaviour: Behaviour, *, conditions: bool = True) -> Iterator[str]:
    """The address of a server that hands requests on and fails as it is told. Without `conditions` it drops If-None-Match
    and If-Match of writes, as stores do that do not know them."""
    place = urlparse(endpoint)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = behaviour.next_fault()
            if fault in ("503", "429"):
                self.send_response(int(fault))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if fault == "reset":
                self._reset()
                return
            headers = {name: value for name, value in self.headers.items() if conditions or not _is_condition(name)}
            onward = http.client.HTTPConnection(str(place.hostname), place.port, timeout=30)
            try:
                onward.request(self.command, self.path, body, headers)
                answer = onward.getresponse()
                data = answer.read()
            finally:
                onward.close()
            if fault == "lost-reply":  # done, but nobody hears of it
                self._reset()
                return
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            if fault == "cut":
                self.wfile.write(data[: len(data) // 2])
                self.wfile.flush()
                self._reset()
                return
            self.wfile.write(data)

        def _reset(self) -> None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass_on

    with answering(Handler) as address:
        yield address


def _is_condition(name: str) -> bool:
    return name.lower() in ("if-none-match", "if-match")
