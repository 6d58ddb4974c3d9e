"""Tokenizing a part: kept documents become rows of the token store. Knows tokenizers; knows no rule."""

from __future__ import annotations

from typing import TypedDict

import pyarrow as pa
import pyarrow.compute as pc

from curate import tokens
from curate.engine.task import Inputs, Output
from curate.records.batches import BatchWriter, read_batches
from curate.records.counts import EncodedCounts
from curate.records.tokens import token_counts, token_store
from curate.tokens.rows import surround_rows
from curate.tokens.verify import prove_sample


class TokenizeParams(TypedDict):
    """The tokenizer, its end-of-text where the file names one, the ids around a document, the hash of the vocabulary, the
    source of the part's documents, and the ledger's column for the counts."""

    tokenizer: str
    end_of_text: str | int | None
    before: list[int]
    after: list[int]
    vocabulary: str
    source: str
    column: str


def tokenize_part(params: TokenizeParams, inputs: Inputs, output: Output) -> EncodedCounts:
    """Inputs `documents` and `verdicts`, and `groups` where deduplication made them.

    Writes `tokens` (the store's schema, kept documents only) and `counts` (token_counts, a row per document). Raises
    ProofError where one document in a thousand shows that the encoder is wrong.
    """
    tokenizer = tokens.load(params["tokenizer"], params["end_of_text"])
    schema = token_store(tokenizer.arrow_type)
    documents = total = proved = 0
    with (
        BatchWriter(output.path("tokens"), schema, compressed=False) as store,
        BatchWriter(output.path("counts"), token_counts(params["column"])) as counts,
    ):
        groups = read_batches(inputs.path("groups")) if "groups" in inputs else None
        aligned = map(read_batches, (inputs.path("documents"), inputs.path("verdicts")))
        for batch, verdict in zip(*aligned, strict=True):
            kept = verdict.column("kept")
            group = batch.column("id") if groups is None else next(groups).column("group")
            ids = batch.column("id").filter(kept)
            texts = batch.column("text").filter(kept)
            rows = tokenizer.encode(texts)
            proved += prove_sample(tokenizer, ids, texts, rows)
            lengths = pc.list_value_length(rows).cast(pa.int64())
            position = pc.subtract(pc.cumulative_sum(kept.cast(pa.int64())), 1)
            counts.write({params["column"]: lengths.take(pc.if_else(kept, position, pa.scalar(None, pa.int64())))})
            store.write(
                {
                    "id": ids,
                    "source": pa.array([params["source"]] * len(ids), pa.string()),
                    "group": group.filter(kept),
                    "tokens": surround_rows(rows, params["before"], params["after"]),
                }
            )
            documents += len(ids)
            total += pc.sum(lengths).as_py() or 0
    return {"documents": documents, "tokens": total, "proved": proved}
