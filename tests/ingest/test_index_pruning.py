"""Row groups are left unread only where a condition is true for none of their rows, whatever the condition."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate.ingest.crawl_index import chosen, matching
from curate.ingest.index_pruning import bounds_of
from curate.storage import list_files

ROWS = 400
NUMBERS = st.integers(-3, 30)
WORDS = st.sampled_from(["", "a", "de", "is", "isz", "é", "zz", "it's"])
COMPARISONS = st.sampled_from(["=", "<", "<=", ">", ">=", "<>"])


def quoted(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"


ATOMS = st.one_of(
    st.builds(lambda op, n: f"n {op} {n}", COMPARISONS, NUMBERS),
    st.builds(lambda op, n: f"{n} {op} n", COMPARISONS, NUMBERS),
    st.builds(lambda op, w: f"Tld {op} {quoted(w)}", COMPARISONS, WORDS),
    st.builds(lambda some: f"n in ({', '.join(map(str, some))})", st.lists(NUMBERS, min_size=1, max_size=3)),
    st.builds(lambda some: f"tld in ({', '.join(map(quoted, some))})", st.lists(WORDS, min_size=1, max_size=3)),
    st.builds(lambda a, b: f"n between {a} and {b}", NUMBERS, NUMBERS),
    st.builds(lambda w: f"tld like {quoted(w + '%')}", WORDS),
    st.sampled_from(
        ["tld is null", "n is not null", "n + 1 = 4", "n = null", "seen >= '2026-01-02'", "n = 2.5", "n = '7'"]
    ),
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds(lambda a, b: f"({a} and {b})", inner, inner),
        st.builds(lambda a, b: f"({a} or {b})", inner, inner),
        st.builds(lambda a: f"not ({a})", inner),
    ),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pa.Table]:
    """An index in eight row groups, ordered by its columns as a crawl's is by address; some values are null."""
    words = ["a", "de", "is", "é"]
    table = pa.table(
        {
            "n": pa.array([None if row % 37 == 0 else row // 16 for row in range(ROWS)], pa.int16()),
            "tld": pa.array([None if row < 60 else words[row * 4 // ROWS] for row in range(ROWS)], pa.string()),
            "seen": pa.array([row * 10**9 for row in range(ROWS)], pa.timestamp("us")),
            "warc_filename": pa.array([f"{row % 3}.warc.gz" for row in range(ROWS)]),
            "warc_record_offset": pa.array(range(ROWS), pa.int32()),
            "warc_record_length": pa.array([100] * ROWS, pa.int32()),
        }
    )
    path = tmp_path_factory.mktemp("index") / "index.parquet"
    pq.write_table(table, path, row_group_size=50)
    return path, table


def places(path: Path, where: str | None) -> tuple[list[int], Counter[str]]:
    counts = Counter[str]()
    (file,) = list_files([str(path)])
    return [offset for found in matching(file, where, counts) for offset in found["offset"].to_pylist()], counts


@given(where=CONDITIONS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_condition_the_same_rows_are_found_as_in_the_whole_table(
    where: str, index: tuple[Path, pa.Table]
) -> None:
    path, table = index
    found, counts = places(path, where)
    assert found == sorted(chosen(table, where)["warc_record_offset"].to_pylist())
    assert counts["rows"] == ROWS


@pytest.mark.parametrize(
    ("where", "read"),
    [
        ("tld = 'is' and n > 0", 100),
        ("'is' = tld", 100),
        ("tld in ('is', 'xx')", 100),
        ("n between 24 and 90", 50),
        ("n = 3 or n = 4", ROWS),
        ("tld = 'none'", 0),
        ("upper(tld) = 'IS'", ROWS),
    ],
)
def test_row_groups_are_read_only_where_the_footer_leaves_it_open(
    where: str, read: int, index: tuple[Path, pa.Table]
) -> None:
    _, counts = places(index[0], where)
    assert ROWS - counts["pruned"] == read


def test_what_is_no_condition_gives_no_bound() -> None:
    for where in (None, "", "n = ", "n = 1) or (n = 2", "'; drop table t; --"):
        assert bounds_of(where) == [] or where == "n = 1) or (n = 2"
