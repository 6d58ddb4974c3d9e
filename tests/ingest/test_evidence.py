"""Evidence before claims: a page is read whatever its headers say, and what is no text is none whatever it is called."""

from __future__ import annotations

import bz2
import gzip
import itertools
import lzma
import random
import zlib
from collections import Counter
from pathlib import Path

import brotli
import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from hypothesis import given
from hypothesis import strategies as st

from curate.ingest import evidence
from curate.ingest.http import read_response
from tests.support.archives import CODECS, HTML, check_account, chunked, one, pages, read_path, record, response, zstd

XHTML = b'<?xml version="1.0"?>\n<!-- made by hand -->\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN" "x">\n' + HTML
NOISE = random.Random(5).randbytes(3000)
FRAGMENT = (
    b"<p>Tides follow the moon, and the moon follows nobody, as fishermen on this coast have always said.</p>" * 3
)


def body_of(block: bytes, identified: str | None = None) -> bytes | str | None:
    """The body that a response's block gives, or the reason why none."""
    payload = read_response(block, Counter(), identified.encode() if identified else None)
    return payload.reason or payload.body


# ---- what bytes are


@pytest.mark.parametrize(
    "data",
    [
        HTML,
        XHTML,
        b"\xef\xbb\xbf\r\n" + HTML,
        b"<HTML lang=en>",
        b"<!-- " + b"licence " * 100 + b"-->\n<!DOCTYPE HTML>",
        HTML.decode().encode("utf-16"),
        HTML.decode().encode("utf-16-be"),
        HTML.decode().encode("utf-16-le"),
    ],
)
def test_html_is_known_by_its_beginning(data: bytes) -> None:
    assert evidence.is_html(data)
    assert not evidence.is_binary(data)


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7\n1 0 obj << /Title (Tides) >> endobj",
        b"\n %PDF-1.4",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%Title: Tides\n" * 9,
        b"{\\rtf1\\ansi Tides follow the moon.}",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"\xff\xd8\xff\xe0\0\x10JFIF\0",
        b"GIF89a\x01\0\x01\0",
        b"RIFF\x24\0\0\0WEBPVP8 ",
        b"PK\x03\x04\x14\0\0\0",
        b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0",
        b"\x7fELF\x02\x01\x01\0",
        b"\xca\xfe\xba\xbe\0\0\0\x34",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0\0\0",
        b"wOF2\0\x01\0\0",
        b"\0\0\0\x18ftypmp42\0\0\0\0",
        b"ID3\x03\0\0\0\0\0\x7f",
        b"SQLite format 3\0\x10\0",
        b"tides.txt" + b"\0" * 91 + b"0000644\0" + b"ustar  \0",
        gzip.compress(HTML, mtime=0),
        bz2.compress(HTML),
        lzma.compress(HTML),
        zstd(HTML),
        brotli.compress(FRAGMENT * 40 + NOISE),
        NOISE,
        NOISE[:100],
    ],
)
def test_what_is_no_text_is_known_by_its_beginning(data: bytes) -> None:
    assert evidence.is_binary(data)
    assert not evidence.may_be_html(data)


@pytest.mark.parametrize(
    "text",
    [
        b"Tides follow the moon.",
        "Прилив следует за луной.".encode("cp1251"),
        "潮汐は月に従う。".encode("cp932"),
        "潮汐は月に従う。".encode("iso2022_jp"),
        "조수는 달을 따른다.".encode("iso2022_kr"),
        "潮汐跟随月亮。".encode("gb18030"),
        "潮汐跟随月亮。<p>".encode("utf-16-le") * 9,
        b"one stray \0 byte, and a form feed \x0c",
        b"",
    ],
)
def test_text_in_any_charset_is_not_binary(text: bytes) -> None:
    assert not evidence.is_binary(text)


def test_no_real_page_is_taken_for_binary(shared_data: Path) -> None:
    for name in ("realweb-dev", "realweb-legacy-dev", "realweb-more", "realweb-zh"):
        with open(shared_data / f"{name}.warc.gz", "rb") as file:
            for page in ArchiveIterator(file, record_types=WarcRecordType.response, parse_http=True):
                assert not evidence.is_binary(page.reader.read()), page.headers["WARC-Target-URI"]


@given(st.binary(max_size=3000))
def test_any_bytes_can_be_looked_at(data: bytes) -> None:
    assert not (evidence.is_html(data) and evidence.compression(data))


# ---- content types

TYPES = [
    *(
        '"text/html; charset=utf-8"',
        "'text/html'",
        "text/html,charset=utf-8",
        "text/html charset=utf-8",
        "text/html:charset",
    ),
    *("; charset=utf-8", "charset=utf-8", "", "*/*", "application/octet-stream", "unknown/unknown", "text", "html"),
    *(
        "TEXT/HTML",
        "text/html; text/html",
        "text/plain",
        "application/pdf",
        "image/png",
        "application/json",
        "text/xml",
    ),
]


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("page", [HTML, XHTML])
def test_a_page_is_a_page_whatever_type_it_is_served_as(page: bytes, type: str) -> None:
    assert body_of(response(page, type=type)) == page
    assert body_of(response(gzip.compress(page, mtime=0), "Content-Encoding: gzip", type=type)) == page
    assert body_of(response(chunked(page), "Transfer-Encoding: chunked", type=type)) == page


@pytest.mark.parametrize("type", TYPES[:8])
def test_a_fragment_is_a_page_where_its_type_says_so_or_says_nothing(type: str) -> None:
    assert body_of(response(FRAGMENT, type=type)) == FRAGMENT


@pytest.mark.parametrize("type", ["application/json", "text/plain", "image/svg+xml", "text/css", "application/rss+xml"])
def test_a_fragment_of_another_type_is_not(type: str) -> None:
    assert body_of(response(FRAGMENT, type=type)) == "not-html"


@pytest.mark.parametrize(
    ("identified", "body", "type", "outcome"),
    [
        ("application/pdf", FRAGMENT, "text/html", "not-text"),
        ("image/jpeg", b"Tides", "text/html", "not-text"),
        ("application/rss+xml", b"<rss>Tides</rss>", "text/html", "not-html"),
        ("application/pdf", HTML, "text/html", HTML),
        ("text/html", FRAGMENT, "text/plain", FRAGMENT),
        ("application/xhtml+xml", FRAGMENT, "", FRAGMENT),
        ("text/plain", FRAGMENT, "text/html", FRAGMENT),
        ("application/octet-stream", FRAGMENT, "text/html", FRAGMENT),
        ("text/html", NOISE, "text/html", "not-text"),
    ],
)
def test_the_archives_own_finding_stands_between_bytes_and_header(
    identified: str, body: bytes, type: str, outcome: bytes | str
) -> None:
    assert body_of(response(body, type=type), identified) == outcome


@pytest.mark.parametrize("type", ["text/html", "", "application/octet-stream", "application/xhtml+xml; charset=utf-8"])
@pytest.mark.parametrize(
    "body", [b"%PDF-1.4\n" + NOISE, b"PK\x03\x04" + NOISE, NOISE, gzip.compress(NOISE, mtime=0), zstd(NOISE)]
)
def test_binary_served_as_html_is_no_text(tmp_path: Path, body: bytes, type: str) -> None:
    assert body_of(response(body, type=type)) == "not-text"
    row, _ = one(tmp_path, body, kind="conversion", Content_Type="text/plain")
    assert row["reason"] == "not-text"
    row, _ = one(tmp_path, body, kind="resource", Content_Type="text/html")
    assert row["reason"] == "not-text"


# ---- status lines and interim answers


@pytest.mark.parametrize(
    "line",
    [
        *(
            "HTTP/1.1 200 OK",
            "HTTP/1.0 200",
            "HTTP/2 200",
            "HTTP/3 200 ",
            "HTTP 200 Document follows",
            "http/1.1 200 ok",
        ),
        *("HTTP/1.1  200  OK", "HTTP/1.1\t200\tOK", "\r\nHTTP/1.1 200 OK", "\n\n HTTP/1.1 200 OK", "HTTP/1.1200 OK"),
        *("HTTP/1.1 200OK", "HTTP/1.10 200 OK", "HTTP/1.1: 200 OK", "\ufeffHTTP/1.1 200 OK", "ICY 200 OK"),
    ],
)
def test_a_status_line_in_any_form_is_one(line: str) -> None:
    assert body_of(line.encode() + b"\r\nContent-Type: text/html\r\n\r\n" + HTML) == HTML
    assert body_of(line.replace("200", "404").encode() + b"\r\nContent-Type: text/html\r\n\r\n" + HTML) == "status"


@pytest.mark.parametrize("line", ["HTTP/1.1", "HTTP/1.1 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 20", "HTTP-EQUIV 200"])
def test_a_line_without_a_status_is_none(line: str) -> None:
    assert body_of(line.encode() + b"\r\nContent-Type: text/html\r\n\r\n" + b"Tides") in ("status", "not-http")


INTERIM = [
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n",
    b"HTTP/1.0 200 Connection established\r\n\r\n",
    b"HTTP/1.1 200 Connection established\r\nProxy-Agent: x\r\n\r\n\r\n",
    b"HTTP/1.1 301 Moved\r\nLocation: /there\r\n\r\n",
]


@pytest.mark.parametrize(
    "before", [b"".join(each) for size in (1, 2) for each in itertools.permutations(INTERIM, size)]
)
def test_the_last_of_answers_that_follow_one_another_counts(before: bytes) -> None:
    assert body_of(before + response()) == HTML
    assert body_of(before + response(status="404 Not Found")) == "status"


def test_an_answer_that_comes_after_too_many_others_is_none() -> None:
    assert body_of(INTERIM[0] * 1_000_000 + response()) == "status"


def test_a_block_without_a_header_is_a_page_if_it_evidently_is_one() -> None:
    assert body_of(HTML) == HTML
    assert body_of(b"Content-Type: text/html\r\nServer: x\r\n\r\n" + HTML) == HTML
    assert body_of(b"Note: tides follow the moon.\r\n\r\nSo they say.") == "not-http"


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r\r\n", b"\r\r\r\n"])
@pytest.mark.parametrize("blank", [b"\r\n", b"\n", b"\r\r\n"])
def test_header_lines_end_in_any_way(end: bytes, blank: bytes) -> None:
    block = end.join([b"HTTP/1.1 200 OK", b"Content-Type: text/html", b"X: y"]) + end + blank + HTML
    assert body_of(block) == HTML


# ---- chunks


@pytest.mark.parametrize("wrong", [-7, -1, 1, 5, 13])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_wrong_chunk_size_costs_nothing(which: int, wrong: int) -> None:
    pieces = [HTML[:30], HTML[30:50], HTML[50:]]
    sizes = [len(piece) + wrong * (number == which) for number, piece in enumerate(pieces)]
    body = b"".join(b"%x\r\n%s\r\n" % each for each in zip(sizes, pieces, strict=True)) + b"0\r\n\r\n"
    assert body_of(response(body, "Transfer-Encoding: chunked")) == HTML


@pytest.mark.parametrize("before", [b"", b"\r\n", b"\n\r\n"])
@pytest.mark.parametrize("header", [[], ["Transfer-Encoding: chunked"], ["Transfer-Encoding: gzip, chunked"]])
def test_chunk_sizes_never_stay_in_the_text(header: list[str], before: bytes) -> None:
    assert body_of(response(before + chunked(HTML), *header)) == HTML
    assert body_of(response(before + chunked(gzip.compress(HTML, mtime=0)), *header)) == HTML


def test_a_page_that_begins_with_a_number_is_left_alone() -> None:
    page = b"64\r\nis the number of squares on the board, said the king, and counted the grains again and again."
    assert body_of(response(page)) == page


# ---- compressions

CODINGS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "raw deflate": lambda data: zlib.compress(data)[2:-4],
    "br": brotli.compress,
    "zstd": zstd,
}
NAMES = ["gzip", "deflate", "br", "zstd", "utf-8", "x-unknown", "gzip;q=1.0", "gzip, gzip", "identity", "", "GZIP"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("coding", CODINGS)
def test_a_page_is_decoded_whatever_its_coding_is_called(coding: str, name: str) -> None:
    page = HTML + FRAGMENT
    encoded = CODINGS[coding](page)
    for header in (f"Content-Encoding: {name}", f"Transfer-Encoding: {name}", f"content-encoding:{name}"):
        assert body_of(response(encoded, header)) == page
        assert body_of(response(chunked(encoded), header, "Transfer-Encoding: chunked")) == page


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("page", [HTML, XHTML, FRAGMENT, b"Tides follow the moon, <b>always</b>.", b"Tides. " * 60])
def test_a_body_stored_decoded_is_taken_as_it_is(page: bytes, name: str) -> None:
    assert body_of(response(page, f"Content-Encoding: {name}", "Transfer-Encoding: chunked")) == page


@pytest.mark.parametrize("second", ["gzip", "zstd", "br"])
@pytest.mark.parametrize("first", ["gzip", "zstd", "br", "deflate"])
def test_two_codings_are_undone_however_they_are_named(first: str, second: str) -> None:
    encoded = CODINGS[second](CODINGS[first](HTML))
    both = [f"Content-Encoding: {first}", f"Content-Encoding: {second}"]
    assert body_of(response(encoded, *both)) == HTML
    assert body_of(response(encoded, f"Content-Encoding: {first}, {second}")) == HTML
    assert body_of(response(CODINGS[second](HTML), *both)) == HTML


# ---- whole files


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst", ".xz", ".bz2", ".warc", ".GZ"])
@pytest.mark.parametrize("codec", ["plain", "gzip", "zstd", "xz", "bzip2"])
def test_a_file_is_read_as_it_is_stored_whatever_it_is_called(tmp_path: Path, codec: str, suffix: str) -> None:
    compress = {**CODECS, "xz": lzma.compress, "bzip2": bz2.compress}[codec]
    inside = record(response(gzip.compress(HTML, mtime=0), "Content-Encoding: gzip"))
    path = tmp_path / f"x.warc{suffix}"
    path.write_bytes(b"".join(compress(each) for each in [inside, *pages(6)]))
    rows, counts = read_path(path)
    assert [row["reason"] for row in rows] == [None] * 7
    assert rows[0]["body"] == HTML
    check_account(rows, counts, path.stat().st_size)


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_a_damaged_first_frame_hides_nothing_of_the_others(tmp_path: Path, codec: str, suffix: str) -> None:
    first, *rest = [CODECS[codec](each) for each in pages(6)]
    for damaged in (b"\0" * len(first), first[:4] + b"\xff" * (len(first) - 4), first[: len(first) // 2]):
        path = tmp_path / f"x.warc{suffix}"
        path.write_bytes(damaged + b"".join(rest))
        rows, counts = read_path(path)
        assert [row["url"] for row in rows if row["reason"] is None] == [f"http://example.org/{n}" for n in range(1, 6)]
        check_account(rows, counts, path.stat().st_size)
