"""The passages of a text that a metric counts, so that a page can mark them. Knows metrics' names; judges nothing.

Marks show what to look at, and repeat no definition to the last case: the number beside them is the metric's own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator

Spans = list[tuple[int, int]]

_STOP_WORDS = r"\b(?:the|be|to|of|and|that|have|with)\b"  # Rae et al. 2021, appendix A1
_SHORT_LINE = 30  # code points; Penedo et al. 2024, section 3.6
_MOST = 200
"""Most passages marked in one text."""

_PATTERNS: tuple[tuple[str, str, int], ...] = (
    (r"hashes|symbol_to_word", r"#|\.\.\.|…", 0),
    (r"ellipses", r"\.\.\.|…", 0),
    (r"end_ellipsis|end_with_ellipsis", r"(?:\.\.\.|…)[^\S\n]*$", re.M),
    (r"start_bullet|start_dash", r"^[^\S\n]*[•‣▶◀◦■□▪▫–*-]", re.M),
    (r"stop_words", _STOP_WORDS, re.I),
    (r"curly_bracket", r"[{}]", 0),
    (r"lorem_ipsum", r"lorem ipsum", re.I),
    (r"javascript", r"javascript", re.I),
    (r"lines_short", rf"^.{{1,{_SHORT_LINE}}}$", re.M),
    (r"fraction_words_alphabetic|no_alph", r"(?<!\S)[^\W_a-zA-Z]*[\d\W_]+(?!\S)", 0),
    (r"uppercase|all_caps", r"\b[A-Z]{2,}\b", 0),
    (r"numerical", r"\d+", 0),
    (r"newlines", r"\n", 0),
    (r"mean_word_length", r"\S{11,}", 0),
    (r"sentences", r"[.!?](?=\s|$)", 0),
)


_AT_LEAST: tuple[tuple[str, str, int], ...] = (("mean_word_length", r"(?<!\S)\S{1,2}(?!\S)", 0),)
"""Of metrics whose minimum is missed by other passages than their maximum."""


def spans(metric: str, text: str, side: str = "max") -> Spans:
    """(start, end) of what a metric, or an expression of metrics, counts in a text; ascending, none overlapping.

    `side` is the bound that is looked at: what makes a mean small is not what makes it large.
    """
    repeated = re.search(r"(top|duplicate|dupe)_(\d+)grams?", metric)
    found: Iterator[tuple[int, int]]
    if repeated:
        chooser: Callable[[Counter[str]], set[str]] = _most_frequent if repeated[1] == "top" else _recurring
        found = _ngrams(text, int(repeated[2]), chooser)
    elif "duplicate_paragraphs" in metric:
        found = _repeats(text, r"[^\n](?:[^\n]|\n(?!\n))*")
    elif "duplicate_lines" in metric:
        found = _repeats(text, r"[^\n]*\S[^\n]*")
    else:
        patterns = (*(_AT_LEAST if side == "min" else ()), *_PATTERNS)
        pattern = next(((pattern, flags) for name, pattern, flags in patterns if re.search(name, metric)), None)
        found = (match.span() for match in re.finditer(pattern[0], text, pattern[1])) if pattern else iter(())
    return _merged(found)


def _merged(found: Iterator[tuple[int, int]]) -> Spans:
    merged: Spans = []
    for start, end in found:
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        elif len(merged) == _MOST:
            break
        elif end > start:
            merged.append((start, end))
    return merged


def _repeats(text: str, piece: str) -> Iterator[tuple[int, int]]:
    """Pieces that occurred before."""
    seen: set[str] = set()
    for match in re.finditer(piece, text):
        key = match[0].strip()
        if key in seen:
            yield match.span()
        seen.add(key)


def _most_frequent(counts: Counter[str]) -> set[str]:
    most = max(counts.values(), default=0)
    return {max((gram for gram, count in counts.items() if count == most), key=len)} if most > 1 else set()


def _recurring(counts: Counter[str]) -> set[str]:
    return {gram for gram, count in counts.items() if count > 1}


def _ngrams(text: str, n: int, chosen: Callable[[Counter[str]], set[str]]) -> Iterator[tuple[int, int]]:
    words = [match.span() for match in re.finditer(r"\S+", text)]
    grams = [" ".join(text[a:b] for a, b in words[i : i + n]) for i in range(len(words) - n + 1)]
    wanted = chosen(Counter(grams))
    for i, gram in enumerate(grams):
        if gram in wanted:
            yield words[i][0], words[i + n - 1][1]
