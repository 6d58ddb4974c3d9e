"""The files of a run directory that people open, linked from committed results. Knows names; reads no content."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from curate.engine.task import File
from curate.storage import sync_folder


def publish(folder: Path, files: Mapping[str, File]) -> None:
    """Make a folder hold exactly these files, by hard link where the file system can. Stale ones go first."""
    if not files and not folder.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_file() and not (path.name in files and _same(path, files[path.name])):
            path.unlink()
    for name, file in files.items():
        target = folder / name
        if not target.exists():
            _link(file.path, target)
    sync_folder(folder)


def _same(path: Path, file: File) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samefile(path, file.path)
    return False


def _link(source: str, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        temporary = target.with_name(f".{target.name}.tmp")
        shutil.copyfile(source, temporary)
        os.replace(temporary, target)
