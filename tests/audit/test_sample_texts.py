"""Texts of a sample are the rows asked for, read without the rest of their files, and of a bounded number of parts."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.audit.finished_run import AuditError
from curate.audit.lineage import text_at, texts_at
from curate.audit.sample_texts import MOST_PARTS, within_parts
from curate.records.batches import BatchWriter


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 100 documents in batches of unlike sizes, every tenth without a text."""
    path = tmp_path_factory.mktemp("texts") / "documents.arrow"
    schema = pa.schema([("text", pa.string()), ("id", pa.binary(16))])
    with BatchWriter(str(path), schema) as writer:
        for first, last in ((0, 1), (1, 40), (40, 40), (40, 97), (97, 100)):
            texts = [None if row % 10 == 9 else f"text {row}" for row in range(first, last)]
            ids = pa.array([row.to_bytes(16, "big") for row in range(first, last)], pa.binary(16))
            writer.write({"text": pa.array(texts, pa.string()), "id": ids})
    return path


@given(rows=st.lists(st.integers(0, 99), max_size=20))
def test_the_rows_asked_for_are_read_in_any_order(documents: Path, rows: list[int]) -> None:
    assert texts_at(documents, rows) == {row: "" if row % 10 == 9 else f"text {row}" for row in rows}


def test_a_row_beyond_the_file_is_an_error_that_names_it(documents: Path) -> None:
    assert text_at(documents, 99) == "" and text_at(documents, 98) == "text 98"
    with pytest.raises(AuditError, match="has no document 100"):
        text_at(documents, 100)


def test_a_sample_of_ever_so_many_parts_opens_so_many_and_keeps_its_first_rows() -> None:
    parts = [f"web-{number % 1500:05d}" for number in range(2000)]
    sample = pa.table({"part": parts, "draw": list(range(2000))})
    taken = within_parts(sample)
    assert taken.num_rows == MOST_PARTS and taken.column("draw").to_pylist() == list(range(MOST_PARTS))
    few = pa.table({"part": [f"web-{number % 7}" for number in range(2000)]})
    assert within_parts(few).num_rows == 2000
