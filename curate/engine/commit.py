"""One commit of many files in a folder: a reader sees all of the old ones or all of the new, never some of each.

New files are written below `.staged/`. A journal that lists every file, with size and SHA-256, is renamed into place: that
is the commit. Then each file is renamed to where it belongs, and the journal becomes the listing. A process that dies
leaves the old files and a folder to be thrown away, or a journal that whoever comes next carries out. Programs that know
nothing of journals find no `run.json` or `manifest.json` while files change: those that change go first and come last.

Only files that the former listing names are ever removed or replaced. Knows names and checksums; knows no content.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from curate.engine.listing import LISTING, DamagedError, Listed, Listing, parse_listing, read_listing
from curate.engine.lock import LockedError, hold
from curate.engine.mirror import here
from curate.engine.seal import sealed
from curate.storage import OutputError, copy_file, digest_file, is_safe_name, sync_folder, write_atomically

__all__ = [
    "JOURNAL",
    "LISTING",
    "STAGED",
    "Commit",
    "DamagedError",
    "Listed",
    "Listing",
    "Published",
    "leftovers",
    "open_published",
    "parse_listing",
    "read_listing",
    "settle",
    "settle_above",
    "sweep",
]

JOURNAL = ".publishing.json"
STAGED = ".staged"
_MARKERS = ("manifest.json", "stats.json", "run.json")
"""Files that say of others that they are whole, the last of them of all."""
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{32}\.tmp")
"""What `storage.atomic_path` calls its files until they are whole."""
_PATIENCE = 60.0
"""Seconds that a reader waits for a commit that is being carried out: it only renames."""


def settle(folder: Path) -> None:
    """Carry out what a process committed to before it died, and wait for one that is at it now. For readers.

    Raises DamagedError where this user may not write there, LockedError where the wait was in vain.
    """
    deadline = time.monotonic() + _PATIENCE
    while (folder / JOURNAL).exists():
        try:
            with hold(folder):
                carry_out(folder)
        except LockedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            raise DamagedError(
                f"{folder} was being published when that was cut short: the command that did it, repeated, ends it"
            ) from None


def settle_above(path: Path) -> None:
    """Settle the run that a path lies in, or is: its own folder and the two above it."""
    for folder in (path, *path.parents[:2]):
        if (folder / JOURNAL).exists():
            settle(folder)


def carry_out(folder: Path, listing: str = LISTING) -> None:
    """Rename what a journal lists to its place, and remove what only the former listing has. The caller holds the lock."""
    new = read_listing(folder, JOURNAL)
    if new is None:
        return
    staged = folder / STAGED
    waiting = [name for name in new if (staged / name).exists()]
    markers = sorted((name for name in waiting if _marks(name)), key=_marker_rank)
    touched = {str(Path(name).parent) for name in waiting}
    gone = (read_listing(folder, listing) or {}).keys() - new.keys()
    if len(waiting) + len(gone) > 1:
        for name in reversed(markers):
            (folder / name).unlink(missing_ok=True)
    for name in gone:
        (folder / name).unlink(missing_ok=True)
        _prune(folder, (folder / name).parent)
        touched.add(str(Path(name).parent))
    for name in [*(name for name in waiting if not _marks(name)), *markers]:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(staged / name, target)
    for name in touched:
        if (folder / name).is_dir():
            sync_folder(folder / name)
    os.replace(folder / JOURNAL, folder / listing)
    sync_folder(folder)
    shutil.rmtree(staged, ignore_errors=True)


def _marks(name: str) -> bool:
    return name.rpartition("/")[2] in _MARKERS


def _marker_rank(name: str) -> int:
    return _MARKERS.index(name.rpartition("/")[2])


def _prune(folder: Path, empty: Path) -> None:
    """Remove folders that became empty, up to the one that holds them all."""
    with contextlib.suppress(OSError):
        while empty != folder:
            empty.rmdir()
            empty = empty.parent


class Commit:
    """The next state of a folder: files put one by one, then `finish`. The caller holds the folder's lock.

    What the former listing has below one of the `replaced` prefixes goes unless it is put again; the rest stays. A file in
    the way that no listing of ours names is refused (OutputError) unless `take_over`. `listing` is what the list is called,
    `header` what it says besides; with `resume`, what a commit that was cut short had staged stays.
    """

    def __init__(
        self,
        folder: Path,
        replaced: tuple[str, ...] = (),
        *,
        take_over: bool = False,
        listing: str = LISTING,
        header: Mapping[str, Any] | None = None,
        resume: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        carry_out(folder, listing)
        for path in [path for path in folder.iterdir() if _TEMPORARY.fullmatch(path.name)]:
            path.unlink()  # of a commit that was cut short
        self.folder, self._take_over = folder, take_over
        self._listing, self._header = listing, {"format": "curate-files/1"} if header is None else dict(header)
        self.published = Published.of(folder, listing)
        self._staged = folder / STAGED
        if not resume:
            shutil.rmtree(self._staged, ignore_errors=True)
        before = self.published.files
        self.files: dict[str, Listed] = {
            name: listed for name, listed in before.items() if not name.startswith(replaced)
        }

    def path(self, name: str) -> Path:
        """A path to write the file of this name to; `put` then takes it up."""
        if not is_safe_name(name):
            raise ValueError(f"{name!r} is no name of a published file")
        target = self._staged / name
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def current(self, name: str) -> Path:
        """Where a file that is going to be published lies now: as it was written for that, else as it is published."""
        staged = self._staged / name
        return staged if staged.exists() else self.folder / name

    def put(self, name: str) -> Listed:
        """Take up the file that was written to `path(name)`. One that is there already as it is, stays."""
        staged = self._staged / name
        with open(staged, "rb") as file:
            os.fsync(file.fileno())
        return self._take(name, Listed(staged.stat().st_size, digest_file(staged)))

    def write(self, name: str, data: bytes) -> Listed:
        """Put a file of these bytes."""
        self.path(name).write_bytes(data)
        return self.put(name)

    def copy(self, name: str, source: str | Path, digest: str | None = None, size: int | None = None) -> Listed:
        """Put a copy of a file. With the `digest` it has, one that is published already is not copied again."""
        size = os.stat(source).st_size if size is None else size
        if digest is not None and self.published.has(name, Listed(size, digest)):
            self.files[name] = Listed(size, digest)
            return self.files[name]
        staged = self.path(name)
        return self._take(name, Listed(size, copy_file(source, staged)))

    def restore(self, name: str, source: str | Path) -> None:
        """Put a copy of a file in place of one that is damaged, whatever its time says."""
        staged = self.path(name)
        digest = copy_file(source, staged)
        self.files[name] = Listed(staged.stat().st_size, digest)

    def announce(self, names: Sequence[str]) -> None:
        """Say which files will be put; here nobody has to know before the commit."""

    def resume(self, name: str) -> bool:
        """Put the file that a commit that was cut short had staged, and say whether there was one."""
        if not (self._staged / name).exists():
            return False
        self.put(name)
        return True

    def keep(self, name: str) -> bool:
        """Whether a published file is there undamaged; it is then put again as it is."""
        listed = self.published.files.get(name)
        if listed is None or not self.published.has(name, listed):
            return False
        self.files[name] = listed
        return True

    def kept(self, timed: Sequence[str]) -> bool:
        """Whether these files, which tell how long things took, need not be made again: here they always are, so that they
        tell of the last time."""
        return False

    def forget_before(self) -> None:
        """Let nothing stay of what was published before, not for those who still read it either: here nothing ever does."""

    def drop(self, name: str) -> None:
        """Leave a file of the former listing out."""
        self.files.pop(name, None)

    def _take(self, name: str, listed: Listed) -> Listed:
        if self.published.has(name, listed):
            (self._staged / name).unlink()
        self.files[name] = listed
        return listed

    def finish(self) -> list[str]:
        """Commit. Returns the names of the files that are new or other than before."""
        changed = [name for name in self.files if (self._staged / name).exists()]
        gone = self.published.files.keys() - self.files.keys()
        for name in changed:
            target = self.folder / name
            if target.is_dir() or (
                name not in self.published.files and os.path.lexists(target) and not self._take_over
            ):
                raise OutputError(
                    f"{target} is in the way, and no run of ours wrote it: move it, or give another folder"
                )
        if changed or gone or not (self.folder / self._listing).exists():
            for parent in {(self._staged / name).parent for name in changed}:
                sync_folder(parent)
            files = {name: asdict(listed) for name, listed in sorted(self.files.items())}
            write_atomically(self.folder / JOURNAL, sealed({**self._header, "files": files}))
            carry_out(self.folder, self._listing)
        else:
            shutil.rmtree(self._staged, ignore_errors=True)
        return changed


@dataclass(frozen=True)
class Published:
    """A folder as its listing tells of it. Files are checked when they are first opened.

    A file that was last written before the listing was is the one that was listed: its size is compared. One written later
    is read and its SHA-256 compared, once in a process. What changes a byte without the file system's knowledge only
    `curate verify` and the readers of shards find: they read all of it.
    """

    folder: Path
    files: Listing
    written: int
    """When the listing was written, in nanoseconds."""

    @staticmethod
    def of(folder: Path, listing: str = LISTING) -> Published:
        """What is published in a folder: nothing where it has no listing."""
        files = read_listing(folder, listing)
        if files is None:
            return Published(folder, {}, 0)
        return Published(folder, files, (folder / listing).stat().st_mtime_ns)

    def has(self, name: str, listed: Listed) -> bool:
        """Whether the file of this name is published, is this one, and is there undamaged."""
        return self.files.get(name) == listed and self.fault(name) is None

    def fault(self, name: str, *, thorough: bool = False) -> str | None:
        """What is wrong with a listed file, or None. `thorough` reads it whatever its time says."""
        listed = self.files[name]
        path = here(self.folder / name)
        try:
            status = path.stat()
        except FileNotFoundError:
            return "is missing"
        if status.st_size != listed.bytes:
            return f"has {status.st_size:,} bytes, not {listed.bytes:,}"
        if thorough or status.st_mtime_ns > self.written:
            seen = (str(path), status.st_ino, status.st_size, status.st_mtime_ns, listed.sha256)
            if thorough or seen not in _SEEN:
                if digest_file(path) != listed.sha256:
                    return "has another SHA-256 than was published"
                _SEEN.add(seen)
        return None

    def check(self, name: str) -> Path:
        """The path of a file, which is as it was published. Raises DamagedError. What is not listed is not checked."""
        fault = self.fault(name) if name in self.files else None
        if fault is not None:
            raise DamagedError(
                f"{self.folder / name} {fault}: `curate verify {self.folder} --repair` restores it, or the run made again"
            )
        return self.folder / name


_SEEN: set[tuple[Any, ...]] = set()
"""Files that were read and found to be what was published, by path, inode, size, time and SHA-256."""


def open_published(folder: Path) -> Published:
    """A folder's files, for a reader: what was being committed is settled first."""
    settle(folder)
    return Published.of(folder)


def leftovers(folder: Path) -> Iterator[Path]:
    """Temporary files and folders that killed processes left in a run directory."""
    for pattern in ("*", ".work/*/*", "timings/*"):
        for path in folder.glob(pattern):
            if path.name.startswith(".") and path.name.endswith(".tmp"):
                yield path


def sweep(folder: Path) -> None:
    """Remove what killed processes left. The caller holds the lock."""
    for path in list(leftovers(folder)):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
