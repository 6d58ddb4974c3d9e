"""Finds personal data in a column of texts: the prefilter's stretches, each shown to the detectors of its kind.

Knows which detector looks at what and which of two overlapping findings counts; knows no form.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.pii import candidates as kinds
from curate.pii.accounts import find_cards, find_ibans, find_ssns
from curate.pii.candidates import candidates
from curate.pii.emails import find_at, find_spelled
from curate.pii.keys import find_blocks, find_credentials, find_keys
from curate.pii.network import find_hexadecimal, find_ipv4
from curate.pii.phones import check_regions, find_phones
from curate.pii.spans import Detection, Match, Span
from curate.pii.wallets import find_wallets
from curate.text.columns import as_column, text_buffers


def find(texts: Sequence[str] | pa.Array, detection: Detection | None = None) -> list[list[Span]]:
    """Personal data in each text, in order, none overlapping another; offsets in characters.

    `texts`: Python strings, or an Arrow (large_)string column without nulls. All types by default.
    """
    column = as_column(texts)
    found: list[list[Span]] = [[] for _ in range(len(column))]
    for row, document, matches in find_matches(column, detection or Detection()):
        found[row] = _in_characters(document, matches)
    return found


def find_matches(texts: pa.Array, detection: Detection) -> Iterator[tuple[int, bytes, list[Match]]]:
    """(row, UTF-8 bytes, findings in order, none overlapping) of each text that has findings.

    Raises ValueError for a region without phone numbers.
    """
    check_regions(detection.regions)
    data, bounds = text_buffers(texts)
    stretches = candidates(texts)
    rows, starts = np.unique(stretches[0], return_index=True)
    ends = np.append(starts, stretches.shape[1])[1:]
    for row, first, last in zip(rows.tolist(), starts.tolist(), ends.tolist(), strict=True):
        document = data[bounds[row] : bounds[row + 1]].tobytes()
        matches = resolved(_matches(document, stretches[1:, first:last], int(bounds[row]), detection))
        wanted = [match for match in matches if match.type in detection.types]
        if wanted:
            yield row, document, wanted


def _matches(document: bytes, stretches: NDArray[np.int64], offset: int, detection: Detection) -> Iterator[Match]:
    """All findings in a document; `offset`: where it begins in the bytes that the stretches count."""
    blocks_end = 0
    for kind, absolute_start, absolute_end in stretches.T.tolist():
        start, end = absolute_start - offset, absolute_end - offset
        if kind in (kinds.NUMBER, kinds.DOTTED):
            yield from find_cards(document, start, end, detection)
            yield from find_ssns(document, start, end, detection)
            if kind == kinds.DOTTED:
                yield from find_ipv4(document, start, end, detection)
            yield from find_phones(document, start, end, detection.regions)
        elif kind == kinds.HEXADECIMAL:
            yield from find_hexadecimal(document, start, end, detection)
        elif kind == kinds.TOKEN:
            yield from find_keys(document, start, end)
            yield from find_wallets(document, start, end)
        elif kind == kinds.ACCOUNT:
            yield from find_ibans(document, start, end)
        elif kind == kinds.AT:
            yield from find_at(document, start, end)
        elif kind == kinds.SPELLED:
            yield from find_spelled(document, start, end)
        elif kind == kinds.CREDENTIALS:
            yield from find_credentials(document, start, end)
        elif kind == kinds.KEY_BLOCK and start >= blocks_end:
            for match in find_blocks(document, start):
                blocks_end = match.end
                yield match


def resolved(matches: Iterator[Match]) -> list[Match]:
    """The findings that count where some overlap: the first to begin, of those the longest, of those the first found."""
    kept: list[Match] = []
    for match in sorted(matches, key=lambda each: (each.start, -each.end)):
        if not kept or match.start >= kept[-1].end:
            kept.append(match)
    return kept


def _in_characters(document: bytes, matches: list[Match]) -> list[Span]:
    if document.isascii():
        return [Span(*match) for match in matches]
    spans = []
    at = characters = 0
    for match in matches:
        characters += len(document[at : match.start].decode())
        length = len(document[match.start : match.end].decode())
        spans.append(Span(characters, characters + length, match.type))
        at, characters = match.end, characters + length
    return spans
