"""Items found by the share of their words that stands in a document, so that a changed word hides none.

An item's tokens that lie in n-grams shared with the document are counted, as Llama 3 (Grattafiori et al. 2024, section
5.1.4) and Tulu 3 (Lambert et al. 2024, section 3.2: more than half of them, of what the user asks) do with 8-grams. Two
things are this project's: n is 5, as in OLMo's decontamination, so that questions of a dozen words are seen with one of
them changed; and the n-grams must stand together, for a long document holds many of any question's phrases somewhere.
Knows places; knows no hash.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from curate.decontaminate.items import Item

NGRAM = 5
"""Words of the n-grams whose share is taken unless another number is asked for."""
_TIMES_AS_LONG = 2
"""The n-grams must lie in a stretch of the document at most so many times as long as the item: words were put between."""
_SHORT, _LONG_ENOUGH = 8, 13
"""Words: half of a short question, "what is the best way to ...", is in texts that have nothing to do with it. OLMo's
decontamination asks the more of an item the shorter it is, too."""


class Standing(NamedTuple):
    """document[start:end], in bytes, holds the words of an item from `place` on, `length` of them."""

    start: int
    end: int
    place: int
    length: int


def least_share(words: int, share: float) -> float:
    """What an item of so many words needs: the share asked for from `_LONG_ENOUGH` words on, all of them up to `_SHORT`.

    >>> least_share(8, 0.5), least_share(20, 0.5)
    (1.0, 0.5)
    """
    missing = (_LONG_ENOUGH - words) / (_LONG_ENOUGH - _SHORT)
    return share + (1 - share) * min(1.0, max(0.0, missing))


def longest_question(item: Item) -> list[int]:
    """The text of an item that is looked for: its longest question, of items without one the longest text."""
    asked = [text for text, asks in enumerate(item.questions) if asks] or list(range(len(item.texts)))
    return sorted(asked, key=lambda text: -len(item.texts[text].split()) or -len(item.texts[text]))[:1]


def most_together(standing: Sequence[Standing], words: int, share: float) -> list[Standing]:
    """The n-grams in the stretches where they cover enough of the item's words; none where they never do."""
    ordered = sorted(standing)
    bytes_a_word = sum(each.end - each.start for each in ordered) / sum(each.length for each in ordered)
    window = _TIMES_AS_LONG * words * (bytes_a_word + 1)
    least = least_share(words, share)
    covered: Counter[int] = Counter()
    enough: set[int] = set()
    first = 0
    for last, each in enumerate(ordered):
        covered.update(range(each.place, each.place + each.length))
        while each.end - ordered[first].start > window:
            gone = ordered[first]
            covered.subtract(range(gone.place, gone.place + gone.length))
            covered += Counter()
            first += 1
        if len(covered) >= least * words:
            enough.update(range(first, last + 1))
    return [ordered[at] for at in sorted(enough)]
