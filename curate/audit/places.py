"""Every place in a run directory where a document's words can be, and taking removed documents out of all of them.

This is the one list of such places. A published file that it does not name stops a removal: whoever publishes something
new says here what of documents it holds. Knows names below a run directory; what emptying a file means is told elsewhere.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curate.audit.bucket_work import empty_bucket_work, forget_emptied_objects, purge_bucket_work
from curate.audit.emptying import Emptied, empty_aligned, empty_file, empty_json, empty_ledger, empty_shard
from curate.audit.finished_run import AuditError
from curate.audit.removals import RULE, Removal, keys_of
from curate.code.fingerprint import fingerprint
from curate.engine.commit import Commit, sweep
from curate.engine.mirror import EMPTIED_MARK, Mirror, mirror_of
from curate.engine.seal import sealed, unsealed
from curate.engine.task import EMPTIED
from curate.records.batches import read_batches
from curate.records.pages import ID
from curate.shards.entry import MANIFEST, MIX_FORMAT, parse_manifest
from curate.storage import digest_file, write_atomically

Empty = Callable[[Path, Path, pa.Array], Emptied | None]

PLACES: tuple[tuple[str, Empty | None], ...] = (
    (r"ledger/[^/]+\.parquet", empty_ledger),
    (r"documents/[^/]+/[^/]+\.parquet", empty_file),
    (r"tokens/[^/]+\.arrow", empty_file),
    (r"contamination\.json", empty_json),
    (r"(shards|mixes/[^/]+)/.*", None),  # with their manifest: a shard gets a new name
    (r"report\.html|stats\.json|findings\.json|run\.json", None),  # made again of what is left
    (r"quality/[^/]+\.arrow", None),  # weights of features that are hashes, codes of texts, and numbers
    (r"topics/[^/]+\.arrow", None),  # centres by hashes of terms, and words that two documents have at least
    (r"removals\.jsonl", None),  # hashes, ids, and why
)
"""Names of published files, and what empties such a file; None: nothing of a document's text is there, or see beside it."""

_RESULT = re.compile(r"[0-9a-f]{8,64}\.[A-Za-z0-9_.-]+")
"""A file that a task wrote: its key and its name."""


@dataclass(frozen=True)
class Change:
    """A file written again: how many rows became empty, and the tokens that went."""

    name: str
    rows: int
    tokens: int


def no_ids() -> pa.Array:
    """No record."""
    return pa.array([], ID)


def removed_ids(ledgers: Iterable[Path]) -> pa.Array:
    """The ids of ledger rows that a list of removals dropped."""
    found: list[bytes] = []
    for path in ledgers:
        table = pq.read_table(path, columns=["id", "failed"])
        rules = table.column("failed").to_pylist()
        found += [
            id for id, failed in zip(table.column("id").to_pylist(), rules, strict=True) if RULE in (failed or ())
        ]
    return pa.array(sorted(found), ID)


def empty_published(commit: Commit, ids: pa.Array) -> list[Change]:
    """Take documents out of every file that a commit will publish. Raises AuditError for a file of no known place."""
    if not len(ids):
        return []
    commit.forget_before()
    changes: list[Change] = []
    folders: set[str] = set()
    before = {name: listed.sha256 for name, listed in commit.files.items()}
    for name in sorted(commit.files):
        empty = _place(name)
        if name.startswith(("shards/", "mixes/")):
            folders.add(name.rpartition("/")[0])
        elif empty is not None:
            target = commit.path(f"{name}.emptied")
            found = empty(commit.current(name), target, ids)
            if found is not None:
                os.replace(target, commit.path(name))
                commit.put(name)
                changes.append(Change(name, found.rows, found.tokens))
    for folder in sorted(folders):
        if f"{folder}/{MANIFEST}" in commit.files:
            changes += _empty_shards(commit, folder, ids, before)
    return changes


def _place(name: str) -> Empty | None:
    for pattern, empty in PLACES:
        if re.fullmatch(pattern, name):
            return empty
    raise AuditError(f"{name} is in no list of places where a document's words can be: nothing was removed")


def _empty_shards(commit: Commit, folder: str, ids: pa.Array, before: Mapping[str, str]) -> list[Change]:
    """New versions of the shards that hold the documents, and a manifest that lists them. An index of a mix stays: what it
    points at is empty now, and its manifest counts so; one of a store that was made again since is left, and refused when it
    is read."""
    data = commit.current(f"{folder}/{MANIFEST}").read_bytes()
    manifest, listed = parse_manifest(data, f"{commit.folder}/{folder}/{MANIFEST}")
    changes, entries = [], []
    index = manifest["format"] == MIX_FORMAT
    store = [f"tokens/{Path(each).name}" for each in manifest.get("store", ())]
    if index and [before.get(each) for each in store] != list(manifest.get("store_sha256", ())):
        return []
    lengths = _Lengths(commit, manifest.get("store", ())) if index else None
    for entry, fields in zip(listed, manifest["shards"], strict=True):
        name = f"{folder}/{entry.file}"
        if lengths is not None:
            rows, tokens = lengths.of(commit.current(name))
            new = {**fields, "tokens": tokens} | ({"emptied": rows} if rows else {})
        else:
            new = _new_version(commit, folder, fields, ids)
        if new != fields:
            emptied = new.get("emptied", 0) - entry.emptied
            changes.append(Change(f"{folder}/{new['file']}", emptied, entry.tokens - new["tokens"]))
        entries.append(new)
    sums = [commit.files[each].sha256 for each in store]
    if changes:
        kept = sum(entry["rows"] - entry.get("emptied", 0) for entry in entries)
        manifest |= {"documents": kept, "tokens": sum(entry["tokens"] for entry in entries), "shards": entries}
        manifest["fingerprint"] = fingerprint(
            manifest["tokenizer"]["vocabulary_sha256"], manifest["fingerprint"], entries
        )
    if changes or ("store_sha256" in manifest and sums != manifest["store_sha256"]):
        if "store_sha256" in manifest:
            manifest["store_sha256"] = sums
        commit.write(f"{folder}/{MANIFEST}", sealed(manifest))
    return changes


def _new_version(commit: Commit, folder: str, fields: dict[str, Any], ids: pa.Array) -> dict[str, Any]:
    """The fields of a shard, or of its new version where it holds one of the documents."""
    stem, _, version = fields["file"].removesuffix(".arrow").partition(".r")
    name = f"{stem}.r{int(version or 0) + 1}.arrow"
    target = commit.path(f"{folder}/{name}")
    found = empty_shard(commit.current(f"{folder}/{fields['file']}"), target, ids)
    if found is None:
        return fields
    commit.drop(f"{folder}/{fields['file']}")
    listed = commit.put(f"{folder}/{name}")
    emptied = fields.get("emptied", 0) + found.rows
    content = {"bytes": listed.bytes, "sha256": listed.sha256, "emptied": emptied}
    return {**fields, "file": name, "tokens": fields["tokens"] - found.tokens, **content}


class _Lengths:
    """Tokens of each row of a token store, as a commit will publish it."""

    def __init__(self, commit: Commit, store: Sequence[str]) -> None:
        self._by_part = []
        for path in store:
            batches = read_batches(str(commit.current(f"tokens/{Path(path).name}")))
            lengths = [np.diff(batch.column("tokens").offsets.to_numpy()).astype(np.int64) for batch in batches]
            self._by_part.append(np.concatenate([np.empty(0, np.int64), *lengths]))

    def of(self, index: Path) -> tuple[int, int]:
        """(rows that are empty, tokens) of what an index points at."""
        empty = tokens = 0
        for batch in read_batches(str(index)):
            parts, rows = batch.column("part").to_numpy(), batch.column("row").to_numpy()
            for part in np.unique(parts).tolist():
                lengths = self._by_part[part][rows[parts == part]]
                empty, tokens = empty + int((lengths == 0).sum()), tokens + int(lengths.sum())
        return empty, tokens


def empty_work(folder: Path, ids: pa.Array, listed: Sequence[Removal]) -> int:
    """Take documents out of what tasks left in `.work`; returns how many files were written again. Under the run's lock.

    A task's manifest goes on to name its files by what they were, so nothing is done again; their new checksums stand
    beside. Files that no manifest names, which killed tasks left, are removed.
    """
    mirror = mirror_of(folder)
    if mirror is not None:
        return empty_bucket_work(Mirror.of(mirror.address), ids, listed)
    sweep(folder)
    work, marker = folder / ".work", folder / EMPTIED_MARK
    if not work.is_dir() or not len(ids):
        return 0
    wanted = {"ids": [id.hex() for id in ids.to_pylist()], "listed": keys_of(listed)}
    done_before = marker.stat().st_mtime_ns if read_marker(folder) == wanted else 0
    count = 0
    for stage in sorted(each for each in work.iterdir() if each.is_dir()):
        keys = set()
        for manifest in sorted(stage.glob("*.json")):
            keys.add(manifest.stem)
            if manifest.stat().st_mtime_ns >= done_before:
                count += _empty_results(manifest, ids)
        for path in stage.iterdir():
            if _RESULT.fullmatch(path.name) and path.name.partition(".")[0] not in keys:
                path.unlink()
    write_atomically(marker, sealed(wanted))
    return count


def _empty_results(path: Path, ids: pa.Array) -> int:
    """Empty the files of one task. The manifest is replaced first: cut short, the task counts as not done."""
    try:
        manifest = unsealed(path.read_bytes())
    except ValueError:
        return 0
    now = dict(manifest.get(EMPTIED, {}))
    written = []
    documents = path.with_name(f"{path.stem}.documents")
    for name in manifest["files"]:
        file = path.with_name(f"{path.stem}.{name}")
        target = path.with_name(f".{file.name}.emptied.tmp")
        if not file.exists():
            continue
        emptied = empty_file(file, target, ids)
        if emptied is None and documents.exists():
            emptied = empty_aligned(file, documents, target, ids)
        if emptied is None:
            target.unlink(missing_ok=True)
        else:
            now[name] = {"bytes": target.stat().st_size, "sha256": digest_file(target)}
            written.append((target, file))
    if written:
        write_atomically(path, sealed({**manifest, EMPTIED: now}))
        for target, file in written:
            os.replace(target, file)
    return len(written)


def read_marker(folder: Path) -> dict[str, Any]:
    """What was taken out of `.work`; empty where nothing was."""
    try:
        return unsealed((folder / EMPTIED_MARK).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}


def forget_emptied(folder: Path, listed: Sequence[Removal]) -> None:
    """Let tasks be done again whose files were emptied for entries that are on no list any more. Under the run's lock."""
    mirror = mirror_of(folder)
    if mirror is not None:
        forget_emptied_objects(Mirror.of(mirror.address), listed)
        return
    wanted = {tuple(key) for key in read_marker(folder).get("listed", ())}
    if wanted <= {tuple(key) for key in keys_of(listed)}:
        return
    for path in (folder / ".work").glob("*/*.json"):
        try:
            emptied = EMPTIED in unsealed(path.read_bytes())
        except ValueError:
            emptied = True
        if emptied:
            path.unlink()
    (folder / EMPTIED_MARK).unlink()


def purge_work(folder: Path) -> None:
    """Remove `.work` whole."""
    mirror = mirror_of(folder)
    if mirror is not None:
        purge_bucket_work(Mirror.of(mirror.address))
        return
    shutil.rmtree(folder / ".work", ignore_errors=True)
    (folder / EMPTIED_MARK).unlink(missing_ok=True)
