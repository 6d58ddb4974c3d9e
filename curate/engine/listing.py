"""What a folder's files are: names, sizes and checksums, written as one file that carries a checksum of itself.

Knows names and checksums; reads no content.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.engine.seal import unsealed
from curate.errors import CurateError
from curate.storage import is_safe_name

LISTING = ".published.json"
"""What a folder's files are: name, size, SHA-256. Its own checksum stands in it."""
_MOST_BYTES = 4 << 30
"""Of a listing: some 20 million files."""


class DamagedError(CurateError, OSError):
    """A file that is not the one that was published; the message says which, and what would mend it."""


@dataclass(frozen=True)
class Listed:
    """A file of a listing."""

    bytes: int
    sha256: str


Listing = Mapping[str, Listed]


def parse_listing(fields: Any) -> dict[str, Listed]:
    """Names, sizes and hashes as they were written. Raises ValueError for a name that leads elsewhere."""
    files = {}
    for name, entry in fields.items():
        listed = Listed(int(entry["bytes"]), str(entry["sha256"]))
        if not is_safe_name(name) or listed.bytes < 0:
            raise ValueError(f"{name!r} is no name of a published file")
        files[name] = listed
    return files


def read_listing(folder: Path, name: str = LISTING) -> dict[str, Listed] | None:
    """A folder's listing; None where there is none. Raises DamagedError where it is not what was written."""
    path = folder / name
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError(f"more than {_MOST_BYTES:,} bytes")
        return parse_listing(unsealed(path.read_bytes())["files"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(
            f"{path} is damaged ({error}): remove it and run the same command again, which publishes anew"
        ) from None
