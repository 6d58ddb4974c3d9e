"""One record's whole way through a run: where it came from, what every step found, and what became of it.

Puts together what the ledger and the committed texts say; decides nothing and computes no metric again.
"""

from __future__ import annotations

import contextlib
import difflib
import itertools
import json
import zlib
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate import ingest
from curate.audit.evidence import personal_data, shared_passages
from curate.audit.find import Found, find_ids
from curate.audit.finished_run import AuditError, OpenedRun, beside
from curate.audit.lineage import gone, text_versions
from curate.audit.rendering import Answer, Cell, Passage, Table
from curate.audit.shown import shown
from curate.config.models import BASE
from curate.config.step_params import table_columns, text_choice
from curate.records.judging import Judged
from curate.records.ledger import of_tokenizer
from curate.records.metadata import told_columns
from curate.storage import SourceFile, join, open_binary
from curate.verdicts.choice import CHARS, ENGINE, own_column
from curate.verdicts.steps import BEFORE_DOCUMENTS, judged_rules

_MOST_SHOWN = 20_000
"""Characters of a text that are shown; --full shows all."""
_MOST_BYTES = 1 << 20
"""Bytes of an original record that are read."""
_ARCHIVES = frozenset({"warc", "wet"})
"""Formats whose records lie in the file as they are told of."""
_RECORD = ("record_id", "url", "date", "reason", "text")
"""Columns of a table's row that are shown of it."""
_GZIP = 31  # zlib's code for a gzip header and the largest window
_HIDDEN = "(shown by --raw-texts)"
_BEFORE_VERDICTS = ("read", "evaluate")
"""Stages that look at every document."""
_EMPTIED = "deduplicate/emptied"
"""The rule of a document of which nothing was left: its text is empty, and not for want of having been looked at."""
_CONTEXT = 2  # unchanged lines around a difference

_ORIGIN = ("source", "file", "offset", "length", "record_id", "url", "date", "chars")
_FATE = ("kept", "dropped_at")
_OF_TOKENIZER = ("tokens", "shard", "shard_row")
_SCORES = ("language", "language_score", "topic", "topic_score", "quality_score", "quality_draw", "quality_bucket")
_DUPLICATE = ("duplicate_kind", "jaccard", "cluster_size")


def explain(run: OpenedRun, found: Found, *, original: bool = False, full: bool = False) -> Answer:
    """Everything known of a record. `original` adds the bytes it came from, read again; `full` shows texts whole.

    `run.texts` says whether personal data in them is shown.
    """
    row = _as_shown(run, found.row)
    names = (None, *(each.name for each in run.pipeline.tokens.further)) if run.pipeline.tokens else (None,)
    fate = (*_FATE, *(of_tokenizer(column, name) for name in names for column in _OF_TOKENIZER))
    length = None if full else _MOST_SHOWN
    blocks: list[Table | Passage] = [
        _pairs("Origin", [("id", found.id.hex()), ("path", _input(run, found)[0]), *_named(row, _ORIGIN)]),
        _pairs("Fate", [*_named(row, fate), ("failed", ", ".join(row["failed"] or ()) or "nothing")]),
    ]
    rules = judged_rules(run.verdict_steps(found.part.source), row)
    if rules:
        blocks.append(_rules(rules))
    blocks += _of_engines(run, found)
    scores = [(name, value) for name, value in _named(row, _SCORES) if value is not None]
    if scores:
        blocks.append(_pairs("Language, topic and quality", scores))
    if row["edits"]:
        edits = tuple((edit["step"], edit["kind"], edit["chars"]) for edit in row["edits"])
        blocks.append(Table("Edits", ("step", "kind", "characters removed"), edits))
    every = _every_version(found)
    different = [pair for i, pair in enumerate(every) if not i or pair[1] != every[i - 1][1]]
    masked = shown(run, [text for _, text in different])
    versions = [(stage, text) for (stage, _), text in zip(different, masked, strict=True)]
    survivor = _survivor(run, row)
    if survivor is not None:
        blocks += _duplicate(run, row, survivor, versions, length)
    passages = shared_passages(found) if every else []
    shared = list(zip((item for item, _ in passages), shown(run, [text for _, text in passages]), strict=True))
    if row["contamination"]:
        listed = shared or [(item, "") for item in row["contamination"]]
        blocks.append(Table("Contamination", ("evaluation item", "text in both"), tuple(listed)))
    personal = personal_data(run, row, every)
    if row["pii"]:
        blocks.append(Table("Personal data", ("type", "found"), tuple(sorted(dict(row["pii"]).items()))))
    if personal:
        heads = ("type", "from", "to", "text")
        places = personal if run.texts == "raw" else [(*span[:3], _HIDDEN) for span in personal]
        blocks.append(Table("Where it was, in characters of the text before scrubbing", heads, tuple(places)))
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
        (record,) = shown(run, [original_record(run, found)])
        blocks.append(Passage("Original record", _cut(record, length)))
        data["original"] = record
    return Answer(tuple(blocks), data)


def _of_engines(run: OpenedRun, found: Found) -> list[Table | Passage]:
    """What the rules say of each engine's text, where several extracted the page."""
    choice = text_choice(run.pipeline, found.part.source)
    if choice is None or found.row.get(ENGINE) is None:
        return []
    columns = {name: pa.array([value]) for name, value in found.row.items() if value is not None or "@" in name}
    rows: list[tuple[Cell, ...]] = []
    for engine in choice.engines:
        mine = choice.of_engine(engine, columns)
        (failures,) = choice.failures(run.verdict_steps(found.part.source), [mine])
        failed = ", ".join(rule for rule, mask in failures.items() if mask[0])
        chars = found.row[own_column(CHARS, engine)]
        fate = "kept text" if engine == found.row[ENGINE] else ""
        rows.append((engine, chars, (failed or "nothing") if chars else "found no text", fate))
    return [Table("Texts by engine", ("engine", "characters", "fails", ""), tuple(rows))]


def _as_shown(run: OpenedRun, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose columns that may quote the document are shown as texts are."""
    quoting = [
        name for name, value in row.items() if isinstance(value, str) and told_columns(pa.schema([(name, pa.string())]))
    ]
    return {**row, **dict(zip(quoting, shown(run, [row[name] for name in quoting]), strict=True))}


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
    """The text as each stage left it that looked at it. Empty where there never was one, or it is gone.

    What follows the step at which a document was dropped did not look at it: files there hold an empty text in its place.
    """
    try:
        number = document_number(found)
        versions = list(text_versions(found.part, number)) if number is not None else []
    except (AuditError, OSError):
        return []
    if found.row["dropped_at"] is None or _EMPTIED in (found.row["failed"] or ()):
        return versions
    return [(stage, text) for stage, text in versions if text or stage in _BEFORE_VERDICTS]


def _texts(versions: list[tuple[str, str]], length: int | None) -> list[Table | Passage]:
    if not versions:
        return [Passage("Text", "(none: the record was dropped before extraction, or the run's .work folder is gone)")]
    blocks: list[Table | Passage] = []
    for (_, before), (stage, after) in itertools.pairwise(versions):
        change = difference(before, after) or f" {_HIDDEN}"
        blocks.append(Passage(f"What {stage} changed", _cut(change, length), diff=True))
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
    run: OpenedRun,
    row: Mapping[str, Any],
    survivor: Found,
    versions: list[tuple[str, str]],
    length: int | None,
) -> list[Table | Passage]:
    pairs = [*_named(row, _DUPLICATE), ("survivor", survivor.id.hex()), ("survivor's url", survivor.row["url"])]
    blocks: list[Table | Passage] = [_pairs("Duplicate", pairs)]
    kept = _every_version(survivor)
    if versions and kept:
        (other,) = shown(run, [kept[-1][1]])
        change = difference(versions[-1][1], other) or " (the texts are equal)"
        blocks.append(Passage("From this text to the survivor's", _cut(change, length), diff=True))
    return blocks


def _cut(text: str, length: int | None) -> str:
    if length is None or len(text) <= length:
        return text
    return f"{text[:length]}\n… {len(text) - length:,} characters more; --full shows them"


def original_record(run: OpenedRun, found: Found) -> str:
    """The record read again from its input file: a web archive's as it lies there, decompressed, at most 1 MiB; a table's
    row as JSON, in the words of the ledger. Raises AuditError where the file cannot be read or holds it no longer.
    """
    source, part, row = run.pipeline.sources[found.part.source], found.part, found.row
    read = source.read
    path, size = _input(run, found)
    try:
        if read.format in _ARCHIVES:
            return _archived(path, row["offset"], row["length"])
        columns = ingest.Columns(**table_columns(source))
        file = SourceFile(path, row["file"], size, "")
        again = ingest.read_record(file, part.source, read.format, columns, row["offset"], found.id)
    except (OSError, EOFError, LookupError, ValueError) as error:
        raise AuditError(f"cannot read {path} at {row['offset']:,}: {error}") from None
    values = again.select(list(_RECORD)).to_pylist()[0]
    return json.dumps(
        {name: value for name, value in values.items() if value is not None}, ensure_ascii=False, default=str
    )


def _input(run: OpenedRun, found: Found) -> tuple[str, int]:
    """(path, bytes) of the input file that a record came from: a part may hold those of many."""
    name = found.row["file"]
    read = run.pipeline.sources[found.part.source].read
    if read.indexed:
        return join(read.base or BASE, name), 0
    listed = next((each for each in run.record["inputs"].get(found.part.source, ()) if each["file"] == name), None)
    return (found.part.path, 0) if listed is None else (listed["path"], listed["bytes"])


def _archived(path: str, offset: int, length: int) -> str:
    with open_binary(path) as file:
        file.seek(offset)
        raw = file.read(min(length, _MOST_BYTES) if length else _MOST_BYTES)
    with contextlib.suppress(zlib.error):  # not compressed, or damaged: as it lies
        raw = zlib.decompressobj(wbits=_GZIP).decompress(raw, _MOST_BYTES)
    return raw.decode("utf-8", "replace")
