"""What a detector is told and what it answers. Knows offsets and names; finds nothing, and knows no kind of data."""

from __future__ import annotations

from typing import NamedTuple


class Span(NamedTuple):
    """text[start:end], in characters, is of this type."""

    start: int
    end: int
    type: str


class Match(NamedTuple):
    """document[start:end], in bytes of UTF-8, is of this type."""

    start: int
    end: int
    type: str


class Looking(NamedTuple):
    """What a built-in detector is told beside the bytes.

    `options`: looser validations by name. `regions`: ISO 3166 codes of the regions whose national phone numbers count.
    `local`: those of the document's own language, where less is asked of a number.
    """

    options: frozenset[str] = frozenset()
    regions: tuple[str, ...] = ()
    local: tuple[str, ...] = ()
