"""Where a tokenizer is found: tiktoken's names, files and addresses, the Hub, installed packages. Reads; encodes nothing."""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
import re
from collections.abc import Callable
from typing import Any

import tiktoken

from curate.errors import nearest
from curate.storage import is_remote, open_binary
from curate.tokens import encodings
from curate.tokens.definitions import Definition, from_encoding, from_json, from_model
from curate.tokens.vocabulary import FILES, VocabularyError, tiktoken_cache

HUB = "hf:"
PACKAGE = "package:"
FORMS = (
    f"{', '.join(sorted(FILES))}; a tokenizer.json, a .model of SentencePiece or a .tiktoken file, by path or address; "
    f"the folder of one; {HUB}OWNER/NAME@REVISION; {PACKAGE}DISTRIBUTION/FILE"
)
"""What a tokenizer may be called."""
_SIBLINGS = ("tokenizer_config.json", "generation_config.json", "config.json")
_IN_FOLDER = ("tokenizer.json", "tokenizer.model", "spiece.model")
_HUB_NAME = re.compile(r"hf:(?P<owner>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")

Read = Callable[[str], bytes]
"""Reads a file beside the others of a tokenizer. Raises OSError where there is none."""


@functools.cache
def find(name: str) -> Definition:
    """The tokenizer of this name. Raises ValueError for a name or file that will not do, OSError where it is not found."""
    if name in FILES:
        with tiktoken_cache(name):
            return from_encoding(tiktoken.get_encoding(name))
    if name.startswith(HUB):
        return _from_hub(name)
    if name.startswith(PACKAGE):
        return _read(name, *_packaged(name))
    if name.endswith((".json", ".model", ".tiktoken")):
        folder, _, file = name.rpartition("/")
        return _read(name, file, lambda other: _bytes_of(f"{folder}/{other}" if folder else other))
    if is_remote(name) or os.path.isdir(name):
        return _from_folder(name, lambda other: _bytes_of(f"{name.rstrip('/')}/{other}"))
    raise ValueError(f"unknown tokenizer {name!r}{_hint(name)}; known: {FORMS}")


def _hint(name: str) -> str:
    """The name that was meant, or how one of the Hub is named."""
    if "mean" in (near := nearest(name, FILES)):
        return near
    owner, _, model = name.rpartition("/")
    hub = f"{HUB}OWNER/NAME@REVISION, as in {HUB}{owner.split('/')[-1]}/{model}@main"
    return f"; a tokenizer of the Hub is {hub}" if owner else ""


def _bytes_of(path: str) -> bytes:
    with open_binary(path) as file:
        return file.read()


def _from_folder(name: str, read: Read) -> Definition:
    for file in _IN_FOLDER:
        try:
            read(file)
        except FileNotFoundError:
            continue
        return _read(name, file, read)
    raise VocabularyError(f"{name} holds no tokenizer: none of {', '.join(_IN_FOLDER)}")


def _read(name: str, file: str, read: Read) -> Definition:
    content = read(file)
    try:
        if file.endswith(".tiktoken"):
            return from_encoding(encodings.from_file(name, content))
        if file.endswith(".model"):
            return from_model(content)
        return from_json(content, {sibling: _optional(read, sibling) for sibling in _SIBLINGS})
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _optional(read: Read, file: str) -> dict[str, Any]:
    try:
        parsed = json.loads(read(file))
    except (OSError, ValueError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _from_hub(name: str) -> Definition:
    """A repository of the Hub, through its library's cache, which needs no network for what it holds."""
    found = _HUB_NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"{name!r} names no repository of the Hub; write {HUB}OWNER/NAME@REVISION")
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
    except ImportError as error:
        raise VocabularyError(f"{name} needs the package huggingface_hub, which is not installed") from error

    def read(file: str) -> bytes:
        try:
            return _bytes_of(hf_hub_download(found["owner"], file, revision=found["revision"]))
        except Exception as error:  # whatever the network says; the cache was asked first
            if isinstance(error, EntryNotFoundError) and not isinstance(error, LocalEntryNotFoundError):
                raise FileNotFoundError(f"{name} has no {file}") from error
            raise VocabularyError(f"{name}: {file} was neither in the Hub's cache nor to be had: {error}") from error

    return _from_folder(name, read)


def _packaged(name: str) -> tuple[str, Read]:
    """The file's name within its installed distribution, and what reads its neighbours."""
    distribution, _, wanted = name.removeprefix(PACKAGE).partition("/")
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise VocabularyError(f"{name}: no distribution {distribution!r} is installed") from error
    paths = [str(path.locate()) for path in files if wanted and f"/{path}".endswith(f"/{wanted}")]
    if len(paths) != 1:
        raise ValueError(f"{name}: {distribution} has {len(paths)} files of that name; write more of its path")
    folder, _, file = paths[0].rpartition("/")
    return file, lambda other: _bytes_of(f"{folder}/{other}")
