"""Replaces what was found by placeholders of its type, until nothing is found. Knows findings and placeholders; no form."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa

from curate.pii.detectors import TYPES, Detection
from curate.pii.find import Languages, find_matches
from curate.pii.spans import Match
from curate.text.columns import as_column, replace_rows

_MOST_ROUNDS = 16
"""A replacement can lay open what it overlapped; each round with constant placeholders leaves fewer digits and letters."""
_HASH_LETTERS = "abcdefghijklmnop"  # no digits: a hash is never taken for a number
_HASH_BYTES = 8


@dataclass(frozen=True)
class Replacement:
    """What stands for a finding: a constant by type, `[TYPE]` unless `placeholders` says otherwise; or, with a `key`, the
    type and a hash of the value, so that equal values stay equal."""

    placeholders: dict[str, str] = field(default_factory=dict)
    key: bytes | None = None

    def of(self, kind: str, value: bytes) -> bytes:
        """The bytes that replace a value."""
        if self.key is None:
            return self.placeholders.get(kind, f"[{kind}]").encode()
        plain = "".join(character for character in value.decode().casefold() if character.isalnum())
        digest = hashlib.blake2b(f"{kind}/{plain}".encode(), key=self._hash_key(), digest_size=_HASH_BYTES).digest()
        letters = "".join(_HASH_LETTERS[byte >> 4] + _HASH_LETTERS[byte & 15] for byte in digest)
        return f"[{kind}_{letters}]".encode()

    def _hash_key(self) -> bytes:
        return hashlib.blake2b(self.key or b"").digest()


class Scrubbed(NamedTuple):
    """`texts`: the column with placeholders. `counts`: findings by type of each text."""

    texts: pa.Array
    counts: list[dict[str, int]]


def scrub(
    texts: Sequence[str] | pa.Array,
    detection: Detection | None = None,
    replacement: Replacement | None = None,
    languages: Languages = None,
) -> Scrubbed:
    """Each text with its personal data replaced, and how many findings of each type it had.

    Scrubbing the result changes nothing. `texts` and `languages` as for `find`. Values are returned nowhere.

    >>> scrub(["call +1 (892) 967-6635"])
    Scrubbed(texts=<pyarrow.lib.LargeStringArray object at ...>, counts=[{'PHONE': 1}])
    """
    column = as_column(texts)
    detection, replacement = detection or Detection(), replacement or Replacement()
    counts: list[Counter[str]] = [Counter() for _ in range(len(column))]
    changed: dict[int, bytes] = {}
    rows, waiting = list(range(len(column))), column
    for _ in range(_MOST_ROUNDS):
        again = []
        spoken = None if languages is None else [languages[row] for row in rows]
        for position, document, matches in find_matches(waiting, detection, spoken):
            text, replaced = _replaced(document, matches, replacement)
            if replaced:
                changed[rows[position]] = text
                counts[rows[position]].update(replaced)
                again.append(rows[position])
        if not again:
            break
        rows, waiting = again, pa.array([changed[row].decode() for row in again], pa.large_string())
    texts = replace_rows(column, {row: text.decode() for row, text in changed.items()})
    return Scrubbed(texts, [_ordered(each, detection.found_types) for each in counts])


def check_replacement(detection: Detection, replacement: Replacement) -> None:
    """Raise ValueError for a placeholder of a type that is not looked for, or one in which personal data of another type,
    or more than itself, would be found."""
    for name, placeholder in replacement.placeholders.items():
        if name not in (*TYPES, *detection.found_types):
            raise ValueError(f"a placeholder of {name!r}, which is not looked for: {', '.join(detection.found_types)}")
        if scrub([placeholder], detection, replacement).texts[0].as_py() != placeholder:
            raise ValueError(f"the placeholder of {name}, {placeholder!r}, is itself found and replaced: use another")


def _replaced(document: bytes, matches: Sequence[Match], replacement: Replacement) -> tuple[bytes, Counter[str]]:
    """The document with placeholders, and how many findings of each type were replaced: a placeholder found is none."""
    pieces: list[bytes] = []
    replaced: Counter[str] = Counter()
    at = 0
    for match in matches:
        value = document[match.start : match.end]
        placeholder = replacement.of(match.type, value)
        if value != placeholder:
            pieces += (document[at : match.start], placeholder)
            replaced[match.type] += 1
            at = match.end
    return b"".join((*pieces, document[at:])), replaced


def _ordered(counts: Counter[str], types: Sequence[str]) -> dict[str, int]:
    return {name: counts[name] for name in types if counts[name]}
