"""Finds personal data in a column of texts: the prefilter's stretches, each shown to the detectors of its kind.

Knows which of two overlapping findings counts; knows no form and no detector by name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.pii.candidates import DOTTED, NUMBER, candidates
from curate.pii.detectors import BUILT_IN, Detection, Detector
from curate.pii.regions import REGIONS, language_by_script, regions_of
from curate.pii.spans import Looking, Match, Span
from curate.text.columns import as_column, text_buffers

Languages = Sequence[str | None] | None
"""The language of each text (ISO 639), where it is known."""


def find(
    texts: Sequence[str] | pa.Array, detection: Detection | None = None, languages: Languages = None
) -> list[list[Span]]:
    """Personal data in each text, in order, none overlapping another; offsets in characters.

    `texts`: Python strings, or an Arrow (large_)string column without nulls. All built-in types by default. `languages`
    adds the phone numbers of each text's countries; where it is not known, the text's script says what it can.

    >>> find(["write to name [at] example [dot] com"])
    [[Span(start=9, end=36, type='EMAIL')]]
    """
    column = as_column(texts)
    found: list[list[Span]] = [[] for _ in range(len(column))]
    for row, document, matches in find_matches(column, detection or Detection(), languages):
        found[row] = _in_characters(document, matches)
    return found


def find_matches(
    texts: pa.Array, detection: Detection, languages: Languages = None
) -> Iterator[tuple[int, bytes, list[Match]]]:
    """(row, UTF-8 bytes, findings in order, none overlapping) of each text that has findings."""
    data, bounds = text_buffers(texts)
    stretches = candidates(texts)
    own = _found_by_own(texts, detection.own)
    wanted = frozenset(detection.found_types)
    marked = np.searchsorted(stretches[0], np.arange(len(texts) + 1))
    for row in np.union1d(stretches[0], np.array(sorted(own), np.int64)).tolist():
        document = data[bounds[row] : bounds[row + 1]].tobytes()
        there = stretches[1:, marked[row] : marked[row + 1]]
        looking = _looking(document, there[0], detection, languages[row] if languages is not None else None)
        matches = [*_matches(document, there, int(bounds[row]), looking), *_in_bytes(document, own.get(row, ()))]
        kept = [match for match in resolved(matches) if match.type in wanted]
        if kept:
            yield row, document, kept


def _looking(document: bytes, kinds: NDArray[np.int64], detection: Detection, language: str | None) -> Looking:
    """What the detectors are told of a document; its language matters to numbers only."""
    if detection.regions is not None:
        return Looking(detection.options, detection.regions)
    if not ((kinds == NUMBER) | (kinds == DOTTED)).any():
        return Looking(detection.options, REGIONS)
    return Looking(detection.options, REGIONS, regions_of(language or language_by_script(document)))


_BY_STRETCH = {
    kind: tuple(row.find for row in BUILT_IN if kind in row.stretches)
    for kind in sorted({kind for row in BUILT_IN for kind in row.stretches})
}


def _matches(document: bytes, stretches: NDArray[np.int64], offset: int, looking: Looking) -> Iterator[Match]:
    """All findings in a document; `offset`: where it begins in the bytes that the stretches count."""
    for kind, start, end in stretches.T.tolist():
        for finder in _BY_STRETCH[kind]:
            yield from finder(document, start - offset, end - offset, looking)


def _found_by_own(texts: pa.Array, detectors: Sequence[Detector]) -> dict[int, list[Span]]:
    """What a user's detectors find in each text that has something. Raises ValueError where an answer is no answer."""
    found: dict[int, list[Span]] = defaultdict(list)
    if not detectors:
        return found
    strings: list[str] = texts.to_pylist()
    for detector in detectors:
        answers = detector.find(strings)
        if len(answers) != len(strings):
            raise ValueError(f"the detector of {detector.type} answered for {len(answers)} of {len(strings)} texts")
        for row, (text, spans) in enumerate(zip(strings, answers, strict=True)):
            for start, end in spans:
                if not 0 <= start < end <= len(text):
                    raise ValueError(
                        f"the detector of {detector.type} found ({start}, {end}) in a text of {len(text)} characters"
                    )
                found[row].append(Span(start, end, detector.type))
    return found


def _in_bytes(document: bytes, spans: Sequence[Span]) -> Iterator[Match]:
    """Spans of characters as matches of bytes."""
    text = document.decode() if spans else ""
    for start, end, name in spans:
        first = len(text[:start].encode())
        yield Match(first, first + len(text[start:end].encode()), name)


def resolved(matches: Sequence[Match]) -> list[Match]:
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
