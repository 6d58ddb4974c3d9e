"""The first look at a source says in a sentence what a run would find out at its end."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.ingest import Columns, check_source, first_look
from curate.storage import list_files
from tests.support.archives import CODECS, HTML, pages, record, response, source_file

WARC = b"".join(pages(3))
LINES = b"".join(json.dumps({"text": f"tides {n}", "url": "http://a", "n": n}).encode() + b"\n" for n in range(5))
ROWS = [{"text": "tides", "url": "http://a"}] * 3


def parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())


GOOD = {
    "warc": WARC,
    "wet": record(b"Tides follow the moon.", "conversion", Content_Type="text/plain"),
    "jsonl": LINES,
    "parquet": parquet(pa.table({"text": ["tides"], "url": ["http://a"]})),
}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("format", GOOD)
def test_nothing_is_said_of_a_good_source(tmp_path: Path, format: str, codec: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(GOOD[format] if format == "parquet" else CODECS[codec](GOOD[format]))
    assert first_look(source_file(path), format, Columns()) is None


NO = "has no column 'text' "
WRONG = [
    ("jsonl", WARC, "is a WARC file: set `format: warc`"),
    ("parquet", WARC, "is a WARC file: set `format: warc`"),
    ("warc", LINES, "is JSON Lines: set `format: jsonl`"),
    ("parquet", LINES, "is JSON Lines: set `format: jsonl`"),
    ("warc", GOOD["parquet"], "is a Parquet file: set `format: parquet`"),
    ("jsonl", GOOD["parquet"], "is a Parquet file: set `format: parquet`"),
    ("jsonl", json.dumps(ROWS).encode(), "is one JSON array"),
    ("jsonl", json.dumps(ROWS, indent=2).encode(), "is one JSON array"),
    ("jsonl", json.dumps(ROWS[0], indent=2).encode(), "is JSON over several lines"),
    ("jsonl", LINES.decode().encode("utf-16"), "is text in UTF-16"),
    ("jsonl", b"text,url\ntides,http://a\n", "is no jsonl file; it begins 'text,url"),
    ("jsonl", b"PK\x03\x04" + bytes(100), "is a ZIP archive"),
    ("jsonl", bytes(1000), "holds no text and is no jsonl file"),
    ("warc", HTML, "is an HTML page; pages are read from WARC files"),
    ("warc", b"filedesc://x.arc 0.0.0.0 20080101 text/plain 76\n1 0 x\n", "is an ARC file"),
    ("wet", b"Tides follow the moon.", "is no warc file; it begins 'Tides follow"),
    ("warc", record(b"{}", "metadata", Content_Type="application/json") * 9, "holds metadata only"),
    ("parquet", GOOD["parquet"][:-20], "is a Parquet file that cannot be opened"),
    ("jsonl", b'{"content": "tides", "url": "a"}\n', NO + "in its first line; its columns are content, url: set `text: co"),
    ("jsonl", b'{"Text": "tides"}\n{"Text": "moon"}\n', NO + "in its first 2 lines; its columns are Text: set `text: T"),
    ("jsonl", b'{"a": 1}\n' * 500, NO + "in its first 100 lines; its columns are a"),
    ("jsonl", b'{"text": ["tides"]}\n', "has no text in column 'text': it holds lists"),
    ("jsonl", b'{"text": null}\n', "has no text in column 'text': it holds null"),
    ("parquet", parquet(pa.table({"raw_content": ["a"]})), "has no column 'text'; its columns are raw_content: set"),
    ("parquet", parquet(pa.table({"text": [[1]]})), "has no text in column 'text': its type is list"),
    ("parquet", parquet(pa.table({f"c{n}": [n] for n in range(40)})), "its columns are c0, c1, c2, c3, c4, c5"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("format", "content", "said"), WRONG, ids=[said[:40] + str(n) for n, (_, _, said) in enumerate(WRONG)]
)
def test_what_is_wrong_is_said_in_a_sentence(tmp_path: Path, format: str, content: bytes, said: str) -> None:
    path = tmp_path / "x"
    for data in [content] if format == "parquet" or content[:4] == b"PAR1" else [content, gzip.compress(content)]:
        path.write_bytes(data)
        found = first_look(source_file(path), format, Columns())
        assert found is not None
        assert re.match(re.escape(f"{path} {said}") if not said.startswith("its") else ".*" + re.escape(said), found), (
            found
        )
        assert "\n" not in found


def test_columns_beside_the_text_are_looked_for_too(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(LINES)
    for columns, said in (
        (Columns(id="nn"), "no column 'nn'"),
        (Columns(date="when"), "no column 'when'"),
        (Columns(url="urls"), "set `url: url`?"),
    ):
        assert said in str(first_look(source_file(path), "jsonl", columns))
    path.write_bytes(b'{"text": "a"}\n')
    assert first_look(source_file(path), "jsonl", Columns()) is None, "an address is wanted only where it is named"


def test_the_first_file_that_holds_anything_speaks_for_a_source(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    (tmp_path / "b.jsonl").touch()
    files = list_files([str(tmp_path / "*.jsonl")])
    assert check_source(files, "jsonl", Columns()) == f"{tmp_path}/a.jsonl is empty, and so is every other file"
    (tmp_path / "b.jsonl").write_bytes(LINES)
    assert check_source(list_files([str(tmp_path / "*.jsonl")]), "jsonl", Columns()) is None
    (tmp_path / "b.jsonl").write_bytes(WARC)
    assert "set `format: warc`" in str(check_source(list_files([str(tmp_path / "*.jsonl")]), "jsonl", Columns()))
    assert check_source([], "jsonl", Columns()) == "there is no file"


def test_a_folder_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "crawl").mkdir()
    with pytest.raises(FileNotFoundError, match=r"crawl is a folder: name its files, for example .*crawl/\*$"):
        list_files([str(tmp_path / "crawl")])
    for number in range(3):
        (tmp_path / "crawl" / f"{number}.warc.gz").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match=r"name its files, for example .*crawl/\*\.warc\.gz$"):
        list_files([str(tmp_path / "crawl")])


def test_one_http_page_in_a_warc_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "x.warc"
    path.write_bytes(b"junk" * 100 + record(response(HTML)))
    assert first_look(source_file(path), "warc", Columns()) is None
