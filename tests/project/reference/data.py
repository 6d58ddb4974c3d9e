"""docs/ledger.md, the ledger's columns and the tables beside it, and docs/run-files.md, the files of a run directory."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from curate.audit.tables import A_ROW, LEDGER, TABLES, meaning, type_told
from curate.records import counts, findings, metadata, statistics
from curate.records.documents import DOCUMENT_FILE
from curate.records.ledger import ledger_schema
from curate.records.shards import shard
from curate.records.tokens import token_store
from curate.verdicts.choice import ENGINE
from tests.project.reference.markdown import code, page, prose, table

FAMILIES = {
    "STEP.METRIC": "int64 or double",
    "quality.NAME": "float",
    "meta.NAME": "as given",
    "COLUMN@ENGINE": "as COLUMN",
    "tokens@TOKENIZER": "int64",
    "shard@TOKENIZER": "int32",
    "shard_row@TOKENIZER": "int64",
    ENGINE: "string",
}
"""Columns that a ledger has by its pipeline, and their types."""

FILES = {
    "run.json": "what was run: the resolved pipeline, its input files, each part's tasks in order, the rules applied; `fingerprint` "
    "names the product. It is written last: a directory without it holds no finished run",
    "stats.json": "every number of the run, see below",
    "findings.json": "what the run has to say of itself, the worst first; [what can be found](messages.md#findings)",
    "report.html": "the same to look at, one page that needs nothing else",
    "ledger/PART.parquet": "a row per record, kept or dropped: [the ledger](ledger.md)",
    "tokens/PART.arrow": "the store: every kept document once, in the order of the part; mixes are made from it",
    "shards/SPLIT-NUMBER.arrow": "the product: documents of tokens in one seeded global order ([shards](shards.md))",
    "shards/NAME/SPLIT-NUMBER.arrow": "its shards: the same documents in the same order, with a `manifest.json` beside them",
    "shards/manifest.json": "the shards with rows, tokens, bytes and SHA-256; the tokenizer; the mixture; a fingerprint of all",
    "documents/STEP/PART.parquet": "the documents after a step, as text: where `keep` names it, `--until` stops there, or `tokens: null`",
    "contamination.json": "evaluation items that were found, and where; of a run that decontaminates",
    "topics/SOURCE.arrow": "the clusters that the run found for a source; `topic: {classifier: ...}` of another run names by them",
    "quality/SOURCE.arrow": "the quality model that the run trained for a source; `curate quality evaluate` reads it",
    "mixes/NAME/manifest.json": "a mix made of the run by `curate mix make`, in place of shards an index into `tokens/` unless materialised",
    "mixes/NAME/SPLIT-NUMBER.index": "of such a mix: part and row of each document",
    "removals.jsonl": "what `curate remove` was told, and when and why; no later run in this directory takes it up",
    "exports.jsonl": "the exports made of the run, and of which state of it; `curate export --check` reads it",
    ".published.json": "size and SHA-256 of every file above; `curate verify` reads it",
    ".lock": "who writes to the directory now",
    "timings/STAGE.jsonl": "how long each task took, and how much memory; never part of a result",
    "timings/progress.json": "how far the run is; `curate status` reads it",
    ".work/STAGE.FINGERPRINT/KEY.NAME": "committed results of tasks: why a second run does nothing again. Safe to delete; they are made again",
    ".work/STAGE.FINGERPRINT/KEY.json": "the manifest of such a result, written last: the commit",
}
"""What a run directory can hold; words in capitals stand for names."""


def ledger_page() -> str:
    """docs/ledger.md."""
    about = (
        "`ledger/*.parquet` has a row for every record that was read, kept or dropped. `curate query RUN 'select ...'` asks it in "
        "DuckDB's SQL, `Run.ledger()` gives it to Python as an Arrow dataset, and anything that reads Parquet can. In questions ids "
        "are text of 32 hexadecimal digits, in the files 16 bytes. `curate query RUN --tables` lists this for one run."
    )
    fields = [(code(field.name), code(type_told(field)), meaning(field.name)) for field in ledger_schema([])]
    families = [(code(name), kind, meaning(name)) for name, kind in FAMILIES.items()]
    sections = [
        "## In every ledger", "", f"{A_ROW[:1].upper()}{A_ROW[1:]}.", "", table(("column", "type", "what it is"), fields),
        "## By the pipeline's steps", "",
        "Which [steps](steps.md) make which; what each [metric](metrics.md) counts. Names with points stand in double quotes in SQL: "
        "`\"gopher-quality.words\"`.", "",
        table(("column", "type", "what it is"), families),
        f"## Tables beside {LEDGER}", "", "Small ones, from `stats.json`, `findings.json` and `timings/`, for the same questions; a row is:", "",
    ]  # fmt: skip
    for name, (about_table, columns) in TABLES.items():
        rows = [(code(column), code(kind), says) for column, (says, kind) in columns.items()]
        sections += [
            f"### {name}",
            "",
            f"{about_table[:1].upper()}{about_table[1:]}.",
            "",
            table(("column", "type", "what it is"), rows),
        ]
    return page("The ledger and its tables", about, sections)


def files_page() -> str:
    """docs/run-files.md."""
    about = (
        "`curate run FILE --out DIR` fills DIR (default: runs/NAME), on this machine or in an object store ([storage](storage.md)). All "
        "are published in one commit: a reader sees the old run or the new one, never some of each. PART is a part of a source, its name "
        "and number; SPLIT is train or validation."
    )
    sections = [table(("file", "what it is"), ((code(name), told) for name, told in FILES.items()))]
    schemas = {
        "documents/STEP/PART.parquet": (
            DOCUMENT_FILE,
            "and `meta.NAME`, a column each, where the source carries columns of its rows",
        ),
        "tokens/PART.arrow": (
            token_store(pa.uint16()),
            "tokens are uint32 where the vocabulary needs it; `group` decides the split",
        ),
        "shards/SPLIT-NUMBER.arrow": (
            shard(pa.uint16()),
            "end-of-text is appended to each document; the value buffer is the flat stream",
        ),
    }
    for name, (schema, told) in schemas.items():
        rows = [(code(field.name), code(field.type)) for field in schema]
        sections += [f"## {name}", "", f"Arrow types; {told}.", "", table(("column", "type"), rows)]
    sections += [
        "## stats.json", "", "Keys, dotted; NAME stands for a name of the run's own. Counts that only one kind of run has are marked `?`.", "",
        table(("key", "type", "what it is"), _keys("RunNumbers", "")),
    ]  # fmt: skip
    return page("Files of a run directory", about, sections)


def _typed_dicts() -> dict[str, list[tuple[str, str, str]]]:
    """By name of a typed dictionary of the records, its keys: name, type as written, and what it is where that is said."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for module in (statistics, counts, findings, metadata):
        for node in ast.parse(Path(inspect.getfile(module)).read_text()).body:
            if isinstance(node, ast.ClassDef):
                found[node.name] = list(_fields(node))
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and len(node.value.args) == 2:
                written = node.value.args[1]
                if isinstance(written, ast.Dict):
                    found[node.targets[0].id] = [  # type: ignore[attr-defined]
                        (str(ast.literal_eval(key)), ast.unparse(kind), "")
                        for key, kind in zip(written.keys, written.values, strict=True)
                        if key is not None
                    ]
    return found


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, str, str]]:
    for line, after in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            said = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
            yield line.target.id, ast.unparse(line.annotation), prose(str(said))


def _keys(kind: str, under: str) -> Iterator[tuple[str, str, str]]:
    """The keys of a typed dictionary, and after each those of the dictionaries in it."""
    dictionaries = _typed_dicts()
    for name, written, said in dictionaries[kind]:
        optional = written.startswith("NotRequired[")
        inner = written.removeprefix("NotRequired[").removesuffix("]") if optional else written
        below = next(
            (
                each
                for each in dictionaries
                if each in inner.replace("[", " ").replace("]", " ").replace(",", " ").split()
            ),
            None,
        )
        yield code(under + name + ("?" if optional else "")), "" if below else code(inner), said
        if below:
            step = ".NAME." if inner.startswith("dict") else "[]." if inner.startswith("list") else "."
            yield from _keys(below, f"{under}{name}{step}")
