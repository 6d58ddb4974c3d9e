"""Lists of what must not be used: addresses, domains, records, texts. Kept as hashes, so that a list holds no content.

A list is JSON Lines, an entry per thing asked to be removed. Knows names and hashes; removes nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from curate.errors import ConfigError
from curate.text.addresses import domain_name, host

By = Literal["url", "domain", "record", "text"]
KINDS: tuple[By, ...] = ("url", "domain", "record", "text")

LIST = "removals.jsonl"
"""The list's name in a run directory."""
STEP = "removed"
"""What the ledger names as the step that dropped a record on a list."""
RULE = "removed/listed"


@dataclass(frozen=True)
class Removal:
    """One thing on a list: `key` is the hash of its name, `at` when it was asked for (UTC), `why` a person's words."""

    by: By
    key: str
    at: str
    why: str
    records: tuple[str, ...] = ()
    """Ids of the records it was found to be, in hexadecimal, and of their copies."""
    texts: tuple[str, ...] = ()
    """Of a passage: keys of the whole texts that held it."""


def key_of(by: By, value: str) -> str:
    """The SHA-256 of a name, in hexadecimal, after what does not tell it apart is taken away.

    An address loses its fragment; a domain its case and `www.`; a record id its brackets and case; a text its white
    space but single spaces, and its case.
    """
    normal = {
        "url": lambda: value.strip().split("#")[0],
        "domain": lambda: domain_name(value),
        "record": lambda: value.strip().strip("<>").lower(),
        "text": lambda: re.sub(r"\s+", " ", value.strip().lower()),
    }[by]()
    return hashlib.sha256(f"{by}\0{normal}".encode("utf-8", "replace")).hexdigest()


def read_lists(paths: Iterable[str | Path]) -> list[Removal]:
    """The entries of several lists; a list that is not there is empty. Raises ValueError naming file and line."""
    found: list[Removal] = []
    for path in map(Path, paths):
        if not path.exists():
            continue
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            try:
                entry = json.loads(line)
                if entry["by"] not in KINDS:
                    raise ValueError
                records, texts = tuple(entry["records"]), tuple(entry.get("texts", ()))
                found.append(Removal(entry["by"], entry["key"], entry["at"], entry["why"], records, texts))
            except (ValueError, KeyError, TypeError):
                raise ConfigError(
                    f"{path}:{number}: no entry of a list of removals; `curate remove` writes them"
                ) from None
    return found


def as_line(removal: Removal) -> str:
    """An entry as a line of a list."""
    return json.dumps(asdict(removal), ensure_ascii=False)


def keys_of(removals: Sequence[Removal]) -> list[list[str]]:
    """The kinds and hashes of entries, each once, in an order that is theirs."""
    return sorted({(each.by, each.key): [each.by, each.key] for each in removals}.values())


@dataclass(frozen=True)
class Matcher:
    """Keys to be looked up, by kind, and ids of records."""

    keys: dict[By, frozenset[str]]
    ids: frozenset[str]

    def matches(
        self, ids: Sequence[bytes], urls: Sequence[str | None], record_ids: Sequence[str | None], texts: Iterable[str]
    ) -> npt.NDArray[np.bool_]:
        """Which records are on a list. Texts are hashed only where a list holds any."""
        found = np.array([id.hex() in self.ids for id in ids], bool)
        if self.keys["url"] or self.keys["domain"]:
            found |= [url is not None and self._address(url) for url in urls]
        if self.keys["record"]:
            found |= [each is not None and key_of("record", each) in self.keys["record"] for each in record_ids]
        if self.keys["text"]:
            found |= [key_of("text", text) in self.keys["text"] for text in texts]
        return found

    def _address(self, url: str) -> bool:
        if key_of("url", url) in self.keys["url"]:
            return True
        pieces = (host(url) or "").split(".")
        return any(key_of("domain", ".".join(pieces[i:])) in self.keys["domain"] for i in range(len(pieces)))


def matcher(removals: Sequence[Removal]) -> Matcher:
    """What looks up the entries of lists."""
    keys: dict[By, frozenset[str]] = {
        kind: frozenset(key for each in removals if each.by == kind for key in (each.key, *each.texts))
        for kind in KINDS
    }
    return Matcher(keys, frozenset(id for removal in removals for id in removal.records))
