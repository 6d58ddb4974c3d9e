"""Ingest's promises: every record read or accounted for by reason, damage stepped over, nothing lost silently."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import random
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import brotli
import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from fastwarc.warc import ArchiveIterator, WarcRecordType
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from curate.ingest import Columns, codings, http, json_lines, read, read_record, reasons, warc
from curate.ingest.identity import record_id
from curate.records.pages import BATCH_BYTES, BATCH_ROWS
from curate.storage import SourceFile, list_files
from tests.support.archives import (
    CODECS,
    HTML,
    SUFFIX,
    Row,
    check_account,
    chunked,
    one,
    pages,
    read_path,
    record,
    response,
    source_file,
    zstd,
)

# ---- whole files


@pytest.mark.parametrize("name", ["realweb-dev.warc.gz", "realweb-legacy-dev.warc.gz"])
def test_real_crawl_gives_exactly_the_pages_that_fastwarc_sees(shared_data: Path, name: str) -> None:
    rows, counts = read_path(shared_data / name)
    check_account(rows, counts, (shared_data / name).stat().st_size)
    by_id = {row["record_id"]: row for row in rows}
    seen = 0
    with open(shared_data / name, "rb") as file:
        for found in ArchiveIterator(file, record_types=WarcRecordType.response):
            row = by_id[found.record_id if found.record_id.startswith("<") else f"<{found.record_id}>"]
            assert row["offset"] == found.stream_pos
            assert row["body"] == found.reader.read()
            assert row["date"] == found.record_date
            seen += 1
    assert seen == len(rows) == counts["records.request"]
    with gzip.open(shared_data / name.replace(".warc.", ".gold.jsonl.")) as gold:
        assert {json.loads(line)["record_id"] for line in gold} == set(by_id)


EDGE = {
    "example.warc": (2, [None, "revisit"]),
    "example.warc.gz": (2, [None, "revisit"]),
    "example-bad-non-chunked.warc.gz": (2, [None, "revisit"]),
    "example-digest.warc": (4, []),
    "example-iana.org-chunked.warc": (1, [None]),
    "example-space-in-target-uri.warc.gz": (0, ["not-html"]),
    "example-trunc.warc": (1, [None]),
}


@pytest.mark.parametrize("name", EDGE)
def test_awkward_files_are_read_and_accounted_for(shared_data: Path, name: str) -> None:
    path = shared_data / "warc-edge" / name
    rows, counts = read_path(path)
    requests, expected = EDGE[name]
    assert [row["reason"] for row in rows] == expected
    assert counts["records.request"] == requests
    check_account(rows, counts, path.stat().st_size)
    for row in rows:
        if row["reason"] is None:
            assert row["body"].startswith(b"<!doctype html>")
            assert row["body"].rstrip().endswith(b"</html>")


def test_common_crawls_wet_is_text(shared_data: Path) -> None:
    rows, counts = read_path(shared_data / "cc-sample" / "whirlwind.warc.wet.gz", "wet")
    assert len(rows) == 1
    assert rows[0]["text"].startswith("Escopete")
    assert rows[0]["body"] is None
    assert counts["records.warcinfo"] == 1


@pytest.mark.parametrize("gzipped", [True, False])
def test_reads_what_warcio_writes(tmp_path: Path, gzipped: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WARCWriter, "_create_temp_file", lambda _: io.BytesIO())  # its own is never closed
    path = tmp_path / ("w.warc.gz" if gzipped else "w.warc")
    with open(path, "wb") as file:
        writer = WARCWriter(file, gzip=gzipped)
        writer.write_record(writer.create_warcinfo_record("w", {"software": "test"}))
        for number in range(5):
            headers = StatusAndHeaders("200 OK", [("Content-Type", "text/html")], protocol="HTTP/1.1")
            body = io.BytesIO(HTML + str(number).encode())
            writer.write_record(
                writer.create_warc_record(f"http://a.b/{number}", "response", payload=body, http_headers=headers)
            )
    rows, counts = read_path(path)
    assert [row["body"] for row in rows] == [HTML + str(number).encode() for number in range(5)]
    assert [row["url"] for row in rows] == [f"http://a.b/{number}" for number in range(5)]
    check_account(rows, counts, path.stat().st_size)


def test_the_same_pages_however_the_file_is_stored(tmp_path: Path) -> None:
    records = pages(40)
    stored = {"plain.warc": b"".join(records)}
    for codec in ("gzip", "zstd"):
        stored[f"each.warc.{codec}"] = b"".join(CODECS[codec](one) for one in records)
        stored[f"whole.warc.{codec}"] = CODECS[codec](b"".join(records))
        joined = b"".join(records)
        stored[f"blocks.warc.{codec}"] = b"".join(
            CODECS[codec](joined[at : at + 700]) for at in range(0, len(joined), 700)
        )
    bodies = None
    for name, data in stored.items():
        (tmp_path / name).write_bytes(data)
        rows, counts = read_path(tmp_path / name)
        check_account(rows, counts, len(data))
        assert counts["bytes.damaged"] == 0, name
        bodies = bodies or [row["body"] for row in rows]
        assert [row["body"] for row in rows] == bodies, name
        assert len(rows) == 40
        for row in rows:
            again = read_record(source_file(tmp_path / name), "web", "warc", Columns(), row["offset"], row["id"])
            assert again.to_pylist() == [row]


def test_a_zstd_file_may_bring_its_dictionary(tmp_path: Path) -> None:
    records = pages(300)
    dictionary = zstandard.train_dictionary(4096, records)
    compress = zstandard.ZstdCompressor(dict_data=dictionary).compress
    for content in (dictionary.as_bytes(), zstd(dictionary.as_bytes())):
        head = b"\x5d\x2a\x4d\x18" + len(content).to_bytes(4, "little") + content
        path = tmp_path / "d.warc.zst"
        path.write_bytes(head + b"".join(compress(one) for one in records))
        rows, counts = read_path(path)
        assert len(rows) == 300
        assert all(row["reason"] is None for row in rows)
        check_account(rows, counts, path.stat().st_size)


def test_spans_seek_to_the_record(tmp_path: Path) -> None:
    """offset and length of a record in its own frame are exactly its stored bytes."""
    for codec, compress in CODECS.items():
        stored = [compress(one) for one in pages(8)]
        path = tmp_path / f"x{SUFFIX[codec]}"
        path.write_bytes(b"".join(stored))
        rows, _ = read_path(path)
        data = path.read_bytes()
        assert [data[row["offset"] : row["offset"] + row["length"]] for row in rows] == stored


def test_a_missing_record_is_said_to_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "x.warc"
    path.write_bytes(b"".join(pages(3)))
    rows, _ = read_path(path)
    with pytest.raises(LookupError, match="has the file changed"):
        read_record(source_file(path), "web", "warc", Columns(), rows[0]["offset"], bytes(16))


def test_ids_depend_on_source_name_and_place_only(tmp_path: Path) -> None:
    names = [("a", "bc", 1, 0), ("ab", "c", 1, 0), ("a", "bc", 2, 0), ("a", "bc", 1, 2)]
    assert len({record_id(*name) for name in names}) == 4
    assert record_id("web", "x.warc", 7).hex() == record_id("web", "x.warc", 7, 0).hex()
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.warc").write_bytes(b"".join(pages(3)))
    first, second = ([row["id"] for row in read_path(tmp_path / folder / "x.warc")[0]] for folder in ("one", "two"))
    assert first == second


def test_batches_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = b"<html>" + bytes(random.Random(0).choices(b"abc ", k=3 << 20))
    path = tmp_path / "big.warc"
    path.write_bytes(b"".join(record(response(body + str(i).encode())) for i in range(12)))
    sizes = [
        sum(len(b) for b in batch["body"].to_pylist())
        for batch in read(source_file(path), "w", "warc", Columns(), Counter())
    ]
    assert len(sizes) == 2
    assert all(size < BATCH_BYTES + len(body) + 10 for size in sizes)
    path.write_bytes(b"".join(record(response(HTML + str(i).encode())) for i in range(BATCH_ROWS + 1)))
    assert [batch.num_rows for batch in read(source_file(path), "w", "warc", Columns(), Counter())] == [BATCH_ROWS, 1]


# ---- kinds of records


@pytest.mark.parametrize(
    ("block", "fields", "reason"),
    [
        (response(), {}, None),
        (response(type="TEXT/HTML;charset=latin1"), {}, None),
        (response(type="application/xhtml+xml"), {}, None),
        (response(type=""), {}, None),
        (response().replace(b"\r\n", b"\n"), {}, None),
        (response(b"\xef\xbb\xbf  \n<HTML >"), {}, None),
        (response(HTML[:20]), {"WARC_Truncated": "length"}, None),
        (response(b"%PDF-1.4", type=""), {}, "not-text"),
        (response(b"%PDF-1.4", type="application/pdf"), {}, "not-html"),
        (response(type="application/pdf"), {}, None),
        (response(b"{}", type="application/json"), {}, "not-html"),
        (response(b""), {}, "empty"),
        (response(b"", type=""), {}, "empty"),
        (response(b" \r\n"), {}, "empty"),
        (response(status="404 Not Found"), {}, "status"),
        (response(status="301 Moved"), {}, "status"),
        (response(status="abc"), {}, "status"),
        (b"HTTP/1.1 200 OK", {}, "empty"),
        (HTML, {}, None),
        (b"Tides follow the moon.", {}, "not-http"),
        (b"", {}, "not-http"),
        (b"\0" * 99, {}, "not-http"),
        (b"20240518 example.org. A 1.2.3.4", {"Content_Type": "text/dns"}, "dns"),
        (HTML, {"kind": "resource", "Content_Type": "text/html"}, None),
        (HTML, {"kind": "resource", "Content_Type": ""}, None),
        (b"\x89PNG", {"kind": "resource", "Content_Type": "image/png"}, "not-html"),
        (b"text", {"kind": "conversion", "Content_Type": "text/plain"}, None),
        (HTML, {"kind": "conversion", "Content_Type": "text/html"}, None),
        (b"", {"kind": "conversion", "Content_Type": "text/plain"}, "empty"),
        (b"%PDF", {"kind": "conversion", "Content_Type": "application/pdf"}, "not-text"),
        (response(b""), {"kind": "revisit"}, "revisit"),
        (response(), {"kind": "respXnse"}, "unknown-kind"),
        (response(), {"kind": ""}, "unknown-kind"),
    ],
)
def test_only_html_pages_and_text_go_on(
    tmp_path: Path, block: bytes, fields: dict[str, str], reason: str | None
) -> None:
    row, counts = one(tmp_path, block, **fields)
    assert row["reason"] == reason
    check_account([row], counts, (tmp_path / "one.warc").stat().st_size)


def test_origin_is_kept(tmp_path: Path) -> None:
    row, _ = one(tmp_path, response(), WARC_Target_URI="<http://a.b/c d>", WARC_Date="2020-02-03T04:05:06.789+01:00")
    assert row["url"] == "http://a.b/c d"
    assert row["record_id"].startswith("<urn:uuid:")
    assert row["date"] == datetime(2020, 2, 3, 3, 5, 6, tzinfo=UTC)
    assert (row["source"], row["file"], row["offset"]) == ("web", "one.warc", 0)


def test_nul_bytes_invalid_utf8_and_impossible_dates_in_headers_are_tolerated(tmp_path: Path) -> None:
    row, _ = one(tmp_path, response(), WARC_Target_URI="http://a.b/\xe9\x00", WARC_Date="yesterday")
    assert row["url"] == "http://a.b/é\x00"
    assert row["date"] is None
    assert row["body"] == HTML
    row, _ = one(tmp_path, response(HTML, "X-Odd: \xff\xfe\x00", "no colon here", " folded"))
    assert row["body"] == HTML


def test_wet_text_that_is_not_utf8_is_repaired_and_counted(tmp_path: Path) -> None:
    row, counts = one(tmp_path, b"caf\xe9 \x00", kind="conversion", Content_Type="text/plain")
    assert row["text"] == "caf\ufffd \x00"
    assert counts["text.invalid-utf8"] == 1


# ---- bodies


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:]),
    "deflate": zlib.compress,
    "Deflate": lambda data: zlib.compress(data)[2:-4],
    "br": brotli.compress,
    "zstd": zstd,
    "identity": lambda data: data,
}


@pytest.mark.parametrize("encoding", ENCODERS)
def test_encoded_and_chunked_bodies_are_decoded(tmp_path: Path, encoding: str) -> None:
    encoded = ENCODERS[encoding](HTML)
    row, _ = one(tmp_path, response(encoded, f"Content-Encoding: {encoding}"))
    assert row["body"] == HTML
    row, _ = one(tmp_path, response(chunked(encoded), f"Content-Encoding: {encoding}", "Transfer-Encoding: chunked"))
    assert row["body"] == HTML


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "made-up"])
def test_bodies_stored_decoded_are_taken_as_they_are(tmp_path: Path, encoding: str) -> None:
    row, counts = one(tmp_path, response(HTML, f"Content-Encoding: {encoding}", "Transfer-Encoding: chunked"))
    assert row["body"] == HTML
    assert counts["http.stored-decoded"] == counts["http.stored-dechunked"] == 1


def test_encodings_in_a_row_are_undone_last_first(tmp_path: Path) -> None:
    row, _ = one(tmp_path, response(gzip.compress(brotli.compress(HTML)), "Content-Encoding: br, gzip"))
    assert row["body"] == HTML


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "br"])
def test_cut_bodies_are_kept_up_to_the_cut(tmp_path: Path, encoding: str) -> None:
    body = b"<html>" + " ".join(str(n) for n in random.Random(0).choices(range(10**6), k=90_000)).encode()
    encoded = ENCODERS[encoding](body)
    row, _ = one(tmp_path, response(encoded[: len(encoded) * 3 // 4], f"Content-Encoding: {encoding}"))
    assert row["reason"] is None
    assert body.startswith(row["body"])
    assert len(row["body"]) > len(body) // 3


def test_wrong_chunking_is_a_reason_and_cut_chunking_is_not(tmp_path: Path) -> None:
    noise = random.Random(0).randbytes(400)
    row, _ = one(tmp_path, response(b"5\r\n" + noise + b"\r\n0\r\n\r\n", "Transfer-Encoding: chunked"))
    assert row["reason"] == "bad-chunking"
    row, counts = one(tmp_path, response(b"5\r\n<html>\r\n0\r\n\r\n", "Transfer-Encoding: chunked"))
    assert row["body"] == b"<html>"
    assert counts["http.chunks-wrong"] == 1
    row, counts = one(tmp_path, response(chunked(HTML)[:40], "Transfer-Encoding: chunked"))
    assert HTML.startswith(row["body"])
    assert counts["http.chunks-cut"] == 1


def test_undecodable_bodies_are_a_reason(tmp_path: Path) -> None:
    for encoding, body in (
        ("gzip", b"\x1f\x8b\x08junk" * 9),
        ("br", b"junk" * 9),
        ("zstd", b"junk" * 9),
        ("rot13", b"uryyb"),
    ):
        row, _ = one(tmp_path, response(body, f"Content-Encoding: {encoding}"))
        assert row["reason"] == "bad-encoding", encoding


def test_a_compression_bomb_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codings, "MAX_BODY", 1 << 20)
    for encoding in ("gzip", "deflate", "br", "zstd"):
        row, _ = one(tmp_path, response(ENCODERS[encoding](b"<html>" * (1 << 19)), f"Content-Encoding: {encoding}"))
        assert row["reason"] == "too-large", encoding


@given(st.binary(max_size=300), st.integers(1, 50))
def test_dechunking_undoes_chunking(body: bytes, size: int) -> None:
    assert codings.dechunk(chunked(body, size)) == (body, "whole")


@given(
    st.lists(
        st.sampled_from(
            [
                b"HTTP/1.1 200 OK",
                b"\r\n",
                b"\n",
                b"Content-Encoding: ",
                b"gzip",
                b"br",
                b"chunked",
                b"5",
                b"Transfer-Encoding: ",
                b"<html>",
                b"\x1f\x8b\x08\0",
                b"\0",
                b"\xff",
                b"Content-Type: text/html",
                b"hello",
            ]
        ),
        max_size=30,
    )
)
def test_no_response_is_fatal(pieces: list[bytes]) -> None:
    payload = http.read_response(b"HTTP/1.1 200 OK\r\n" + b"".join(pieces), Counter())
    assert (payload.reason is None) == (payload.body is not None)


# ---- damage


def damaged_parts(rows: Iterable[Row]) -> list[tuple[int, int, str]]:
    return [
        (r["offset"], r["length"], r["reason"])
        for r in rows
        if r["reason"] in (reasons.DAMAGED, reasons.TRUNCATED_FILE)
    ]


@pytest.mark.parametrize("codec", CODECS)
def test_garbage_between_records_is_one_damaged_span(tmp_path: Path, codec: str) -> None:
    stored = [CODECS[codec](one) for one in pages(4)]
    junk = b"\x00\x1f\x8bWARC/ nonsense \xff" * 300
    path = tmp_path / f"j{SUFFIX[codec]}"
    path.write_bytes(stored[0] + stored[1] + junk + stored[2] + stored[3] + junk)
    rows, counts = read_path(path)
    start = len(stored[0] + stored[1])
    assert damaged_parts(rows) == [
        (start, len(junk), "damaged"),
        (start + len(junk) + len(stored[2] + stored[3]), len(junk), "damaged"),
    ]
    assert sum(row["reason"] is None for row in rows) == 4
    check_account(rows, counts, path.stat().st_size)


@pytest.mark.parametrize("codec", CODECS)
def test_a_file_cut_inside_a_record_keeps_what_came_before(tmp_path: Path, codec: str) -> None:
    stored = [CODECS[codec](one) for one in pages(4)]
    whole = b"".join(stored)
    start = len(whole) - len(stored[3])
    path = tmp_path / f"c{SUFFIX[codec]}"
    for cut in (start + 3, start + len(stored[3]) // 2, len(whole) - 6):
        path.write_bytes(whole[:cut])
        rows, counts = read_path(path)
        assert [row["reason"] for row in rows] == [None, None, None, "truncated-file"]
        assert damaged_parts(rows) == [(start, cut - start, "truncated-file")]
        check_account(rows, counts, cut)


@pytest.mark.parametrize("codec", CODECS)
def test_a_partial_download_followed_by_the_rest_loses_one_record(tmp_path: Path, codec: str) -> None:
    stored = [CODECS[codec](one) for one in pages(4)]
    path = tmp_path / f"p{SUFFIX[codec]}"
    path.write_bytes(stored[0] + stored[1][: len(stored[1]) // 2] + stored[2] + stored[3])
    rows, counts = read_path(path)
    assert [row["reason"] for row in rows] == [None, "damaged", None, None]
    assert damaged_parts(rows) == [(len(stored[0]), len(stored[1]) // 2, "damaged")]
    check_account(rows, counts, path.stat().st_size)


@pytest.mark.parametrize("codec", CODECS)
def test_a_length_that_lies_costs_nothing(tmp_path: Path, codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warc, "MAX_BLOCK", 1 << 20)
    records = pages(5)
    for lie in ("10", "5000", "999999999999", "-1", "many", ""):
        block = response(HTML * 3)
        bad = record(block, Content_Length=lie)
        path = tmp_path / f"l{SUFFIX[codec]}"
        path.write_bytes(b"".join(CODECS[codec](one) for one in [*records[:2], bad, *records[2:]]))
        rows, counts = read_path(path)
        urls = [row["url"] for row in rows if row["reason"] is None and row["url"] != "http://example.org/"]
        assert urls == [f"http://example.org/{n}" for n in range(5)], lie
        (lying,) = [row for row in rows if row["url"] == "http://example.org/"]
        assert lying["body"] == HTML * 3, lie
        assert counts["warc.wrong-length"] == 1
        assert not damaged_parts(rows), lie
        check_account(rows, counts, path.stat().st_size)


@pytest.mark.parametrize("codec", CODECS)
def test_an_oversize_record_is_stepped_over(tmp_path: Path, codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warc, "MAX_BLOCK", 10_000)
    big = record(response(b"<html>" + random.Random(0).randbytes(300_000).hex().encode()))
    records = pages(4)
    path = tmp_path / f"o{SUFFIX[codec]}"
    stored = [CODECS[codec](one) for one in [*records[:2], big, *records[2:]]]
    path.write_bytes(b"".join(stored))
    rows, counts = read_path(path)
    assert [row["reason"] for row in rows] == [None, None, "too-large", None, None]
    assert [row["length"] for row in rows] == [len(one) for one in stored]
    check_account(rows, counts, path.stat().st_size)


def test_a_page_that_quotes_a_warc_file_is_not_split(tmp_path: Path) -> None:
    quoting = record(response(b"<html><pre>\n" + pages(1)[0] + b"</pre></html>"))
    path = tmp_path / "q.warc"
    path.write_bytes(quoting + pages(1)[0])
    rows, counts = read_path(path)
    assert [row["reason"] for row in rows] == [None, None]
    check_account(rows, counts, path.stat().st_size)


def test_a_bad_member_in_a_real_crawl_costs_one_record(shared_data: Path, tmp_path: Path) -> None:
    data = bytearray((shared_data / "realweb-legacy-dev.warc.gz").read_bytes())
    before, _ = read_path(shared_data / "realweb-legacy-dev.warc.gz")
    hit = before[40]
    data[hit["offset"] + hit["length"] // 2] ^= 0x55
    path = tmp_path / "realweb-legacy-dev.warc.gz"
    path.write_bytes(data)
    after, counts = read_path(path)
    assert damaged_parts(after) == [(hit["offset"], hit["length"], "damaged")]
    assert [row for row in after if row["reason"] is None] == before[:40] + before[41:]
    check_account(after, counts, len(data))


@st.composite
def corruptions(draw: st.DrawFn) -> tuple[str, bytes, list[tuple[int, int]], list[tuple[int, int]]]:
    """A file of records in their own frames, bytes of it overwritten, and each record's span; the hits as spans."""
    codec = draw(st.sampled_from(sorted(CODECS)))
    stored = [CODECS[codec](one) for one in pages(6, seed=draw(st.integers(0, 3)))]
    data = bytearray(b"".join(stored))
    spans, at = [], 0
    for one_stored in stored:
        spans.append((at, at + len(one_stored)))
        at += len(one_stored)
    hits = []
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data) - 1))
        junk = draw(
            st.one_of(
                st.binary(min_size=1, max_size=8),
                st.sampled_from([b"\0" * 600, b"\x1f\x8b\x08\0", b"WARC/1.0\r\nA: b\r\n"]),
            )
        )
        junk = junk[: len(data) - start]
        data[start : start + len(junk)] = junk
        hits.append((start, start + len(junk)))
    return codec, bytes(data), spans, hits


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(corruptions())
def test_no_corruption_loses_an_untouched_record_or_an_unaccounted_byte(tmp_path: Path, case: Any) -> None:
    codec, data, spans, hits = case
    path = tmp_path / f"h{SUFFIX[codec]}"
    path.write_bytes(data)
    rows, counts = read_path(path)
    check_account(rows, counts, len(data))
    good = {(row["offset"], row["url"]) for row in rows if row["reason"] is None}
    for number, (start, end) in enumerate(spans):
        if not any(first < end and start < last for first, last in hits):
            assert (start, f"http://example.org/{number}") in good
    covered = 0
    for row in rows:
        assert not data[covered : row["offset"]].strip(b"\r\n"), "a gap that no row accounts for"
        covered = max(covered, row["offset"] + row["length"])
    assert not data[covered:].strip(b"\r\n")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(CODECS)), st.integers(0, 20_000), st.integers(0, 255), st.booleans())
def test_shared_frames_keep_every_record_before_the_damage(
    tmp_path: Path, codec: str, at: int, byte: int, cut: bool
) -> None:
    records = pages(12)
    stored = CODECS[codec](b"".join(records[:6])) + CODECS[codec](b"".join(records[6:]))
    half = len(CODECS[codec](b"".join(records[:6])))
    at %= len(stored)
    data = stored[:at] if cut else stored[:at] + bytes([byte]) + stored[at + 1 :]
    path = tmp_path / f"s{SUFFIX[codec]}"
    path.write_bytes(data)
    rows, counts = read_path(path)
    assert counts["bytes.read"] + counts["bytes.damaged"] == len(data)
    urls = [row["url"] for row in rows if row["reason"] is None]
    if at >= half:
        assert urls[:6] == [f"http://example.org/{n}" for n in range(6)]
    elif not cut:
        assert urls[-6:] == [f"http://example.org/{n}" for n in range(6, 12)]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=2000),
    st.sampled_from(["x.warc", "x.warc.gz", "x.warc.zst", "x.jsonl", "x.jsonl.gz", "x.parquet"]),
)
@example(b"WARC/1.0\r\n\r\n", "x.warc")
@example(b"\x1f\x8b\x08\0", "x.warc.gz")
@example(b"\x28\xb5\x2f\xfd", "x.warc.zst")
@example(b"PAR1PAR1", "x.parquet")
def test_any_bytes_at_all_are_accounted_for(tmp_path: Path, data: bytes, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    format = next(format for format in ("warc", "jsonl", "parquet") if format in name)
    rows, counts = read_path(path, format)
    if format == "warc":
        assert counts["bytes.read"] + counts["bytes.damaged"] == len(data)
    assert all(row["reason"] for row in rows if format != "jsonl")
    assert bool(counts["files.empty"]) == (not data)


def test_an_empty_file_is_counted(tmp_path: Path) -> None:
    for format in ("warc", "wet", "jsonl", "parquet"):
        (tmp_path / "empty").touch()
        rows, counts = read_path(tmp_path / "empty", format)
        assert (rows, counts) == ([], Counter({"files.empty": 1}))


def test_a_file_that_may_not_be_read_is_one_row(tmp_path: Path) -> None:
    path = tmp_path / "secret.warc"
    path.write_bytes(pages(1)[0])
    file = source_file(path)
    path.chmod(0)
    counts: Counter[str] = Counter()
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        batches = list(read(file, "web", "warc", Columns(), counts))
    finally:
        if root:
            os.seteuid(0)
    assert [(row["offset"], row["length"], row["reason"]) for row in batches[0].to_pylist()] == [
        (0, file.size, "unreadable")
    ]


def test_a_file_that_vanished_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(read(SourceFile(str(tmp_path / "gone.warc"), "gone.warc", 9, ""), "web", "warc", Columns(), Counter()))


def test_an_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no format 'arc'; did you mean 'warc'"):
        list(read(SourceFile("x", "x", 0, ""), "web", "arc", Columns(), Counter()))


def test_remote_files_read_the_same(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    data = b"".join(gzip.compress(one) for one in pages(5))
    memory.pipe("/crawl/x.warc.gz", data)
    (tmp_path / "x.warc.gz").write_bytes(data)
    (file,) = list_files(["memory://crawl/*.warc.gz"])
    remote = [row for batch in read(file, "web", "warc", Columns(), Counter()) for row in batch.to_pylist()]
    assert remote == read_path(tmp_path / "x.warc.gz")[0]


# ---- tables

LINES = [
    b'{"text": "one", "url": "http://a", "key": 7, "when": "2024-05-18"}',
    b"",
    b'{"text": "two", "url": null}',
    b'{"text": null}',
    b'{"no": "text"}',
    b'{"text": 3}',
    b'{"text": "  "}',
    b"{broken",
    b'["a", "list"]',
    b'{"text": "caf\xe9"}',
    b'{"text": "half \\ud83d pair, \\ud83d\\ude00"}',
    b"[" * 100_000,
    b'{"text": "last"}',
]
EXPECTED = [None, None, "no-text", "no-text", "no-text", "empty", "bad-json", "bad-json", None, None, "bad-json", None]


@pytest.mark.parametrize("codec", CODECS)
def test_json_lines_bad_ones_in_quarantine(tmp_path: Path, codec: str) -> None:
    path = tmp_path / f"t.jsonl{SUFFIX[codec].removeprefix('.warc')}"
    path.write_bytes(CODECS[codec](b"\n".join(LINES)))
    columns = Columns(id="key", date="when")
    rows, counts = read_path(path, "jsonl", columns)
    assert [row["reason"] for row in rows] == EXPECTED
    assert [row["offset"] for row in rows] == [0, *range(2, 13)]
    assert {row["length"] for row in rows} == {1}
    assert [row["text"] for row in rows if row["reason"] is None] == [
        "one",
        "two",
        "caf\ufffd",
        "half \ufffd pair, 😀",
        "last",
    ]
    assert (rows[0]["record_id"], rows[0]["url"], rows[0]["date"]) == (
        "7",
        "http://a",
        datetime(2024, 5, 18, tzinfo=UTC),
    )
    assert counts == {"lines.empty": 1, "text.invalid-utf8": 1, "text.lone-surrogates": 1}
    for row in rows:
        assert read_record(source_file(path), "web", "jsonl", columns, row["offset"], row["id"]).to_pylist() == [row]


def test_a_line_too_long_is_stepped_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "MAX_LINE", 100_000)
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"text": "a"}\n{"text": "' + b"x" * 500_000 + b'"}\n{"text": "b"}\n')
    rows, _ = read_path(path, "jsonl")
    assert [(row["text"], row["reason"]) for row in rows] == [("a", None), (None, "too-large"), ("b", None)]


def test_a_cut_jsonl_gz_keeps_the_lines_before(tmp_path: Path) -> None:
    lines = [json.dumps({"text": f"{random.Random(n).getrandbits(400):x}"}).encode() for n in range(2000)]
    data = gzip.compress(b"\n".join(lines))
    path = tmp_path / "t.jsonl.gz"
    path.write_bytes(data[: len(data) // 2])
    rows, _ = read_path(path, "jsonl")
    assert rows[-1]["reason"] == "truncated-file"
    assert 800 < len(rows) < 1200
    assert [row["text"] for row in rows[:-1]] == [json.loads(line)["text"] for line in lines[: len(rows) - 1]]


def test_damage_in_one_of_many_members_of_jsonl_gz_costs_that_member(tmp_path: Path) -> None:
    members = [gzip.compress(b"".join(b'{"text": "%d %d"}\n' % (m, n) for n in range(50))) for m in range(3)]
    bad = bytearray(members[1])
    bad[len(bad) // 2] ^= 0x55
    path = tmp_path / "t.jsonl.gz"
    path.write_bytes(members[0] + bytes(bad) + members[2])
    rows, _ = read_path(path, "jsonl")
    texts = [row["text"] for row in rows if row["reason"] is None]
    assert texts[:50] == [f"0 {n}" for n in range(50)]
    assert texts[-50:] == [f"2 {n}" for n in range(50)]
    failed = [row["reason"] for row in rows if row["reason"]]
    assert failed[-1] == "damaged"
    assert set(failed[:-1]) <= {"bad-json"}, "what deflate makes of bytes after the damage"


def test_parquet_rows(tmp_path: Path) -> None:
    table = pa.table({"content": ["a", None, " ", "d"], "url": ["u", None, "v", "w"], "id": [1, 2, 3, 4],
                      "at": pa.array([0, 1, None, 86400], pa.timestamp("s"))})  # fmt: skip
    path = tmp_path / "t.parquet"
    pq.write_table(table, path, row_group_size=2)
    rows, _ = read_path(path, "parquet", Columns(text="content", id="id", date="at"))
    assert [row["reason"] for row in rows] == [None, "no-text", "empty", None]
    assert [row["text"] for row in rows] == ["a", None, None, "d"]
    assert [row["record_id"] for row in rows] == ["1", "2", "3", "4"]
    assert [row["offset"] for row in rows] == [0, 1, 2, 3]
    assert rows[3]["date"] == datetime(1970, 1, 2, tzinfo=UTC)


def test_parquet_without_the_text_column_names_its_columns(tmp_path: Path) -> None:
    pq.write_table(pa.table({"content": ["a"]}), tmp_path / "t.parquet")
    with pytest.raises(ValueError, match="no column 'text'; its columns are content"):
        read_path(tmp_path / "t.parquet", "parquet")


def test_a_bad_row_group_costs_only_itself(tmp_path: Path) -> None:
    texts = [f"{random.Random(n).getrandbits(4000):x}" for n in range(300)]
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"text": texts}), path, row_group_size=100, compression="zstd", use_dictionary=False)
    column = pq.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    middle = column.data_page_offset + column.total_compressed_size // 2
    data[column.data_page_offset : middle] = b"\xff" * (middle - column.data_page_offset)
    path.write_bytes(data)
    rows, _ = read_path(path, "parquet")
    assert [row["text"] for row in rows if row["reason"] is None] == texts[:100] + texts[200:]
    assert [(row["offset"], row["length"]) for row in rows if row["reason"]] == [(100, 100)]
    path.write_bytes(data[:5000])
    rows, _ = read_path(path, "parquet")
    assert [(row["offset"], row["reason"]) for row in rows] == [(0, "damaged")]


def test_real_text_files(shared_data: Path) -> None:
    rows, _ = read_path(shared_data / "text" / "gutenberg-books.jsonl.gz", "jsonl", Columns(id="id"))
    assert len(rows) == 11
    assert sum(len(row["text"]) for row in rows) > 3_800_000
    assert all(row["record_id"] for row in rows)


@pytest.mark.parametrize(("suffix", "compress"), [(".bz2", bz2.compress), (".xz", lzma.compress)])
def test_bzip2_and_xz_are_read_too(tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes]) -> None:
    stored = [compress(one) for one in pages(5)]
    path = tmp_path / f"x.warc{suffix}"
    path.write_bytes(b"".join(stored))
    rows, counts = read_path(path)
    assert [row["length"] for row in rows] == [len(one) for one in stored]
    assert all(row["reason"] is None for row in rows)
    check_account(rows, counts, path.stat().st_size)
