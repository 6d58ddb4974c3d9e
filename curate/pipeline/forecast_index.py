"""What an index will give, from slices of it: a small index for a dry run, and how much of the whole it stands for.

Of a few of its files, evenly spaced, a few row groups, evenly spaced, are looked into: an index is ordered by address, so
that a condition holds in some places of it and not in others. Knows indexes; runs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.config.models import BASE, Read
from curate.errors import ConfigError
from curate.ingest.crawl_index import LENGTH, MAX_RECORD, chosen, slices
from curate.pipeline.chosen import RECORDS
from curate.storage import SourceFile

_FILES: Final = 4
_GROUPS: Final = 4
"""Row groups of a file that are looked into."""
_ROWS: Final = 1 << 14
"""Rows of a row group that are looked at."""
_TAKEN: Final = 200
"""Records that the dry run reads at most: seconds of requests one after another."""


@dataclass(frozen=True)
class SampledIndex:
    """A sample of a source's index. `read`: settings of a source that reads it. Its `rows` stand for `of_rows`; of the
    whole, `records` will be read, of so many `bytes`, in so many `parts`; `index_bytes` are its columns'."""

    read: dict[str, Any]
    rows: int
    of_rows: float
    records: float
    bytes: float
    parts: int
    index_bytes: float


def sample_index(read: Read, files: Sequence[SourceFile], wanted: int, folder: Path) -> SampledIndex:
    """A sample of an index, written into a folder; the whole has so many files, taken to be as these are. Raises ConfigError
    for a condition that is none, or that is true for no row looked at."""
    folder.mkdir(parents=True)
    taken = files[:: max(1, math.ceil(len(files) / _FILES))]
    each = wanted / len(taken)
    rows, of_rows, matched, index_bytes = 0, 0.0, 0.0, 0.0
    lengths: list[pa.ChunkedArray] = []
    for number, file in enumerate(taken):
        table, whole, stored = slices(file, read.where, _GROUPS, _ROWS)
        pq.write_table(table, folder / f"{number}.parquet")
        found = chosen(table, read.where).column(LENGTH).cast(pa.int64())
        lengths.append(found)
        rows, of_rows, index_bytes = rows + len(table), of_rows + whole * each, index_bytes + stored * each
        matched += whole * each * len(found) / max(len(table), 1)
    sizes = pa.chunked_array([chunk for found in lengths for chunk in found.chunks], pa.int64())
    if not len(sizes):
        raise ConfigError(
            f"`where` is true for none of {rows:,} rows of the index that were looked at, of {of_rows:,.0f}: what so few "
            "records cost cannot be foreseen from a sample"
        )
    most = [
        matched,
        *([read.take] if read.take else []),
        *([read.limit.first] if read.limit and read.limit.first else []),
    ]
    records = min(most)
    of_a_file = max(1, math.ceil(records / wanted / RECORDS))
    settings = {
        "index": [str(folder / f"{number}.parquet") for number in range(len(taken))],
        "where": read.where,
        "base": read.base or BASE,
        "take": min(_TAKEN, read.take or _TAKEN),
        "paths": [],
        "crawl": None,
        "subset": "warc",
        "limit": None,
    }
    mean = pc.mean(pc.min_element_wise(pc.max_element_wise(sizes, 0), MAX_RECORD)).as_py()
    parts = math.ceil(min(wanted, records) * of_a_file)
    return SampledIndex(settings, rows, of_rows, records, records * mean, parts, index_bytes)
