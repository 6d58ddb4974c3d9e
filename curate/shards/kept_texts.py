"""The kept texts of a run with their source and language, decoded from its token store. Knows a run directory's files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as json_lines
import pyarrow.parquet as pq

from curate import tokens
from curate.engine.commit import open_published
from curate.engine.mirror import mirrored
from curate.records.batches import read_batches
from curate.shards.comparing import Texts

_BLOCK = 64 << 20
"""Bytes of JSON Lines read at once: a line may not be longer."""


def run_texts(run: str | Path) -> Iterator[Texts]:
    """Every kept document once, in the store's order. Raises FileNotFoundError where there is no token store."""
    run = Path(mirrored(run))
    listed = open_published(run)
    files = [listed.check(name) for name in sorted(listed.files) if name.startswith("tokens/")]
    if not files:
        raise FileNotFoundError(f"{run} has no token store; give a run directory of a finished run")
    entry = json.loads(listed.check("shards/manifest.json").read_bytes())["tokenizer"]
    tokenizer = tokens.load_recorded(entry)
    for file in files:
        ledger = pq.read_table(listed.check(f"ledger/{file.stem}.parquet"), columns=["language", "tokens"])
        languages = ledger.column("language").filter(pc.is_valid(ledger.column("tokens"))).combine_chunks()
        begin = 0
        for batch in read_batches(str(file)):
            rows = batch.column("tokens")
            texts = [tokenizer.text(row.values.to_numpy(), entry) for row in rows]
            if texts:
                source = batch.column("source")[0].as_py()
                yield Texts(source, pa.array(texts, pa.large_string()), languages.slice(begin, len(texts)))
            begin += len(texts)


def texts_of(path: str | Path, column: str = "text") -> Iterator[pa.Array]:
    """Texts of a run directory, or of a Parquet or JSON Lines file, as columns of large_string without nulls.

    Raises ValueError for a file without the column.
    """
    if Path(path).is_dir():
        yield from (batch.text for batch in run_texts(path))
        return
    if Path(path).suffix == ".parquet":
        batches = pq.ParquetFile(path).iter_batches(columns=[column])
    else:
        wanted = json_lines.ParseOptions(pa.schema([(column, pa.large_string())]), unexpected_field_behavior="ignore")
        block = json_lines.ReadOptions(block_size=_BLOCK)
        batches = iter(json_lines.read_json(pa.input_stream(str(path)), block, wanted).to_batches())
    found = False
    for batch in batches:
        for texts in (pc.drop_null(each).cast(pa.large_string()) for each in batch.columns):
            found = found or len(texts) > 0
            yield texts
    if not found:
        raise ValueError(f"{path} has no text in {column!r}; name the column or field by --text")
