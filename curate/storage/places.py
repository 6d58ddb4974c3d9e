"""What a place is: a path of this machine or an address, and the names of files below one. Opens nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NewType

from curate.errors import WRONG_USE, CurateError

Address = NewType("Address", str)
"""Where something lies that is no file of this machine: `s3://...`, `https://...`. Never joined to a path."""

WILD = frozenset("*?[")
"""What makes a name a pattern."""
_SCHEME = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]+:/"
)  # one slash: Path("s3://a") has taken the other away; C:/ is no scheme
_PIECE = re.compile(r"[^/\\\x00-\x1f]{1,255}")
_LONGEST_NAME = 1024


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


def bucket_folder(address: str) -> str:
    """The address of a folder in a bucket as it is written everywhere: no slash at its end, no empty step.

    >>> bucket_folder("s3://bucket/runs/a/")
    's3://bucket/runs/a'

    Raises OutputError where it is none that files can be put below.
    """
    scheme, _, rest = address.partition("://")
    pieces = rest.rstrip("/").split("/")
    if not all(_PIECE.fullmatch(piece) for piece in pieces) or {".", ".."} & set(pieces) or set("?#*@") & set(rest):
        raise OutputError(
            f"{shown(address)} names no folder in a bucket: write {scheme}://BUCKET/FOLDER, without *, ?, # and @, and "
            "nothing empty between slashes"
        )
    return f"{scheme}://{'/'.join(pieces)}"


def is_safe_name(name: str) -> bool:
    """Whether a name from outside stays below the folder that it is joined to: relative pieces, none hidden or `..`."""
    pieces = name.split("/")
    return len(name) <= _LONGEST_NAME and all(_PIECE.fullmatch(piece) and not piece.startswith(".") for piece in pieces)


def is_remote(path: str) -> bool:
    """Whether the path is an address with a scheme other than file://."""
    return "://" in path and not path.startswith("file://")


def shown(address: str) -> str:
    """An address as it may be printed: without what it says of who asks, a name and a password or a signed query.

    >>> shown("https://me:secret@example.org/a.gz?X-Amz-Signature=1f")
    'https://example.org/a.gz?...'
    """
    if not is_remote(address):
        return address
    scheme, _, rest = address.partition("://")
    place, asked, _ = rest.partition("?")
    host, slash, path = place.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}{asked and '?...'}"


def resolve(path: str, against: str | Path) -> str:
    """The path as an absolute one, relative paths taken from `against`; addresses stay as they are."""
    if is_remote(path):
        return path
    path = os.path.expanduser(path.removeprefix("file://"))
    return os.path.normpath(os.path.join(os.path.abspath(against), path))


def fixed_folder(pattern: str) -> str:
    """The folder of a pattern up to its first wildcard."""
    pieces = pattern.split("/")
    fixed = next((i for i, piece in enumerate(pieces) if WILD & set(piece)), len(pieces) - 1)
    return "/".join(pieces[:fixed])


def common_root(patterns: Sequence[str]) -> str:
    """The deepest folder that holds every pattern's fixed part: a source's root, from which its files are named."""
    folders = [fixed_folder(pattern).split("/") for pattern in patterns]
    shared: list[str] = []
    for level in zip(*folders, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return "/".join(shared)
