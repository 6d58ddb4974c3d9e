"""The kept texts of a run with their source and language, decoded from its token store. Knows a run directory's files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import tokens
from curate.batches import read_batches
from curate.tokens.comparing import Texts


def run_texts(run: str | Path) -> Iterator[Texts]:
    """Every kept document once, in the store's order. Raises FileNotFoundError where there is no token store."""
    run = Path(run)
    files = sorted((run / "tokens").glob("*.arrow"))
    if not files:
        raise FileNotFoundError(f"{run} has no token store; give a run directory of a finished run")
    entry = json.loads((run / "shards" / "manifest.json").read_bytes())["tokenizer"]
    tokenizer = tokens.load_recorded(entry)
    for file in files:
        ledger = pq.read_table(run / "ledger" / f"{file.stem}.parquet", columns=["language", "tokens"])
        languages = ledger.column("language").filter(pc.is_valid(ledger.column("tokens"))).combine_chunks()
        begin = 0
        for batch in read_batches(str(file)):
            rows = batch.column("tokens")
            texts = [tokenizer.text(row.values.to_numpy(), entry) for row in rows]
            if texts:
                source = batch.column("source")[0].as_py()
                yield Texts(source, pa.array(texts, pa.large_string()), languages.slice(begin, len(texts)))
            begin += len(texts)
