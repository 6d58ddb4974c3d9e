"""The tables that `curate query` knows, every column with a sentence: the ledger, and what stats.json and timings hold.

Knows names and what they mean; asks nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from curate.audit.finished_run import OpenedRun
from curate.audit.rendering import Answer, Table
from curate.audit.timings import stage_times
from curate.verdicts.choice import ENGINE

LEDGER = "ledger"
A_ROW = "a row per record, kept or dropped"
"""What a row of the ledger is."""
LEDGER_COLUMNS: Mapping[str, str] = {
    "id": "the record, 32 hexadecimal digits: a hash of source, file and offset",
    "source": "the source's name in the pipeline",
    "file": "the input file, named from the source's root",
    "offset": "where the record begins in the file, in bytes; of tables, the row",
    "length": "how many bytes it takes there; of tables, 1",
    "record_id": "the record's own id: WARC-Record-ID, or the column that `read.id` names",
    "url": "its address",
    "date": "when it was fetched or written, UTC",
    "chars": "characters of its text as extracted; null where it never was a document",
    "language": "the language found, ISO 639-1 or 639-3",
    "language_score": "how sure that is, 0 to 1",
    "topic": "what it is about: a label of the classifier, or the cluster that it lies in",
    "topic_score": "the classifier's probability of the topic, or the cosine to the cluster's centre, 0 to 1",
    "edits": "what edits took: step, kind, and characters",
    "quality_score": "the classifier's score, 0 to 1",
    "quality_draw": "the draw that the score is held against where `alpha` keeps by chance, 0 to 1",
    "quality_bucket": "the twentieth of its source or language in which the score lies, 0 to 19",
    "failed": "every rule that it fails, as step/rule, also those after the step that dropped it",
    "duplicate_of": "the record that was kept in its place, where it is a copy",
    "duplicate_kind": "how the copy was found: exact, minhash, ...",
    "jaccard": "its similarity to the record that was kept, 0 to 1",
    "cluster_size": "how many records are in its cluster of copies",
    "contamination": "evaluation items found in it, as set:item; null where it was dropped before",
    "pii": "pieces of personal data by type, never their values; null where it was dropped before",
    "kept": "whether its text is in the product",
    "dropped_at": "the step that dropped it; null where it was kept",
    "tokens": "its tokens, end-of-text not counted; null where it was not kept",
    "shard": "the shard that its first copy is in",
    "shard_row": "the row there",
}
"""What each column is that every ledger has."""
TABLES: Mapping[str, tuple[str, Mapping[str, tuple[str, pa.DataType]]]] = {
    "findings": (
        "what the run says of itself, the worst first",
        {
            "kind": ("the rule that found it", pa.string()),
            "subject": ("what it is about", pa.string()),
            "level": ("stop, look or note", pa.string()),
            "missed": ("whether the run ended with status 3 for it", pa.bool_()),
            "number": ("the number that it rests on", pa.float64()),
            "says": ("the sentence", pa.string()),
            "cure": ("a command that mends it or shows more", pa.string()),
        },
    ),
    "funnel": (
        "per source and step, what went in and what was dropped",
        {
            "source": ("the source", pa.string()),
            "place": ("the step's place, from 0", pa.int64()),
            "step": ("the step", pa.string()),
            "entering": ("records that reach it", pa.int64()),
            "dropped": ("records that it drops", pa.int64()),
            "kept": ("records that go on", pa.int64()),
        },
    ),
    "rules": (
        "per source and rule, how many fail it",
        {
            "source": ("the source", pa.string()),
            "rule": ("the rule, as step/rule", pa.string()),
            "failed": ("records that fail it", pa.int64()),
            "alone": ("records that fail nothing else", pa.int64()),
        },
    ),
    "shards": (
        "per split, its shards",
        {
            "split": ("train or validation", pa.string()),
            "shards": ("how many files", pa.int64()),
            "documents": ("documents in them, repetitions counted", pa.int64()),
            "tokens": ("tokens in them, end-of-text counted", pa.int64()),
        },
    ),
    "mixture": (
        "per group of the mixture, what was asked for and what it is; empty without one",
        {
            "name": ("the group", pa.string()),
            "asked_share": ("the share asked for, 0 to 1", pa.float64()),
            "share": ("the share it has", pa.float64()),
            "epochs": ("how often each of its documents is there", pa.float64()),
            "tokens": ("its tokens in the shards", pa.int64()),
            "available_tokens": ("its tokens, each document once", pa.int64()),
        },
    ),
    "contamination": (
        "per evaluation set, what was found of it",
        {
            "name": ("the set", pa.string()),
            "items": ("its items", pa.int64()),
            "too_short": ("items too short to look for", pa.int64()),
            "found": ("items found", pa.int64()),
            "documents": ("documents that hold some", pa.int64()),
        },
    ),
    "stages": (
        "per stage, what its tasks took, from `timings`",
        {
            "stage": ("the stage", pa.string()),
            "tasks": ("its tasks", pa.int64()),
            "seconds": ("seconds of all its tasks together", pa.float64()),
            "cpu": ("of them, on a CPU", pa.float64()),
            "peak": ("the greatest memory of a worker meanwhile, in bytes", pa.int64()),
        },
    ),
}
"""Of every other table, what a row of it is, and what each column is, with its type."""


def describe_tables(run: OpenedRun) -> Answer:
    """Every table of a run with every column, its type and what it means."""
    schema = pq.read_schema(run.ledger[0]) if run.parts else pa.schema([])
    rows = [(LEDGER, field.name, type_told(field), meaning(field.name)) for field in schema]
    for name, (_, columns) in TABLES.items():
        rows += [(name, column, str(kind), says) for column, (says, kind) in columns.items()]
    about = [(LEDGER, A_ROW), *((name, says) for name, (says, _) in TABLES.items())]
    data = [dict(zip(("table", "column", "type", "meaning"), row, strict=True)) for row in rows]
    blocks = (
        Table("Tables", ("table", "a row is"), tuple(about)),
        Table("Columns", ("table", "column", "type", "what it is"), tuple(rows)),
    )
    return Answer(blocks, data)


_OF_TOKENIZER = ("tokens", "shard", "shard_row")


def type_told(field: pa.Field) -> str:
    """A column's type as questions see it: ids are asked for in hexadecimal."""
    return "string" if field.name in ("id", "duplicate_of") else str(field.type)


def meaning(column: str) -> str:
    """What a column of the ledger is; of metrics and carried columns, by how they are called."""
    if column in LEDGER_COLUMNS:
        return LEDGER_COLUMNS[column]
    if column == ENGINE:
        return "the engine whose text was chosen, where several extracted the page"
    if "@" in column:
        name, _, engine = column.partition("@")
        if name in _OF_TOKENIZER:
            return f"{LEDGER_COLUMNS[name]}; by the tokenizer {engine}"
        return f"{name} of the text that {engine} extracted"
    if column.startswith("meta."):
        return f"the column {column.removeprefix('meta.')} of the input, or what a page says of itself, as given"
    if column.startswith("quality."):
        return f"the score called {column.removeprefix('quality.')}"
    step, _, metric = column.partition(".")
    return f"the metric {metric} of the step {step}, whatever became of the document"


def tables_of(run: OpenedRun) -> dict[str, pa.Table]:
    """Every table but the ledger, small as they are."""
    return {name: pa.Table.from_pylist(list(rows), _schema(name)) for name, rows in _rows(run)}


def _schema(name: str) -> pa.Schema:
    return pa.schema([(column, kind) for column, (_, kind) in TABLES[name][1].items()])


def _rows(run: OpenedRun) -> Iterator[tuple[str, list[dict[str, object]]]]:
    stats = run.stats
    yield "findings", [dict(each) for each in stats.get("findings", [])]
    steps = [
        (source, place, row)
        for source, numbers in stats["sources"].items()
        for place, row in enumerate(numbers["funnel"])
    ]
    yield "funnel", [
        {
            "source": source, "place": place, "step": row["step"], "entering": row["in"], "dropped": row["dropped"],
            "kept": row["kept"],
        }
        for source, place, row in steps
    ]  # fmt: skip
    yield (
        "rules",
        [{"source": source, "rule": rule, **each} for source, _, row in steps for rule, each in row["rules"].items()],
    )
    yield "shards", [{"split": split, **numbers} for split, numbers in stats["shards"].items()]
    groups = (stats["mixture"] or {}).get("groups", {})
    yield "mixture", [{"name": name, **group} for name, group in groups.items()]
    sets = stats["contamination"]["sets"] if stats["contamination"] else {}
    yield "contamination", [{"name": name, **numbers} for name, numbers in sets.items()]
    yield "stages", stage_times(run.folder / "timings")
