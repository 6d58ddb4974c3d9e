"""Files by address: local paths, and through fsspec whatever it knows (S3, GCS, HTTPS).

Knows bytes, names, checksums and atomic commits; knows nothing of what the bytes mean.
"""

from __future__ import annotations

import fcntl
import glob as local_glob
import hashlib
import itertools
import os
import re
import stat
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NewType, cast

import fsspec

from curate.errors import WRONG_USE, CurateError

Address = NewType("Address", str)
"""Where something lies that is no file of this machine: `s3://...`, `https://...`. Never joined to a path."""

_CHUNK = 1 << 20
_WILD = frozenset("*?[")
_SCHEME = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]+:/"
)  # one slash: Path("s3://a") has taken the other away; C:/ is no scheme
_PIECE = re.compile(r"[^/\\\x00-\x1f]{1,255}")
_FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file until one of the two is written


class OutputError(CurateError, OSError):
    """A place that must not be written to; the message says why and what would be right."""

    status = WRONG_USE


def locate(place: str | Path) -> Address | Path:
    """A place as what it is: an address, or a path of this machine (`file://` taken off)."""
    text = os.fspath(place)
    if text.startswith("file://"):
        return Path(text.removeprefix("file://"))
    return Address(text) if _SCHEME.match(text) else Path(text)


def output_path(place: str | Path, what: str) -> Path:
    """The path that `what` is written to. Raises OutputError for an address: output goes to this machine's file systems."""
    found = locate(place)
    if isinstance(found, Path):
        return found
    raise OutputError(
        f"{what} cannot be written to the address {found}: give a folder of this machine, and copy it there afterwards"
    )


def is_safe_name(name: str) -> bool:
    """Whether a name from outside stays below the folder that it is joined to: relative pieces, none hidden or `..`."""
    pieces = name.split("/")
    return len(name) <= _LONGEST_NAME and all(_PIECE.fullmatch(piece) and not piece.startswith(".") for piece in pieces)


_LONGEST_NAME = 1024


@dataclass(frozen=True)
class SourceFile:
    """One input file: `path` opens it, `relative` names it within its source, `stamp` changes when its content does."""

    path: str
    relative: str
    size: int
    stamp: str


def is_remote(path: str) -> bool:
    """Whether the path is an address with a scheme other than file://."""
    return "://" in path and not path.startswith("file://")


def open_binary(path: str) -> IO[bytes]:
    """Open a file for reading bytes, wherever it lies."""
    if is_remote(path):
        return cast("IO[bytes]", fsspec.open(path, "rb").open())
    return open(path.removeprefix("file://"), "rb")


def resolve(path: str, against: str | Path) -> str:
    """The path as an absolute one, relative paths taken from `against`; addresses stay as they are."""
    if is_remote(path):
        return path
    path = os.path.expanduser(path.removeprefix("file://"))
    return os.path.normpath(os.path.join(os.path.abspath(against), path))


def _fixed_folder(pattern: str) -> str:
    """The folder of a pattern up to its first wildcard."""
    pieces = pattern.split("/")
    fixed = next((i for i, piece in enumerate(pieces) if _WILD & set(piece)), len(pieces) - 1)
    return "/".join(pieces[:fixed])


def common_root(patterns: Sequence[str]) -> str:
    """The deepest folder that holds every pattern's fixed part: a source's root, from which its files are named."""
    folders = [_fixed_folder(pattern).split("/") for pattern in patterns]
    shared: list[str] = []
    for level in zip(*folders, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return "/".join(shared)


def _literal_brackets(pattern: str) -> str:
    """The pattern with its brackets taken for themselves, `*` and `?` still for wildcards."""
    return pattern.replace("[", "[[]")


def _names(pattern: str) -> list[str]:
    """The local paths that a pattern matches: one that is a file's own name means that file, brackets and all.

    Brackets are wildcards where that matches something, else they stand for themselves, as in `dump[2024]/*.jsonl`.
    """
    if os.path.exists(pattern) or not _WILD & set(pattern):
        return [pattern]
    return local_glob.glob(pattern, recursive=True) or local_glob.glob(_literal_brackets(pattern), recursive=True)


def _details(filesystem: Any, pattern: str) -> list[dict[str, Any]]:
    """What a remote file system says of each file that a pattern matches, in the same way."""
    if not _WILD & set(pattern) or ("[" in pattern and filesystem.exists(pattern)):
        return [filesystem.info(pattern)]
    found = filesystem.glob(pattern, detail=True)
    if not found and "[" in pattern:
        found = filesystem.glob(_literal_brackets(pattern), detail=True)
    return list(found.values())


_MARKS = ("ETag", "etag", "LastModified", "last_modified", "Last-Modified", "mtime", "updated", "Content-MD5", "Digest")
"""What file systems call that which changes with a file's content, the best first."""


def _expand(pattern: str) -> list[tuple[str, int, str]]:
    """(path, size, stamp) of each file a pattern matches, sorted."""
    if not is_remote(pattern):
        names = _names(pattern)
        found = []
        for name in sorted(names):
            status = os.stat(name)
            if not os.path.isdir(name):
                found.append((name, status.st_size, f"{status.st_size}-{status.st_mtime_ns}"))
        return found
    filesystem, _, _ = fsspec.get_fs_token_paths(pattern)
    scheme = pattern.split("://", 1)[0]
    found = []
    for info in sorted(_details(filesystem, pattern), key=lambda info: str(info["name"])):
        if info.get("type") == "directory":
            continue
        name = str(info["name"])
        mark = next((info[key] for key in _MARKS if info.get(key)), "")
        size = int(info.get("size") or 0)
        found.append((name if "://" in name else f"{scheme}://{name.lstrip('/')}", size, f"{size}-{mark}"))
    return found


_ENDING = re.compile(r"(?:\.[A-Za-z][A-Za-z0-9]*)+$")
_MOST_LOOKED = 1000
"""Files of a folder that are looked at to propose a pattern."""


def _check_folders(pattern: str) -> None:
    """Raise PermissionError for a folder a local pattern reaches and may not list: glob would pass over it silently."""
    pieces = pattern.split("/")
    for depth in range(2, len(pieces)):
        for folder in _names("/".join(pieces[:depth])):
            allowed = os.access(folder, os.R_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids)
            if os.path.isdir(folder) and not allowed:
                raise PermissionError(f"cannot read the folder {folder}")


def _files_in(folder: str) -> str:
    """A pattern of the files in a folder, by the ending that most of them have."""
    return f"{folder.rstrip('/')}/{_usual([folder])}"


def _usual(folders: Sequence[str]) -> str:
    """A pattern of the files of folders: `*` and the ending that most have; below them `**/`."""
    for below in ("", "**/"):
        patterns = [f"{local_glob.escape(folder)}/{below}*" for folder in folders]
        names = (name for pattern in patterns for name in local_glob.iglob(pattern, recursive=True))
        files = [Path(name) for name in itertools.islice(names, _MOST_LOOKED) if os.path.isfile(name)]
        endings = Counter("".join(_ENDING.findall(file.name)) for file in files)
        if endings:
            return f"{below}*{max(endings, key=lambda ending: (endings[ending], ending))}"
    return "*"


def list_files(patterns: Sequence[str], root: str | None = None) -> list[SourceFile]:
    """Every file the patterns match, each once, sorted by its name within the root.

    Raises FileNotFoundError naming a pattern that matches nothing, PermissionError naming a folder that cannot be read.
    """
    root = common_root(patterns) if root is None else root
    files: dict[str, SourceFile] = {}
    for pattern in patterns:
        if not is_remote(pattern):
            _check_folders(pattern)
        found = _expand(pattern)
        if not found and not is_remote(pattern) and os.path.isdir(pattern):
            raise FileNotFoundError(f"{pattern} is a folder: name its files, for example {_files_in(pattern)}")
        if not found:
            folders = [] if is_remote(pattern) else [name for name in _names(pattern) if os.path.isdir(name)]
            hint = f": it matches folders only; name their files, as in {pattern}/{_usual(folders)}" if folders else ""
            raise FileNotFoundError(f"no file matches {pattern}{hint}")
        for path, size, stamp in found:
            relative = path[len(root) :].lstrip("/") if path.startswith(root) else path
            files[relative] = SourceFile(path, relative, size, stamp)
    return [files[name] for name in sorted(files)]


def digest_file(path: str | Path) -> str:
    """The file's SHA-256, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def copy_file(source: str | Path, target: str | Path) -> str:
    """Copy a file and return the copy's SHA-256. Blocks are shared where the file system can, until one is written to.

    Never a hard link: what damages one name of a file would damage the other, and nothing could be restored from it.
    """
    with open(source, "rb") as old, open(target, "wb") as new:
        try:
            fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
            shared = True
        except OSError:
            shared = False
        digest = hashlib.sha256()
        while chunk := old.read(_CHUNK):
            digest.update(chunk)
            if not shared:
                new.write(chunk)
        new.flush()
        os.fsync(new.fileno())
    return digest.hexdigest()


def private_folder(path: str | Path) -> Path:
    """A folder that only this user may write to, made where it is missing: for files that are later trusted.

    Raises PermissionError where another user owns it, or may write to it: in a shared folder anyone can make it first.
    """
    folder = Path(path)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = os.lstat(folder)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise PermissionError(
            f"{folder} is not a folder of this user alone: remove it, or name another by CURATE_CACHE_DIR"
        )
    return folder


def sync_folder(folder: str | Path) -> None:
    """Make renames within a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; synced and renamed to it when the block ends well, else removed."""
    target = output_path(path, "a file")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
        sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: str | Path, data: bytes) -> None:
    """Replace a file's content in one step: readers see the old bytes or the new, never part of them."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
