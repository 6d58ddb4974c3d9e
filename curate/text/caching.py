"""The folder for what can always be made again: compiled kernels, vocabularies, models. One place, owned by its user.

numba's cache holds pickles, which are code: a folder that another account can write to must not be read. Knows the system's
folders; knows nothing of what is kept in them.
"""

from __future__ import annotations

import functools
import os
import stat
import tempfile
from pathlib import Path

import platformdirs

VARIABLE = "CURATE_CACHE_DIR"
"""The variable that names another folder; whoever sets it vouches for it."""
_OWN = 0o700
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def cache_folder(name: str) -> Path:
    """The folder of this name in the cache, made where it is not there, with access for its owner only.

    CURATE_CACHE_DIR, else the user's cache (XDG_CACHE_HOME or ~/.cache on Linux), else a folder for temporary files
    where that cannot be written or belongs to someone else.

    >>> cache_folder("models").name
    'models'
    """
    folder = _root() / name
    folder.mkdir(_OWN, exist_ok=True)
    return folder


def _root() -> Path:
    given = os.environ.get(VARIABLE)
    if given:
        folder = Path(given)
        folder.mkdir(_OWN, parents=True, exist_ok=True)
        return folder
    usual = platformdirs.user_cache_path("curate", appauthor=False)
    if _is_ours(usual):
        return usual
    shared = Path(tempfile.gettempdir()) / f"curate-{os.getuid()}"
    return shared if _is_ours(shared) else _private()


def _is_ours(folder: Path) -> bool:
    """Whether the folder is there or can be made, is this user's, and can be written by no one else."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(_OWN, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    safe = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & _WRITABLE_BY_OTHERS
    return safe and os.access(folder, os.W_OK)


@functools.cache
def _private() -> Path:
    return Path(tempfile.mkdtemp(prefix="curate-"))
