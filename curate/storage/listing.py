"""Which files patterns and lists name, wherever they lie, and what marks the content of each."""

from __future__ import annotations

import glob as local_glob
import gzip
import itertools
import os
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import fsspec
from fsspec.utils import glob_translate

from curate.errors import ConfigError
from curate.storage.buckets import (
    bucket_system,
    describe_object,
    is_bucket,
    list_bucket,
    open_object,
    read_object_range,
)
from curate.storage.http import describe, open_http, read_http
from curate.storage.hub import is_hub, list_hub
from curate.storage.patience import patience
from curate.storage.places import WILD, common_root, fixed_folder, is_remote, shown

_MOST_LISTED = 1 << 28
"""Bytes of a list of files, decoded: two million keys as Common Crawl writes them."""
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class SourceFile:
    """One input file: `path` opens it, `relative` names it within its source, `stamp` changes when its content does."""

    path: str
    relative: str
    size: int
    stamp: str
    range: tuple[int, int] | None = None
    """Where the bytes that are meant begin and end, if they are not all: then `size` is their end."""


def is_web(path: str) -> bool:
    """Whether a path is a web server's address."""
    return path.startswith(("http://", "https://"))


def open_binary(path: str, size: int | None = None) -> IO[bytes]:
    """Open a file for reading bytes, wherever it lies; `size`, where it is known, is what it must have elsewhere.

    Raises FileNotFoundError, PermissionError and StorageError, the last also while it is read: no file is read in part
    without a word.
    """
    if is_web(path):
        return open_http(path, size)
    if is_bucket(path):
        return open_object(path, size)
    if is_hub(path):
        (found,) = _expand(path)
        return open_http(found[1], found[2])
    if is_remote(path):
        return cast("IO[bytes]", fsspec.open(path, "rb").open())
    return open(path.removeprefix("file://"), "rb")


def read_range(path: str, start: int, end: int) -> bytes:
    """The bytes of a file from `start` up to `end`, wherever it lies, fewer where it ends before; by one request.

    Raises FileNotFoundError, PermissionError, StorageError.
    """
    if is_web(path):
        return read_http(path, start, end)
    if is_bucket(path):
        return read_object_range(path, start, end)
    with open_binary(path) as file:
        file.seek(start)
        return file.read(end - start)


def file_system(place: str) -> tuple[Any, str]:
    """(a file system as fsspec has them, the path in it) of a folder or an address."""
    if is_bucket(place):
        return bucket_system(place)
    found: tuple[Any, str] = fsspec.url_to_fs(place)
    return found


def _literal_brackets(pattern: str) -> str:
    """The pattern with its brackets taken for themselves, `*` and `?` still for wildcards."""
    return pattern.replace("[", "[[]")


def _names(pattern: str) -> list[str]:
    """The local paths that a pattern matches: one that is a file's own name means that file, brackets and all.

    Brackets are wildcards where that matches something, else they stand for themselves, as in `dump[2024]/*.jsonl`.
    """
    if os.path.exists(pattern) or not WILD & set(pattern):
        return [pattern]
    return local_glob.glob(pattern, recursive=True) or local_glob.glob(_literal_brackets(pattern), recursive=True)


def _details(filesystem: Any, pattern: str) -> list[dict[str, Any]]:
    """What a remote file system says of each file that a pattern matches, in the same way."""
    if not WILD & set(pattern) or ("[" in pattern and filesystem.exists(pattern)):
        return [filesystem.info(pattern)]
    found = filesystem.glob(pattern, detail=True)
    if not found and "[" in pattern:
        found = filesystem.glob(_literal_brackets(pattern), detail=True)
    return list(found.values())


_MARKS = ("ETag", "etag", "LastModified", "last_modified", "Last-Modified", "mtime", "updated", "Content-MD5", "Digest")
"""What file systems call that which changes with a file's content, the best first."""


def _expand(pattern: str) -> list[tuple[str, str, int, str]]:
    """(name, path, size, stamp) of each file a pattern matches, sorted.

    The name is what the pattern speaks of, the path opens it.
    """
    if is_web(pattern):
        if "*" in pattern:
            raise ConfigError(
                f"{shown(pattern)}: a web server does not list its files: name each, or a list as '@FILE'"
            )
        said = describe(pattern)
        return [(pattern, pattern, said.size or 0, f"{said.size}-{said.mark}")]
    if is_bucket(pattern):
        return [(path, path, size, f"{size}-{mark}") for path, size, mark in _objects(pattern)]
    if is_hub(pattern):
        start, files = list_hub(pattern)
        matches = _matching(pattern.removeprefix(f"{start}/"), [name for name, *_ in files])
        return [
            (f"{start}/{name}", path, size, f"{size}-{mark}") for name, path, size, mark in files if name in matches
        ]
    if not is_remote(pattern):
        found = []
        for name in sorted(_names(pattern)):
            status = os.stat(name)
            if not os.path.isdir(name):
                found.append((name, name, status.st_size, f"{status.st_size}-{status.st_mtime_ns}"))
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
        address = name if "://" in name else f"{scheme}://{name.lstrip('/')}"
        found.append((address, address, size, f"{size}-{mark}"))
    return found


def _objects(pattern: str) -> list[tuple[str, int, str]]:
    """The objects of a store that a pattern matches."""
    if not WILD & set(pattern):
        return [(pattern, *describe_object(pattern))]
    folder = fixed_folder(pattern)
    found = list_bucket(folder)
    matches = _matching(pattern, [address for address, *_ in found])
    return [each for each in found if each[0] in matches]


def _matching(pattern: str, names: Sequence[str]) -> set[str]:
    """The names that a pattern matches, brackets taken for themselves where they match nothing else."""
    for each in (pattern, _literal_brackets(pattern)):
        if pattern in names:
            return {pattern}
        wanted = re.compile(glob_translate(each))
        found = {name for name in names if wanted.match(name)}
        if found:
            return found
    return set()


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
        for name, path, size, stamp in found:
            relative = name[len(root) :].lstrip("/") if name.startswith(root) else name
            files[relative] = SourceFile(path, relative, size, stamp)
    return [files[name] for name in sorted(files)]


def list_named(names: Sequence[str], base: str) -> list[SourceFile]:
    """The files of these names below a base, which is an address or a folder; each once, sorted by name. Names are what the
    files are known by, wherever the base is. Raises FileNotFoundError naming one that is not there."""
    ordered = sorted(set(names))

    def one(name: str) -> SourceFile:
        _, path, size, stamp = _expand_one(join(base, name))
        return SourceFile(path, name, size, stamp)

    with ThreadPoolExecutor(patience().at_once, thread_name_prefix="listing") as pool:
        return list(pool.map(one, ordered))


def _expand_one(path: str) -> tuple[str, str, int, str]:
    if is_bucket(path):
        size, mark = describe_object(path)
        return path, path, size, f"{size}-{mark}"
    if is_remote(path):
        (found,) = _expand(path)
        return found
    status = os.stat(path)
    return path, path, status.st_size, f"{status.st_size}-{status.st_mtime_ns}"


def join(base: str, name: str) -> str:
    """A name below a base: an address, or a folder.

    >>> join("https://data.commoncrawl.org/", "crawl-data/x.gz")
    'https://data.commoncrawl.org/crawl-data/x.gz'
    """
    return f"{base.rstrip('/')}/{name.lstrip('/')}" if base else name


def read_list(path: str) -> list[str]:
    """The lines of a list of files, gzipped or plain, wherever it lies; empty ones and comments (`#`) are left out.

    Raises FileNotFoundError, StorageError, and ConfigError for what is no list.
    """
    with open_binary(path) as file:
        gzipped = file.read(2) == _GZIP
        file.seek(0)
        try:
            data = (gzip.GzipFile(fileobj=file) if gzipped else file).read(_MOST_LISTED + 1)
            lines = data.decode("utf-8").splitlines()
        except (EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError) as error:
            raise ConfigError(f"{shown(path)} is no list of files, a name a line: {error}") from None
    if len(data) > _MOST_LISTED:
        raise ConfigError(f"{shown(path)} has more than {_MOST_LISTED:,} bytes: give lists of less")
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
