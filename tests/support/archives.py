"""Archives made for tests: records written by hand so that anything in them can be wrong, and what reading them gives."""

from __future__ import annotations

import gzip
import random
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zstandard

from curate.ingest import Columns, read, reasons
from curate.records.pages import BATCH_ROWS, PAGES
from curate.storage import SourceFile

HTML = b"<!doctype html><html><body><p>Tides follow the moon.</p></body></html>"
Row = dict[str, Any]


def source_file(path: Path) -> SourceFile:
    return SourceFile(str(path), path.name, path.stat().st_size, "")


def read_path(path: Path, format: str = "warc", columns: Columns | None = None) -> tuple[list[Row], Counter[str]]:
    counts: Counter[str] = Counter()
    rows: list[Row] = []
    for batch in read(source_file(path), "web", format, columns or Columns(), counts):
        assert batch.schema == PAGES
        assert 0 < batch.num_rows <= BATCH_ROWS
        batch.validate(full=True)
        rows.extend(batch.to_pylist())
    assert len({row["id"] for row in rows}) == len(rows)
    return rows, counts


def record(block: bytes, kind: str = "response", **fields: str) -> bytes:
    """One WARC record, written by hand so that its fields can be wrong."""
    named = {
        "WARC-Type": kind,
        "WARC-Record-ID": f"<urn:uuid:{zlib.crc32(block):08x}>",
        "WARC-Date": "2024-05-18T01:58:10Z",
        "WARC-Target-URI": "http://example.org/",
        "Content-Type": "application/http; msgtype=response",
        "Content-Length": str(len(block)),
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items() if value)
    return b"WARC/1.0\r\n" + head.encode("latin-1") + b"\r\n" + block + b"\r\n\r\n"


def response(body: bytes = HTML, *headers: str, status: str = "200 OK", type: str = "text/html") -> bytes:
    lines = [f"HTTP/1.1 {status}", *([f"Content-Type: {type}"] if type else []), *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


CODECS: dict[str, Callable[[bytes], bytes]] = {"plain": lambda data: data, "gzip": gzip.compress, "zstd": zstd}
SUFFIX = {"plain": ".warc", "gzip": ".warc.gz", "zstd": ".warc.zst"}


def pages(count: int, seed: int = 0) -> list[bytes]:
    """Records of pages that compress badly, so that damage in a compressed frame hits data."""
    chance = random.Random(seed)
    made = []
    for number in range(count):
        words = " ".join(f"{chance.getrandbits(40):x}" for _ in range(chance.randrange(20, 300)))
        url = f"http://example.org/{number}"
        made.append(record(response(b"<html><p>" + words.encode() + b"</p></html>"), WARC_Target_URI=url))
    return made


def one(tmp_path: Path, block: bytes, **fields: str) -> tuple[Row, Counter[str]]:
    path = tmp_path / "one.warc"
    path.write_bytes(record(block, **fields))
    rows, counts = read_path(path)
    assert len(rows) == 1
    return rows[0], counts


def check_account(rows: list[Row], counts: Counter[str], size: int) -> None:
    assert counts["bytes.read"] + counts["bytes.damaged"] == size
    assert bool(counts["bytes.damaged"]) == any(
        row["reason"] in (reasons.DAMAGED, reasons.TRUNCATED_FILE) for row in rows
    )
    assert all((row["reason"] is None) == (row["body"] is not None or row["text"] is not None) for row in rows)
    assert all(row["body"] is None or row["text"] is None for row in rows)


def chunked(body: bytes, size: int = 17) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x;x=y\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
