"""A large file in spans gives the rows that it gives whole, wherever the cuts fall, damage and traps and all."""

from __future__ import annotations

import gzip
import itertools
import json
import random
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.engine.task import Committed, Task
from curate.ingest import Columns, read, read_files
from curate.ingest.json_lines import count_line_ends
from curate.ingest.spans import Span, cut, taken_from
from curate.pipeline.parts import Portion, settled
from curate.storage import SourceFile
from tests.support.archives import CODECS, HTML, SUFFIX, pages, record, response, source_file

Rows = list[dict[str, Any]]


def whole(path: Path, format: str) -> tuple[Rows, Counter[str]]:
    counts: Counter[str] = Counter()
    batches = read(source_file(path), "web", format, Columns(), counts)
    return [row for batch in batches for row in batch.to_pylist()], counts


def in_spans(path: Path, format: str, most: int) -> tuple[Rows, Counter[str], list[Portion], int]:
    """The rows and counts of all spans, the spans that were taken, and how many were read again."""
    file = source_file(path)
    read_of: dict[Portion, tuple[Rows, Counter[str]]] = {}
    done = 0

    def do(some: Any) -> list[Committed[Any]]:
        nonlocal done
        results = []
        for portion in some:
            done += 1
            counts: Counter[str] = Counter()
            batches = read_files(portion.files, "web", format, Columns(), counts, span=portion.span)
            rows = [row for batch in batches for row in batch.to_pylist()]
            place, needs_all = taken_from(counts)
            read_of[portion] = rows, counts
            results.append(Committed(Task("read", do, {}), {}, {"span": {"place": place, "whole": needs_all}}))  # type: ignore[arg-type]
        return results

    spans = [Portion((file,), span) for span in numbered(file, format, cut(file.size, most))]
    found = [portion for portion, _ in settled(list(zip(spans, do(spans), strict=True)), do, format == "warc")]
    rows = [row for portion in found for row in read_of[portion][0]]
    return rows, sum((read_of[portion][1] for portion in found), Counter()), found, done - len(spans)


def numbered(file: SourceFile, format: str, spans: list[Span]) -> list[Span]:
    """Spans of JSON Lines with their rows, as the pipeline numbers them."""
    if format != "jsonl":
        return spans
    before, made = 0, []
    for span in spans:
        with open(file.path, "rb") as handle:
            ends = count_line_ends(handle, file, span)
        assert ends is not None
        made.append(Span(span.start, span.end, span.size, before + 1 if span.start else 0))
        before += ends
    return made


def agree(path: Path, format: str, most: int) -> tuple[list[Portion], int]:
    """Hold a file in spans against the file read whole; the spans, and how many were read again."""
    rows, counts, spans, again = in_spans(path, format, most)
    expected, expected_counts = whole(path, format)
    assert rows == expected
    assert counts == expected_counts
    return spans, again


@pytest.mark.parametrize("codec", ["plain", "gzip", "zstd"])
def test_a_web_archive_in_spans_gives_its_records(tmp_path: Path, codec: str) -> None:
    path = tmp_path / f"x{SUFFIX[codec]}"
    path.write_bytes(b"".join(CODECS[codec](each) for each in pages(60)))
    for most in (500, 3_000, 20_000):
        spans, again = agree(path, "warc", most)
        assert again == 0, "every span began where the one before it ended"
        assert len(spans) > 1


def test_requests_and_metadata_between_pages_are_counted_once(tmp_path: Path) -> None:
    made = []
    for each in pages(30):
        made += [record(b"GET / HTTP/1.1\r\n\r\n", kind="request"), each, record(b"a: b\r\n", kind="metadata")]
    path = tmp_path / "x.warc.gz"
    path.write_bytes(b"".join(map(gzip.compress, made)))
    agree(path, "warc", 2_000)


def test_a_member_inside_a_payload_is_not_a_boundary(tmp_path: Path) -> None:
    """Archives within an archive, stored as they are by deflate's stored blocks: every one parses as a record."""
    inner = b"".join(gzip.compress(record(response(HTML), WARC_Target_URI=f"http://inner/{n}"), 9) for n in range(40))
    outer = [gzip.compress(each) for each in pages(6)]
    holding = gzip.compress(record(response(inner, type="application/octet-stream")), compresslevel=0)
    path = tmp_path / "x.warc.gz"
    path.write_bytes(b"".join([*outer[:3], holding, *outer[3:]]))
    inside = len(b"".join(outer[:3])) + 200
    nested = Portion((source_file(path),), Span(inside, inside + 2_000, path.stat().st_size))
    counts: Counter[str] = Counter()
    false = [
        row
        for batch in read_files(nested.files, "web", "warc", Columns(), counts, span=nested.span)
        for row in batch.to_pylist()
    ]
    assert any(row["url"].startswith("http://inner/") for row in false), "the trap is one: its members parse as records"
    again = sum(agree(path, "warc", most)[1] for most in (700, 1_500, 4_000))
    assert again > 0, "and was found, by where the span before it ended"


def test_a_record_inside_a_plain_payload_is_not_a_boundary(tmp_path: Path) -> None:
    inner = b"".join(record(response(HTML), WARC_Target_URI=f"http://inner/{n}") for n in range(30))
    path = tmp_path / "x.warc"
    path.write_bytes(b"".join([*pages(3), record(response(inner, type="application/octet-stream")), *pages(3, 1)]))
    assert sum(agree(path, "warc", most)[1] for most in (700, 1_500, 4_000)) > 0


def test_an_archive_that_is_one_member_is_read_by_the_first_span(tmp_path: Path) -> None:
    path = tmp_path / "x.warc.gz"
    path.write_bytes(gzip.compress(b"".join(pages(60))))
    spans, again = agree(path, "warc", 2_000)
    assert len(spans) == 1
    assert again == 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), most=st.integers(300, 9_000))
def test_damage_is_the_same_damage_in_spans(tmp_path_factory: pytest.TempPathFactory, seed: int, most: int) -> None:
    chance = random.Random(seed)
    members = [gzip.compress(each) for each in pages(25, seed)]
    data = bytearray(b"".join(members))
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(data))
        size = chance.choice([1, 5, 200, 1500])
        change = chance.choice(["flip", "cut", "zero", "junk"])
        if change == "flip":
            data[at] ^= 1 << chance.randrange(8)
        elif change == "cut":
            del data[at : at + size]
        else:
            data[at : at + size] = bytes(size) if change == "zero" else chance.randbytes(size)
    path = tmp_path_factory.mktemp("damage") / "x.warc.gz"
    path.write_bytes(data)
    agree(path, "warc", most)


LINES = st.lists(
    st.one_of(
        st.just(b""),
        st.just(b"  \r"),
        st.just(b"{bad"),
        st.text(max_size=30).map(
            lambda text: json.dumps({"text": text}, ensure_ascii=False).encode("utf-8", "replace")
        ),
        st.just(json.dumps({"text": "long " * 60}).encode()),
    ),
    max_size=40,
)


@settings(max_examples=50, deadline=None)
@given(lines=LINES, ends=st.booleans(), most=st.integers(1, 300))
def test_lines_in_spans_are_the_lines_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], ends: bool, most: int
) -> None:
    path = tmp_path_factory.mktemp("lines") / "x.jsonl"
    path.write_bytes(b'{"text": "first"}\n' + b"\n".join(lines) + (b"\n" if ends else b""))
    agree(path, "jsonl", most)


def test_a_compressed_file_of_lines_is_not_cut(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(gzip.compress(b'{"text": "tides"}\n' * 1000))
    with open(path, "rb") as handle:
        assert count_line_ends(handle, source_file(path), Span(0, 10, path.stat().st_size)) is None


@pytest.mark.parametrize("groups", [1, 3, 50])
def test_row_groups_in_spans_are_the_rows_of_the_table(tmp_path: Path, groups: int) -> None:
    path = tmp_path / "x.parquet"
    texts = [f"Text {number} " + "of the sea " * (number % 70) for number in range(150)]
    pq.write_table(pa.table({"text": texts}), path, row_group_size=150 // groups)
    for parts in (1, 2, 7, 60):
        spans, _ = agree(path, "parquet", max(1, path.stat().st_size // parts))
        assert len(spans) >= parts
    path.write_bytes(path.read_bytes()[:-3])
    agree(path, "parquet", 300)


def test_cuts_cover_a_file() -> None:
    for size, most in itertools.product((1, 2, 7, 100, 101), (1, 3, 50, 1000)):
        spans = cut(size, most)
        assert spans[0].start == 0
        assert spans[-1].end == size
        assert all(first.end == second.start for first, second in itertools.pairwise(spans))
        assert all(0 < span.end - span.start <= most for span in spans)


def test_a_file_whose_lengths_lie_is_read_whole(tmp_path: Path) -> None:
    """How often a file may be decoded again for a length that turns out wrong is counted from its beginning."""
    lying = record(response(HTML), Content_Length=str(1 << 40))
    path = tmp_path / "x.warc.gz"
    path.write_bytes(b"".join(map(gzip.compress, [*pages(20), lying, *pages(20, 1)])))
    spans, _ = agree(path, "warc", 3_000)
    assert [portion.span for portion in spans] == [None]


def test_crc_of_the_traps_is_right() -> None:
    """The nested members above would be refused by a checksum alone if gzip did not keep them as they are."""
    member = gzip.compress(b"WARC/1.0\r\n")
    assert member in gzip.compress(b"x" * 100 + member, compresslevel=0)
    assert zlib.decompress(member, wbits=31) == b"WARC/1.0\r\n"
