"""Whether every file of a run directory is the one that was written: each is read, and its SHA-256 compared.

A damaged file that is published is restored from the copy in `.work`, one of `.work` from the copy that is published; a
result of which no whole copy is left is made again by the next run. Knows checksums; opens no content.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.audit.rendering import Answer, Table
from curate.engine.commit import LISTING, Commit, DamagedError, Published, leftovers, open_published
from curate.engine.lock import hold
from curate.engine.mirror import EMPTIED_MARK
from curate.engine.seal import unsealed
from curate.engine.task import entries_now
from curate.shards.entry import MANIFEST, MIX_FORMAT, ShardError, parse_manifest
from curate.storage import atomic_path, copy_file, digest_file

_AGAIN = "`curate run` with the same pipeline makes it again"
_MIX_AGAIN = "`curate mix make` makes it again"


@dataclass(frozen=True)
class Fault:
    """A file that is not as it was written; `mended` says how it was restored, `remedy` what would mend it."""

    name: str
    what: str
    remedy: str
    mended: str | None = None


@dataclass(frozen=True)
class Verified:
    """What was read, and what is wrong."""

    files: int
    bytes: int
    faults: tuple[Fault, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong any more."""
        return all(fault.mended for fault in self.faults)


def verify(path: str | Path, *, repair: bool = False) -> Verified:
    """Read every file of a run directory and compare it with what was recorded. With `repair`, restore what can be.

    Raises FileNotFoundError where nothing was published, DamagedError where the listing itself is damaged, LockedError.
    """
    folder = Path(path)
    published = open_published(folder)
    if not published.files:
        raise FileNotFoundError(f"{folder} holds no published run: there is no {LISTING} in it")
    with hold(folder):
        seen = _Seen()
        faults = [*_published(published, seen), *_work(folder, seen), *_indexes(folder, published)]
        if repair:
            faults = _repaired(folder, faults, seen)
        if all(fault.mended for fault in faults):
            os.utime(folder / LISTING)  # whoever reads next need not read files again whose times a copy did not keep
    return Verified(seen.files, seen.bytes, tuple(faults))


class _Seen:
    """What was read, and where a whole file of a SHA-256 lies."""

    def __init__(self) -> None:
        self.files = self.bytes = 0
        self.whole: dict[str, Path] = {}
        self.wanted: dict[str, str] = {}
        """By name of a damaged file, the SHA-256 that it should have."""

    def check(self, path: Path, size: int, sha256: str, name: str) -> str | None:
        """What is wrong with a file."""
        try:
            found = path.stat().st_size
        except FileNotFoundError:
            self.wanted[name] = sha256
            return "is missing"
        self.files, self.bytes = self.files + 1, self.bytes + found
        if found == size and digest_file(path) == sha256:
            self.whole.setdefault(sha256, path)
            return None
        self.wanted[name] = sha256
        return f"has {found:,} bytes, not {size:,}" if found != size else "has another SHA-256 than was recorded"


def _published(published: Published, seen: _Seen) -> Iterator[Fault]:
    for name, listed in sorted(published.files.items()):
        what = seen.check(published.folder / name, listed.bytes, listed.sha256, name)
        if what is not None:
            yield Fault(name, what, _MIX_AGAIN if name.startswith("mixes/") else _AGAIN)


def _work(folder: Path, seen: _Seen) -> Iterator[Fault]:
    for path in sorted((folder / ".work").glob("*/*.json")):
        name = str(path.relative_to(folder))
        try:
            manifest = unsealed(path.read_bytes())
            files = entries_now(manifest)
        except (ValueError, KeyError, TypeError):
            yield Fault(name, "is no manifest as it was written", _AGAIN)
            continue
        for key, entry in sorted(files.items()):
            file = path.with_name(f"{path.stem}.{key}")
            what = seen.check(file, entry["bytes"], entry["sha256"], str(file.relative_to(folder)))
            if what is not None:
                yield Fault(str(file.relative_to(folder)), what, _AGAIN)


def _indexes(folder: Path, published: Published) -> Iterator[Fault]:
    """Mixes that are indexes of a token store that was made again since."""
    for name in sorted(name for name in published.files if name.startswith("mixes/") and name.endswith(f"/{MANIFEST}")):
        try:
            manifest, _ = parse_manifest((folder / name).read_bytes(), name)
        except (OSError, ShardError):
            continue  # told already
        sums = [published.files.get(f"tokens/{Path(each).name}") for each in manifest.get("store", ())]
        same = [each.sha256 if each else None for each in sums] == list(manifest.get("store_sha256", ()))
        if manifest["format"] == MIX_FORMAT and not same:
            yield Fault(name, "is of a token store that was made again since", _MIX_AGAIN)


def _repaired(folder: Path, faults: list[Fault], seen: _Seen) -> list[Fault]:
    commit = Commit(folder)
    mended = []
    for fault in faults:
        whole = seen.whole.get(seen.wanted.get(fault.name, ""))
        if fault.name.startswith(".work/"):
            mended.append(_mend_result(folder, fault, whole))
        elif whole is not None:
            commit.restore(fault.name, whole)
            mended.append(_with(fault, f"restored from {whole.relative_to(folder)}"))
        else:
            mended.append(fault)
    commit.finish()
    for path in leftovers(folder):
        if path.is_file():
            path.unlink(missing_ok=True)
    return mended


def _mend_result(folder: Path, fault: Fault, whole: Path | None) -> Fault:
    """A file of `.work` from its published copy; without one, its task counts as not done."""
    path = folder / fault.name
    if whole is not None:
        with atomic_path(path) as temporary:
            copy_file(whole, temporary)
        return _with(fault, f"restored from {whole.relative_to(folder)}")
    key = path.name.partition(".")[0]
    path.with_name(f"{key}.json").unlink(missing_ok=True)
    (folder / EMPTIED_MARK).unlink(missing_ok=True)  # what is made again may hold what was taken out
    return _with(fault, "its task is done again by the next run")


def _with(fault: Fault, mended: str) -> Fault:
    return Fault(fault.name, fault.what, fault.remedy, mended)


def answer(verified: Verified) -> Answer:
    """What was found, for people and programs."""
    rows = tuple((fault.name, fault.what, fault.mended or fault.remedy) for fault in verified.faults)
    whole = f"{verified.files:,} files, {verified.bytes:,} bytes read"
    blocks = [Table("Damaged files" if rows else "Every file is as it was written", ("file", "", ""), rows, whole)]
    data: dict[str, Any] = {
        "files": verified.files,
        "bytes": verified.bytes,
        "sound": verified.sound,
        "faults": [
            {"file": fault.name, "what": fault.what, "mended": fault.mended, "remedy": fault.remedy}
            for fault in verified.faults
        ],
    }
    return Answer(tuple(blocks), data)


__all__ = ["DamagedError", "Fault", "Verified", "answer", "verify"]
