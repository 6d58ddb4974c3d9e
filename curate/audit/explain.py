"""One record's whole way through a run: where it came from, what every step found, and what became of it.

Puts together what the ledger and the committed texts say; decides nothing and computes no metric again.
"""

from __future__ import annotations

import difflib
import gzip
import itertools
import zlib
from collections.abc import Mapping
from typing import Any

import pyarrow.parquet as pq

from curate.audit.evidence import personal_data, shared_passages
from curate.audit.find import Found, find_ids
from curate.audit.finished_run import AuditError, OpenedRun, beside
from curate.audit.lineage import gone, text_versions
from curate.audit.rendering import Answer, Cell, Passage, Table
from curate.storage import open_binary
from curate.verdicts.rules import Judged
from curate.verdicts.steps import BEFORE_DOCUMENTS, judged_rules

_MOST_SHOWN = 20_000
"""Characters of a text that are shown; --full shows all."""
_MOST_BYTES = 1 << 20
"""Bytes of an original record that are read."""
_GZIP = 31  # zlib's code for a gzip header and the largest window
_CONTEXT = 2  # unchanged lines around a difference

_ORIGIN = ("source", "file", "offset", "length", "record_id", "url", "date", "chars")
_FATE = ("kept", "dropped_at", "tokens", "shard", "shard_row")
_SCORES = ("language", "language_score", "quality_score", "quality_draw")
_DUPLICATE = ("duplicate_kind", "jaccard", "cluster_size")


def explain(run: OpenedRun, found: Found, *, original: bool = False, full: bool = False) -> Answer:
    """Everything known of a record. `original` adds the bytes it came from, read again; `full` shows texts whole."""
    row = found.row
    length = None if full else _MOST_SHOWN
    blocks: list[Table | Passage] = [
        _pairs("Origin", [("id", found.id.hex()), ("path", found.part.path), *_named(row, _ORIGIN)]),
        _pairs("Fate", [*_named(row, _FATE), ("failed", ", ".join(row["failed"] or ()) or "nothing")]),
    ]
    rules = judged_rules(run.verdict_steps(found.part.source), row)
    if rules:
        blocks.append(_rules(rules))
    scores = [(name, value) for name, value in _named(row, _SCORES) if value is not None]
    if scores:
        blocks.append(_pairs("Language and quality", scores))
    if row["edits"]:
        edits = tuple((edit["step"], edit["kind"], edit["chars"]) for edit in row["edits"])
        blocks.append(Table("Edits", ("step", "kind", "characters removed"), edits))
    every = _every_version(found)
    versions = [pair for i, pair in enumerate(every) if not i or pair[1] != every[i - 1][1]]
    survivor = _survivor(run, row)
    if survivor is not None:
        blocks += _duplicate(row, survivor, versions, length)
    shared = shared_passages(found) if every else []
    if row["contamination"]:
        listed = shared or [(item, "") for item in row["contamination"]]
        blocks.append(Table("Contamination", ("evaluation item", "text in both"), tuple(listed)))
    personal = personal_data(run, row, every)
    if row["pii"]:
        blocks.append(Table("Personal data", ("type", "found"), tuple(sorted(dict(row["pii"]).items()))))
    if personal:
        heads = ("type", "from", "to", "text")
        blocks.append(Table("Where it was, in characters of the text before scrubbing", heads, tuple(personal)))
    blocks += _texts(versions, length)
    data: dict[str, Any] = {
        **{name: value.hex() if isinstance(value, bytes) else value for name, value in row.items()},
        "part": found.part.name,
        "rules": [rule.as_json() for rule in rules],
        "texts": dict(versions),
        "contamination_texts": dict(shared),
        "pii_spans": [dict(zip(("type", "start", "end"), span[:3], strict=True)) for span in personal],
    }
    if original:
        shown = original_bytes(found).decode("utf-8", "replace")
        blocks.append(Passage("Original bytes", _cut(shown, length)))
        data["original"] = shown
    return Answer(tuple(blocks), data)


def _pairs(title: str, pairs: list[tuple[str, Any]]) -> Table:
    rows = tuple((name, value if isinstance(value, bool | int | float) else _text(value)) for name, value in pairs)
    return Table(title, ("", ""), rows)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _named(row: Mapping[str, Any], names: tuple[str, ...]) -> list[tuple[str, Any]]:
    return [(name, row[name]) for name in names]


def _rules(rules: list[Judged]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (rule.name, rule.metric, rule.value, rule.bounds, "FAILS" if rule.fails else "passes") for rule in rules
    ]
    return Table("Rules", ("rule", "metric", "value", "must be", ""), tuple(rows))


def document_number(found: Found) -> int | None:
    """The record's place among its part's documents, or None where it was dropped before it was one. Raises AuditError
    where `.work` was removed."""
    path = beside(found.part.way[-1], "ledger")  # as it was before any removal
    try:
        table = pq.read_table(path, columns=["dropped_at"])
    except FileNotFoundError:
        raise gone(path) from None
    dropped = table.column("dropped_at").slice(0, found.number + 1).to_pylist()
    if dropped[-1] in BEFORE_DOCUMENTS:
        return None
    return sum(step not in BEFORE_DOCUMENTS for step in dropped) - 1


def _every_version(found: Found) -> list[tuple[str, str]]:
    """The text as each stage left it. Empty where there never was one, or it is gone."""
    try:
        number = document_number(found)
        return list(text_versions(found.part, number)) if number is not None else []
    except (AuditError, OSError):
        return []


def _texts(versions: list[tuple[str, str]], length: int | None) -> list[Table | Passage]:
    if not versions:
        return [Passage("Text", "(none: the record was dropped before extraction, or the run's .work folder is gone)")]
    blocks: list[Table | Passage] = []
    for (_, before), (stage, after) in itertools.pairwise(versions):
        blocks.append(Passage(f"What {stage} changed", _cut(difference(before, after), length), diff=True))
    stage, text = versions[-1]
    blocks.append(Passage(f"Text after {stage}", _cut(text, length)))
    return blocks


def difference(before: str, after: str) -> str:
    """A unified diff of two texts by line."""
    lines = difflib.unified_diff(before.split("\n"), after.split("\n"), lineterm="", n=_CONTEXT)
    return "\n".join(list(lines)[2:])


def _survivor(run: OpenedRun, row: Mapping[str, Any]) -> Found | None:
    if row["duplicate_of"] is None:
        return None
    found = find_ids(run, [bytes(row["duplicate_of"])])
    return found[0] if found else None


def _duplicate(
    row: Mapping[str, Any], survivor: Found, versions: list[tuple[str, str]], length: int | None
) -> list[Table | Passage]:
    pairs = [*_named(row, _DUPLICATE), ("survivor", survivor.id.hex()), ("survivor's url", survivor.row["url"])]
    blocks: list[Table | Passage] = [_pairs("Duplicate", pairs)]
    kept = _every_version(survivor)
    if versions and kept:
        change = difference(versions[-1][1], kept[-1][1]) or " (the texts are equal)"
        blocks.append(Passage("From this text to the survivor's", _cut(change, length), diff=True))
    return blocks


def _cut(text: str, length: int | None) -> str:
    if length is None or len(text) <= length:
        return text
    return f"{text[:length]}\n… {len(text) - length:,} characters more; --full shows them"


def original_bytes(found: Found) -> bytes:
    """The record as it lies in its input file, decompressed where it can be; at most 1 MiB. Raises AuditError where
    the file cannot be read.

    Rows of tables are read again whole: the line of a JSON Lines file.
    """
    path, offset, length = found.part.path, found.row["offset"], found.row["length"]
    try:
        with open_binary(path) as file:
            if found.row["record_id"] is None and path.removesuffix(".gz").endswith(("jsonl", "json", "parquet")):
                return _table_row(path, file, offset)
            file.seek(offset)
            raw = file.read(min(length, _MOST_BYTES) if length else _MOST_BYTES)
    except (OSError, EOFError) as error:
        raise AuditError(f"cannot read {path} at {offset:,}: {error}") from None
    try:
        return zlib.decompressobj(wbits=_GZIP).decompress(raw, _MOST_BYTES)
    except zlib.error:
        return raw  # not compressed, or damaged: as it lies


def _table_row(path: str, file: Any, number: int) -> bytes:
    if path.endswith("parquet"):
        table = pq.ParquetFile(file)
        for group in range(table.num_row_groups):
            rows = table.metadata.row_group(group).num_rows
            if number < rows:
                return str(table.read_row_group(group).slice(number, 1).to_pylist()[0]).encode()
            number -= rows
        raise EOFError("no such row")
    with gzip.open(file) if path.endswith(".gz") else file as lines:
        for index, line in enumerate(lines):
            if index == number:
                return bytes(line)
    raise EOFError("no such line")
