"""What remains of a document once matches are cut out (Brown et al. 2020, appendix C). Knows spans; knows no n-gram."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

AROUND = 200
"""Characters removed on each side of a match."""
LEAST_PIECE = 200
"""Shorter pieces, in characters, are removed too."""
MOST_PIECES = 10
"""A document in more pieces is contaminated as a whole."""

Span = tuple[int, int]


def merged(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that overlap or touch joined."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def in_characters(document: bytes, spans: Sequence[Span]) -> list[Span]:
    """Spans of bytes, in order and apart, as spans of characters."""
    if document.isascii():
        return list(spans)
    found, at, characters = [], 0, 0
    for start, end in spans:
        first = characters + len(document[at:start].decode())
        characters = first + len(document[start:end].decode())
        found.append((first, characters))
        at = end
    return found


def pieces_without(text: str, spans: Sequence[Span]) -> list[str]:
    """What lies between the spans of characters and what is removed around them; nothing where only white space does."""
    cuts = merged((start - AROUND, end + AROUND) for start, end in spans)
    bounds = zip((0, *(end for _, end in cuts)), (*(start for start, _ in cuts), len(text)), strict=True)
    pieces = (text[max(0, start) : max(0, end)].strip() for start, end in bounds)
    return [piece for piece in pieces if piece]
