"""Which run is published at an address in a bucket: a pointer to a generation, which is named by the hash of its listing.

Knows the pointer; knows no file of a generation.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass

from curate.engine.listing import DamagedError
from curate.engine.seal import sealed, unsealed
from curate.storage import bucket_folder, shown
from curate.storage.objects import Version, read_object

POINTER = "current.json"
PUBLISHED = "published"
"""The folder of generations."""
DIGITS = 16
"""Hexadecimal digits of a hash in a name: 64 bits."""
_FORMAT = "curate-run/1"
_LEVELS = 3
"""A run, a folder in it (shards), and one in that (documents/STEP) may be named."""
_BUCKET = 2
"""Pieces of an address before its bucket: the scheme, and what is between its slashes."""


@dataclass(frozen=True)
class Pointer:
    """Which generation of a run is published, and the one before it, whose readers may still be at it."""

    generation: str
    before: str
    name: str
    """The pipeline's."""
    version: Version | None

    def as_bytes(self) -> bytes:
        """The pointer's content."""
        return sealed({"format": _FORMAT, "name": self.name, "generation": self.generation, "before": self.before})


def read_pointer(address: str) -> Pointer | None:
    """Which generation of the run at an address is published; None where none is.

    Raises DamagedError where it is none of ours, PermissionError, StorageError.
    """
    found = read_object(f"{address}/{POINTER}")
    if found is None:
        return None
    data, version = found
    try:
        fields = unsealed(data)
        pointer = Pointer(str(fields["generation"]), str(fields["before"]), str(fields["name"]), version)
        if fields["format"] != _FORMAT or not all(map(is_hash, (pointer.generation, pointer.before or "0" * 16))):
            raise ValueError(f"its format is not {_FORMAT}")
        return pointer
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(
            f"{shown(address)}/{POINTER} does not say which run is published ({error}): remove it and run the same command "
            "again, which publishes anew"
        ) from None


def run_above(place: str) -> tuple[str, Pointer, str] | None:
    """(the address, the pointer, the folder below) of the published run that a place in a bucket is, or lies in; None where
    there is none: of a pointer that is not ours nothing is said."""
    pieces = bucket_folder(place).split("/")
    for end in range(len(pieces), max(len(pieces) - _LEVELS, _BUCKET), -1):
        address = "/".join(pieces[:end])
        with contextlib.suppress(DamagedError):
            pointer = read_pointer(address)
            if pointer is not None:
                return address, pointer, "/".join(pieces[end:])
    return None


def is_hash(text: str) -> bool:
    """Whether a name, or a part of one, is a hash as they stand in names."""
    return len(text) == DIGITS and set(text) <= set("0123456789abcdef")


def generation_of(listing: bytes) -> str:
    """What a generation with this listing is called."""
    return hashlib.sha256(listing).hexdigest()[:DIGITS]
