"""Takes removed documents out of what tasks left in a run's bucket: files are brought, emptied, put under their new hash.

As in a folder, a task's manifest goes on to name its files by what they were, so nothing is done again; their new checksums
stand beside, and the objects before are deleted. Mirrors on other machines see by the mark that theirs are not to be used.
The caller holds the run. Knows manifests and names; what emptying a file means is told elsewhere.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from curate.audit.emptying import empty_aligned, empty_file
from curate.audit.removals import Removal, keys_of
from curate.engine.lock import LockedError
from curate.engine.mirror import EMPTIED_MARK, WORK, Mirror, forget_stale_work, here
from curate.engine.pointer import DIGITS, is_hash
from curate.engine.seal import sealed, unsealed
from curate.engine.task import EMPTIED, entries_now
from curate.storage import digest_file, shown, write_atomically
from curate.storage.objects import (
    Listed,
    delete_objects,
    list_level,
    list_objects,
    put_bytes,
    put_file,
    put_if,
    read_object,
)

_PIECES = 3
"""Of the name of what a task wrote: its key, the content's hash, and what it is called."""


def empty_bucket_work(mirror: Mirror, ids: pa.Array, listed: Sequence[Removal]) -> int:
    """Take documents out of what tasks left; returns how many objects were written again. What no manifest names goes."""
    if not len(ids):
        return 0
    wanted = {"ids": [id.hex() for id in ids.to_pylist()], "listed": keys_of(listed)}
    found = read_object(mirror.object(EMPTIED_MARK))
    before = _content(found[0]) if found is not None else {}
    same = all(before.get(name) == value for name, value in wanted.items())
    done_before = found[1].written if found is not None and same else 0.0
    count = 0
    for folder, there in _folders(mirror):
        done = {each.name.removesuffix(".json"): each.written for each in there if each.name.endswith(".json")}
        for key, written in done.items():
            if written >= done_before:
                count += _empty_results(mirror, folder, key, there, ids)
        left = [each.name for each in there if each.name.split(".")[0] not in done]
        delete_objects(mirror.object(f"{WORK}/{folder}"), left)
    _mark(mirror, wanted | {"time": uuid.uuid4().hex if count or not same else before.get("time", "")})
    return count


def forget_emptied_objects(mirror: Mirror, listed: Sequence[Removal]) -> None:
    """Let tasks be done again whose files were emptied for entries that are on no list any more."""
    found = read_object(mirror.object(EMPTIED_MARK))
    before = _content(found[0]) if found is not None else {}
    if {tuple(key) for key in before.get("listed", ())} <= {tuple(key) for key in keys_of(listed)}:
        return
    for folder, there in _folders(mirror):
        manifests = [each.name for each in there if each.name.endswith(".json")]
        emptied = [name for name in manifests if _is_emptied(mirror, f"{WORK}/{folder}/{name}")]
        delete_objects(mirror.object(f"{WORK}/{folder}"), emptied)
    delete_objects(mirror.address, [EMPTIED_MARK])
    forget_stale_work(mirror)


def purge_bucket_work(mirror: Mirror) -> None:
    """Delete what tasks left, here and in the bucket; objects that are not named as theirs stay."""
    for folder, there in _folders(mirror):
        delete_objects(mirror.object(f"{WORK}/{folder}"), [each.name for each in there])
    _mark(mirror, {"ids": [], "listed": [], "time": uuid.uuid4().hex})


def _mark(mirror: Mirror, content: Mapping[str, Any]) -> None:
    """Say what was taken out of the results. Mirrors, the one here too, forget theirs where that is another than before."""
    put_bytes(mirror.object(EMPTIED_MARK), sealed(content))
    forget_stale_work(mirror)


def _content(data: bytes) -> dict[str, Any]:
    try:
        return unsealed(data)
    except ValueError:
        return {}


def _folders(mirror: Mirror) -> list[tuple[str, list[Listed]]]:
    """The folders of stages, each with the objects that tasks put there."""
    names = [each.rstrip("/") for each in list_level(mirror.object(WORK)) if each.endswith("/")]
    ours = [name for name in names if is_hash(name.rpartition(".")[2])]
    return [
        (name, [each for each in list_objects(mirror.object(f"{WORK}/{name}")) if _is_ours(each.name)]) for name in ours
    ]


def _is_ours(name: str) -> bool:
    pieces = name.split(".", _PIECES - 1)
    manifest = len(pieces) == 2 and pieces[1] == "json"
    return is_hash(pieces[0]) and (manifest or (len(pieces) == _PIECES and is_hash(pieces[1])))


def _is_emptied(mirror: Mirror, name: str) -> bool:
    found = read_object(mirror.object(name))
    try:
        return found is not None and EMPTIED in unsealed(found[0])
    except ValueError:
        return True


def _empty_results(mirror: Mirror, folder: str, key: str, there: Sequence[Listed], ids: pa.Array) -> int:
    """Empty the files of one task: first the files, then the manifest, then what lay there before. What was not on this
    machine does not stay on it."""
    name = f"{WORK}/{folder}/{key}.json"
    found = read_object(mirror.object(name))
    if found is None or not (manifest := _content(found[0])):
        return 0  # damaged, and counts as not done
    path = mirror.folder / name
    write_atomically(path, found[0])
    now, brought = dict(manifest.get(EMPTIED, {})), []
    count, documents = 0, path.with_name(f"{key}.documents")
    for each in sorted(manifest["files"], key=lambda each: each != "documents"):
        file = path.with_name(f"{key}.{each}")
        target = path.with_name(f".{file.name}.emptied.tmp")
        brought += [] if file.exists() else [file]
        emptied = empty_file(here(file), target, ids)
        if emptied is None and documents.exists():
            emptied = empty_aligned(file, documents, target, ids)
        if emptied is not None:
            now[each] = {"bytes": target.stat().st_size, "sha256": digest_file(target)}
            put_file(mirror.result(folder, key, each, now[each]["sha256"]), target)
            count += 1
        target.unlink(missing_ok=True)
    for file in brought:
        file.unlink(missing_ok=True)
    manifest |= {EMPTIED: now} if now else {}
    if count and put_if(mirror.object(name), sealed(manifest), found[1]) is None:
        raise LockedError(
            f"{shown(mirror.object(name))} was written by another run meanwhile: remove the records again"
        )
    present = {f"{key}.{entry['sha256'][:DIGITS]}.{each}" for each, entry in entries_now(manifest).items()}
    of_task = [each.name for each in there if each.name.startswith(f"{key}.") and each.name != f"{key}.json"]
    delete_objects(mirror.object(f"{WORK}/{folder}"), [each for each in of_task if each not in present])
    return count
