"""Bounds before allocation: small files that ask for much cost little, by limits that never look at the clock."""

from __future__ import annotations

import gzip
import io
from collections import Counter
from pathlib import Path

import brotli
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from curate.ingest import Columns, codings, read, thrift
from curate.ingest.isolation import read_apart
from curate.ingest.parquet_pages import footer_size
from tests.support.archives import HTML, pages, record, response, source_file

_MEGABYTE = 1 << 20


def resident(what: str) -> int:
    """A line of this process's status (`VmRSS`, and `VmHWM`, the most it was) in bytes."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith(what))


def measured(path: Path, format: str = "warc") -> tuple[dict[str, int], Counter[str], int]:
    """What reading a file gives: how often each reason, the counts, and the most bytes that the process grew by."""
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    Path("/proc/self/clear_refs").write_text("5")  # forgets the most that the process was (proc(5))
    before = resident("VmRSS")
    for batch in read(source_file(path), "web", format, Columns(), counts):
        reasons.update(map(str, batch["reason"].to_pylist()))
    return dict(reasons), counts, resident("VmHWM") - before


def grown(path: Path, format: str = "warc") -> tuple[dict[str, int], int]:
    """The reasons, and how many MiB the process grew by."""
    reasons, _, most = measured(path, format)
    return reasons, most // _MEGABYTE


def warc_of(tmp_path: Path, body: bytes, *headers: str) -> Path:
    path = tmp_path / "x.warc"
    path.write_bytes(record(response(body, *headers)) + pages(1)[0])
    return path


# ---- bodies of responses


def test_members_of_a_body_are_counted() -> None:
    empty = gzip.compress(b"")
    with pytest.raises(codings.TooMuch, match="members"):
        codings.undo(empty * 400_000, [b"gzip"], True)
    assert codings.undo(empty * 100 + gzip.compress(HTML), [b"gzip"], True)[0] == HTML
    frame = zstandard.ZstdCompressor().compress(b"")
    with pytest.raises(codings.TooMuch, match="frames"):
        codings.undo(frame * 400_000, [b"zstd"], True)


def test_layers_of_a_body_are_counted() -> None:
    with pytest.raises(codings.TooMuch, match="codings"):
        codings.undo(b"\x00" * 100, codings.claims([b"gzip, " * 6000]), True)
    nested = HTML
    for _ in range(codings.MAX_LAYERS):
        nested = gzip.compress(nested)
    assert codings.undo(nested, [], True)[0] == HTML


def test_chunks_of_a_body_are_counted() -> None:
    with pytest.raises(codings.TooMuch, match="chunks"):
        codings.dechunk(b"1\r\nx\r\n" * (codings.MAX_CHUNKS + 1))


def test_wrong_chunk_sizes_are_recovered_from_so_often_and_not_more() -> None:
    body, sizes = codings.dechunk(b"2\r\nx\r\n" * 50_000 + b"0\r\n\r\n")
    assert sizes == "wrong"
    assert len(body) <= 300_000


def test_a_window_larger_than_any_body_is_refused_unallocated() -> None:
    frame = bytearray(zstandard.ZstdCompressor(write_content_size=False).compress(HTML * 9))
    frame[5] = 18 << 3  # RFC 8878, 3.1.1.1.2: a window of 2^28 bytes
    with pytest.raises(codings.TooMuch, match="window"):
        codings.undo(bytes(frame), [b"zstd"], True)


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_a_bomb_in_a_body_takes_no_more_than_the_largest_body(tmp_path: Path, coding: str) -> None:
    huge = b"<html>" + bytes(100 << 20)
    compress = {
        "gzip": gzip.compress,
        "br": lambda data: brotli.compress(data, quality=1),
        "zstd": zstandard.ZstdCompressor().compress,
    }[coding]
    reasons, mebibytes = grown(warc_of(tmp_path, compress(huge), f"Content-Encoding: {coding}"))
    assert reasons == {"too-large": 1, "None": 1}
    assert mebibytes < 130


# ---- files


def test_a_dictionary_is_bounded(tmp_path: Path) -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(256 << 20))
    path = tmp_path / "x.warc.zst"
    frames = b"".join(zstandard.ZstdCompressor().compress(each) for each in pages(3))
    path.write_bytes(b"\x5d\x2a\x4d\x18" + len(bomb).to_bytes(4, "little") + bomb + frames)
    reasons, mebibytes = grown(path)
    assert reasons == {"None": 3}
    assert mebibytes < 100


def test_a_dictionary_longer_than_its_file_is_none(tmp_path: Path) -> None:
    path = tmp_path / "x.warc.zst"
    path.write_bytes(b"\x5d\x2a\x4d\x18\xff\xff\xff\xff" + bytes(1000))
    reasons, _ = grown(path)
    assert set(reasons) <= {"damaged", "truncated-file"}


@pytest.mark.parametrize("format", ["warc", "jsonl"])
def test_empty_members_of_a_file_cost_their_bytes_only(tmp_path: Path, format: str) -> None:
    inside = pages(1)[0] if format == "warc" else b'{"text": "tides"}\n'
    half = len(inside) // 2
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(inside[:half]) + gzip.compress(b"") * 50_000 + gzip.compress(inside[half:]))
    assert grown(path, format)[0] == {"None": 1}


def test_lines_of_nothing_cost_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n" * (50 << 20) + b'{"text": "tides"}\n'))
    reasons, counts, most = measured(path, "jsonl")
    assert reasons == {"None": 1}
    assert counts == {"lines.empty": 50 << 20}
    assert most < 100 * _MEGABYTE


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (b"[" + b"{}," * 4_000_000 + b"{}]", True),
        (b"{" + b",".join(b'"%d":1' % n for n in range(1_000_000)) + b"}", True),
        (b"[" * 100_000 + b"]" * 100_000, True),
        (b"[" * 1_000_000, False),
        (b"1" * 5_000, True),
        (b'"' + b"[{," * 2_000_000 + b'"', True),
    ],
    ids=["objects", "keys", "deep", "unclosed", "digits", "brackets in a string"],
)
def test_a_monstrous_value_costs_itself_and_not_the_text_beside_it(tmp_path: Path, value: bytes, kept: bool) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"text": "tides", "beside": ' + value + b', "url": "http://a"}\n{"text": "moon"}\n')
    reasons, mebibytes = grown(path, "jsonl")
    assert reasons == ({"None": 2} if kept else {"bad-json": 1, "None": 1})
    assert mebibytes < 200


def footer_of(data: bytes) -> tuple[int, thrift.Struct]:
    """The bytes of a Parquet file's footer, and what it says."""
    size = footer_size(io.BytesIO(data), len(data))
    assert size is not None
    return size, thrift.read_struct(data[-8 - size : -8], budget=10_000)[0]


def parquet(path: Path, table: pa.Table, **options: object) -> Path:
    pq.write_table(table, path, compression="zstd", **options)
    return path


def test_a_dictionary_of_long_texts_is_decoded_few_rows_at_a_time(tmp_path: Path) -> None:
    long = "a" * (30 << 20)
    path = parquet(tmp_path / "x.parquet", pa.table({"text": pa.DictionaryArray.from_arrays([0] * 20, [long])}))
    assert path.stat().st_size < 20_000
    reasons, mebibytes = grown(path, "parquet")
    assert reasons == {"None": 20}
    assert mebibytes < 350


def test_texts_that_share_their_beginnings_are_decoded_few_rows_at_a_time(tmp_path: Path) -> None:
    long = "a" * (10 << 20)
    table = pa.table({"text": [long + str(n) for n in range(60)]})
    path = parquet(tmp_path / "x.parquet", table, use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY"})
    reasons, mebibytes = grown(path, "parquet")
    assert reasons == {"None": 60}
    assert mebibytes < 500  # of 600 MiB of texts, which were held three times each


def test_more_rows_than_a_file_can_hold_are_one_span(tmp_path: Path) -> None:
    path = parquet(tmp_path / "x.parquet", pa.table({"text": pa.nulls(100, pa.string())}))
    data = path.read_bytes()
    size, footer = footer_of(data)
    group = footer[4][1][1][0]
    group[3] = (thrift.I64, 1 << 40)
    group[1][1][1][0][3][1][5] = (thrift.I64, 1 << 40)
    footer[3] = (thrift.I64, 1 << 40)
    changed = thrift.write_struct(footer)
    path.write_bytes(data[: -8 - size] + changed + len(changed).to_bytes(4, "little") + b"PAR1")
    reasons, _ = grown(path, "parquet")
    assert reasons == {"too-large": 1}


def test_a_page_that_claims_more_than_any_page_is_not_decoded(tmp_path: Path) -> None:
    path = parquet(tmp_path / "x.parquet", pa.table({"text": ["tides" + "s" * 9000, "moon"]}), use_dictionary=False)
    data = path.read_bytes()
    header, end = thrift.read_struct(data, 4)
    claim = thrift.write_struct(header | {2: (thrift.I32, (1 << 31) - 1)})
    padded = claim + data[end:]
    shift = len(claim) - (end - 4)
    size, footer = footer_of(data)
    chunk = footer[4][1][1][0][1][1][1][0][3][1]
    chunk[7] = (thrift.I64, chunk[7][1] + shift)
    changed = thrift.write_struct(footer)
    path.write_bytes(
        data[:4] + padded[: len(padded) - size - 8] + changed + len(changed).to_bytes(4, "little") + b"PAR1"
    )
    reasons, mebibytes = grown(path, "parquet")
    assert set(reasons) <= {"damaged", "too-large"}
    assert mebibytes < 100


@pytest.mark.parametrize("histogram", [2, 3])
def test_statistics_that_contradict_the_levels_of_a_column_cost_nothing(tmp_path: Path, histogram: int) -> None:
    """Arrow ends the process where it is asked for such a column chunk: its check throws where nothing may."""
    path = parquet(tmp_path / "x.parquet", pa.table({"text": ["tides", "moon"], "url": ["http://a", "http://b"]}))
    data = path.read_bytes()
    size, footer = footer_of(data)
    for chunk in footer[4][1][1][0][1][1][1]:
        chunk[3][1].setdefault(16, (thrift.STRUCT, {}))[1][histogram] = (thrift.LIST, (thrift.I64, [1, 1, 1]))
    changed = thrift.write_struct(footer)
    path.write_bytes(data[: -8 - size] + changed + len(changed).to_bytes(4, "little") + b"PAR1")
    counts: Counter[str] = Counter()
    rows = [
        row for batch in read_apart(source_file(path), "web", "parquet", Columns(), counts) for row in batch.to_pylist()
    ]
    assert [(row["text"], row["url"]) for row in rows] == [("tides", "http://a"), ("moon", "http://b")]
    assert counts["files.reader-died"] == 0


@pytest.mark.parametrize("footer", [b"\xf9" * 2_000_000, b"\x19\xfc" + b"\xff" * 8 + b"\x00" * 1000, b"\x2c" * 100_000])
def test_a_footer_that_claims_much_is_damage(tmp_path: Path, footer: bytes) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    reasons, mebibytes = grown(path, "parquet")
    assert reasons == {"damaged": 1}
    assert mebibytes < 300


def test_lengths_that_lie_by_gigabytes_are_not_followed_again_and_again(tmp_path: Path) -> None:
    lying = [record(response(HTML + str(n).encode()), Content_Length="99999999999") for n in range(300)]
    path = tmp_path / "x.warc.gz"
    path.write_bytes(gzip.compress(b"".join(lying)))
    reasons, _ = grown(path)
    assert reasons == {"None": 300}
