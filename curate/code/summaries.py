"""What a module does and imports, in short, kept in the cache folder so that no source is parsed twice.

Kept by the hash of the source, of the code that reads it, and of Python's version: a summary is never stale. One that is
missing or damaged is made again. Knows the cache folder; what behaviour is, `curate.code.behaviour` knows.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from curate.code import behaviour as reading
from curate.code.behaviour import Import, behaviour
from curate.text.caching import cache_folder

_FOLDER = "sources"


@dataclass(frozen=True)
class Summary:
    """`digest`: SHA-256 of the behaviour's text, hexadecimal. The rest as in `curate.code.behaviour.Behaviour`."""

    digest: str
    imports: tuple[Import, ...]
    dotted: tuple[str, ...]
    loaded: tuple[str, ...]


def summary(source: bytes, filename: str = "<source>") -> Summary:
    """The summary of a module's source. Raises SyntaxError where it is no Python.

    >>> summary(b"import os  # why").digest == summary(b"import os").digest
    True
    """
    path = cache_folder(_FOLDER) / hashlib.sha256(_reader() + source).hexdigest()
    kept = _kept(path)
    if kept is None:
        kept = _made(source, filename)
        _keep(path, kept)
    return kept


def _made(source: bytes, filename: str) -> Summary:
    does = behaviour(source, filename)
    digest = hashlib.sha256(does.text.encode("utf-8", "surrogatepass")).hexdigest()
    return Summary(digest, does.imports, tuple(sorted(does.dotted)), tuple(sorted(does.loaded)))


@functools.cache
def _reader() -> bytes:
    """Hash of what reads sources: code of an earlier version of it must not answer for this one."""
    assert reading.__file__ is not None, "a module of the package has a file"
    own = Path(reading.__file__).read_bytes() + Path(__file__).read_bytes()
    return hashlib.sha256(own + sys.version.encode()).digest()


def _kept(path: Path) -> Summary | None:
    try:
        read = json.loads(path.read_bytes())
        imports = tuple(Import(each["level"], each["module"], tuple(each["names"])) for each in read["imports"])
        return Summary(read["digest"], imports, tuple(read["dotted"]), tuple(read["loaded"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _keep(path: Path, made: Summary) -> None:
    """Writes under a name of its own and renames, so that nobody reads half; a full disk only costs the next time."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        temporary.write_text(json.dumps(asdict(made)), "utf-8")
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
