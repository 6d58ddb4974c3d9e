"""What of a run's committed results a run directory holds, under which names, and whose directory it is.

Everything is one commit. Knows names; reads no content.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from curate.audit.finished_run import opened
from curate.audit.places import empty_published, empty_work, no_ids, removed_ids
from curate.audit.plan import applied_steps
from curate.audit.removals import LIST, read_lists
from curate.audit.report import report_page
from curate.code.fingerprint import fingerprint
from curate.config.reading import PipelineFile
from curate.engine.commit import JOURNAL, LISTING, STAGED, Commit, DamagedError
from curate.engine.seal import as_json
from curate.engine.task import Committed, File, is_emptied
from curate.flow import Flow
from curate.pipeline.circumstances import circumstances, mark_of
from curate.pipeline.manifest import shard_manifest
from curate.pipeline.statistics import run_statistics
from curate.records.counts import DocumentCounts, TokenCounts
from curate.records.statistics import RunNumbers
from curate.storage import OutputError, SourceFile

_OURS = (LISTING, JOURNAL, STAGED, ".work", "timings")
"""What only a run leaves in a directory."""
OF_A_RUN = (
    "ledger/", "documents/", "tokens/", "topics/", "quality/", "shards/", "contamination.json", "findings.json",
    "stats.json", "run.json", "report.html",
)  # fmt: skip
"""What a run makes anew. Mixes and the list of removals stay."""
TIMED = ("report.html",)
"""What of it shows how long tasks took, which is no result."""


def claim(folder: Path, name: str, replace: bool) -> None:
    """Raise OutputError unless a pipeline of this name may run in the folder: an empty one, or one of its own runs.

    With `replace`, whatever else is there; files that no run wrote are left alone even so.
    """
    if not folder.exists() or replace:
        return
    if not folder.is_dir():
        raise OutputError(f"{folder} is a file: --out names a directory")
    there = {entry.name for entry in os.scandir(folder)}
    if not there <= {LIST, ".lock"} and not there & set(_OURS):
        first = ", ".join(sorted(there)[:3])
        raise OutputError(
            f"{folder} is not empty and holds no run ({first}{', ...' if len(there) > 3 else ''}): give --out a new "
            "directory, or --replace to write among these files"
        )
    try:
        owner = json.loads((folder / "run.json").read_bytes())["name"]
    except (OSError, ValueError, KeyError, TypeError):
        return  # none was finished, or it is damaged and made again
    if owner != name:
        raise OutputError(
            f"{folder} holds the run of another pipeline, {owner!r}, not of {name!r}: give --out another directory, or "
            "--replace to put this run in its place"
        )


def publish_run(
    file: PipelineFile,
    inputs: Mapping[str, Sequence[SourceFile]],
    flow: Flow,
    counted: Committed[DocumentCounts] | None,
    folder: Path,
    commit: Commit,
    until: str | None = None,
) -> RunNumbers:
    """Lay out the run directory: ledger, token store, shards with their manifest, documents, numbers, report."""
    pipeline = file.pipeline
    for name, result in _results(flow):
        listed = commit.copy(name, result.path, result.digest, result.bytes)
        if listed.sha256 != result.digest and not is_emptied(result):
            raise DamagedError(
                f"{result.path} is not what was written there: remove it, and run the same command again"
            )
    if flow.shards:
        commit.write("shards/manifest.json", shard_manifest(pipeline, flow))
        for each in pipeline.tokens.further if pipeline.tokens is not None else ():
            commit.write(f"shards/{each.name}/manifest.json", shard_manifest(pipeline, flow, each))
    if (folder / LIST).exists():
        commit.copy(LIST, folder / LIST)
    stats = run_statistics(pipeline, flow, counted)
    record = _record(file, inputs, flow, counted, stats) | {"until": until, "made_with": circumstances(pipeline)}
    removed = removed_ids(Path(result.files["ledger"].path) for result in flow.ledger) if flow.removals else no_ids()
    empty_published(commit, removed)
    commit.write("stats.json", as_json(stats))
    commit.write("findings.json", as_json(stats["findings"]))
    commit.write("run.json", as_json(record))
    if not commit.kept(TIMED):
        commit.write("report.html", report_page(opened(folder, record, stats, commit.published)).encode())
    commit.finish()
    empty_work(folder, removed, read_lists([*pipeline.removals, folder / LIST]))
    return stats


def _results(flow: Flow) -> Iterator[tuple[str, File]]:
    """Every committed file that is published, under its name."""
    for part, ledger in zip(flow.parts, flow.ledger, strict=True):
        yield f"ledger/{part.name}.parquet", ledger.files["ledger"]
    for step, results in flow.documents.items():
        for name, written in results.items():
            yield f"documents/{step}/{name}.parquet", written.files["documents"]
    for part in flow.parts:
        if part.tokens:
            yield f"tokens/{part.name}.arrow", part.tokens.files["tokens"]
    for name, clusters in flow.clusters.items():
        yield f"topics/{name}.arrow", clusters
    for name, classified in flow.quality.items():
        if classified.card:
            yield f"quality/{name}.arrow", classified.model
    for name, shard in _shards(flow):
        yield f"shards/{name}", shard.files["shard"]
    if flow.contamination is not None:
        yield "contamination.json", flow.contamination.files["report"]


def _shards(flow: Flow) -> Iterator[tuple[str, Committed[TokenCounts]]]:
    """Every shard by its name below `shards/`: those of further tokenizers in folders of their names."""
    folders = {"": flow.shards, **{f"{name}/": shards for name, shards in flow.further_shards.items()}}
    for folder, shards in folders.items():
        for split, results in shards.items():
            for number, result in enumerate(results):
                yield f"{folder}{split}-{number:05d}.arrow", result


def _record(
    file: PipelineFile,
    inputs: Mapping[str, Sequence[SourceFile]],
    flow: Flow,
    counted: Committed[DocumentCounts] | None,
    stats: RunNumbers,
) -> dict[str, Any]:
    """run.json: what was asked for, of which files, and which tasks were done for each part."""
    shards = {name: result.files["shard"].digest for name, result in _shards(flow)}
    return {
        "name": file.pipeline.name,
        "folder": str(file.folder.resolve()),
        "fingerprint": fingerprint(stats, shards),
        "pipeline": file.pipeline.model_dump(mode="json", by_alias=True),
        "inputs": {
            name: [
                {
                    "file": each.relative,
                    "path": each.path,
                    "bytes": each.size,
                    "stamp": each.stamp,
                    **({"mark": mark} if (mark := mark_of(each)) else {}),
                }
                for each in files
            ]
            for name, files in inputs.items()
        },
        "verdict_steps": {part.source: applied_steps(part) for part in flow.parts},
        "aggregate": counted.stem if counted else None,
        "parts": [
            {
                "name": part.name,
                "source": part.source,
                "file": part.file.relative,
                "path": part.file.path,
                **({"more": [file.relative for file in part.more]} if part.more else {}),
                "way": [result.stem for result in part.way],
            }
            for part in flow.parts
        ],
    }
