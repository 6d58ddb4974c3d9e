"""What is published in a bucket, against what is on a disk."""

from __future__ import annotations

import json
from pathlib import Path

from curate.engine.pointer import read_pointer
from curate.storage.objects import list_objects, read_object

TIMED = "report.html"
"""Shows how long tasks took, and where the run lies."""


def published(address: str) -> dict[str, bytes]:
    """What is published at an address, by name."""
    pointer = read_pointer(address)
    assert pointer is not None
    folder = f"{address}/published/{pointer.generation}"
    found = {each.name: read_object(f"{folder}/{each.name}") for each in list_objects(folder)}
    return {name: each[0] for name, each in found.items() if each is not None and not name.startswith(".")}


def on_disk(folder: Path) -> dict[str, bytes]:
    listing = json.loads((folder / ".published.json").read_bytes())["files"]
    return {name: (folder / name).read_bytes() for name in listing}


def assert_same(address: str, folder: Path) -> None:
    there, here = published(address), on_disk(folder)
    assert there.keys() == here.keys()
    assert [name for name in there if there[name] != here[name] and name != TIMED] == []
