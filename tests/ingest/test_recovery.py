"""Recovery at the level of the value: what is bad costs itself, and not the row, the page or the record beside it."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.ingest import Columns, thrift
from curate.ingest.parquet_pages import find_pages, read_footer
from curate.ingest.values import seconds
from tests.support.archives import CODECS, HTML, Row, check_account, pages, read_path, record, response

TEXTS = [f"{random.Random(n).getrandbits(3000):x}" for n in range(4000)]


def texts(rows: list[Row]) -> list[str]:
    return [row["text"] for row in rows if row["reason"] is None]


def spans(rows: list[Row]) -> list[tuple[int, int, str]]:
    return [(row["offset"], row["length"], row["reason"]) for row in rows if row["reason"] is not None]


# ---- Parquet

LAYOUTS = {
    "string": pa.string(),
    "large_string": pa.large_string(),
    "string_view": pa.string_view(),
    "binary": pa.binary(),
    "large_binary": pa.large_binary(),
    "dictionary": pa.dictionary(pa.int32(), pa.string()),
    "dictionary of bytes": pa.dictionary(pa.int32(), pa.binary()),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_text_is_text_in_a_column_of_any_layout(tmp_path: Path, layout: str) -> None:
    kind = LAYOUTS[layout]
    values = pa.array(["Ebbe", None, "", "Flut 潮"]).cast(
        kind.value_type if isinstance(kind, pa.DictionaryType) else kind
    )
    column = values.dictionary_encode() if isinstance(kind, pa.DictionaryType) else values
    pq.write_table(pa.table({"text": column, "url": column}), tmp_path / "x.parquet")
    rows, _ = read_path(tmp_path / "x.parquet", "parquet")
    assert [row["text"] for row in rows] == ["Ebbe", None, None, "Flut 潮"]
    assert [row["reason"] for row in rows] == [None, "no-text", "empty", None]
    assert [row["url"] for row in rows] == ["Ebbe", None, "", "Flut 潮"]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([["a"], ["b", "c"], None]),
        pa.array([{"a": "b"}, {"a": "c"}, None]),
        pa.array([1, 2, None]),
        pa.array([1.5, 2, None]),
        pa.array([True, False, None]),
        pa.nulls(3),
        pa.array([datetime(2024, 1, 1, tzinfo=UTC)] * 3),
        pa.array([[("k", "v")], [], None], pa.map_(pa.string(), pa.string())),
    ],
    ids=lambda column: str(column.type),
)
def test_a_column_of_anything_else_is_no_text_row_by_row(tmp_path: Path, column: pa.Array) -> None:
    pq.write_table(pa.table({"text": column, "url": ["a", "b", "c"]}), tmp_path / "x.parquet")
    rows, _ = read_path(tmp_path / "x.parquet", "parquet")
    assert [(row["reason"], row["url"]) for row in rows] == [("no-text", "a"), ("no-text", "b"), ("no-text", "c")]


@pytest.mark.parametrize(
    "options", [{}, {"use_dictionary": False}, {"row_group_size": 7}, {"data_page_version": "2.0"}]
)
@pytest.mark.parametrize("where", ["text", "url", "id"])
def test_one_value_that_is_not_utf8_costs_nothing_beside_it(
    tmp_path: Path, where: str, options: dict[str, object]
) -> None:
    values = [b"caf\xe9" if number == 17 else str(number).encode() for number in range(40)]
    bad = pa.StringArray.from_buffers(40, *pa.array(values, pa.binary()).buffers()[1:])
    good = [str(number) for number in range(40)]
    columns = {name: bad if name == where else good for name in ("text", "url", "id")}
    pq.write_table(pa.table(columns), tmp_path / "x.parquet", **options)
    rows, counts = read_path(tmp_path / "x.parquet", "parquet", Columns(id="id"))
    assert counts["text.invalid-utf8"] == 1
    for name, held in (("text", "text"), ("url", "url"), ("id", "record_id")):
        assert [row[held] for row in rows] == ["caf\ufffd" if name == where and n == "17" else n for n in good]


def test_two_columns_of_one_name_are_no_error(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    pq.write_table(table, tmp_path / "x.parquet")
    assert texts(read_path(tmp_path / "x.parquet", "parquet")[0]) == ["a"]


SMALL_PAGES: dict[str, Any] = {"data_page_size": 40_000, "write_batch_size": 50, "write_page_checksum": True}


def damaged_page(path: Path, column: int, number: int) -> tuple[int, int]:
    """Overwrite the inside of a data page of the first row group; the rows that it holds."""
    data = bytearray(path.read_bytes())
    with open(path, "rb") as file:
        found = find_pages(file, len(data), read_footer(file, len(data)), 0, column)
    assert found.complete
    page = found.data[number]
    middle = (page.start + page.end) // 2
    data[middle : middle + 40] = b"\xff" * 40
    path.write_bytes(data)
    first = sum(each.values for each in found.data[:number])
    return first, first + page.values


@pytest.mark.parametrize("compression", ["zstd", "snappy", "gzip", "brotli", "lz4"])
@pytest.mark.parametrize(
    "options", [{"use_dictionary": False}, {}, {"data_page_version": "2.0", "use_dictionary": False}]
)
def test_a_bad_page_of_texts_costs_its_rows_only(tmp_path: Path, options: dict[str, object], compression: str) -> None:
    path = tmp_path / "x.parquet"
    urls = [f"http://example.org/{n}" for n in range(4000)]
    table = pa.table({"url": urls, "text": TEXTS, "n": range(4000)})
    pq.write_table(table, path, compression=compression, **SMALL_PAGES, **options)
    first, after = damaged_page(path, 1, 3)
    rows, _ = read_path(path, "parquet", Columns(id="n"))
    assert spans(rows) == [(first, after - first, "damaged")]
    kept = [*range(first), *range(after, 4000)]
    assert [(row["text"], row["url"], row["record_id"]) for row in rows if row["reason"] is None] == [
        (TEXTS[n], urls[n], str(n)) for n in kept
    ]


def test_a_bad_page_beside_the_texts_costs_no_text(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    urls = [f"http://example.org/{text[:40]}" for text in TEXTS]
    pq.write_table(
        pa.table({"text": TEXTS, "url": urls}), path, **SMALL_PAGES, compression="zstd", use_dictionary=False
    )
    first, after = damaged_page(path, 1, 1)
    rows, counts = read_path(path, "parquet")
    assert texts(rows) == TEXTS
    assert [row["url"] for row in rows] == [*urls[:first], *[None] * (after - first), *urls[after:]]
    assert counts["pages.unreadable"] == 1


def test_a_length_that_lies_inside_a_page_costs_the_rest_of_the_page(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    unchecked = SMALL_PAGES | {"write_page_checksum": False}
    pq.write_table(pa.table({"text": TEXTS}), path, compression="none", use_dictionary=False, **unchecked)
    data = bytearray(path.read_bytes())
    at = data.index(TEXTS[1000].encode()) - 4
    data[at : at + 4] = b"\xff\xff\xff\x7f"
    path.write_bytes(data)
    rows, _ = read_path(path, "parquet")
    ((first, length, reason),) = spans(rows)
    assert (first, reason) == (1000, "damaged")
    assert length < 200
    assert texts(rows) == TEXTS[:1000] + TEXTS[1000 + length :]


def test_rows_are_numbered_alike_however_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": TEXTS}), path, row_group_size=1500, use_dictionary=False, **SMALL_PAGES)
    before = {row["id"]: row for row in read_path(path, "parquet")[0]}
    damaged_page(path, 0, 2)
    for row in read_path(path, "parquet")[0]:
        assert row["reason"] == "damaged" or before[row["id"]] == row


# ---- JSON Lines


@pytest.mark.parametrize(
    "bad",
    [
        b"{broken",
        b'{"text": "a"',
        b'["a"]',
        b"\xff\xfe\x00",
        b"nul\0l",
        b'{"text": 1e}',
        b'{"text": "\x01"}',
        b'"a"',
        b"{}{}",
    ],
)
def test_a_bad_line_costs_itself(tmp_path: Path, bad: bytes) -> None:
    (tmp_path / "x.jsonl").write_bytes(b'{"text": "a"}\n' + bad + b'\n{"text": "b"}')
    rows, _ = read_path(tmp_path / "x.jsonl", "jsonl")
    assert texts(rows) == ["a", "b"]
    assert [(row["offset"], row["reason"]) for row in rows if row["reason"]] == [(1, "bad-json")]


@pytest.mark.parametrize("value", ["1" * 5000, "-" + "1" * 5000, "1e999", "1" * 400 + ".5", "[" * 300 + "]" * 300])
def test_a_number_or_nesting_beyond_python_costs_no_row(tmp_path: Path, value: str) -> None:
    (tmp_path / "x.jsonl").write_text(f'{{"id": {value}, "text": "tides", "url": {value}}}')
    rows, _ = read_path(tmp_path / "x.jsonl", "jsonl", Columns(id="id"))
    assert texts(rows) == ["tides"]
    if value.isdigit():
        assert rows[0]["record_id"] == value


@pytest.mark.parametrize("text", [["a"], {"a": "b"}, 5, 1.5, True, None])
def test_a_value_that_is_no_string_is_no_text(tmp_path: Path, text: object) -> None:
    (tmp_path / "x.jsonl").write_text(json.dumps({"text": text}))
    assert [row["reason"] for row in read_path(tmp_path / "x.jsonl", "jsonl")[0]] == ["no-text"]


def test_a_line_read_in_part_gives_what_a_line_read_whole_gives(tmp_path: Path) -> None:
    fields = {"text": 'say "moon" \\ {[,', "url": "http://a", "key": 12, "when": "2024-05-18"}
    beside = {"deep": [[]] * 300, "text ": "no", "nested": {"text": "no", "url": [1]}}
    columns = Columns(id="key", date="when")
    found = []
    for filler in ({}, {"deeper": json.loads("[" * 300 + "]" * 300)}):
        (tmp_path / "x.jsonl").write_text(json.dumps(beside | filler | fields))
        rows, counts = read_path(tmp_path / "x.jsonl", "jsonl", columns)
        found.append(rows)
        assert counts["lines.read-in-part"] == bool(filler)
    assert found[0] == found[1]


DAY = int(datetime(2024, 5, 18, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "value",
    [
        *(
            "2024-05-18",
            "2024-05-18T00:00:00Z",
            "2024-05-18 02:00:00+02:00",
            "20240518",
            "Sat, 18 May 2024 00:00:00 GMT",
        ),
        *(
            "18 May 2024 00:00:00 +0000",
            b"2024-05-18",
            str(DAY),
            DAY,
            float(DAY),
            DAY * 10**3,
            DAY * 10**6,
            DAY * 10**9,
        ),
        *(datetime(2024, 5, 18), datetime(2024, 5, 18).date(), f"{DAY}000"),
    ],
)
def test_a_date_in_any_usual_form_is_one(value: object) -> None:
    assert seconds(20240518 if value == "20240518" else value) in (DAY, 20240518)


@given(
    st.one_of(st.text(), st.binary(), st.integers(), st.floats(), st.booleans(), st.none(), st.dates(), st.datetimes())
)
def test_anything_else_is_no_date_and_no_error(value: object) -> None:
    found = seconds(value)
    assert found is None or -62135596800 <= found <= 253402300800


# ---- WARC


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 80), st.sampled_from([b"\r\n\r\n", b"\n\n", b"\r\n", b""]), st.booleans())
def test_a_record_that_lost_its_last_bytes_takes_none_of_the_next(
    tmp_path_factory: pytest.TempPathFactory, lost: int, blank: bytes, last: bool
) -> None:
    whole = record(response(HTML * 3)).removesuffix(b"\r\n\r\n")
    path = tmp_path_factory.getbasetemp() / "short.warc"
    path.write_bytes(pages(1)[0] + whole[:-lost] + blank + (b"" if last else pages(2)[1]))
    rows, counts = read_path(path)
    check_account(rows, counts, path.stat().st_size)
    urls = [row["url"] for row in rows if row["reason"] is None]
    assert urls[0] == "http://example.org/0"
    assert last or urls[-1] == "http://example.org/1"


@pytest.mark.parametrize("off", [-300, -50, -7, -1, 1, 4, 5, 6, 10, 23, 24, 100, 5000, 10**9, 10**15])
@pytest.mark.parametrize("place", ["first", "middle", "last"])
@pytest.mark.parametrize("codec", ["plain", "gzip", "zstd", "one gzip"])
def test_a_length_off_by_anything_costs_no_page(tmp_path: Path, codec: str, place: str, off: int) -> None:
    block = response(HTML * 9)
    lying = record(block, Content_Length=str(len(block) + off))
    stored = pages(4)
    stored.insert({"first": 0, "middle": 2, "last": 4}[place], lying)
    path = tmp_path / "x.warc"
    compress = CODECS[codec.split()[-1]]
    path.write_bytes(compress(b"".join(stored)) if codec == "one gzip" else b"".join(map(compress, stored)))
    rows, counts = read_path(path)
    check_account(rows, counts, path.stat().st_size)
    assert [row["reason"] for row in rows] == [None] * 5
    assert all(row["body"].rstrip() == HTML * 9 for row in rows if row["url"] == "http://example.org/")


# ---- compressed lines


@settings(deadline=None, max_examples=60)
@given(st.floats(0.02, 0.98), st.integers(1, 255))
def test_lines_before_the_damage_in_a_compressed_file_are_kept(
    tmp_path_factory: pytest.TempPathFactory, where: float, flip: int
) -> None:
    lines = [json.dumps({"text": text}) for text in TEXTS[:200]]
    data = bytearray(gzip.compress("\n".join(lines).encode()))
    at = int(where * len(data))
    data[at] ^= flip
    path = tmp_path_factory.getbasetemp() / "flipped.jsonl.gz"
    path.write_bytes(data)
    rows, _ = read_path(path, "jsonl")
    kept = texts(rows)
    sure = int(200 * where) - 4
    assert kept[: max(0, sure)] == TEXTS[: max(0, sure)]
    assert rows[-1]["reason"] is not None or len(kept) == 200


# ---- Thrift, which pages are cut with

VALUES = st.recursive(
    st.one_of(
        st.tuples(st.just(thrift.I64), st.integers(-(2**63), 2**63 - 1)),
        st.tuples(st.just(thrift.BINARY), st.binary(max_size=300)),
        st.tuples(st.just(thrift.DOUBLE), st.binary(min_size=8, max_size=8)),
        st.sampled_from([(thrift.TRUE, True), (thrift.FALSE, False), (thrift.BYTE, 7)]),
        st.tuples(st.just(thrift.LIST), st.tuples(st.just(thrift.I32), st.lists(st.integers(-(2**31), 2**31 - 1)))),
    ),
    lambda inner: st.tuples(st.just(thrift.STRUCT), st.dictionaries(st.integers(1, 300), inner, max_size=5)),
    max_leaves=20,
)


@given(st.dictionaries(st.integers(1, 300), VALUES, max_size=6))
def test_structs_are_read_back_as_written(fields: thrift.Struct) -> None:
    written = thrift.write_struct(fields)
    assert thrift.read_struct(written + b"more", budget=10_000) == (fields, len(written))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_struct_or_said_to_be_none(data: bytes) -> None:
    try:
        fields, end = thrift.read_struct(data)
    except thrift.BadThrift:
        return
    assert end <= len(data) and isinstance(fields, dict)


def test_counts_of_a_good_file_hold_no_repairs(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": TEXTS}), tmp_path / "x.parquet", compression="zstd")
    rows, counts = read_path(tmp_path / "x.parquet", "parquet")
    assert texts(rows) == TEXTS
    assert counts == Counter()
