"""Files damaged by chance, for fuzzing the readers: good files, mutations of them, and what must hold of every one.

Everything is a function of a number, so that a failure is made again from it.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import brotli
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from curate.ingest import Columns, read
from curate.records.pages import PAGES
from curate.storage import SourceFile
from tests.support.archives import HTML, chunked, record, response

_COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
}
_TOKENS = (
    *(b"WARC/1.0\r\n", b"Content-Length: 99\r\n", b"\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"\x1f\x8b\x08\0", b"0\r\n\r\n"),
    *(
        b"\x28\xb5\x2f\xfd",
        b"\x5d\x2a\x4d\x18",
        b"BZh91AY&SY",
        b"\xfd7zXZ\0",
        b"PAR1",
        b"{",
        b"}",
        b"[",
        b'"',
        b"\\",
        b"\n",
    ),
    *(
        b"\xff" * 8,
        b"\0" * 64,
        b"Content-Encoding: br\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"<html>",
        b"9999999999",
    ),
    *(b"\x80" * 9 + b"\x01", b"\xff\xff\xff\x7f", b"charset=utf-16", b"\xef\xbb\xbf", b"\r", b"7fffffff\r\n", b"-1"),
)


@dataclass(frozen=True)
class Sample:
    """A good file: its name, format, bytes, and the span of each record if records can be damaged apart."""

    name: str
    format: str
    data: bytes
    spans: tuple[tuple[int, int, str], ...] = ()
    """First byte, one past the last, and the url, of each record that lies in its own frame or line."""


def _page(chance: random.Random, number: int) -> bytes:
    words = " ".join(f"{chance.getrandbits(40):x}" for _ in range(chance.randrange(5, 120))).encode()
    body = HTML.replace(b"moon", words)
    coded: list[tuple[bytes, list[str]]] = [
        (body, []),
        (gzip.compress(body), ["Content-Encoding: gzip"]),
        (zlib.compress(body), ["Content-Encoding: deflate"]),
        (brotli.compress(body, quality=1), ["Content-Encoding: br"]),
        (chunked(body), ["Transfer-Encoding: chunked"]),
        (chunked(gzip.compress(body)), ["Content-Encoding: gzip", "Transfer-Encoding: chunked"]),
    ]
    encoded, headers = chance.choice(coded)
    return record(response(encoded, *headers), WARC_Target_URI=f"http://example.org/{number}")


def _archive(chance: random.Random, suffix: str) -> Sample:
    stored = [_COMPRESS[suffix](_page(chance, number)) for number in range(6)]
    spans, at = [], 0
    for number, each in enumerate(stored):
        spans.append((at, at + len(each), f"http://example.org/{number}"))
        at += len(each)
    return Sample(f"x.warc{suffix}", "warc", b"".join(stored), tuple(spans))


def _lines(chance: random.Random, suffix: str) -> Sample:
    made, spans, at = [], [], 0
    for number in range(12):
        text = "".join(chance.choices('abc "\\\n{}[]éж潮😀', k=chance.randrange(3, 80))) + "tides"
        fields = {"text": text, "url": f"http://example.org/{number}", "n": chance.random(), "more": [{"a": [1, 2]}]}
        line = json.dumps(fields, ensure_ascii=chance.random() < 0.5).encode() + b"\n"
        made.append(line)
        spans.append((at, at + len(line), fields["url"]))
        at += len(line)
    data = b"".join(made)
    return Sample(f"x.jsonl{suffix}", "jsonl", _COMPRESS[suffix](data), tuple(spans) if not suffix else ())  # type: ignore[arg-type]


def _table(chance: random.Random, compression: str) -> Sample:
    texts = [f"{chance.getrandbits(800):x}" * chance.randrange(1, 3) for _ in range(300)]
    table = pa.table(
        {
            "url": [f"http://example.org/{number}" for number in range(300)],
            "text": pa.array(texts, chance.choice([pa.string(), pa.large_string(), pa.binary()])),
            "when": pa.array(range(300), pa.timestamp("s")),
        }
    )
    sink = io.BytesIO()
    pq.write_table(
        table,
        sink,
        compression=compression,
        row_group_size=chance.choice([80, 300]),
        data_page_size=4000,
        write_batch_size=20,
        use_dictionary=chance.random() < 0.5,
        data_page_version=chance.choice(["1.0", "2.0"]),
        write_page_checksum=chance.random() < 0.5,
    )
    return Sample("x.parquet", "parquet", sink.getvalue())


SHAPES: dict[str, Callable[[random.Random], Sample]] = {
    **{f"warc{suffix}": lambda chance, suffix=suffix: _archive(chance, suffix) for suffix in _COMPRESS},  # type: ignore[misc]
    **{f"jsonl{suffix}": lambda chance, suffix=suffix: _lines(chance, suffix) for suffix in _COMPRESS},  # type: ignore[misc]
    **{
        f"parquet {name}": lambda chance, name=name: _table(chance, name) for name in ("none", "snappy", "zstd", "gzip")
    },  # type: ignore[misc]
}


def mutated(sample: Sample, chance: random.Random) -> tuple[bytes, list[tuple[int, int]], bool]:
    """The sample's bytes with up to four mutations, the spans hit, and whether all others lie where they lay."""
    data = bytearray(sample.data)
    hits: list[tuple[int, int]] = []
    moved = False
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        at = chance.randrange(len(data) + 1)
        if sample.format == "parquet" and chance.random() < 0.4:
            at = max(0, len(data) - chance.randrange(1, 600))  # the footer
        what = chance.randrange(8)
        if what < 3:
            new = (
                bytes([chance.randrange(256)])
                if what
                else bytes([(data[at : at + 1] or b"\0")[0] ^ 1 << chance.randrange(8)])
            )
        elif what == 3:
            new = chance.choice(_TOKENS)
        elif what == 4:
            new = chance.randbytes(chance.randrange(1, 100))
        elif what == 5:
            new = bytes(data[(start := chance.randrange(len(data) + 1)) : start + chance.randrange(200)])
        else:
            gone = chance.randrange(1, 300) if what == 6 else len(data)
            moved = True
            del data[at : at + gone]
            continue
        new = new[: len(data) - at]
        data[at : at + len(new)] = new
        hits.append((at, at + len(new)))
    return bytes(data), hits, moved


def check(number: int, shape: str, folder: Path) -> Counter[str]:
    """Read a damaged file of this shape and number; raises AssertionError where a promise is broken.

    No exception but the one that names a missing column; ids unique; a body or text, or a reason; every byte of an
    archive accounted for; every record that was not hit is read as it was.
    """
    chance = random.Random(f"{shape} {number}")
    sample = SHAPES[shape](chance)
    data, hits, moved = mutated(sample, chance)
    path = folder / sample.name
    path.write_bytes(data)
    counts: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    columns = Columns(date="when") if sample.format == "parquet" else Columns()
    source = SourceFile(str(path), sample.name, len(data), "")
    try:
        for batch in read(source, "web", sample.format, columns, counts):
            assert batch.schema == PAGES
            batch.validate(full=True)
            rows.extend(batch.to_pylist())
    except ValueError as error:
        assert sample.format == "parquet" and "has no column" in str(error), error
        return Counter(refused=1)
    assert len({row["id"] for row in rows}) == len(rows)
    assert all((row["reason"] is None) == (row["body"] is not None or row["text"] is not None) for row in rows)
    if sample.format == "warc":
        assert counts["bytes.read"] + counts["bytes.damaged"] == len(data)
    good = {row["url"] for row in rows if row["reason"] is None}
    if not moved:
        for first, after, url in sample.spans:
            if not any(start < after and first < end for start, end in hits):
                assert url in good or _taken_in(hits, first, sample), f"{url} is lost, though it was not hit: {hits}"
    return Counter(row["reason"] or "good" for row in rows)


def _taken_in(hits: list[tuple[int, int]], first: int, sample: Sample) -> bool:
    """Whether the record before was hit in a plain archive or line, where the hit may take this one in.

    A line end that is overwritten joins two lines; a length that is overwritten can be right by chance.
    """
    before = next((span for span in sample.spans if span[1] == first), None)
    if before is None or not sample.name.endswith((".warc", ".jsonl")):
        return False
    return any(start < before[1] and before[0] < end for start, end in hits)
