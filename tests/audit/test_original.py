"""explain --original: a record read again, whatever the format and compression of its file."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from curate.audit.explain import explain
from curate.audit.find import find
from curate.audit.finished_run import open_finished
from curate.pipeline.run import run

ROWS = [{"url": f"https://a.example/{number}", "text": f"Text number {number} of the file."} for number in range(3)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def parquet(path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), path)


@pytest.mark.parametrize(
    ("name", "format", "write"),
    [
        ("d.jsonl", "jsonl", lambda path: path.write_bytes(LINES)),
        ("d.jsonl.gz", "jsonl", lambda path: path.write_bytes(gzip.compress(LINES))),
        ("d.jsonl.zst", "jsonl", lambda path: path.write_bytes(zstandard.compress(LINES))),
        ("d.data", "jsonl", lambda path: path.write_bytes(LINES)),
        ("d.parquet", "parquet", parquet),
    ],
)
def test_the_original_of_a_row_is_the_row(tmp_path: Path, name: str, format: str, write: object) -> None:
    write(tmp_path / name)  # type: ignore[operator]
    (tmp_path / "p.yaml").write_text(f"name: p\nsources: {{d: {{read: {{format: {format}, paths: [{name}]}}}}}}\n")
    finished = open_finished(run(tmp_path / "p.yaml", out=tmp_path / "run", engine="serial").path)
    for row in ROWS:
        (found,) = find(finished, row["url"])
        data = explain(finished, found, original=True).data
        assert json.loads(data["original"]) == row  # type: ignore[call-overload]
