"""What Punkt knows of English: abbreviations, words that begin sentences, and the parts that characters play.

NLTK learns the words from newspapers; these are short lists of this project's own. Knows no algorithm.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.text.characters import tables
from curate.text.hashing import word_codes

_ABBREVIATIONS = """mr mrs ms messrs dr prof rev hon gen col capt lt sgt cpl maj adm sen rep gov pres st sr jr esq
ph.d m.d b.a m.a inc corp co ltd bros llc assn dept univ jan feb mar apr jun jul aug sept sep oct nov dec
mon tue tues wed thu thurs fri sat a.m p.m u.s u.k u.n u.s.a vs v ave blvd rd
calif fla mass conn ill mich minn wash ariz colo tenn pa va n.y n.j d.c l.a s.c n.c j.p j.r w.r c.i s.p"""

_SENTENCE_STARTERS = """a an the this that these those it its he she they we you i his her their our my your there here
in on at by for from with to of as after before during since until while when where why how what who which if although
though because but and or so yet however moreover furthermore meanwhile also then thus therefore still some many most
several all both each every other another such no not now today yesterday only even just once is are was were do does did
have has had can could will would may might should please let one two three despite according perhaps sometimes often
nevertheless instead under over between through it's that's there's he's she's we're they're you're i'm i've don't"""

ABBREVIATIONS = frozenset(_ABBREVIATIONS.split())
"""Words that a period follows without ending a sentence, lower case, without the last period."""
LONGEST_ABBREVIATION = max(map(len, ABBREVIATIONS))
SENTENCE_STARTERS = frozenset(_SENTENCE_STARTERS.split())
"""Common words that have a capital only where a sentence begins."""

# Roles of characters in NLTK's English variables (nltk.tokenize.punkt.PunktLanguageVars, release 3.10, which added the
# curly quotes and guillemets).
_CURLY_QUOTES = "\u2018\u2019\u201c\u201d\xab\xbb"
SENTENCE_END = 1
NOT_IN_WORDS = 2  # ends the word before it
NOT_WORD_START = 4
CLOSES_SENTENCE = 8  # belongs to the sentence before it when it stands after a boundary
NO_STARTER = 16  # as a whole token, never begins a sentence
SPLITS_CHUNKS = 32  # string.whitespace

_ROLES = (
    (SENTENCE_END, ".?!"),
    (NOT_IN_WORDS, ")\";}]*:@'({[!?" + _CURLY_QUOTES),
    (NOT_WORD_START, '("`{[:;&#*@)}]-,'),
    (CLOSES_SENTENCE, "\"')]}" + _CURLY_QUOTES),
    (NO_STARTER, ";:,.!?"),
    (SPLITS_CHUNKS, " \t\n\r\x0b\x0c"),
)


class SentenceTables(NamedTuple):
    """`roles`: bits per code point; the word lists as sorted FNV-1a hashes of lower-case code points."""

    roles: NDArray[np.uint8]
    abbreviations: NDArray[np.uint64]
    starters: NDArray[np.uint64]
    flags: NDArray[np.uint16]
    lower: NDArray[np.int32]


def sentence_tables() -> SentenceTables:
    """The tables for `count_sentences`."""
    roles = np.zeros(ord(max(_CURLY_QUOTES)) + 1, np.uint8)
    for role, characters in _ROLES:
        roles[[ord(character) for character in characters]] |= role
    properties = tables()
    return SentenceTables(
        roles, word_codes(ABBREVIATIONS), word_codes(SENTENCE_STARTERS), properties.flags, properties.lower
    )
