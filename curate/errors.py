"""What a user is told when something is wrong: one base of every such error, and the nearest known word.

An exception of this kind is a sentence for people; the command line prints it and gives its `status`. Any other exception
is a fault of the program and keeps its traceback. Knows no file format, no step and no command.
"""

from __future__ import annotations

import difflib
import errno
import os
from collections.abc import Iterable

FAILED = 1
"""Exit status of a command that could not do its work."""
WRONG_USE = 2
"""Exit status of a command, file or setting that is not what it should be; argparse's own."""
MISSED = 3
"""Exit status of a run that is done, but kept nothing of a source, lost most of it to one error, or missed what it
expected."""
STOPPED = 130
"""Exit status of a command that was stopped: a shell's for a program ended by Ctrl-C."""

_SIMILAR = 0.5
"""Least similarity (difflib's ratio) of a word that is proposed: two typing errors in a word of eight letters pass."""
_MOST_NAMED = 30
"""Words listed where none is near; more would hide the sentence they stand in."""

EXTRAS = {
    "obstore": "cloud",
    "torch": "train",
    "scipy": "train",
    "safetensors": "train",
    "trafilatura": "trafilatura",
    "lxml_html_clean": "trafilatura",
    "spacy": "languages",
    "indicnlp": "languages",
    "pythainlp": "languages",
    "jieba": "languages",
}
"""By module that may be missing, the extra of the distribution that brings it."""
DISTRIBUTION = "curate-data"
"""What `pip install` takes."""

_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class CurateError(Exception):
    """An error that a user is meant to read: what is wrong, where, and what would be right.

    `file`, `line` (from 1) and `key` (dotted) name the place where it is known; `str()` of the error begins with them.

    >>> str(CurateError("unknown key", file="web.yaml", line=3, key="shards.validaton"))
    'web.yaml:3: shards.validaton: unknown key'
    """

    status = FAILED

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None, key: str | None = None):
        super().__init__(located(message, file, line, key))
        self.file, self.line, self.key = file, line, key

    def __str__(self) -> str:
        return str(self.args[0])


class InvariantError(CurateError, AssertionError):
    """What must always hold does not: records were lost or made, or ids are wrong. The run stops."""


class ConfigError(CurateError, ValueError):
    """A file or a setting that cannot be used: a line per mistake, with file, line, key path and what would be right."""

    status = WRONG_USE


class MissingExtra(CurateError, ImportError):
    """A library that comes with an extra is not installed; the message names the command that installs it."""


class StorageError(CurateError, OSError):
    """What lies elsewhere could not be read, after every try; the message says what, how it ended and what goes on."""


def is_of_storage(error: BaseException) -> bool:
    """Whether reading bytes failed, not what they are: Arrow and decoders raise OSError too, but without a number.

    >>> is_of_storage(StorageError("gone")), is_of_storage(OSError(5, "I/O error")), is_of_storage(OSError("bad page"))
    (True, True, False)
    """
    return isinstance(error, StorageError) or (isinstance(error, OSError) and error.errno is not None)


class DiskFull(CurateError, OSError):
    """No space is left where something was to be written; the message says where, and that the same command goes on."""


def located(message: str, file: str | None = None, line: int | None = None, key: str | None = None) -> str:
    """A message that begins with its place: `FILE:LINE: KEY: message`, of which every part may be missing."""
    place = f"{file}:{line}" if file and line else file or ""
    return "".join(f"{part}: " for part in (place, key) if part) + message


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of a message that names the known word nearest to this one, or the known words where none is near.

    >>> nearest("filtr", ["filter", "url"])
    "; did you mean 'filter'?"
    >>> nearest("x", ["filter", "url"])
    '; known: filter, url'
    """
    names = sorted(set(known))
    alike = [name for name in names if _plain(name) == _plain(word)]
    if alike:
        return f"; did you mean {alike[0]!r}?"
    close = difflib.get_close_matches(word, names, 1, _SIMILAR)
    if close:
        return f"; did you mean {close[0]!r}?"
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"; known: {', '.join(names[:_MOST_NAMED])}{more}" if names else ""


def counted(number: int, word: str) -> str:
    """A number with its word, one or several.

    >>> counted(1, "part"), counted(2_000, "part"), counted(2, "copy")
    ('1 part', '2,000 parts', '2 copies')
    """
    if number != 1:
        word = f"{word[:-1]}ies" if word.endswith("y") and word[-2] not in "aeiou" else f"{word}s"
    return f"{number:,} {word}"


def _plain(word: str) -> str:
    """A word without case and joints: `Gopher_Quality` is `gopher-quality`, `gpt-2` is `gpt2`."""
    return "".join(character for character in word.casefold() if character.isalnum())


def missing_extra(error: ImportError) -> MissingExtra | None:
    """The sentence for a library that an extra brings, or None where the missing module is not of that kind.

    fsspec tells of a missing library in words only, so its name is looked for there too.
    """
    name = (error.name or "").split(".")[0]
    if name not in EXTRAS:
        words = str(error).replace("'", " ").replace('"', " ").replace("[", " ").replace(",", " ").split()
        name = next((word for word in words if word in EXTRAS), "")
    if name not in EXTRAS:
        return None
    return MissingExtra(f"{name} is not installed: pip install '{DISTRIBUTION}[{EXTRAS[name]}]'")


def disk_full(error: OSError, where: str | os.PathLike[str] | None = None) -> DiskFull | None:
    """The sentence for a full disk or a spent quota, or None where the error is another one."""
    if isinstance(error, DiskFull):
        return error
    if error.errno not in _DISK_FULL:
        return None
    place = error.filename or where
    what = "the quota is used up" if error.errno == errno.EDQUOT else "no space is left"
    return DiskFull(
        f"{what} on the disk{f' that holds {os.fspath(place)}' if place else ''}: make some room and give the same "
        "command again; it goes on from what is done"
    )
