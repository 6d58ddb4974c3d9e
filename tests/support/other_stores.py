"""Google Cloud Storage and Azure Blob Storage for tests, as far as runs use them: servers in this process that keep objects
in memory and answer as the two do, conditions included. No credentials are looked at; objects in pieces are refused."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from time import gmtime, strftime, time
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.support.faulty_server import answering

BUCKET = "curate-test"


@dataclass(frozen=True)
class _Object:
    data: bytes
    generation: int
    written: float = field(default_factory=time)

    @property
    def e_tag(self) -> str:
        return f'"{hashlib.md5(self.data).hexdigest()}-{self.generation}"'


class _Store:
    """Objects by key; what is asked of it is answered under a lock."""

    def __init__(self) -> None:
        self.objects: dict[str, _Object] = {}
        self.lock = threading.Lock()
        self._generations = 0

    def put(self, key: str, data: bytes) -> _Object:
        self._generations += 1
        self.objects[key] = _Object(data, self._generations)
        return self.objects[key]

    def level(self, prefix: str, delimiter: str) -> tuple[list[tuple[str, _Object]], list[str]]:
        """The objects below a prefix, and the folders in it where a delimiter is given."""
        found, folders = [], set()
        for key in sorted(key for key in self.objects if key.startswith(prefix)):
            rest = key[len(prefix) :]
            if delimiter and delimiter in rest:
                folders.add(prefix + rest.split(delimiter)[0] + delimiter)
            else:
                found.append((key, self.objects[key]))
        return found, sorted(folders)


class _Handler(BaseHTTPRequestHandler):
    """What both have in common: objects read whole or by a range, and deleted."""

    protocol_version = "HTTP/1.1"
    store: _Store
    root: str
    """What stands before keys in paths."""

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def told(self, found: _Object) -> dict[str, str]:
        """The headers that tell of an object."""
        return {"ETag": found.e_tag, "Last_Modified": formatdate(found.written, usegmt=True)}

    def handle_all(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        split = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(split.query).items()}
        path = unquote(split.path)
        with self.store.lock:
            if path.rstrip("/") == self.root:
                self.of_bucket(asked, body)
            elif self.command == "POST" or asked.get("comp"):
                self.answer(501)
            elif path.startswith(f"{self.root}/"):
                self.of_object(path[len(self.root) + 1 :], body)
            else:
                self.answer(404)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_all

    def of_object(self, key: str, body: bytes) -> None:
        found = self.store.objects.get(key)
        if self.command == "PUT":
            self.put(key, found, body)
        elif found is None:
            self.answer(404)
        elif self.command == "DELETE":
            del self.store.objects[key]
            self.answer(204)
        elif self.headers.get("If-Match", found.e_tag) != found.e_tag:
            self.answer(412)
        else:
            self.get(found)

    def get(self, found: _Object) -> None:
        size = str(len(found.data))
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if self.command == "HEAD" or asked is None:
            self.answer(200, found.data, Content_Length=size, **self.told(found))
            return
        start, end = int(asked[1]), min(int(asked[2] or len(found.data)), len(found.data) - 1) + 1
        if start >= len(found.data):
            self.answer(416)
            return
        self.answer(206, found.data[start:end], Content_Range=f"bytes {start}-{end - 1}/{size}", **self.told(found))

    def put(self, key: str, found: _Object | None, body: bytes) -> None:
        raise NotImplementedError

    def of_bucket(self, asked: dict[str, str], body: bytes) -> None:
        raise NotImplementedError


class _Google(_Handler):
    def told(self, found: _Object) -> dict[str, str]:
        return super().told(found) | {"x_goog_generation": str(found.generation)}

    def put(self, key: str, found: _Object | None, body: bytes) -> None:
        wanted = self.headers.get("x-goog-if-generation-match")
        if wanted is not None and int(wanted) != (found.generation if found else 0):
            self.answer(412)
            return
        source = self.headers.get("x-goog-copy-source")
        if source is not None:
            original = self.store.objects.get(unquote(source).removeprefix(f"{BUCKET}/"))
            if original is None:
                self.answer(404)
                return
            body = original.data
        self.answer(200, **self.told(self.store.put(key, body)))

    def of_bucket(self, asked: dict[str, str], body: bytes) -> None:
        found, folders = self.store.level(asked.get("prefix", ""), asked.get("delimiter", ""))
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(each.data)}</Size><ETag>{escape(each.e_tag)}</ETag>"
            f"<LastModified>{strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(each.written))}</LastModified></Contents>"
            for key, each in found
        )
        prefixes = "".join(f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>" for each in folders)
        told = f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}{prefixes}</ListBucketResult>"
        self.answer(200, told.encode(), Content_Type="application/xml")


class _Azure(_Handler):
    def put(self, key: str, found: _Object | None, body: bytes) -> None:
        if self.headers.get("If-None-Match") == "*" and found is not None:
            self.answer(409)
            return
        wanted = self.headers.get("If-Match")
        if wanted is not None and (found is None or wanted != found.e_tag):
            self.answer(412)
            return
        source = self.headers.get("x-ms-copy-source")
        if source is not None:
            original = self.store.objects.get(unquote(urlsplit(source).path)[len(self.root) + 1 :])
            if original is None:
                self.answer(404)
                return
            self.answer(202, x_ms_copy_status="success", **self.told(self.store.put(key, original.data)))
            return
        self.answer(201, **self.told(self.store.put(key, body)))

    def of_bucket(self, asked: dict[str, str], body: bytes) -> None:
        if asked.get("comp") == "batch":
            self.batch(body)
            return
        found, folders = self.store.level(asked.get("prefix", ""), asked.get("delimiter", ""))
        blobs = "".join(
            f"<Blob><Name>{escape(key)}</Name><Properties>"
            f"<Last-Modified>{formatdate(each.written, usegmt=True)}</Last-Modified><Etag>{escape(each.e_tag)}</Etag>"
            f"<Content-Length>{len(each.data)}</Content-Length><Content-Type>application/octet-stream</Content-Type>"
            "</Properties></Blob>"
            for key, each in found
        )
        blobs += "".join(f"<BlobPrefix><Name>{escape(each)}</Name></BlobPrefix>" for each in folders)
        told = f"<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker/></EnumerationResults>"
        self.answer(200, told.encode(), Content_Type="application/xml")

    def batch(self, body: bytes) -> None:
        """Deletions, several in one request: an answer each."""
        answers = []
        for number, path in re.findall(rb"Content-ID: (\d+)\r\n.*?DELETE (\S+) HTTP", body, re.DOTALL):
            gone = self.store.objects.pop(unquote(path.decode())[len(self.root) + 1 :], None)
            status = "202 Accepted" if gone is not None else "404 The specified blob does not exist."
            answers.append(
                f"--batch\r\nContent-Type: application/http\r\nContent-ID: {number.decode()}\r\n\r\n"
                f"HTTP/1.1 {status}\r\nx-ms-error-code: BlobNotFound\r\n\r\n"
            )
        told = "".join(answers) + "--batch--\r\n"
        self.answer(202, told.encode(), Content_Type="multipart/mixed; boundary=batch")


@contextmanager
def other_store(scheme: str, folder: Path) -> Iterator[dict[str, str]]:
    """A server of `gs` or `az` with the empty bucket `curate-test`, as the environment that names it."""
    kind = _Google if scheme == "gs" else _Azure
    root = f"/{BUCKET}" if scheme == "gs" else f"/devstoreaccount1/{BUCKET}"
    handler = type("Handler", (kind,), {"store": _Store(), "root": root})
    with answering(handler) as address:
        if scheme == "az":
            yield {"AZURE_STORAGE_USE_EMULATOR": "true", "AZURITE_BLOB_STORAGE_URL": address}
            return
        account = folder / "account.json"
        fields = {"gcs_base_url": address, "disable_oauth": True, "client_email": "", "private_key": ""}
        account.write_text(json.dumps(fields | {"private_key_id": ""}))
        yield {"GOOGLE_SERVICE_ACCOUNT": str(account), "GOOGLE_ALLOW_HTTP": "true"}
